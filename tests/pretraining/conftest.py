"""What the tests of pretraining share: text of a few hundred sentences, its word pieces, and a short run."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from spacy_bioner.documents.formats import columns
from spacy_bioner.pretraining.cleaned_text import prepare_text
from spacy_bioner.pretraining.masked_lm import Settings, pretrain
from spacy_bioner.pretraining.overlap import Overlap
from spacy_bioner.pretraining.packing import pack
from spacy_bioner.pretraining.vocabulary import train_vocabulary

TINY = Settings(
    layers=2,
    width=32,
    heads=2,
    positions=64,
    length=16,
    long_length=32,
    long_share=0.25,
    batch=128,
    learning_rate=5e-3,
    steps=12,
    evaluations=4,
    evaluation_pieces=512,
    saves=2,
    shard_mib=1,
)


@pytest.fixture
def tiny_settings() -> Settings:
    return TINY


@pytest.fixture(scope="session")
def raw_text(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """A folder with two files: the sample corpus's sentences, three a paragraph, four of these a document."""
    folder = tmp_path_factory.mktemp("raw")
    for split in ("train", "devel"):
        sentences = [document.text for document in columns.read(root / "corpus" / "sample" / f"{split}.tsv")]
        paragraphs = [" ".join(sentences[i : i + 3]) for i in range(0, len(sentences), 3)]
        documents = ["\n".join(paragraphs[i : i + 4]) for i in range(0, len(paragraphs), 4)]
        (folder / f"{split}.txt").write_text("\n\n".join(documents) + "\n", encoding="utf8")
    return folder


@pytest.fixture(scope="session")
def text(tmp_path_factory: pytest.TempPathFactory, raw_text: Path) -> Path:
    folder = tmp_path_factory.mktemp("text") / "text"
    prepare_text([raw_text], folder, Overlap(), held_out=0.2)
    return folder


@pytest.fixture(scope="session")
def vocabulary(tmp_path_factory: pytest.TempPathFactory, text: Path) -> Path:
    folder = tmp_path_factory.mktemp("vocabulary") / "vocabulary"
    train_vocabulary(text, folder, size=400, min_frequency=2)
    return folder


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory, text: Path, vocabulary: Path) -> Path:
    folder = tmp_path_factory.mktemp("packed") / "packed"
    pack(text, vocabulary, folder)
    return folder


@pytest.fixture(scope="session")
def train(packed: Path) -> Callable[..., Path | None]:
    """Trains a tiny model on the CPU, with some settings changed."""

    def train(
        output: Path, pause_steps: int = 0, start_from: Path | None = None, **settings: float
    ) -> Path | None:
        threads = torch.get_num_threads()
        try:
            chosen, options = replace(TINY, **settings), {"device": "cpu", "threads": 1}
            return pretrain(packed, output, chosen, start_from=start_from, pause_steps=pause_steps, **options)
        finally:
            torch.set_num_threads(threads)

    return train


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory, train: Callable[..., Path | None]) -> Path:
    """The folder of a finished run."""
    folder = tmp_path_factory.mktemp("run") / "run"
    train(folder)
    return folder
