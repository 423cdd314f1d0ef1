"""Training: whole outputs or none, a full record, and nothing of this machine in either."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.cli.evaluate import evaluate as spacy_evaluate
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import load_config

import spacy_bioner
from spacy_bioner.corpora.annotations import Annotation, get_annotation
from spacy_bioner.corpora.docbin import docbin
from spacy_bioner.corpora.file_conversion import convert
from spacy_bioner.corpora.provenance import META_KEY, versions
from spacy_bioner.errors import EncoderError, FormatError, PipelineError
from spacy_bioner.training.record import without_paths

CONFIGS = ["ner_trf", "ner_cnn"]
COMMIT = "0123456789abcdef0123456789abcdef01234567"

SEEN: dict[str, list[Annotation | None]] = {"update": [], "score": []}
"""What the spies found on the gold Docs of their examples."""


class Spy:
    """A component that looks at what the Docs carry while it is trained and scored."""

    def __init__(self, fail: bool) -> None:
        self.fail = fail

    def __call__(self, doc: Doc) -> Doc:
        return doc

    def update(self, examples: Iterable[Example], **_: object) -> None:
        SEEN["update"] += [get_annotation(example.reference) for example in examples]
        if self.fail:
            raise RuntimeError("failed half-way")

    def score(self, examples: Iterable[Example], **_: object) -> dict[str, float]:
        SEEN["score"] += [get_annotation(example.reference) for example in examples]
        return {}


@Language.factory("bioner_test_spy", default_config={"fail": False})
def create_spy(nlp: Language, name: str, fail: bool) -> Spy:
    return Spy(fail)


@pytest.fixture
def spied_config(root: Path, tmp_path: Path) -> Callable[..., Path]:
    """Writes the CNN config with a spy at the end of the pipeline."""

    def write(reader: str = "spacy-bioner.Corpus.v1", fail: bool = False) -> Path:
        for seen in SEEN.values():
            seen.clear()
        config = load_config(root / "configs" / "ner_cnn.cfg", interpolate=False)
        config["nlp"]["pipeline"].append("spy")
        config["components"]["spy"] = {"factory": "bioner_test_spy", "fail": fail}
        for corpus in config["corpora"].values():
            corpus["@readers"] = reader
            if reader != "spacy-bioner.Corpus.v1":
                corpus.pop("join", None)  # spaCy's own has no such setting
        config.to_disk(tmp_path / "spied.cfg")
        return tmp_path / "spied.cfg"

    return write


@pytest.fixture(scope="module")
def trained(
    train_tiny: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """The output of one training with a config; each config is trained once."""
    outputs: dict[str, Path] = {}

    def get(config: str) -> Path:
        if config not in outputs:
            output = tmp_path_factory.mktemp("trained") / config
            outputs[config] = train_tiny(
                output, config, name=f"bioner_{config}", pipeline_version="1.2.3", seed=5
            )
        return outputs[config]

    return get


def meta(model: Path) -> dict[str, Any]:
    return spacy.util.load_meta(model / "meta.json")


def files(folder: Path) -> dict[str, bytes]:
    """All files under a folder, hidden ones too."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def assert_no_path_in(folder: Path, *paths: Path) -> None:
    assert files(folder)
    for path in (Path.cwd(), Path.home(), *paths):
        name = os.fsencode(path.resolve())
        assert [file for file, content in files(folder).items() if name in content] == []


@pytest.mark.parametrize("config", CONFIGS)
def test_output_holds_two_whole_pipelines_and_nothing_else(trained: Callable[[str], Path], config: str):
    output = trained(config)
    assert {path.name for path in output.iterdir()} == {"model-best", "model-last"}
    assert [path.name for path in output.parent.iterdir()] == [config]
    for model in output.iterdir():
        nlp = spacy.load(model)
        assert nlp("Aspirin inhibits COX-2.").text == "Aspirin inhibits COX-2."
        assert set(nlp.get_pipe("ner").labels) == {"Chemical", "Disease", "Gene", "Species"}


