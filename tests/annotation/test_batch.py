"""Batches in whatever engine: the same rows as `annotate` writes, from several threads and processes."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas
import pyarrow
import pytest
from memorised import KNOWN
from pyarrow import parquet

from spacy_bioner.annotation.annotating import annotate
from spacy_bioner.annotation.batch import BATCH_COLUMNS, ERROR, Annotator
from spacy_bioner.annotation.rows import COLUMNS
from spacy_bioner.annotation.settings import Settings
from spacy_bioner.annotation.table_inputs import TableColumns

RECORDS: list[dict[str, Any]] = [
    dict(zip(("pmid", "title", "abstract"), (str(i), *text.split("\n")), strict=True))
    for i, (text, _) in enumerate(KNOWN * 3)
]
Rows = list[dict[str, Any]]


@pytest.fixture
def annotator(knowing_pipeline: Path) -> Annotator:
    return pickle.loads(pickle.dumps(Annotator(knowing_pipeline, text="abstract", title="title", id="pmid")))


@pytest.fixture
def expected(knowing_pipeline: Path, tmp_path: Path) -> Rows:
    """What `annotate` writes of the same table."""
    parquet.write_table(pyarrow.Table.from_pylist(RECORDS), tmp_path / "in.parquet")
    settings = Settings("parquet", columns=TableColumns("abstract", "title", "pmid"))
    annotate(knowing_pipeline, [tmp_path / "in.parquet"], tmp_path / "out.parquet", settings)
    return parquet.read_table(tmp_path / "out.parquet").to_pylist()


def without_problems(found: Rows) -> Rows:
    assert all(row.pop("problem") is None for row in found)
    return [{name: row[name] for name in COLUMNS} for row in found]


def test_every_kind_of_batch_gives_the_rows_of_annotate(annotator: Annotator, expected: Rows):
    table = pyarrow.Table.from_pylist(RECORDS)
    frame = pandas.DataFrame(RECORDS)
    columns = {name: frame[name].to_numpy() for name in frame}
    assert without_problems(annotator(table).to_pylist()) == expected
    from_frame = annotator(frame)
    assert list(from_frame.columns) == list(BATCH_COLUMNS)
    assert without_problems(pyarrow.Table.from_pandas(from_frame).to_pylist()) == expected
    lists = annotator(columns)
    assert [
        dict(zip(COLUMNS, row, strict=True)) for row in zip(*(lists[c] for c in COLUMNS), strict=True)
    ] == (expected)
    assert without_problems(next(annotator.partitions([table])).to_pylist()) == expected


def test_threads_take_turns(annotator: Annotator, expected: Rows):
    table = pyarrow.Table.from_pylist(RECORDS)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(annotator, [table] * 24))
    assert all(without_problems(each.to_pylist()) == expected for each in found)


def test_what_can_not_be_annotated_is_a_row_with_the_reason(annotator: Annotator):
    good = RECORDS[0]
    bad = [{**good, "abstract": None, "title": ""}, {**good, "abstract": 5}, {**good, "pmid": ""}]
    found = annotator({name: [record[name] for record in (*bad, good)] for name in good})
    assert found["type"][:3] == [ERROR] * 3
    assert "there is no text" in found["problem"][0]
    assert "a int and no text" in found["problem"][1]
    assert set(found["problem"][3:]) == {None}
    assert len(found["type"]) == 3 + len(KNOWN[0][1])
    missing = annotator(pandas.DataFrame([{**good, "abstract": None, "title": None}, good]))
    assert "there is no text" in missing.problem[0]


def test_long_texts_are_cut_and_joined(knowing_pipeline: Path):
    text, mentions = KNOWN[0]
    long = "\n".join([text] * 40)
    found = Annotator(knowing_pipeline, max_length=100)({"text": [long]})
    assert len(found["start"]) >= 40 * len(mentions) * 0.8
    assert all(
        long[start:end] == t for start, end, t in zip(*map(found.get, ("start", "end", "text")), strict=True)
    )
