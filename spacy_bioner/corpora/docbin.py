"""Reading and writing .spacy files (spaCy's DocBin) with the annotation records of their Docs."""

import zlib
from collections.abc import Iterable
from copy import deepcopy
from pathlib import Path

import srsly
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from spacy_bioner.corpora.annotations import KEY
from spacy_bioner.errors import FormatError
from spacy_bioner.files import MOST_INFLATED, most_inflated, open_input

_PIECE = 1 << 16
DOCBIN_ATTRS = ("ORTH", "SENT_START", "ENT_IOB", "ENT_TYPE")
"""What is stored of each token."""


def docbin(docs: Iterable[Doc]) -> DocBin:
    """Collects Docs for a .spacy file: tokens, sentence starts, entities, and their user data."""
    # What the Docs of a corpus carry is nearly always the same, and srsly takes longer to pack it than
    # all the rest of a sentence: so it is packed once, beside DocBin.add.
    collected = DocBin(attrs=DOCBIN_ATTRS, store_user_data=False)
    packed: dict[str, bytes] = {}
    user_data: list[bytes | None] = []
    for doc in docs:
        collected.add(doc)
        if doc.user_data.keys() - {KEY}:  # not ours: what it is written as may be cut short
            user_data.append(srsly.msgpack_dumps(doc.user_data))
            continue
        key = repr(doc.user_data)
        if key not in packed:
            packed[key] = srsly.msgpack_dumps(doc.user_data)
        user_data.append(packed[key])
    collected.store_user_data = True
    collected.user_data = user_data
    return collected


def read_docbin(path: Path, vocab: Vocab | None = None) -> list[Doc]:
    """Reads the Docs of a .spacy file, into a vocabulary of their own if none is given.

    Raises:
        FormatError: if there is no such file, it isn't a DocBin, or one that would become more than
            `MOST_INFLATED` times as large.
    """
    with open_input(path) as file:
        data = b"".join(file)
    try:
        _check_size(path, data)
        stored = DocBin().from_bytes(data)
        packed, stored.user_data = stored.user_data, [None] * len(stored)
        user_data = {raw: srsly.msgpack_loads(raw, use_list=False) for raw in set(packed) if raw}
        docs = list(stored.get_docs(Vocab() if vocab is None else vocab))
        for doc, raw in zip(docs, packed, strict=True):
            if raw:
                doc.user_data.update(deepcopy(user_data[raw]))
        return docs
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, zlib.error) as error:
        hint = (
            f"; make one with `spacy bioner convert {path} {path.stem}.spacy`"
            if path.suffix != ".spacy"
            else ""
        )
        raise FormatError(path, None, f"not a .spacy file ({type(error).__name__}){hint} [B215]") from None


def _check_size(path: Path, data: bytes) -> None:
    """Raises FormatError if far more is packed in a .spacy file than such a file can need."""
    left, unpack = most_inflated(path), zlib.decompressobj()
    for start in range(0, len(data), _PIECE):
        piece = data[start : start + _PIECE]
        while piece:
            left -= len(unpack.decompress(piece, 16 * _PIECE))
            if left < 0:
                message = (
                    f"more than {MOST_INFLATED} times as large when unpacked: no real .spacy file is [B550]"
                )
                raise FormatError(path, None, message)
            piece = unpack.unconsumed_tail


def docbin_files(paths: Iterable[Path]) -> list[Path]:
    """The .spacy files that some paths stand for: a folder for those in it, in the order of their names.

    Raises:
        FormatError: if a folder has none.
    """
    files: list[Path] = []
    for path in paths:
        found = sorted(path.glob("*.spacy")) if path.is_dir() else [path]
        if not found:
            raise FormatError(path, None, "there is no .spacy file in this folder [B216]")
        files += found
    return files
