"""Learns from the names of a knowledge base how names of one concept differ, see `wording`.

Names without one of their words are told apart by sums of pseudorandom numbers of 64 bits, one for each
word: two that differ have the same sum about once in 4,000,000 knowledge bases of 500,000 names.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy

from spacy_bioner.knowledge.name_words import Vocabulary, ranges
from spacy_bioner.knowledge.wording import PRECISION, LearnedWording

_LONGEST = 8  # words of names that are learned from
_DOUBT = 1.0  # added to how often two words were seen, so that once isn't always
_WEIGHT = 4.0  # of the mean for words that were seen rarely
_BLOCK = 1 << 22  # pairs of words and names that are looked at together

Ints = numpy.ndarray


@dataclass(frozen=True, slots=True)
class _Owners:
    """The concepts of names.

    Attributes:
        pairs: name times `concepts` plus concept, in order, each once.
        concepts: how many concepts there are.
        counts: how many concepts each name has.
    """

    pairs: Ints
    concepts: int
    counts: Ints

    def of(self, names: Ints) -> tuple[Ints, Ints]:
        """The concepts of some names, and for each the place in `names` that it is of."""
        counts = self.counts[names]
        starts = (numpy.cumsum(self.counts) - self.counts)[names]
        concepts = self.pairs[ranges(starts, counts)] % self.concepts
        return concepts, numpy.repeat(numpy.arange(len(names)), counts)

    def share(self, names: Ints, others: Ints) -> Ints:
        """Whether each name has a concept in common with another one."""
        concepts, places = self.of(names)
        both = _is_among(others[places] * self.concepts + concepts, self.pairs)
        return numpy.bincount(places[both], minlength=len(names)) > 0


@dataclass(frozen=True, slots=True)
class _Omissions:
    """Names of which one word is left out, each of them in turn.

    Attributes:
        words: the word that is left out.
        names: the name.
        rests: what stands for the words that are left.
        sums: for every name what stands for all its words.
    """

    words: Ints
    names: Ints
    rests: Ints
    sums: Ints


def learn_wording(vocabulary: Vocabulary, names: Ints, concepts: Ints) -> LearnedWording:
    """Learns how names differ.

    Args:
        vocabulary: the words of the names.
        names: numbers of names, one for each concept that has it.
        concepts: these concepts.
    """
    size = int(concepts.max(initial=0)) + 1
    pairs = numpy.unique(names.astype("int64") * size + concepts)
    owners = _Owners(pairs, size, numpy.bincount(pairs // size, minlength=len(vocabulary.ends)))
    omissions = _omit_words(vocabulary)
    extra = _learn_extra(omissions, owners, len(vocabulary.words))
    return LearnedWording(extra, *_learn_same(omissions, owners, len(vocabulary.words)))


def _omit_words(vocabulary: Vocabulary) -> _Omissions:
    names = vocabulary.owners
    codes = _pseudorandom(len(vocabulary.words))[vocabulary.numbers]
    totals = numpy.concatenate([numpy.zeros(1, "uint64"), numpy.cumsum(codes, dtype="uint64")])
    sums = numpy.diff(totals[numpy.concatenate([[0], vocabulary.ends])])
    short = (numpy.diff(vocabulary.ends, prepend=0) <= _LONGEST)[names]
    names, codes = names[short], codes[short]
    return _Omissions(vocabulary.numbers[short], names, sums[names] - codes, sums)


def _pseudorandom(count: int) -> Ints:
    """The first numbers of the generator SplitMix64 (Steele, Lea and Flood 2014)."""
    numbers = numpy.arange(1, count + 1, dtype="uint64") * numpy.uint64(0x9E3779B97F4A7C15)
    numbers = (numbers ^ (numbers >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> numpy.uint64(31))


def _learn_extra(omissions: _Omissions, owners: _Owners, words: int) -> Ints:
    """How probable it is that names are synonyms of which one has a word more: for each word, and for those
    that were never left out of another name; these also stand at the end."""
    order = numpy.argsort(omissions.sums, kind="stable")
    there, places = _find(omissions.rests, omissions.sums[order])
    whole, names, omitted = order[places[there]], omissions.names[there], omissions.words[there]
    same = owners.share(names, whole)
    synonyms = numpy.bincount(omitted[same], minlength=words).tolist()
    others = numpy.bincount(omitted[~same], minlength=words).tolist()
    mean = (sum(synonyms) + 1) / (sum(synonyms) + sum(others) + 2)
    rounded = round(mean, 3)
    values = [
        round((s + _WEIGHT * mean) / (s + o + _WEIGHT), 3) if s or o else rounded
        for s, o in zip(synonyms, others, strict=True)
    ]
    return _stored([*values, rounded])


def _learn_same(omissions: _Omissions, owners: _Owners, words: int) -> tuple[Ints, Ints, Ints]:
    """How probable it is that names are synonyms that differ in one word: for each word where those that
    stand for it end, these, and their probabilities."""
    _, groups, sizes = numpy.unique(omissions.rests, return_inverse=True, return_counts=True)
    several = sizes[groups] > 1
    groups, omitted, names = groups[several], omissions.words[several], omissions.names[several]
    concepts, places = owners.of(names)
    first, second, counts = _count_synonyms(groups[places], concepts, omitted[places])
    together = _count_together(first, second, groups, omitted, len(sizes))
    values = _stored(
        round(count / (n + _DOUBT), 3)
        for count, n in zip(counts.tolist(), together.tolist(), strict=True)
    )  # fmt: skip
    left, right = numpy.concatenate([first, second]), numpy.concatenate([second, first])
    order = numpy.lexsort((right, left))
    ends = numpy.cumsum(numpy.bincount(left, minlength=words))
    return ends.astype("int32"), right[order].astype("int32"), numpy.concatenate([values, values])[order]


def _count_synonyms(groups: Ints, concepts: Ints, omitted: Ints) -> tuple[Ints, Ints, Ints]:
    """Pairs of words, the lower one first, and the number of groups in which names of one concept have them.

    Args:
        groups: for each word of a name of a concept what is left of the name without it.
        concepts: the concept.
        omitted: the word.
    """
    if not len(groups):
        return groups, groups, groups
    size, words = int(concepts.max()) + 1, int(omitted.max()) + 1
    sets, members = numpy.unique(groups * size + concepts, return_inverse=True)
    both = numpy.unique(members * words + omitted)
    members, omitted = both // words, both % words
    counts = numpy.bincount(members)[members]
    first = numpy.repeat(numpy.arange(len(both)), counts)
    second = ranges(numpy.searchsorted(members, members), counts)
    first, second = first[first < second], second[first < second]
    codes, pairs = numpy.unique(omitted[first] * words + omitted[second], return_inverse=True)
    once = numpy.unique(sets[members[first]] // size * len(codes) + pairs)
    return codes // words, codes % words, numpy.bincount(once % len(codes), minlength=len(codes))


def _count_together(first: Ints, second: Ints, groups: Ints, members: Ints, size: int) -> Ints:
    """In how many groups both words of each pair stand: of the rarer one all groups are looked at."""
    known = numpy.unique(members * size + groups)
    counts = numpy.bincount(known // max(size, 1), minlength=int(members.max(initial=0)) + 1)
    starts = numpy.cumsum(counts) - counts
    lower = counts[first] <= counts[second]
    rare, common = numpy.where(lower, first, second), numpy.where(lower, second, first)
    ends = numpy.cumsum(counts[rare])
    together = numpy.zeros(len(first), dtype="int64")
    start = 0
    while start < len(first):
        before = int(ends[start - 1]) if start else 0
        end = max(int(numpy.searchsorted(ends, before + _BLOCK, side="right")), start + 1)
        part = slice(start, end)
        sizes = counts[rare[part]]
        of_rare = known[ranges(starts[rare[part]], sizes)] % size
        pairs = numpy.repeat(numpy.arange(end - start), sizes)
        found = _is_among(common[part][pairs] * size + of_rare, known)
        together[part] = numpy.bincount(pairs[found], minlength=end - start)
        start = end
    return together


def _find(values: Ints, among: Ints) -> tuple[Ints, Ints]:
    """Whether values are among others, which are in order; and where."""
    if not len(among):
        return numpy.zeros(len(values), dtype=bool), numpy.zeros(len(values), dtype="int64")
    places = numpy.minimum(numpy.searchsorted(among, values), len(among) - 1)
    return among[places] == values, places


def _is_among(values: Ints, among: Ints) -> Ints:
    return _find(values, among)[0]


def _stored(values: Iterable[float]) -> Ints:
    """Probabilities as the file has them: of two bytes each."""
    return numpy.array([round(v * PRECISION) for v in values], dtype="uint16")
