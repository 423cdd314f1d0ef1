"""The lines of docs/scale.md for other engines: the same rows from all of them, where they are installed."""

import shutil
import sys
from pathlib import Path
from typing import Any

import pandas
import pyarrow
import pytest
from memorised import KNOWN

from spacy_bioner.annotation.batch import BATCH_COLUMNS, Annotator, arrow_schema

pytestmark = pytest.mark.slow
RECORDS = [
    dict(zip(("pmid", "title", "abstract"), (str(i), *text.split("\n")), strict=True))
    for i, (text, _) in enumerate(KNOWN * 5)
]
Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def annotator(knowing_pipeline: Path) -> Annotator:
    return Annotator(knowing_pipeline, text="abstract", title="title", id="pmid")


@pytest.fixture(scope="module")
def expected(annotator: Annotator) -> Rows:
    """Of which test_batch.py tests that they are `annotate`'s."""
    return in_order(annotator(pyarrow.Table.from_pylist(RECORDS)).to_pylist())


def in_order(rows: Rows) -> Rows:
    plain = [{name: None if row[name] != row[name] else row[name] for name in BATCH_COLUMNS} for row in rows]
    return sorted(plain, key=lambda row: (int(row["document"]), row["start"], row["end"], row["type"]))


def test_datasets(annotator: Annotator, expected: Rows):
    datasets = pytest.importorskip("datasets", minversion="3", reason="datasets isn't installed")
    data = datasets.Dataset.from_list(RECORDS)
    found = data.map(annotator, batched=True, remove_columns=data.column_names)
    assert in_order(found.to_list()) == expected


def test_dask(annotator: Annotator, expected: Rows):
    dask = pytest.importorskip("dask.dataframe", reason="Dask isn't installed")
    frame = pandas.DataFrame(RECORDS)
    data = dask.from_pandas(frame, npartitions=3)
    found = data.map_partitions(annotator, meta=annotator(frame.head(0)))
    table = pyarrow.Table.from_pandas(found.compute(scheduler="threads"))
    assert in_order(table.to_pylist()) == expected


def test_ray_data(annotator: Annotator, expected: Rows, knowing_pipeline: Path):
    pytest.importorskip("ray", reason="Ray isn't installed")
    ray = pytest.importorskip("ray.data", reason="Ray's Data isn't installed")
    data = ray.from_arrow(pyarrow.Table.from_pylist(RECORDS)).repartition(3)
    found = data.map_batches(
        Annotator,
        fn_constructor_args=(str(knowing_pipeline),),
        fn_constructor_kwargs={"text": "abstract", "title": "title", "id": "pmid"},
        batch_format="pyarrow",
        concurrency=1,
    )
    assert in_order(found.take_all()) == expected
    assert in_order(data.map_batches(annotator, batch_format="pyarrow").take_all()) == expected


def test_spark(annotator: Annotator, expected: Rows, monkeypatch: pytest.MonkeyPatch):
    if shutil.which("java") is None:
        pytest.skip("there is no Java for Spark")
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    sql = pytest.importorskip("pyspark.sql", reason="PySpark isn't installed")
    from pyspark.sql.pandas.types import from_arrow_schema

    spark = sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    try:
        data = spark.createDataFrame(pandas.DataFrame(RECORDS)).repartition(3)
        found = data.mapInPandas(annotator.partitions, from_arrow_schema(arrow_schema()))
        assert in_order([row.asDict() for row in found.collect()]) == expected
    finally:
        spark.stop()