@pytest.mark.parametrize("config", CONFIGS)
def test_no_path_of_this_machine_is_in_the_output(
    trained: Callable[[str], Path], config: str, tiny_encoder: Path, tiny_data: Path, root: Path
):
    output = trained(config)
    assert_no_path_in(output, output.parent, tiny_encoder, tiny_data, root, Path(sys.prefix))


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("model", ["model-best", "model-last"])
def test_meta_says_how_it_was_made(
    trained: Callable[[str], Path], config: str, model: str, tiny_data: Path, tiny_encoder: Path
):
    found = meta(trained(config) / model)
    made = found[META_KEY]
    assert found["name"] == f"bioner_{config}"
    assert found["version"] == "1.2.3"
    assert found["license"] == "MIT"
    assert "trained on sample" in found["description"]
    assert made["seed"] == 5
    assert made["device"] == "CPU"
    assert made["versions"] == versions()
    (corpus,) = made["corpora"]
    assert (corpus["name"], corpus["licence"]) == ("sample", "MIT")
    assert corpus["variant"] == "written by hand for this project"
    assert corpus["types"] == {name: name for name in ("Chemical", "Disease", "Gene", "Species")}
    for role, file in (("train", "train.spacy"), ("dev", "devel.spacy")):
        assert made["data"][role][0]["file"] == file
        assert made["data"][role][0]["sha256"] == hashlib.sha256((tiny_data / file).read_bytes()).hexdigest()
    settings = made["settings"]
    assert settings["training.max_steps"] == 6
    assert settings["system.seed"] == 5
    if config != "ner_cnn":  # an epoch is longer than six updates, or as long
        assert settings["training.optimizer.learn_rate.total_steps"] <= 6
    assert not any(name.startswith("paths.") for name in settings)
    if config == "ner_cnn":
        assert made["encoder"] is None
        assert made["cut"]["train"]["windows"] == 0
    else:
        weights = (tiny_encoder / "model.safetensors").read_bytes()
        assert made["encoder"] == {
            "name": "tiny",
            "hub": "",
            "revision": "",
            "source": "folder",
            "weights_sha256": hashlib.sha256(weights).hexdigest(),
            "licence": "",
            "citation": "",
        }
        assert made["cut"]["train"]["windows"] == 0  # our transformer model cuts nothing


@pytest.mark.parametrize("config", CONFIGS)
def test_same_seed_gives_the_same_pipeline_and_another_does_not(
    trained: Callable[[str], Path], train_tiny: Callable[..., Path], tmp_path: Path, config: str
):
    def weights(output: Path) -> list[bytes]:
        nlp = spacy.load(output / "model-last")
        return [param.tobytes() for param in parameters(nlp)]

    again = train_tiny(tmp_path / "again", config, seed=5)
    assert weights(again) == weights(trained(config))
    assert meta(again / "model-best")["performance"] == meta(trained(config) / "model-best")["performance"]
    assert weights(train_tiny(tmp_path / "other", config, seed=6)) != weights(trained(config))


def parameters(nlp: Language) -> Iterable[Any]:
    """The weights of `ner`'s own layers."""
    for node in nlp.get_pipe("ner").model.walk():
        for name in node.param_names:
            if node.has_param(name):
                yield node.get_param(name)


def test_seed_is_the_configs_unless_another_is_given(tiny_pipeline: Path):
    assert meta(tiny_pipeline)[META_KEY]["seed"] == 1


def test_loaded_pipeline_needs_no_encoder_folder(tiny_pipeline: Path):
    """The weights are in the pipeline: its config names the encoder, and no folder of that name is there."""
    nlp = spacy.load(tiny_pipeline)
    assert nlp.config["components"]["transformer"]["model"]["name"] == "tiny"
    assert nlp.config["paths"]["encoder"] is None


