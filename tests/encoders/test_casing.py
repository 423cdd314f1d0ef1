"""Capitals: what a vocabulary says of them, and that no tokenizer loses them by default."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_bioner.encoders.casing import Casing, casing, load_tokenizer


@pytest.mark.parametrize(
    ("pieces", "counted", "cased"),
    [
        (["[CLS]", "<PAD>", "the", "##a", "1", "β"], (0, 3), False),
        (["[CLS]", "The", "the", "##A"], (2, 3), True),
        (["NF", *(f"a{i}" for i in range(98))], (1, 99), True),
        (["NF", *(f"a{i}" for i in range(100))], (1, 101), None),
        (["1", "漢", "[UNK]", ""], (0, 0), None),
        (["Β"], (1, 1), True),
        (["[", "]", "<"], (0, 0), None),
    ],
)
def test_casing_of_a_vocabulary(pieces: list[str], counted: tuple[int, int], cased: bool | None):
    found = casing(pieces)
    assert (found.capitals, found.letters) == counted
    assert found.cased is cased


@given(st.lists(st.text(max_size=5)))
def test_lower_cased_pieces_are_never_cased(pieces: list[str]):
    lowered = [piece.lower() for piece in pieces]
    assert casing(lowered).cased is not True or any(piece != piece.lower() for piece in lowered)
    assert casing(pieces).capitals <= casing(pieces).letters <= len(pieces)


def test_it_reads_as_a_sentence():
    assert str(Casing(1200, 30000)) == "1,200 of 30,000 pieces with letters have capitals"


@pytest.fixture
def bare(tiny_encoder: Path, tmp_path: Path) -> Callable[..., Path]:
    """A cased BERT as BioBERT's repository is: a vocabulary, and no settings of its tokenizer."""

    def make(lower: bool = False, **settings: object) -> Path:
        folder = tmp_path / "bare"
        folder.mkdir()
        for name in ("config.json", "model.safetensors", "vocab.txt"):
            shutil.copy(tiny_encoder / name, folder)
        if lower:
            text = (folder / "vocab.txt").read_text(encoding="utf8")
            lines = [
                line if line.startswith("[") and len(line) > 1 else line.lower() for line in text.split("\n")
            ]
            (folder / "vocab.txt").write_text("\n".join(lines), encoding="utf8")
        if settings:
            (folder / "tokenizer_config.json").write_text(json.dumps(settings))
        return folder

    return make


def test_capitals_are_kept_where_the_vocabulary_has_them(bare: Callable[..., Path], make_layer: Callable):
    folder = bare()
    assert load_tokenizer(str(folder)).tokenize("AB") == ["A", "##B"]
    assert make_layer(folder).tokenizer.tokenize("AB") == ["A", "##B"]


def test_small_letters_where_it_has_none(bare: Callable[..., Path]):
    assert load_tokenizer(str(bare(lower=True))).tokenize("AB") == ["a", "##b"]


@pytest.mark.parametrize("lower", [True, False])
def test_settings_of_the_encoder_are_kept(bare: Callable[..., Path], lower: bool):
    found = load_tokenizer(str(bare(do_lower_case=lower))).tokenize("AB")
    assert found == (["a", "##b"] if lower else ["A", "##B"])


@pytest.mark.parametrize("lower", [True, False])
def test_settings_of_a_config_are_kept(bare: Callable[..., Path], lower: bool):
    found = load_tokenizer(str(bare()), do_lower_case=lower).tokenize("AB")
    assert found == (["a", "##b"] if lower else ["A", "##B"])
