"""From Docs to windows of word pieces, and from their vectors back to tokens. No torch here.

A Doc that fits is one window. A longer one is cut into windows that overlap, and each token takes its
vector from the window in which it is farthest from an edge, so that it has context on both sides. Nothing is
cut off: a token that no window holds whole gets its vector from several.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
from spacy.attrs import IDX, LENGTH
from spacy.tokens import Doc

from spacy_bioner.array_types import Ints
from spacy_bioner.text.folding import fold_with_origins


@dataclass(frozen=True, slots=True)
class Pieces:
    """The word pieces of a Doc, without special ones.

    Attributes:
        ids: (pieces,), numbers in the vocabulary.
        starts, ends: (pieces,), where in the Doc's text each begins and ends. Of a character that is folded
            into several, a piece of any of them has all.
        strings: the pieces themselves.
    """

    ids: Ints
    starts: Ints
    ends: Ints
    strings: Sequence[str]


@dataclass(frozen=True, slots=True)
class Layout:
    """How a Doc's tokens lie in its windows.

    Attributes:
        windows: first piece of each window, and the one after its last.
        places: for all pieces of all tokens, in order: the window of each, and its place in it without
            special pieces; (token pieces, 2).
        lengths: (tokens,), how many pieces each token has.
    """

    windows: Sequence[tuple[int, int]]
    places: Ints
    lengths: Ints


def whole(tokenizer: Any) -> Any:
    """The inner tokenizer of a fast one of transformers, which then neither cuts texts nor pads them.

    What was stored with it, as sentence-transformers does, or set by a call of the user's, would cut texts
    without a word, or put padding behind each.
    """
    backend = tokenizer.backend_tokenizer
    # setting it, even to what it is, fails while another thread uses the tokenizer
    if backend.truncation is not None:
        backend.no_truncation()
    if backend.padding is not None:
        backend.no_padding()
    return backend


def tokenize(tokenizer: Any, docs: Iterable[Doc], folding: bool = False) -> list[Pieces]:
    """Splits the texts of Docs into word pieces, by a fast tokenizer of transformers.

    Args:
        tokenizer: the tokenizer.
        docs: the Docs.
        folding: whether it gets them folded to ASCII, see `spacy_bioner.text.folding`.
    """
    backend = whole(tokenizer)
    # as spacy-transformers does, without the space behind the last token
    texts = [doc.text[: -len(doc[-1].whitespace_) or None] if len(doc) else "" for doc in docs]
    folded = [fold_with_origins(text) if folding else (text, None) for text in texts]
    encodings = backend.encode_batch([text for text, _ in folded], add_special_tokens=False)
    unknown = -1 if tokenizer.unk_token_id is None else tokenizer.unk_token_id
    pieces = []
    for encoding, (_, origins) in zip(encodings, folded, strict=True):
        offsets = numpy.array(encoding.offsets, dtype="int32").reshape((-1, 2))
        if origins is not None:
            offsets = _unfolded(offsets, origins)
        ids = numpy.array(encoding.ids, dtype="int64")
        strings = encoding.tokens
        for i in numpy.flatnonzero(ids == unknown):
            strings[i] = tokenizer.unk_token  # some tokenizers give the text that they don't know
        pieces.append(Pieces(ids, offsets[:, 0], offsets[:, 1], strings))
    return pieces


def _unfolded(offsets: Ints, origins: Ints) -> Ints:
    """From offsets in a folded text to those in the text itself.

    Args:
        offsets: (pieces, 2), where each begins and ends.
        origins: for each character of the folded text, the number of the one that it comes from.
    """
    made = numpy.zeros_like(offsets)
    real = offsets[:, 1] > offsets[:, 0]  # a piece of no characters stays one
    made[real, 0] = origins[offsets[real, 0]]
    made[real, 1] = origins[offsets[real, 1] - 1] + 1
    return made


def windows(count: int, capacity: int, overlap: int) -> list[tuple[int, int]]:
    """Cuts pieces into windows: as few as possible, near equal in length, overlapping by `overlap` or more.

    Args:
        count: how many pieces.
        capacity: how many a window holds.
        overlap: how many two neighbours share at least; less than the capacity.

    Returns:
        First piece of each window, and the one after its last; one window if there are no pieces.
    """
    if count <= capacity:
        return [(0, count)]
    number = -(-(count - overlap) // (capacity - overlap))
    length = -(-(count + (number - 1) * overlap) // number)
    starts = [round(k * (count - length) / (number - 1)) for k in range(number)]
    return [(start, start + length) for start in starts]


def lay_out(doc: Doc, pieces: Pieces, capacity: int, overlap: int) -> Layout:
    """Finds the pieces of each token, and cuts a Doc into windows.

    A piece belongs to every token that it shares a character with; white space has none.

    Args:
        doc: the Doc.
        pieces: the word pieces of its text, with the characters that each is made of.
        capacity: how many pieces a window has at most, special ones not counted.
        overlap: how many pieces neighbouring windows have in common.
    """
    places = doc.to_array([IDX, LENGTH]).astype("int64").reshape((-1, 2))
    token_starts, token_ends = places[:, 0], places[:, 0] + places[:, 1]
    # pieces of no characters belong to no token
    real = numpy.flatnonzero(pieces.ends > pieces.starts)
    first = numpy.searchsorted(pieces.ends[real], token_starts, side="right")
    last = numpy.searchsorted(pieces.starts[real], token_ends, side="left")
    lengths = numpy.maximum(last - first, 0)
    # the numbers of all pieces of all tokens in a row: each token's first, and so on from there
    before = numpy.cumsum(lengths) - lengths
    flat = real[numpy.arange(lengths.sum()) + numpy.repeat(first - before, lengths)]
    cut = windows(len(pieces.ids), capacity, overlap)
    if len(cut) == 1:
        return Layout(cut, numpy.stack([numpy.zeros_like(flat), flat], axis=1), lengths)
    starts, ends = numpy.array(cut).T
    # between neighbours, pieces are farther from the first one's edge up to the middle of what they share
    middles = (starts[1:] + ends[:-1] + 1) // 2
    home = numpy.searchsorted(middles, numpy.arange(len(pieces.ids)), side="right")
    chosen = home[flat]
    # a token goes whole to the window of its middle piece, if that has all of it
    owned = lengths > 0
    begin, end = before[owned], before[owned] + lengths[owned] - 1
    middle = home[flat[begin + lengths[owned] // 2]]
    whole = (starts[middle] <= flat[begin]) & (flat[end] < ends[middle])
    counts = lengths[owned]
    chosen = numpy.where(numpy.repeat(whole, counts), numpy.repeat(middle, counts), chosen)
    return Layout(cut, numpy.stack([chosen, flat - starts[chosen]], axis=1), lengths)


def batches(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Puts sequences of like length together, so that with padding each batch stays within a budget.

    Args:
        lengths: of the sequences.
        budget: how many pieces a batch may have, with padding; a longer sequence is a batch of its own.

    Returns:
        The numbers of the sequences in each batch, the longest first.
    """
    made: list[list[int]] = []
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        # the first of a batch is its longest
        if made and (len(made[-1]) + 1) * lengths[made[-1][0]] <= budget:
            made[-1].append(i)
        else:
            made.append([i])
    return made