def test_encoder_of_the_hub_is_recorded_with_its_revision_and_not_its_folder(
    train_tiny: Callable[..., Path], tiny_encoder: Path, empty_hub_cache: Path, tmp_path: Path
):
    repository = empty_hub_cache / "models--dmis-lab--biobert-base-cased-v1.2"
    shutil.copytree(tiny_encoder, repository / "snapshots" / COMMIT)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    output = train_tiny(tmp_path / "trained", encoder="biobert", assets=tmp_path / "assets")
    made = meta(output / "model-best")[META_KEY]
    assert made["encoder"]["name"] == "biobert"
    assert made["encoder"]["hub"] == "dmis-lab/biobert-base-cased-v1.2"
    assert made["encoder"]["revision"] == COMMIT
    assert made["encoder"]["source"] == "hub cache"
    assert made["encoder"]["licence"] == "Apache-2.0"
    assert made["encoder"]["citation"].startswith("Lee et al. 2020")
    assert made["settings"]["training.optimizer.learn_rate.initial_rate"] == 5e-5
    assert_no_path_in(output, tmp_path)


def test_corpora_of_the_catalogue_are_recorded_with_common_names_and_licences(
    train_tiny: Callable[..., Path], write: Callable[..., Path], tmp_path: Path
):
    source = write("IL-2\tB-GENE\nbinds\tO\n\n" * 8, "train.tsv")
    convert([source], tmp_path / "bc2gm.spacy", corpus="BC2GM")
    convert([source], tmp_path / "mine.spacy", name="mine")
    output = train_tiny(
        tmp_path / "out", "ner_cnn", train=[tmp_path / "bc2gm.spacy"], dev=[tmp_path / "mine.spacy"]
    )
    made = meta(output / "model-best")[META_KEY]
    assert made["corpora"][0]["types"] == {"GENE": "Gene"}
    assert made["corpora"][0]["licence"] == "CC BY 4.0 (as redistributed)"
    assert made["corpora"][0]["citation"].startswith("Smith et al. 2008")
    assert made["data"]["dev"][0]["corpora"] == {"mine": ["GENE"]}
    output = train_tiny(tmp_path / "out", "ner_cnn", train=[tmp_path / "mine.spacy"])
    (mine,) = meta(output / "model-best")[META_KEY]["corpora"]
    assert mine == {"name": "mine", "variant": "", "licence": "", "citation": "", "types": {"GENE": "GENE"}}


def test_new_output_takes_the_place_of_the_old(train_tiny: Callable[..., Path], tmp_path: Path):
    output = tmp_path / "out"
    (output / "model-best").mkdir(parents=True)
    (output / "model-best" / "notes.txt").write_text("of an earlier training")
    train_tiny(output, "ner_cnn")
    assert not (output / "model-best" / "notes.txt").exists()
    assert {path.name for path in output.iterdir()} == {"model-best", "model-last"}
    assert list(tmp_path.iterdir()) == [output]


FAILURES: dict[str, tuple[type[BaseException], dict[str, Any]]] = {
    "no train file": (FormatError, {"train": [Path("nowhere.spacy")]}),
    "no dev file": (FormatError, {"dev": [Path("nowhere.spacy")]}),
    "no config": (PipelineError, {"config": "nowhere"}),
    "unknown encoder": (EncoderError, {"config": "ner_trf", "encoder": "nothing"}),
    "setting of a wrong type": (SystemExit, {"overrides": {"training.max_steps": "many"}}),
    "unknown setting": (PipelineError, {"overrides": {"training.max_epoch": 3}}),
    "unknown function": (ValueError, {"overrides": {"components.ner.model.@architectures": "spacy.None.v9"}}),
    "no batch, so no score": (
        PipelineError,
        {
            "overrides": {
                "training.max_epochs": 1,
                "training.batcher.size.start": 1,
                "training.batcher.discard_oversize": True,
            }
        },
    ),
}


@pytest.mark.parametrize(("error", "arguments"), FAILURES.values(), ids=FAILURES)
def test_failed_training_leaves_nothing_and_what_stood_there_stands(
    train_tiny: Callable[..., Path], tmp_path: Path, error: type[BaseException], arguments: dict[str, Any]
):
    output = tmp_path / "deep" / "out"
    arguments = {"config": "ner_cnn", **arguments}
    with pytest.raises(error):
        train_tiny(output, **arguments)
    assert files(tmp_path) == {}
    (output / "model-best").mkdir(parents=True)
    (output / "model-best" / "notes.txt").write_text("of an earlier training")
    with pytest.raises(error):
        train_tiny(output, **arguments)
    assert files(tmp_path) == {"deep/out/model-best/notes.txt": b"of an earlier training"}


