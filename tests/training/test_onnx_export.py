"""A pipeline with its encoder in ONNX Runtime, against the one that it was made of."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy
import pytest
import spacy
from spacy.language import Language
from spacy.training import Example
from thinc.api import reduce_mean

from spacy_bioner.corpora.docbin import read_docbin
from spacy_bioner.corpora.provenance import META_KEY
from spacy_bioner.errors import EncoderError, PipelineError
from spacy_bioner.training.onnx_export import Comparison, compare, to_onnx

TEXTS = [
    "BRCA1 in breast cancer of mice.",
    "",
    " ",
    "x",
    "Cisplatin lowers TNF-α (p ≤ 0.05) in obese rats. " * 40,
    "IL-2 binds EGFR and KRAS.",
]


@pytest.fixture(scope="module")
def original(train_tiny: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Language:
    """A pipeline on the tiny encoder, trained until it finds something."""
    settings = {"training.max_steps": 40, "training.eval_frequency": 40, "training.batcher.size": 200}
    settings |= {"training.optimizer.learn_rate.warmup_steps": 1}
    settings |= {"training.optimizer.learn_rate.initial_rate": 0.01}
    settings |= {"components.transformer.model.precision": "float32"}
    folder = tmp_path_factory.mktemp("original") / "out"
    return spacy.load(train_tiny(folder, "bioner_trf", overrides=settings, name="tiny") / "model-last")


@pytest.fixture(scope="module", params=["float32", "int8"])
def optimized(request: pytest.FixtureRequest, original: Language, tmp_path_factory) -> tuple[str, Language]:
    """The same in ONNX Runtime, saved and loaded."""
    folder = tmp_path_factory.mktemp("optimized") / request.param
    to_onnx(original, request.param).to_disk(folder)
    return request.param, spacy.load(folder)


def vectors(nlp: Language, text: str) -> numpy.ndarray:
    """The vectors of a text's tokens."""
    from spacy_transformers.layers import trfs2arrays

    pooling = trfs2arrays(reduce_mean(), 1.0)
    pooling.initialize()
    data = nlp.get_pipe("transformer").predict([nlp.make_doc(text)]).doc_data
    return pooling.predict(data)[0]


def entities(nlp: Language, **how: int) -> list[list[tuple[int, int, str]]]:
    return [[(e.start_char, e.end_char, e.label_) for e in doc.ents] for doc in nlp.pipe(TEXTS, **how)]


def test_vectors_are_those_of_torch(original: Language, optimized: tuple[str, Language]):
    precision, nlp = optimized
    for text in (TEXTS[0], TEXTS[4]):
        expected, found = vectors(original, text), vectors(nlp, text)
        assert found.shape == expected.shape
        if precision == "float32":
            numpy.testing.assert_allclose(found, expected, atol=2e-4)
        else:  # eight bits, of a network of random weights
            assert numpy.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.98


def test_what_else_is_in_a_batch_changes_nothing(optimized: tuple[str, Language]):
    """In eight bits the scale of activations would be that of the batch."""
    _, nlp = optimized
    expected = entities(nlp)
    assert [[(e.start_char, e.end_char, e.label_) for e in nlp(text).ents] for text in TEXTS] == expected
    assert entities(nlp, batch_size=1) == expected
    assert entities(nlp, n_process=2) == expected


def test_float32_finds_the_same_entities(original: Language, tiny_data: Path):
    made = to_onnx(original, "float32")
    docs = [read_docbin(tiny_data / "train.spacy", nlp.vocab) for nlp in (original, made)]
    result = compare(original, made, docs)
    assert result.before == result.after > 0
    assert result.identical == 1.0
    assert result.speedup > 0


def test_the_new_pipeline_says_what_it_is(original: Language, optimized: tuple[str, Language]):
    precision, nlp = optimized
    assert nlp.config["components"]["transformer"]["model"]["@architectures"].startswith("spacy-bioner.Onnx")
    assert nlp.meta[META_KEY]["optimized"] == f"ONNX Runtime, {precision}"
    assert nlp.meta[META_KEY]["corpora"] == original.meta[META_KEY]["corpora"]
    assert nlp.meta["name"] == original.meta["name"]
    assert nlp.pipe_labels == original.pipe_labels
    copied = spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())
    assert entities(copied) == entities(nlp)


