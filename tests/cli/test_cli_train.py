"""`spacy bioner train`: its arguments, and what it refuses."""

from collections.abc import Callable
from pathlib import Path

import pytest
import spacy
from spacy.util import load_config

from spacy_bioner.corpora.provenance import META_KEY


@pytest.fixture(autouse=True)
def in_an_empty_folder(empty_hub_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "cwd"
    folder.mkdir()
    monkeypatch.chdir(folder)


@pytest.fixture
def arguments(root: Path, tiny_data: Path) -> dict[str, object]:
    """What a training of the CNN for two steps needs, by place or option."""
    return {
        "config": root / "configs" / "ner_cnn.cfg",
        "output": "out",
        "--train": tiny_data / "train.spacy",
        "--dev": tiny_data / "devel.spacy",
        "--training.max_steps": 2,
        "--training.eval_frequency": 1,
    }


def flat(arguments: dict[str, object]) -> list[object]:
    options = [part for name, value in arguments.items() if name[0] == "-" for part in (name, value)]
    return ["bioner", "train", arguments["config"], arguments["output"], *options]


def test_options_reach_the_training(run_cli: Callable[..., str], arguments: dict[str, object]):
    options = {"--name": "tiny", "--version": "3.2.1", "--seed": 11, "--training.dropout": 0.25}
    output = run_cli(*flat(arguments | options))
    assert "✔ out" in output
    nlp = spacy.load("out/model-best")
    assert (nlp.meta["name"], nlp.meta["version"]) == ("tiny", "3.2.1")
    assert nlp.meta[META_KEY]["seed"] == 11
    assert nlp.config["training"]["dropout"] == 0.25
    assert nlp.meta[META_KEY]["settings"]["training.dropout"] == 0.25


def test_encoder_assets_and_cut_windows(
    run_cli: Callable[..., str], arguments: dict[str, object], root: Path, tiny_encoder: Path
):
    assets = Path("data/encoders")
    assets.mkdir(parents=True)
    (assets / "scibert").symlink_to(tiny_encoder)
    config = load_config(root / "configs" / "ner_trf.cfg", interpolate=False)
    config["components"]["transformer"]["model"] = {  # ours cuts nothing
        "@architectures": "spacy-transformers.TransformerModel.v3",
        "name": "${paths.encoder}",
        "tokenizer_config": {"use_fast": True, "model_max_length": 24},
        "get_spans": {"@span_getters": "spacy-transformers.doc_spans.v1"},
    }
    config.to_disk("stock.cfg", interpolate=False)
    options = {"config": "stock.cfg", "--encoder": "scibert", "--assets": "data"}
    options |= {"--training.batcher.size": 200, "--training.batcher.buffer": 24}
    output = run_cli(*flat(arguments | options))
    made = spacy.util.load_meta("out/model-best/meta.json")[META_KEY]
    assert made["encoder"]["name"] == "scibert"
    cut = made["cut"]["train"]
    assert cut["windows_cut"] > 0
    assert cut["mentions_lost"] > 0
    assert f"train: {cut['windows_cut']} of {cut['windows']} windows cut" in output
    assert "dev: " in output


def test_folders_of_data_and_a_pipeline_to_go_on_from(
    run_cli: Callable[..., str], arguments: dict[str, object], root: Path, write: Callable[..., Path]
):
    sentences = {"BC2GM": "IL-2\tB-GENE\nbinds\tO\n\n", "LINNAEUS": "Mice\tB-Species\neat\tO\n\n"}
    for name, sentence in sentences.items():
        for split in ("train", "devel"):
            write(sentence * 6, f"cwd/assets/{name}/{split}.tsv")
    run_cli("bioner", "convert", "assets", "corpus", "--corpora", "BC2GM,LINNAEUS")
    options = {"config": root / "configs" / "multitask_cnn.cfg", "output": "one"}
    options |= {"--train": "corpus/train", "--dev": "corpus/devel", "--own-heads": " BC2GM, LINNAEUS"}
    assert "✔ one" in run_cli(*flat(arguments | options))
    first = spacy.load("one/model-best")
    assert first.pipe_labels["bioner"] == ["Gene_BC2GM", "Species_LINNAEUS"]
    files = first.meta[META_KEY]["data"]
    assert [file["file"] for file in files["train"]] == ["BC2GM.spacy", "LINNAEUS.spacy"]
    assert [list(file["corpora"]) for file in files["dev"]] == [["BC2GM"], ["LINNAEUS"]]

    options = {"config": root / "configs" / "bioner_cnn.cfg", "output": "two"}
    options |= {"--train": "corpus/train/BC2GM.spacy", "--dev": "corpus/devel/BC2GM.spacy"}
    run_cli(*flat(arguments | options | {"--start-from": "one/model-best"}))
    second = spacy.load("two/model-best")
    assert second.pipe_labels["bioner"] == ["Gene_BC2GM"]
    assert second.meta[META_KEY]["started_from"] == first.meta[META_KEY]


@pytest.mark.parametrize(
    ("changed", "fragments"),
    [
        ({"config": "nowhere.cfg"}, ["no config nowhere.cfg"]),
        ({"--train": "nowhere.spacy"}, ["nowhere.spacy: there is no such file"]),
        ({"--dev": "nowhere.spacy"}, ["nowhere.spacy: there is no such file"]),
        ({"--train": "empty.spacy"}, ["empty.spacy: not a .spacy file"]),
        ({"--dev": "text.spacy"}, ["text.spacy: not a .spacy file"]),
        ({"--dev": "binary.spacy"}, ["binary.spacy: not a .spacy file"]),
        ({"--train": "."}, ["binary.spacy: not a .spacy file"]),
        ({"--dev": "folder"}, ["folder: there is no .spacy file in this folder"]),
        ({"--start-from": "nowhere"}, ["The pipeline 'nowhere' can't be loaded"]),
        (
            {"--start-from": "folder", "--encoder": "cnn"},
            ["either an encoder (cnn) or a pipeline", "not both"],
        ),
        ({"config": "ner_trf", "--encoder": "biobrat"}, ["'biobrat' isn't in the catalogue", "biobert_v11"]),
        ({"config": "ner_trf", "--encoder": "biobert"}, ["isn't at hand", "--encoder mini"]),
        ({"config": "ner_trf", "--encoder": "."}, ["'.' isn't an encoder", "config.json"]),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else "",
)
def test_bad_arguments_are_refused_and_leave_nothing(
    refuse_cli: Callable[..., str],
    arguments: dict[str, object],
    root: Path,
    changed: dict[str, object],
    fragments: list[str],
):
    inputs = {"empty.spacy": b"", "text.spacy": b"Aspirin\tO\n", "binary.spacy": bytes(range(256))}
    for name, content in inputs.items():
        Path(name).write_bytes(content)
    Path("folder").mkdir()
    if changed.get("config") == "ner_trf":
        changed = {**changed, "config": root / "configs" / "ner_trf.cfg"}
    message = refuse_cli(*flat(arguments | changed))
    assert all(fragment in message for fragment in fragments), message
    assert {path.name for path in Path().iterdir()} == {*inputs, "folder"}


@pytest.mark.parametrize(
    ("name", "value"),
    [("--training.max_steps", "many"), ("--nothing.like_that", "3"), ("--components.ner.factory", "nothing")],
)
def test_error_in_the_config_ends_it_and_leaves_nothing(arguments: dict[str, object], name: str, value: str):
    """What the message looks like is spaCy's own matter."""
    from spacy.cli import app
    from typer.testing import CliRunner

    result = CliRunner().invoke(app, [str(a) for a in flat(arguments | {name: value})])
    assert result.exit_code == 1
    assert list(Path().iterdir()) == []
