"""Sentences that are the same, or nearly the same, as sentences of other data: exact, in numpy.

Sentences are compared by their words: runs of letters and digits in lower case, so that tokens, punctuation
and case make no difference. They are nearly the same if the sets of their shingles (three words in a row; all
words of a shorter sentence) have a Jaccard index of at least a threshold.

Only pairs that share one of their rarest shingles are compared, which every pair above the threshold does
(prefix filtering: Chaudhuri, Ganti and Kaushik 2006; Bayardo, Ma and Srikant 2007): nothing is missed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spacy_bioner.text.rough_sentences import words_of

NEAR = 0.8
"""From which Jaccard index on two sentences are nearly the same."""
SHINGLE = 3
_BUCKETS = 1 << 24  # in which shingles are counted: how rare one is need not be exact
_PAIRS = 200_000  # compared at once
_EXPANDED = 4_000_000  # pairs that share a shingle, made at once

Hashes = NDArray[np.uint64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Match:
    """A sentence, with the most similar one of the other data.

    Attributes:
        other, sentence: their positions.
        similarity: the Jaccard index of their shingles; 1 if they have the same words.
    """

    other: int
    sentence: int
    similarity: float


class Vocabulary:
    """Numbers words; sentences that are compared need the same one."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def sentences(self, texts: Iterable[str]) -> "Sentences":
        """Makes sentences comparable, each distinct sequence of words kept once."""
        numbers, known = self._numbers, dict[int, int]()
        flat, lengths, firsts, whole = list[int](), list[int](), list[int](), list[int]()
        blocks: list[NDArray[np.int32]] = []
        for position, text in enumerate(texts):
            words = [numbers.setdefault(word, len(numbers)) for word in words_of(text)]
            key = hash(tuple(words))
            whole.append(known.setdefault(key, len(lengths)) if words else -1)
            if words and whole[-1] == len(lengths):
                flat += words
                lengths.append(len(words))
                firsts.append(position)
            if len(flat) > _EXPANDED:
                blocks.append(np.array(flat, dtype=np.int32))
                flat.clear()
        blocks.append(np.array(flat, dtype=np.int32))
        others = (np.array(values, dtype=np.int64) for values in (lengths, list(known), firsts, whole))
        return Sentences(np.concatenate(blocks), *others)


@dataclass(frozen=True, slots=True)
class Sentences:
    """Distinct sentences.

    Attributes:
        words: the numbers of their words, one sentence after the other.
        lengths: how many words each has.
        keys: a hash of each.
        firsts: the position of the first text with these words.
        of_text: which of them each text is; -1 for a text without words.
    """

    words: NDArray[np.int32]
    lengths: Ints
    keys: Ints
    firsts: Ints
    of_text: Ints


def most_similar(others: Sentences, sentences: Sentences, threshold: float = NEAR) -> list[Match]:
    """The most similar of some sentences for each of others, where it is similar enough.

    Args:
        others: what is looked through.
        sentences: what is looked for; both by the same `Vocabulary`.
        threshold: the least Jaccard index.

    Returns:
        The matches, by position; all texts that are the same have one.
    """
    best: NDArray[np.float64] = np.zeros(len(sentences.lengths))
    of: Ints = np.full(len(sentences.lengths), -1, dtype=np.int64)
    same = dict(zip(others.keys.tolist(), range(len(others.keys)), strict=True))
    for place, key in enumerate(sentences.keys.tolist()):
        if key in same:
            best[place], of[place] = 1.0, same[key]
    rest = np.flatnonzero(of < 0)
    if len(rest) and len(others.lengths):
        left, right = _shingled(others), _shingled(sentences)
        rarity = _counts(left.hashes) + _counts(right.hashes)
        for i, j, similarity in _candidates(left, right, rarity, rest, threshold):
            better = similarity > best[j]
            # the last of those of one sentence in a row is its best
            order = np.lexsort((similarity[better], j[better]))
            places = j[better][order]
            best[places], of[places] = similarity[better][order], i[better][order]
    return [
        Match(int(others.firsts[of[place]]), position, float(best[place]))
        for position, place in enumerate(sentences.of_text.tolist())
        if place >= 0 and of[place] >= 0
    ]


@dataclass(frozen=True, slots=True)
class _Shingled:
    """The sets of shingles of sentences: those of sentence i are hashes[starts[i]:starts[i + 1]]."""

    hashes: Hashes
    starts: Ints

    @property
    def sizes(self) -> Ints:
        return np.diff(self.starts)


