"""What the tests share."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import spacy
from hypothesis import settings
from spacy.language import Language

settings.register_profile("spacy_bioner", derandomize=True, deadline=None)
settings.load_profile("spacy_bioner")


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of the real corpora; a test that asks for it is skipped where there is none."""
    beside = Path(__file__).parents[2] / "shared" / "corpora"
    folder = Path(os.environ.get("SPACY_BIONER_CORPORA", beside))
    if not folder.is_dir():
        pytest.skip(f"no real corpora at {folder}: set SPACY_BIONER_CORPORA to their folder")
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
