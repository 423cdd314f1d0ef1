"""Word pieces of a text as a stream of 16-bit numbers in compressed parts, and sequences cut from it.

A document's word pieces, then [SEP], then the next document's. A part is that stream as little-endian
unsigned 16-bit integers, xz; manifest.json has the checksum of each, vocab.txt beside it what the numbers
mean. Sequences are cut where they are needed: [CLS], as many word pieces of the stream as fit, [SEP]. None
has padding, the same parts serve for every length, and a sequence may go from one document into the next.
"""

import hashlib
import json
import lzma
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spacy_bioner.errors import FormatError, PretrainingError

MANIFEST = "manifest.json"
Pieces = NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Packed:
    """Packed text, in memory.

    Attributes:
        manifest: what is known of it.
        vocabulary: its word pieces.
        training, held_out: the two streams.
    """

    manifest: dict[str, Any]
    vocabulary: tuple[str, ...]
    training: Pieces
    held_out: Pieces

    def number(self, piece: str) -> int:
        """The number of a word piece in the vocabulary; raises ValueError if it isn't in it."""
        return self.vocabulary.index(piece)


def write_part(path: Path, pieces: Pieces) -> dict[str, Any]:
    """Writes a part; returns its entry in the manifest."""
    data = lzma.compress(pieces.astype("<u2").tobytes(), preset=1)
    path.write_bytes(data)
    return {"file": path.name, "pieces": len(pieces), "sha256": hashlib.sha256(data).hexdigest()}


def read_part(folder: Path, entry: dict[str, Any]) -> Pieces:
    """Reads a part, as its entry in the manifest describes it.

    Raises:
        FormatError: if it isn't there, or has another checksum.
    """
    path = folder / entry["file"]
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise FormatError(path, None, "there is no such file, and the manifest names it [B504]") from None
    if hashlib.sha256(data).hexdigest() != entry["sha256"]:
        raise FormatError(
            path, None, "not the file that the manifest describes: copy or pack it again [B505]"
        )
    return np.frombuffer(lzma.decompress(data), dtype="<u2").astype(np.uint16, copy=False)


def load_packed(folder: Path) -> Packed:
    """Reads packed text, and checks every part.

    Raises:
        FormatError: if the folder isn't what `pack` makes, or a part isn't the one that was written.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf8"))
        vocabulary = tuple((folder / "vocab.txt").read_text(encoding="utf8").splitlines())
        entries = [*manifest["parts"], manifest["held_out"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = f"not packed text ({type(error).__name__}): make it with spacy bioner pretrain-pack [B565]"
        raise FormatError(path, None, why) from None
    *parts, held_out = [read_part(folder, entry) for entry in entries]
    return Packed(manifest, vocabulary, np.concatenate(parts), held_out)


def sequences(stream: Pieces, length: int, cls: int, sep: int, offset: int = 0) -> Pieces:
    """Cuts a stream into sequences; what is left at its end is left out.

    Args:
        stream: word pieces.
        length: of each sequence, [CLS] and [SEP] included.
        cls, sep: their numbers.
        offset: where in the stream the first sequence begins.

    Returns:
        An array with a sequence a row.
    """
    room = length - 2
    count = max(0, len(stream) - offset) // room
    return _framed(stream[offset : offset + count * room].reshape(count, room), cls, sep)


def _framed(rows: Pieces, cls: int, sep: int) -> Pieces:
    """Rows of word pieces with [CLS] before and [SEP] behind each."""
    cut = np.empty((len(rows), rows.shape[1] + 2), dtype=np.uint16)
    cut[:, 0], cut[:, -1] = cls, sep
    cut[:, 1:-1] = rows
    return cut


class Feed:
    """Batches of sequences without an end: all of a stream, then again, cut elsewhere and in another order.

    Attributes:
        epoch: how often the stream was begun.
        position: how many sequences of this epoch were given.
        length: of the sequences of this epoch.
    """

    def __init__(self, stream: Pieces, cls: int, sep: int, seed: int) -> None:
        self.epoch = self.position = self.length = 0
        self._stream, self._cls, self._sep, self._seed = stream, cls, sep, seed
        self._starts: NDArray[np.int64] = np.empty(0, dtype=np.int64)

    @property
    def state(self) -> tuple[int, int, int]:
        """Where it stands: set to this, a feed of the same stream and seed gives the same batches."""
        return self.epoch, self.position, self.length

    @state.setter
    def state(self, state: tuple[int, int, int]) -> None:
        """Goes to that place in the stream, drawing the order of its epoch again."""
        self.epoch, self.position, self.length = state
        if self.length:
            self._starts = self._draw()

    def batch(self, length: int, count: int) -> Pieces:
        """The next sequences. With another length than before, a new epoch begins.

        Raises:
            PretrainingError: if the stream is too short for two sequences.
        """
        rows: list[Pieces] = []
        while count:
            if length != self.length or self.position == len(self._starts):
                self.state = (self.epoch + 1, 0, length)
            starts = self._starts[self.position : self.position + count]
            cut = self._stream[starts[:, None] + np.arange(length - 2)]
            rows.append(_framed(cut, self._cls, self._sep))
            self.position += len(starts)
            count -= len(starts)
        return np.concatenate(rows)

    def _draw(self) -> NDArray[np.int64]:
        """Where the sequences of the epoch begin, in their order."""
        room = self.length - 2
        if len(self._stream) < 2 * room:
            raise PretrainingError(
                f"{len(self._stream):,} word pieces are too few for sequences of {self.length}: give more "
                "text, or a smaller length. [B506]"
            )
        random = np.random.default_rng([self._seed, self.epoch])
        offset = int(random.integers(room))
        return offset + room * random.permutation((len(self._stream) - offset) // room)
