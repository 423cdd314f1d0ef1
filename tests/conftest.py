"""What the tests share."""

import contextlib
import logging
import os
import shutil
import string
import subprocess
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import click
import pytest
import spacy
from browser import Browser, find_browser
from hypothesis import settings
from memorised import KNOWN
from small_encoders import encoders, make_layer, make_stock  # noqa: F401 - fixtures
from spacy.language import Language

# transformers imports TensorFlow where it is installed, which takes seconds and isn't needed
os.environ.setdefault("USE_TF", "0")

ROOT = Path(__file__).parents[1]

settings.register_profile("spacy_bioner", derandomize=True, deadline=None)
settings.load_profile("spacy_bioner")


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of the real corpora; a test that asks for it is skipped where there is none."""
    folder = Path(os.environ.get("SPACY_BIONER_CORPORA", "no-such-folder"))
    if not folder.is_dir():
        pytest.skip("no real corpora: set SPACY_BIONER_CORPORA to their folder")
    return folder


@pytest.fixture
def nlp() -> Language:
    """An empty pipeline with the package's tokenizer."""
    return spacy.blank("en", config={"nlp": {"tokenizer": {"@tokenizers": "spacy-bioner.Tokenizer.v1"}}})


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file of the given content, bytes or a text in UTF-8, and returns its path."""

    def write(content: str | bytes, name: str = "file.tsv") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return ROOT


@pytest.fixture(scope="session")
def copy_project() -> Callable[[Path], Path]:
    """Copies the project, as git has it, to a folder that isn't there yet, and returns that."""

    def copy(folder: Path) -> Path:
        if shutil.which("git") is None or not (ROOT / ".git").exists():
            pytest.skip("not a git repository")
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).is_file() and not name.startswith("tests/"):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, folder / name)
        return folder

    return copy


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random BERT of two layers, as transformers saves it; a word piece a character."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    torch.set_num_threads(1)  # for so small a model more threads only wait for each other
    folder = tmp_path_factory.mktemp("encoder") / "tiny"
    folder.mkdir()
    characters = string.ascii_letters + string.digits + string.punctuation + "αβγδεκμ±−≥"
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *characters, *(f"##{c}" for c in characters)]
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(pieces) + "\n", encoding="utf8")
    tokenizer = BertTokenizerFast(
        str(vocabulary), do_lower_case=False, strip_accents=False, model_max_length=512
    )
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        BertModel(config).save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with train.spacy and devel.spacy: the first sentences of the sample corpus."""
    from spacy_bioner.corpora.file_conversion import convert

    folder = tmp_path_factory.mktemp("data")
    for split, sentences in (("train", 24), ("devel", 12)):
        text = (ROOT / "corpus" / "sample" / f"{split}.tsv").read_text(encoding="utf8")
        cut = "\n\n".join(islice(text.split("\n\n"), sentences)) + "\n\n"
        (folder / f"{split}.tsv").write_text(cut, encoding="utf8")
    with contextlib.chdir(ROOT):  # where the sample corpus is in the catalogue
        convert([folder], folder, corpus="sample")
    return folder


@pytest.fixture(scope="session")
def train_tiny(tiny_encoder: Path, tiny_data: Path) -> Callable[..., Path]:
    """Trains one of the project's configs on the tiny data for a few steps; returns the output folder."""
    import spacy_bioner

    def train(output: Path, config: str = "ner_trf", **arguments: object) -> Path:
        overrides = {"training.max_steps": 6, "training.eval_frequency": 3}
        if config == "ner_trf":
            overrides |= {"training.batcher.size": 200, "training.batcher.buffer": 24}
        overrides |= arguments.pop("overrides", {})
        arguments = {
            "train": [tiny_data / "train.spacy"],
            "dev": [tiny_data / "devel.spacy"],
            "encoder": str(tiny_encoder) if config.endswith("_trf") else "cnn",
            **arguments,
        }
        with contextlib.chdir(ROOT):
            return spacy_bioner.train(
                ROOT / "configs" / f"{config}.cfg", output, overrides=overrides, **arguments
            )

    return train


@pytest.fixture(scope="session")
def tiny_pipeline(train_tiny: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a transformer pipeline that was trained for a few steps with the tiny encoder."""
    return train_tiny(tmp_path_factory.mktemp("pipeline") / "trained", name="bioner_tiny") / "model-best"


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A real browser; a test that asks for it is skipped where there is none."""
    program = find_browser()
    if program is None:
        pytest.skip("no Chromium to show pages with")
    with Browser(program, tmp_path_factory.mktemp("browser")) as started:
        yield started


@pytest.fixture
def empty_hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's local cache, empty, and a hub that can't be reached."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # the discard port: nobody answers
    return tmp_path / "hub"


@pytest.fixture
def run_cli() -> Callable[..., str]:
    """Runs `spacy ARGUMENTS` in this process; returns what it printed, and fails unless it exits with 0."""
    return lambda *arguments: _run_cli(0, *arguments)


@pytest.fixture
def incomplete_cli() -> Callable[..., str]:
    """As `run_cli`, for a run that has to exit with 2: it did what it could, and set something aside."""
    return lambda *arguments: _run_cli(2, *arguments)


@pytest.fixture
def stopped_cli() -> Callable[..., str]:
    """As `run_cli`, for a run that Ctrl-C stops, so that it exits with 130."""
    return lambda *arguments: _run_cli(130, *arguments)


@pytest.fixture
def refuse_cli() -> Callable[..., str]:
    """Runs `spacy ARGUMENTS` in this process; returns the message with which it exits with 1, in one line.

    The message must be one paragraph.
    """

    def refuse(*arguments: object) -> str:
        output = _run_cli(1, *arguments).strip()
        assert "\n\n" not in output
        message = " ".join(output.split())  # wasabi breaks long lines
        assert message.startswith("✘ ")
        return message

    return refuse


def _run_cli(code: int, *arguments: object) -> str:
    from spacy.cli import app
    from typer.testing import CliRunner

    import spacy_bioner.cli  # noqa: F401 - puts its verbs under `spacy`

    logging.raiseExceptions = False  # a handler may hold the stream of an earlier run
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    assert result.exit_code == code, result.output
    return click.unstyle(result.output)


"""Texts, a title and an abstract each, with the mentions that `knowing_pipeline` finds in them."""


@pytest.fixture(scope="session")
def knowing_pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small pipeline that has learned `KNOWN` by heart, overlapping mentions too."""
    from spacy.training import Example

    from spacy_bioner.corpora.annotations import Annotation, set_annotation

    nlp = spacy.blank("en", config={"nlp": {"tokenizer": {"@tokenizers": "spacy-bioner.Tokenizer.v1"}}})
    cnn = {"@architectures": "spacy.HashEmbedCNN.v2", "pretrained_vectors": None, "width": 32, "depth": 1}
    sizes = {"embed_size": 200, "window_size": 1, "maxout_pieces": 2, "subword_features": True}
    nlp.add_pipe("bioner", config={"model": {"tok2vec": cnn | sizes}})
    spacy.util.fix_random_seed(0)
    examples = []
    for text, spans in KNOWN:
        reference = nlp.make_doc(text)
        reference.spans["bioner"] = [reference.char_span(start, end, label) for start, end, label in spans]
        set_annotation(reference, Annotation("known", ("Chemical", "Disease", "Gene", "Species")))
        examples.append(Example(nlp.make_doc(text), reference))
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.02
    for _ in range(80):
        nlp.update(examples, sgd=optimizer)
    nlp.meta["name"] = "knowing"
    folder = tmp_path_factory.mktemp("knowing") / "model"
    nlp.to_disk(folder)
    return folder