def _shingled(sentences: Sentences) -> _Shingled:
    mixed = _mix(sentences.words.astype(np.uint64) + np.uint64(1))
    ends = np.cumsum(sentences.lengths)
    starts = ends - sentences.lengths
    owner = np.repeat(np.arange(len(ends)), sentences.lengths)
    place = np.arange(len(mixed)) - starts[owner]
    hashes: Hashes = mixed.copy()
    for shift in range(1, SHINGLE):
        inside = place + shift < sentences.lengths[owner]
        following = np.zeros_like(mixed)
        following[:-shift] = mixed[shift:]
        following[~inside] = 0
        hashes = _mix(hashes + following * np.uint64(2 * shift + 1))
    # a shingle begins at each word but the last two; a shorter sentence has one
    kept = place <= np.maximum(sentences.lengths[owner] - SHINGLE, 0)
    hashes, owner = hashes[kept], owner[kept]
    order = np.lexsort((hashes, owner))
    hashes, owner = hashes[order], owner[order]
    new = np.ones(len(hashes), dtype=bool)
    new[1:] = (hashes[1:] != hashes[:-1]) | (owner[1:] != owner[:-1])
    sizes = np.bincount(owner[new], minlength=len(ends))
    return _Shingled(hashes[new], np.concatenate([[0], np.cumsum(sizes)]))


def _mix(numbers: Hashes) -> Hashes:
    """Spreads numbers over 64 bits (the finalizer of splitmix64)."""
    mixed = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _counts(hashes: Hashes) -> Ints:
    return np.bincount((hashes >> np.uint64(40)).astype(np.int64), minlength=_BUCKETS)


def _prefixes(shingled: _Shingled, rarity: Ints, threshold: float) -> tuple[Hashes, Ints]:
    """The rarest shingles of each sentence, as many as have to hold one that a similar sentence shares."""
    sizes = shingled.sizes
    owner = np.repeat(np.arange(len(sizes)), sizes)
    counts = rarity[(shingled.hashes >> np.uint64(40)).astype(np.int64)]
    order = np.lexsort((shingled.hashes, counts, owner))
    place = np.arange(len(order)) - shingled.starts[owner]
    length = sizes - np.ceil(threshold * sizes - 1e-9).astype(np.int64) + 1
    kept = order[place < length[owner]]
    return shingled.hashes[kept], owner[kept]


def _candidates(
    left: _Shingled, right: _Shingled, rarity: Ints, wanted: Ints, threshold: float
) -> Iterator[tuple[Ints, Ints, NDArray[np.float64]]]:
    """Pairs above the threshold: positions on both sides, and their similarity."""
    hashes, owners = _prefixes(left, rarity, threshold)
    order = np.argsort(hashes, kind="stable")
    hashes, owners = hashes[order], owners[order]
    sought, of = _prefixes(right, rarity, threshold)
    kept = np.isin(of, wanted)
    sought, of = sought[kept], of[kept]
    begins = np.searchsorted(hashes, sought, "left")
    counts = np.searchsorted(hashes, sought, "right") - begins
    hit = counts > 0
    begins, counts, of = begins[hit], counts[hit], of[hit]
    sizes_left, sizes_right = left.sizes, right.sizes
    for part in _parts(counts):
        first, count, j = begins[part], counts[part], np.repeat(of[part], counts[part])
        shift = np.arange(len(j)) - np.repeat(np.cumsum(count) - count, count)
        i = owners[np.repeat(first, count) + shift]
        small, large = np.minimum(sizes_left[i], sizes_right[j]), np.maximum(sizes_left[i], sizes_right[j])
        fits = small >= threshold * large - 1e-9
        pairs = np.unique(i[fits] * len(sizes_right) + j[fits])
        for start in range(0, len(pairs), _PAIRS):
            i, j = np.divmod(pairs[start : start + _PAIRS], len(sizes_right))
            common = _in_common(left, right, i, j)
            similarity = common / (sizes_left[i] + sizes_right[j] - common)
            near = similarity >= threshold - 1e-9
            yield i[near], j[near], similarity[near]


def _parts(counts: Ints) -> Iterator[slice]:
    """Cuts what is to be expanded into parts of about `_EXPANDED`."""
    ends = np.cumsum(counts)
    start = 0
    while start < len(counts):
        before = ends[start - 1] if start else 0
        stop = max(int(np.searchsorted(ends, before + _EXPANDED, "right")), start + 1)
        yield slice(start, stop)
        start = stop


def _in_common(left: _Shingled, right: _Shingled, i: Ints, j: Ints) -> Ints:
    """How many shingles the sentences of each pair share."""
    keys, pairs = [], []
    for side, places in ((left, i), (right, j)):
        sizes = side.sizes[places]
        pair = np.repeat(np.arange(len(places)), sizes)
        shift = np.arange(len(pair)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        keys.append(side.hashes[np.repeat(side.starts[places], sizes) + shift])
        pairs.append(pair)
    key, pair = np.concatenate(keys), np.concatenate(pairs)
    order = np.lexsort((key, pair))
    key, pair = key[order], pair[order]
    twice = (key[1:] == key[:-1]) & (pair[1:] == pair[:-1])
    return np.bincount(pair[1:][twice], minlength=len(i))