def test_a_folder_with_other_things_is_never_replaced(train_tiny: Callable[..., Path], tmp_path: Path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "precious").write_text("mine")
    with pytest.raises(PipelineError, match="holds precious, which no training made"):
        train_tiny(tmp_path / "out", "ner_cnn")
    assert files(tmp_path) == {"out/precious": b"mine"}


def test_an_encoder_needs_a_place_in_the_config(train_tiny: Callable[..., Path], tmp_path: Path):
    with pytest.raises(PipelineError, match="has no place for an encoder, and 'biobert' was named"):
        train_tiny(tmp_path / "out", "ner_cnn", encoder="biobert")


def test_a_gpu_that_is_not_there_is_refused(train_tiny: Callable[..., Path], tmp_path: Path):
    with pytest.raises(PipelineError, match="GPU 99 can't be used"):
        train_tiny(tmp_path / "out", "ner_cnn", gpu_id=99)


def test_absolute_paths_are_taken_out():
    settings = {"a": "/home/me/x", "b": ["/tmp/y", "corpus/z"], "c": {"d": 1.0, "e": "relative"}}
    assert without_paths(settings) == {"a": None, "b": [None, "corpus/z"], "c": {"d": 1.0, "e": "relative"}}


def test_training_that_fails_half_way_leaves_nothing(
    spied_config: Callable[..., Path], tiny_data: Path, tmp_path: Path
):
    output = tmp_path / "trained" / "out"
    data = {"train": [tiny_data / "train.spacy"], "dev": [tiny_data / "devel.spacy"]}
    with pytest.raises(RuntimeError, match="failed half-way"):
        spacy_bioner.train(spied_config(fail=True), output, **data)
    assert SEEN["update"]
    assert not output.exists()


@pytest.mark.parametrize("split", ["train", "dev"])
def test_data_without_documents_is_refused(train_tiny: Callable[..., Path], tmp_path: Path, split: str):
    path = tmp_path / "none.spacy"
    docbin([]).to_disk(path)
    with pytest.raises(PipelineError, match=r"none\.spacy: there are no documents"):
        train_tiny(tmp_path / "out", "ner_cnn", **{split: [path]})


def test_killed_training_leaves_nothing_that_looks_finished(
    train_tiny: Callable[..., Path], tiny_data: Path, tmp_path: Path, root: Path
):
    output = tmp_path / "out"
    command = [sys.executable, "-m", "spacy", "bioner", "train", "configs/ner_cnn.cfg", str(output)]
    command += ["--train", str(tiny_data / "train.spacy"), "--dev", str(tiny_data / "devel.spacy")]
    command += ["--training.max_steps", "1000000", "--training.eval_frequency", "1"]
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while not (tmp_path / "out.run" / "checkpoint" / "state.json").is_file():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert [path.name for path in tmp_path.iterdir()] == ["out.run"]
    with pytest.raises(PipelineError, match="holds a training that was stopped"):
        train_tiny(output, "ner_cnn")
    shutil.rmtree(tmp_path / "out.run")
    train_tiny(output, "ner_cnn")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert spacy.load(output / "model-best").pipe_names == ["tok2vec", "ner"]


@pytest.mark.parametrize("config", CONFIGS)
def test_plain_spacy_train_and_evaluate_work(
    run_cli: Callable[..., str], config: str, tiny_encoder: Path, tiny_data: Path, tmp_path: Path, root: Path
):
    arguments = ["--paths.train", tiny_data / "train.spacy", "--paths.dev", tiny_data / "devel.spacy"]
    if config == "ner_trf":
        arguments += ["--paths.encoder", tiny_encoder]
        arguments += ["--training.batcher.size", 200, "--training.batcher.buffer", 24]
    steps = ["--training.max_steps", 2, "--training.eval_frequency", 1]
    run_cli("train", root / "configs" / f"{config}.cfg", "--output", tmp_path, *arguments, *steps)
    scores = run_cli("evaluate", tmp_path / "model-best", tiny_data / "devel.spacy")
    assert "NER F" in scores


SAMPLE = Annotation("sample", ("Disease", "Chemical", "Gene", "Species"))