def test_eight_bits_are_smaller(original: Language, tmp_path: Path):
    sizes = {}
    for precision in ("float32", "int8"):
        to_onnx(original, precision).to_disk(tmp_path / precision)
        sizes[precision] = (tmp_path / precision / "transformer" / "model").stat().st_size
    assert sizes["int8"] < 0.7 * sizes["float32"]


def test_it_refuses_to_be_trained(optimized: tuple[str, Language]):
    _, nlp = optimized
    example = Example(nlp.make_doc("aspirin"), nlp.make_doc("aspirin"))
    with pytest.raises(EncoderError, match="can't be trained"):
        nlp.update([example])
    with pytest.raises(EncoderError, match="spacy bioner optimize"):
        nlp.get_pipe("transformer").model.encoder.load("x")


def test_no_such_precision(original: Language):
    with pytest.raises(PipelineError, match="no precision 'int4': it is one of float32, int8"):
        to_onnx(original, "int4")


def test_pipelines_that_have_nothing_to_optimize(optimized: tuple[str, Language]):
    for nlp in (spacy.blank("en"), optimized[1]):
        with pytest.raises(PipelineError, match="no transformer in PyTorch"):
            to_onnx(nlp, "int8")


def test_without_onnx_it_says_what_to_install(original: Language, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(PipelineError, match=r"onnx.* isn't installed: pip install 'spacy-bioner\[onnx\]'"):
        to_onnx(original, "int8")


# -- the command -----------------------------------------------------------------------------------------


def test_command_writes_a_pipeline(
    run_cli: Callable[..., str], original: Language, tiny_data: Path, tmp_path: Path
):
    options = ["--data", tiny_data / "train.spacy", "--precision", "float32"]
    output = run_cli("bioner", "optimize", original.path, tmp_path / "made", *options, "--slower")
    assert "100.00% of the entities are the same" in output
    assert entities(spacy.load(tmp_path / "made")) == entities(original)


def test_command_refuses_a_loss(
    refuse_cli: Callable[..., str],
    original: Language,
    tiny_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(
        "spacy_bioner.training.onnx_export.compare", lambda *_: Comparison(0.9, 0.88, 0.95, 3.0)
    )
    command = ["bioner", "optimize", original.path, tmp_path / "made", "--data", tiny_data / "train.spacy"]
    message = refuse_cli(*command)
    assert "F1 88.00" in message
    assert "instead of 90.00: 2.00 less, and 0.5 may be lost" in message
    assert not (tmp_path / "made").exists()


def test_command_refuses_a_slower_pipeline_unless_asked(
    run_cli: Callable[..., str],
    refuse_cli: Callable[..., str],
    original: Language,
    tiny_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(
        "spacy_bioner.training.onnx_export.compare", lambda *_: Comparison(0.9, 0.9, 1.0, 0.5)
    )
    command = ["bioner", "optimize", original.path, tmp_path / "made", "--data", tiny_data / "train.spacy"]
    assert "0.50 times as fast as before" in refuse_cli(*command)
    assert not (tmp_path / "made").exists()
    run_cli(*command, "--slower")
    assert (tmp_path / "made" / "meta.json").is_file()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"model": "no-such-pipeline"}, "can't be loaded"),
        ({"data": "missing.spacy"}, "there is no such file"),
        ({"output": "full"}, "holds something else than a pipeline"),
    ],
)
def test_command_refuses_bad_arguments(
    refuse_cli: Callable[..., str],
    original: Language,
    tiny_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changed: dict[str, str],
    message: str,
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    given = {"model": original.path, "output": "made", "data": tiny_data / "train.spacy"} | changed
    assert message in refuse_cli(
        "bioner", "optimize", given["model"], given["output"], "--data", given["data"]
    )
    assert not (tmp_path / "made").exists()
    assert (tmp_path / "full" / "thesis.txt").read_text() == "mine"
