"""Many inputs, a file each: whole, once, and again after a stop; `verify` sees what is wrong."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from memorised import KNOWN

from spacy_bioner.annotation.annotating import annotate
from spacy_bioner.annotation.file_units import annotate_units, verify
from spacy_bioner.annotation.settings import Settings
from spacy_bioner.documents import formats
from spacy_bioner.documents.document import Document, Mention, Relation
from spacy_bioner.errors import OutputError


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(3):
        documents = [Document(text, id=f"{number}-{i}") for i, (text, _) in enumerate(KNOWN)]
        formats.write(documents, folder / f"{number}.jsonl", "jsonl")
    with (folder / "1.jsonl").open("a") as file:
        file.write("[]\n")
    return folder


def test_each_input_has_its_output_and_verify_is_content(
    knowing_pipeline: Path, inputs: Path, tmp_path: Path, run_cli: Callable[..., str]
):
    out = tmp_path / "out"
    printed = run_cli("bioner", "annotate", knowing_pipeline, inputs, "--output", out, "--engine", "local")
    assert "documents" in printed
    annotate(knowing_pipeline, [inputs / "0.jsonl"], tmp_path / "alone.jsonl", Settings("jsonl"))
    assert (out / "0.jsonl.jsonl").read_bytes() == (tmp_path / "alone.jsonl").read_bytes()
    assert "every document is there once" in run_cli("bioner", "verify", out, inputs)
    assert json.loads((out / "units/1.jsonl.json").read_text())["counts"] == {"documents": 4, "set_aside": 1}
    with pytest.raises(OutputError, match="go on with --resume"):
        annotate_units(knowing_pipeline, [inputs], out, Settings("jsonl"))


def test_a_run_goes_on_with_what_is_missing(knowing_pipeline: Path, inputs: Path, tmp_path: Path):
    out = tmp_path / "out"
    annotate_units(knowing_pipeline, [inputs], out, Settings("jsonl"))
    whole = {path.name: path.read_bytes() for path in out.glob("*.jsonl")}
    (out / "units/0.jsonl.json").unlink()
    shutil.copyfile(out / "0.jsonl.jsonl", out / "2.jsonl.jsonl")
    (out / ".work-somewhere-1-0.jsonl").mkdir()
    assert [line.partition(":")[0] for line in verify([inputs], out)] == ["0.jsonl", "2.jsonl"]
    done = annotate_units(knowing_pipeline, [inputs], out, Settings("jsonl"), resume=True)
    assert (done.done, done.resumed, done.documents, done.set_aside) == (2, 1, 12, 1)
    assert {path.name: path.read_bytes() for path in out.glob("*.jsonl")} == whole
    assert not verify([inputs], out)
    assert not list(out.glob(".work*"))
    with pytest.raises(OutputError, match="another run in it: other settings"):
        annotate_units(knowing_pipeline, [inputs], out, Settings("csv"), resume=True)


def test_an_input_that_can_not_be_read_costs_itself(knowing_pipeline: Path, inputs: Path, tmp_path: Path):
    (inputs / "3.jsonl").write_text('{"text": 1}\n')
    done = annotate_units(knowing_pipeline, [inputs], tmp_path / "out", Settings("jsonl"))
    assert list(done.failed) == ["3.jsonl"]
    assert done.documents == 12
    assert [line.partition(":")[0] for line in verify([inputs], tmp_path / "out")] == ["3.jsonl"]


def test_verify_sees_what_stands_beside_an_output(knowing_pipeline: Path, inputs: Path, tmp_path: Path):
    related = Relation("Treats", (("Arg1", "T1"), ("Arg2", "T2")))
    mentions = (Mention(((0, 1),), "Gene", "T1"), Mention(((2, 3),), "Disease", "T2"))
    formats.write([Document("a b", mentions=mentions, relations=(related,))], inputs / "4.jsonl", "jsonl")
    out, settings = tmp_path / "out", Settings("csv", existing="add")
    annotate_units(knowing_pipeline, [inputs], out, settings)
    assert not verify([inputs], out)
    relations, aside = out / "4.jsonl.relations.csv", out / "1.jsonl.csv.set-aside.jsonl"
    relations.write_bytes(relations.read_bytes().replace(b"Treats", b"Causes"))
    aside.unlink()
    assert [line.partition(":")[0] for line in verify([inputs], out)] == ["1.jsonl", "4.jsonl"]
    assert annotate_units(knowing_pipeline, [inputs], out, settings, resume=True).done == 2
    assert not verify([inputs], out)
    (out / "0.jsonl.relations.csv").write_text("relations that nobody found")
    assert [line.partition(":")[0] for line in verify([inputs], out)] == ["0.jsonl"]


def test_inputs_of_which_one_would_be_the_others_relations_are_refused(tmp_path: Path):
    for name in ("a", "a.relations"):
        (tmp_path / name).write_text('{"text": "x"}\n')
    with pytest.raises(OutputError, match=r"would both be a\.relations\.csv"):
        annotate_units("en", [tmp_path / "a", tmp_path / "a.relations"], tmp_path / "out", Settings("csv"))