@pytest.mark.parametrize("reader", ["spacy-bioner.Corpus.v1", "spacy.Corpus.v1"])
def test_component_sees_corpus_and_types_while_trained_and_scored(
    spied_config: Callable[..., Path], reader: str, tiny_data: Path, tmp_path: Path
):
    train, dev = tiny_data / "train.spacy", tiny_data / "devel.spacy"
    steps = {"training.max_steps": 3, "training.eval_frequency": 1}
    output = spacy_bioner.train(
        spied_config(reader), tmp_path / "out", train=[train], dev=[dev], overrides=steps
    )
    for seen in SEEN.values():
        assert seen
        assert {(found.corpus, found.types) for found in seen} == {(SAMPLE.corpus, SAMPLE.types)}
        seen.clear()
    # spaCy's own evaluation reads with spacy.Corpus.v1
    spacy_evaluate(str(output / "model-best"), dev, silent=True)
    assert {(found.corpus, found.types) for found in SEEN["score"]} == {(SAMPLE.corpus, SAMPLE.types)}


def test_several_corpora_are_learned_under_their_common_names(
    train_tiny: Callable[..., Path], write: Callable[..., Path], tmp_path: Path
):
    source = write("IL-2\tB-GENE\nbinds\tO\n\n" * 8, "genes.tsv")
    convert([source], tmp_path / "a" / "train.spacy", corpus="BC2GM")
    source = write("IL-2\tB-protein\nbinds\tO\n\n" * 8, "proteins.tsv")
    convert([source], tmp_path / "b" / "train.spacy", corpus="JNLPBA", types=["protein"])
    data = [tmp_path / "a" / "train.spacy", tmp_path / "b" / "train.spacy"]
    for own_heads, labels in (((), ("Gene",)), (("BC2GM",), ("Gene", "Gene_BC2GM"))):
        output = train_tiny(tmp_path / "out", "bioner_cnn", train=data, dev=data, own_heads=own_heads)
        assert spacy.load(output / "model-best").get_pipe("bioner").labels == labels
    with pytest.raises(PipelineError, match="the data has nothing of CRAFT"):
        train_tiny(tmp_path / "out", "bioner_cnn", train=data, dev=data, own_heads=["CRAFT"])


def test_a_failure_after_the_training_keeps_what_was_trained(
    train_tiny: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def fail(*_: object) -> None:
        raise RuntimeError("no more memory")

    with monkeypatch.context() as patched:
        patched.setattr("spacy_bioner.training.loop.calibrate", fail)
        with pytest.raises(PipelineError, match=r"The training is done, .*RuntimeError: no more memory"):
            train_tiny(tmp_path / "out", "ner_cnn")
    assert {path.name for path in tmp_path.iterdir()} == {"out.run"}
    trained = (tmp_path / "out.run" / "model-best" / "ner" / "model").read_bytes()
    train_tiny(tmp_path / "out", "ner_cnn")
    assert (tmp_path / "out" / "model-best" / "ner" / "model").read_bytes() == trained
    assert {path.name for path in tmp_path.iterdir()} == {"out"}


def test_an_encoder_inside_the_component(
    train_tiny: Callable[..., Path], tiny_encoder: Path, tmp_path: Path, root: Path
):
    config = load_config(root / "configs" / "bioner_trf.cfg", interpolate=False)
    del config["components"]["transformer"]
    config["nlp"]["pipeline"] = ["bioner"]
    config["components"]["bioner"]["model"]["tok2vec"] = {
        "@architectures": "spacy-bioner.Tok2VecTransformer.v1",
        "name": "${paths.encoder}",
        "precision": "float32",
        "pooling": {"@layers": "reduce_mean.v1"},
    }
    config.to_disk(tmp_path / "inside_trf.cfg")
    output = train_tiny(tmp_path / "out", str(tmp_path / "inside_trf"))
    model = output / "model-best"
    assert_no_path_in(model, tiny_encoder)
    assert meta(model)[META_KEY]["encoder"]["name"] == "tiny"
    assert spacy.load(model)("Aspirin inhibits COX-2.").has_annotation("ENT_IOB")
