"""Vocabulary and packed word pieces: the same each time, and all of the text, in its order."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from spacy_bioner.errors import FormatError, PretrainingError
from spacy_bioner.pretraining.cleaned_text import prepare_text
from spacy_bioner.pretraining.overlap import Overlap
from spacy_bioner.pretraining.packed_pieces import (
    Feed,
    load_packed,
    read_part,
    sequences,
    write_part,
)
from spacy_bioner.pretraining.packing import pack
from spacy_bioner.pretraining.text_files import read_documents
from spacy_bioner.pretraining.vocabulary import load_tokenizer, train_vocabulary

CLS, SEP = 2, 3


def pieces_of(folder: Path) -> list[str]:
    return (folder / "vocab.txt").read_text(encoding="utf8").splitlines()


def test_vocabulary_is_the_same_each_time(text: Path, vocabulary: Path, tmp_path: Path):
    """In other processes too, where strings have other hashes, and threads another number."""
    code = (
        "from pathlib import Path; from spacy_bioner.pretraining.vocabulary import train_vocabulary as t; "
        f"t(Path({str(text)!r}), Path({str(tmp_path)!r}) / 'v', 400, min_frequency=2)"
    )
    for seed in "12":
        environment = {**os.environ, "PYTHONHASHSEED": seed, "RAYON_NUM_THREADS": seed}
        subprocess.run([sys.executable, "-c", code], env=environment, check=True)
        assert pieces_of(tmp_path / "v") == pieces_of(vocabulary)


def test_vocabulary_has_the_size_that_was_asked_for(vocabulary: Path):
    found = pieces_of(vocabulary)
    assert found[:5] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    assert len(found) == len(set(found)) == 400


def test_vocabulary_works_as_transformers_loads_it(vocabulary: Path):
    tokenizer = AutoTokenizer.from_pretrained(vocabulary, local_files_only=True)
    assert len(tokenizer) == 400
    assert "".join(tokenizer.tokenize("Cisplatin in mice")).replace("##", "") == "Cisplatininmice"


def test_vocabulary_in_small_letters(text: Path, tmp_path: Path):
    found = train_vocabulary(text, tmp_path / "v", size=300, lowercase=True, min_frequency=2)
    assert not [piece for piece in found[5:] if piece != piece.lower()]
    assert load_tokenizer(tmp_path / "v").tokenize("MICE") == load_tokenizer(tmp_path / "v").tokenize("mice")
    pack(text, tmp_path / "v", tmp_path / "packed")
    assert load_packed(tmp_path / "packed").manifest["vocabulary"]["cased"] is False


@pytest.mark.parametrize(
    ("size", "message"), [(5, "isn't possible"), (70_000, "isn't possible"), (30, "are too few")]
)
def test_vocabulary_that_is_not_possible(text: Path, tmp_path: Path, size: int, message: str):
    with pytest.raises(PretrainingError, match=message):
        train_vocabulary(text, tmp_path / "v", size)
    assert not (tmp_path / "v").exists()


def test_folders_that_are_something_else(text: Path, vocabulary: Path, tmp_path: Path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(PretrainingError, match="holds something else"):
        train_vocabulary(text, tmp_path / "full")
    with pytest.raises(PretrainingError, match="holds something else"):
        pack(text, vocabulary, tmp_path / "full")
    with pytest.raises(FormatError, match="spacy bioner pretrain-text"):
        train_vocabulary(tmp_path, tmp_path / "v")
    with pytest.raises(FormatError, match="name a folder with a vocabulary"):
        pack(text, tmp_path / "none", tmp_path / "packed")
    (tmp_path / "full" / "vocab.txt").write_text("[PAD]\n[CLS]\nword\n", encoding="utf8")
    with pytest.raises(FormatError, match=r"\[UNK\], \[SEP\], \[MASK\] isn't in it"):
        pack(text, tmp_path / "full", tmp_path / "packed")


def test_vocabulary_of_too_many_pieces(text: Path, tmp_path: Path):
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = [f"w{i}" for i in range(70_000)]
    (tmp_path / "vocab.txt").write_text("\n".join([*specials, *words]), encoding="utf8")
    with pytest.raises(PretrainingError, match=r"70,005 word pieces are more than 65,536"):
        pack(text, tmp_path, tmp_path / "packed")


def test_packed_is_all_of_the_text_in_its_order(text: Path, vocabulary: Path, packed: Path):
    found, tokenizer = load_packed(packed), load_tokenizer(vocabulary)
    for stream, files in (
        (found.training, ["devel.txt.xz", "train.txt.xz"]),
        (found.held_out, ["held-out.txt.xz"]),
    ):
        expected = [
            [n for p in document for n in tokenizer(p, add_special_tokens=False)["input_ids"]]
            for file in files
            for document in read_documents(text / file)
        ]
        ends = np.flatnonzero(stream == SEP)
        assert [part[part != SEP].tolist() for part in np.split(stream, ends + 1)[:-1]] == expected
        assert len(expected) > 5
    manifest = found.manifest
    assert manifest["pieces"] == len(found.training)
    assert manifest["held_out"]["pieces"] == len(found.held_out)
    assert manifest["vocabulary"] == {
        "size": 400,
        "cased": True,
        "sha256": manifest["vocabulary"]["sha256"],
    }
    assert manifest["text"]["words"] > 1000
    assert found.vocabulary == tuple(pieces_of(vocabulary))


def test_packed_again_is_the_same(text: Path, vocabulary: Path, packed: Path, tmp_path: Path):
    pack(text, vocabulary, tmp_path / "again")
    for path in packed.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


def test_text_without_held_out_documents(raw_text: Path, vocabulary: Path, tmp_path: Path):
    prepare_text([raw_text], tmp_path / "text", Overlap(), held_out=0.0)
    assert pack(tmp_path / "text", vocabulary, tmp_path / "packed")["held_out"]["pieces"] == 0


def test_text_that_was_changed(text: Path, vocabulary: Path, tmp_path: Path):
    shutil.copytree(text, tmp_path / "text")
    (tmp_path / "text" / "train.txt.xz").write_bytes((text / "devel.txt.xz").read_bytes())
    with pytest.raises(FormatError, match=r"train\.txt\.xz.*make the text again"):
        pack(tmp_path / "text", vocabulary, tmp_path / "packed")


def test_parts_that_were_changed_or_are_missing(packed: Path, tmp_path: Path):
    folder = tmp_path / "packed"
    shutil.copytree(packed, folder)
    (folder / "train.pieces.xz").write_bytes((folder / "devel.pieces.xz").read_bytes())
    with pytest.raises(FormatError, match=r"train\.pieces\.xz.*copy or pack it again"):
        load_packed(folder)
    (folder / "train.pieces.xz").unlink()
    with pytest.raises(FormatError, match=r"train\.pieces\.xz.*the manifest names it"):
        load_packed(folder)
    (folder / "manifest.json").write_text(json.dumps({"format": 1}), encoding="utf8")
    with pytest.raises(FormatError, match="spacy bioner pretrain-pack"):
        load_packed(folder)


@given(st.lists(st.integers(0, 2**16 - 1), max_size=50))
def test_part_round_trip(tmp_path_factory: pytest.TempPathFactory, numbers: list[int]):
    path = tmp_path_factory.getbasetemp() / "part.xz"
    entry = write_part(path, np.array(numbers, dtype=np.uint16))
    assert entry["pieces"] == len(numbers)
    assert read_part(path.parent, entry).tolist() == numbers


@given(st.integers(0, 100), st.integers(3, 12), st.integers(0, 20))
def test_sequences_hold_the_stream(size: int, length: int, offset: int):
    stream = np.arange(10, 10 + size, dtype=np.uint16)
    cut = sequences(stream, length, CLS, SEP, offset)
    assert set(cut[:, 0]) <= {CLS}
    assert set(cut[:, -1]) <= {SEP}
    inside = cut[:, 1:-1].flatten().tolist()
    assert inside == stream[offset : offset + len(inside)].tolist()
    assert max(0, size - offset) - len(inside) < length - 2


@given(st.integers(30, 90), st.lists(st.integers(1, 7), min_size=1, max_size=12), st.integers(0, 11))
def test_feed_goes_on_from_where_another_stood(size: int, counts: list[int], cut: int):
    stream = np.arange(10, 10 + size, dtype=np.uint16)
    whole = Feed(stream, CLS, SEP, seed=5)
    expected = [whole.batch(6, count).tolist() for count in counts]
    first, second = Feed(stream, CLS, SEP, seed=5), Feed(stream, CLS, SEP, seed=5)
    found = [first.batch(6, count).tolist() for count in counts[:cut]]
    second.state = first.state
    assert found + [second.batch(6, count).tolist() for count in counts[cut:]] == expected
    assert [len(batch) for batch in expected] == counts


def test_feed_gives_everything_once_an_epoch_and_in_another_way_in_the_next():
    stream = np.arange(10, 1010, dtype=np.uint16)
    feed = Feed(stream, CLS, SEP, seed=1)
    first = feed.batch(12, 99)
    assert feed.epoch == 1
    inside = first[:, 1:-1].flatten()
    assert len(set(inside.tolist())) == len(inside) == 990
    assert inside.tolist() != sorted(inside.tolist())
    assert not np.array_equal(feed.batch(12, 99), first)
    assert feed.epoch in (2, 3)
    epoch = feed.epoch
    assert feed.batch(22, 2).shape == (2, 22)
    assert (feed.epoch, feed.position) == (epoch + 1, 2)


def test_feed_of_too_little_text():
    with pytest.raises(PretrainingError, match="12 word pieces are too few for sequences of 10"):
        Feed(np.arange(12, dtype=np.uint16), CLS, SEP, seed=1).batch(10, 1)


def test_verbs(run_cli: Callable[..., str], refuse_cli: Callable[..., str], text: Path, tmp_path: Path):
    arguments = ["--size", 300, "--min-frequency", 2, "--lowercase"]
    output = " ".join(run_cli("bioner", "pretrain-vocabulary", text, tmp_path / "v", *arguments).split())
    assert "300 word pieces" in output
    output = " ".join(run_cli("bioner", "pretrain-pack", text, tmp_path / "v", tmp_path / "p").split())
    assert f"{load_packed(tmp_path / 'p').manifest['pieces']:,} word pieces" in output
    assert "vocab.txt" in refuse_cli("bioner", "pretrain-pack", text, tmp_path, tmp_path / "p")
