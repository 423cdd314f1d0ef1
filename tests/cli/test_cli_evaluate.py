"""`spacy bioner evaluate`: the table, the JSON file, and what can't be evaluated."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import spacy
from spacy.tokens import Doc

from spacy_bioner.corpora.docbin import docbin, read_docbin
from spacy_bioner.corpora.file_conversion import convert
from spacy_bioner.corpora.provenance import META_KEY, versions
from spacy_bioner.evaluation.evaluating import evaluate


@pytest.fixture(autouse=True)
def in_the_projects_folder(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)  # where the sample corpus is in the catalogue


@pytest.fixture(scope="module")
def ruler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline that finds every "the" and "of" as Disease."""
    nlp = spacy.blank("en", config={"nlp": {"tokenizer": {"@tokenizers": "spacy-bioner.Tokenizer.v1"}}})
    patterns = [{"label": "Disease", "pattern": word} for word in ("the", "of")]
    nlp.add_pipe("entity_ruler").add_patterns(patterns)
    folder = tmp_path_factory.mktemp("ruler") / "model"
    nlp.to_disk(folder)
    return folder


def test_report_says_what_the_scores_depend_on(
    run_cli: Callable[..., str], tiny_pipeline: Path, tiny_data: Path, tmp_path: Path
):
    data = tiny_data / "devel.spacy"
    output = run_cli("bioner", "evaluate", tiny_pipeline, data, "--output", tmp_path / "a" / "scores.json")
    text = (tmp_path / "a" / "scores.json").read_text(encoding="utf8")
    report = json.loads(text)
    docs = read_docbin(data)
    made = spacy.util.load_meta(tiny_pipeline / "meta.json")[META_KEY]
    assert report["pipeline"] == "en_bioner_tiny"
    assert report["version"] == "0.1.0"
    assert report["encoder"] == made["encoder"]
    assert report["seed"] == made["seed"] == 1
    for files in made["data"].values():
        for file in files:
            file.pop("sentence_table", None)  # a report needs no table of them
    assert report["trained_on"] == made["data"]
    assert report["corpora"] == made["corpora"]
    assert report["corpus_variants"] == {"sample": "written by hand for this project"}
    assert report["data"]["file"] == "devel.spacy"
    assert report["data"]["sha256"] == hashlib.sha256(data.read_bytes()).hexdigest()
    assert report["docs"] == len(docs)
    assert report["tokens"] == sum(map(len, docs))
    assert report["tokens_per_second"] > 0
    assert report["tokens_from"] == "corpus"
    assert report["types_by"] == "own names"
    assert report["device"] == "CPU"
    assert (report["windows_cut"], report["tokens_cut"], report["mentions_cut"]) == (0, 0, 0)
    assert report["versions"] == versions()
    assert str(tmp_path) not in text
    assert str(tiny_data) not in text
    assert "trained on: sample, train.spacy" in output
    assert "chosen on: sample, devel.spacy" in output
    assert "corpus: sample (written by hand for this project)" in output
    assert "encoder: tiny" in output


def test_scores_in_table_and_file_are_the_same_and_add_up(
    run_cli: Callable[..., str], ruler: Path, tiny_data: Path, tmp_path: Path
):
    output = run_cli("bioner", "evaluate", ruler, tiny_data / "devel.spacy", "--output", tmp_path / "s.json")
    report = json.loads((tmp_path / "s.json").read_text(encoding="utf8"))
    docs = read_docbin(tiny_data / "devel.spacy")
    predicted = sum(token.text in ("the", "of") for doc in docs for token in doc)
    gold = sum(ent.label_ == "Disease" for doc in docs for ent in doc.ents)
    assert predicted > 0
    assert gold > 0
    expected = {"precision": 0, "recall": 0, "f1": 0, "correct": 0, "predicted": predicted, "gold": gold}
    assert report["types"] == {"Disease": expected}
    assert report["total"] == expected
    strict = output.partition("relaxed")[0]
    rows = {line.split()[0]: line.split()[1:] for line in strict.splitlines() if line.strip()}
    assert rows["Disease"] == rows["all"] == ["0.00", "0.00", "0.00", "0", str(predicted), str(gold)]
    others = {ent.label_ for doc in docs for ent in doc.ents} - {"Disease"}
    assert set(report["types_not_in_pipeline"]) == others
    assert all(f"{name}: " in output for name in others)
    assert report["encoder"] is None
    assert "encoder: none" in output


def test_tokens_can_be_the_pipelines(
    run_cli: Callable[..., str], ruler: Path, tiny_data: Path, tmp_path: Path
):
    arguments = ["--retokenize", "--output", tmp_path / "s.json"]
    output = run_cli("bioner", "evaluate", ruler, tiny_data / "devel.spacy", *arguments)
    assert "tokens from the pipeline" in output
    assert json.loads((tmp_path / "s.json").read_text(encoding="utf8"))["tokens_from"] == "pipeline"


def test_without_output_nothing_is_written(
    run_cli: Callable[..., str],
    ruler: Path,
    tiny_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.chdir(tmp_path)
    run_cli("bioner", "evaluate", ruler, tiny_data / "devel.spacy")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "there is no such file"),
        (b"", "not a .spacy file"),
        (b"Aspirin\tO\n", "not a .spacy file"),
        (bytes(range(256)), "not a .spacy file"),
    ],
    ids=["missing", "empty", "text", "binary"],
)
def test_bad_data_is_named(
    refuse_cli: Callable[..., str], ruler: Path, tmp_path: Path, content: bytes | None, reason: str
):
    data = tmp_path / "test.spacy"
    if content is not None:
        data.write_bytes(content)
    message = refuse_cli("bioner", "evaluate", ruler, data, "--output", tmp_path / "scores.json")
    assert f"test.spacy: {reason}" in message
    assert not (tmp_path / "scores.json").exists()


def test_folder_stands_for_its_files(
    run_cli: Callable[..., str], ruler: Path, tiny_data: Path, tmp_path: Path
):
    docs = read_docbin(tiny_data / "devel.spacy")
    for name, part in (("b", docs[:5]), ("a", docs[5:])):
        (tmp_path / "data").mkdir(exist_ok=True)
        docbin(part).to_disk(tmp_path / "data" / f"{name}.spacy")
    (tmp_path / "data" / "notes.txt").write_text("not data")
    scores = tmp_path / "s.json"
    output = run_cli("bioner", "evaluate", ruler, tmp_path / "data", "--output", scores)
    reports = json.loads(scores.read_text(encoding="utf8"))
    assert [report["data"]["file"] for report in reports] == ["a.spacy", "b.spacy"]
    assert [report["docs"] for report in reports] == [len(docs) - 5, 5]
    assert "sample, a" in output
    (tmp_path / "data" / "a.spacy").unlink()
    run_cli("bioner", "evaluate", ruler, tmp_path / "data", "--output", scores)
    assert json.loads(scores.read_text(encoding="utf8"))["data"]["file"] == "b.spacy"


def test_folder_without_data(refuse_cli: Callable[..., str], ruler: Path, tmp_path: Path):
    assert "there is no file in this folder" in refuse_cli("bioner", "evaluate", ruler, tmp_path)


@pytest.mark.parametrize("model", ["en_nothing_like_that", "nowhere/model-best"])
def test_pipeline_that_is_not_there(refuse_cli: Callable[..., str], tiny_data: Path, model: str):
    message = refuse_cli("bioner", "evaluate", model, tiny_data / "devel.spacy")
    assert f"The pipeline '{model}' can't be loaded" in message


@pytest.mark.parametrize("damage", ["no meta", "no config", "broken meta", "broken config", "no weights"])
def test_damaged_pipeline_is_named(
    refuse_cli: Callable[..., str], tiny_pipeline: Path, tiny_data: Path, tmp_path: Path, damage: str
):
    model = tmp_path / "model"
    shutil.copytree(tiny_pipeline, model)
    what, file = damage.split()
    path = model / {"meta": "meta.json", "config": "config.cfg", "weights": "transformer/model"}[file]
    if what == "no":
        path.unlink()
    else:
        path.write_text("{ [nonsense")
    message = refuse_cli("bioner", "evaluate", model, tiny_data / "devel.spacy")
    assert "model' can't be loaded" in message


def test_nothing_to_compare(refuse_cli: Callable[..., str], ruler: Path, tmp_path: Path):
    nlp = spacy.blank("en")
    docbin([Doc(nlp.vocab, words=["IL2"], ents=["B-Gene"])]).to_disk(tmp_path / "test.spacy")
    message = refuse_cli(
        "bioner", "evaluate", ruler, tmp_path / "test.spacy", "--output", tmp_path / "s.json"
    )
    assert "the data annotates Gene, and the pipeline finds Disease" in message
    assert not (tmp_path / "s.json").exists()


def test_no_documents(refuse_cli: Callable[..., str], ruler: Path, tmp_path: Path):
    docbin([]).to_disk(tmp_path / "test.spacy")
    assert "no documents" in refuse_cli("bioner", "evaluate", ruler, tmp_path / "test.spacy")


def test_scoring_on_the_training_data_warns(
    tiny_pipeline: Path, tiny_data: Path, recwarn: pytest.WarningsRecorder
):
    evaluate(tiny_pipeline, [tiny_data / "devel.spacy"])
    assert not [w for w in recwarn if "was trained on this file" in str(w.message)]
    with pytest.warns(UserWarning, match=r"train\.spacy: the pipeline was trained on this file"):
        evaluate(tiny_pipeline, [tiny_data / "train.spacy"])


def test_scoring_on_the_training_data_in_another_format_warns(
    tiny_pipeline: Path, tiny_data: Path, tmp_path: Path
):
    convert([tiny_data / "train.spacy"], tmp_path / "same.jsonl")
    with pytest.warns(UserWarning, match=r"same\.jsonl: the pipeline was trained on many of these sentences"):
        evaluate(tiny_pipeline, [tmp_path / "same.jsonl"])


def test_what_only_pipelines_take_is_named(refuse_cli: Callable[..., str], tiny_data: Path):
    gold = tiny_data / "devel.spacy"
    given = ("--gpu-id", 0, "--retokenize", "--reliability", "--at-precision", 0.5, "--against", gold)
    message = refuse_cli("bioner", "evaluate", gold, "--predictions", gold, "--report", "x.html", *given)
    names = "--report, --against, --at-precision, --gpu-id, --reliability, --retokenize"
    assert f"Only pipelines take {names}: leave it out" in message
