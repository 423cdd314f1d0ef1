"""The most similar names, exactly: the highest cosines of TF-IDF vectors of character 3-grams.

The values of all names that share a gram with a query are summed up in one sparse product. These sums of
single precision only choose; the cosines of what was chosen are summed up once more, each in the order of
its grams, so that nothing depends on the machine's way of adding.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy

from spacy_bioner.knowledge.grams import GRAMS, grams_of

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

LONGEST = 200
"""How many characters of a query's key are looked at."""

_BLOCK = 1 << 16  # names whose grams are counted, or their values computed, together
_FOLDS = 64  # the highest of so many values is taken first
_ROUNDING = 1e-6  # cosines that differ by less are equal


@dataclass(frozen=True, slots=True)
class Rows:
    """The grams of all names, as the file has them.

    Attributes:
        ends: where those of each name end.
        grams: the grams of each name, in order, each once.
        counts: how often each stands in the name.
    """

    ends: numpy.ndarray
    grams: numpy.ndarray
    counts: numpy.ndarray


def count_grams(keys: Sequence[str]) -> Rows:
    """Counts the grams of names, see `grams`."""
    parts = [_count_grams(keys[start : start + _BLOCK]) for start in range(0, len(keys) or 1, _BLOCK)]
    sizes, grams, counts = (numpy.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Rows(numpy.cumsum(sizes).astype("int32"), grams, counts)


def _count_grams(keys: Sequence[str]) -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]:
    """How many different grams each name has, these grams, and how often each stands in the name."""
    grams, lengths = grams_of(keys)
    names = numpy.repeat(numpy.arange(len(keys), dtype="int64"), lengths)
    pairs, counts = numpy.unique(names * GRAMS + grams, return_counts=True)
    sizes = numpy.bincount(pairs // GRAMS, minlength=len(keys))
    return sizes, (pairs % GRAMS).astype("uint16"), numpy.minimum(counts, 255).astype("uint8")


class Index:
    """Finds the names that are most similar to others."""

    def __init__(self, rows: Rows) -> None:
        """Makes it of the grams of all names; what it computes of them it does at the first search."""
        self._rows = rows
        self.size = len(rows.ends)

    @cached_property
    def _frequencies(self) -> numpy.ndarray:
        """In how many names each gram stands."""
        return numpy.bincount(self._rows.grams, minlength=GRAMS)

    @cached_property
    def _rarities(self) -> numpy.ndarray:
        return numpy.log((1.0 + self.size) / (1.0 + self._frequencies)) + 1.0

    @cached_property
    def _starts(self) -> numpy.ndarray:
        return numpy.concatenate([[0], self._rows.ends]).astype("int64")

    @cached_property
    def _names(self) -> "tuple[csr_matrix, numpy.ndarray]":
        """The names that each gram stands in, with their values, a row a gram; and the names' lengths."""
        from scipy.sparse import csr_matrix

        values = numpy.empty(len(self._rows.grams), dtype="float32")
        lengths = numpy.empty(self.size)
        for start in range(0, self.size, _BLOCK):
            ends = self._starts[start : start + _BLOCK + 1]
            part = slice(int(ends[0]), int(ends[-1]))
            raw = self._values(self._rows.grams[part], self._rows.counts[part])
            lengths[start : start + _BLOCK] = of_part = _lengths(raw, ends - ends[0])
            values[part] = raw / numpy.repeat(of_part, numpy.diff(ends))
        parts = (values, self._rows.grams.astype("int32"), self._starts.astype("int32"))
        names = csr_matrix(parts, shape=(self.size, GRAMS))
        names.resize(-(-self.size // _FOLDS) * _FOLDS, GRAMS)  # for `_highest`
        return names.T.tocsr(), lengths

    def _places(self, names: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
        """Where the grams of some names are, and where those of each end, with a zero before."""
        starts = self._starts[names]
        ends = numpy.concatenate([[0], numpy.cumsum(self._starts[names + 1] - starts)])
        return numpy.arange(int(ends[-1])) + numpy.repeat(starts - ends[:-1], numpy.diff(ends)), ends

    def _values(self, grams: numpy.ndarray, counts: numpy.ndarray) -> numpy.ndarray:
        values: numpy.ndarray = _LOGS[counts] * self._rarities[grams]
        return values

    def search(self, keys: Sequence[str], k: int) -> list[list[tuple[int, float]]]:
        """Finds for each key the k most similar names.

        Args:
            keys: what to search for, as `names.key_of` gives it; only `LONGEST` characters are looked at.
            k: how many names.

        Returns:
            For each key names and their cosines, the highest first, those of one cosine in the order of
            the names; fewer than k where fewer share a gram with it.
        """
        if not self.size or k < 1:
            return [[] for _ in keys]
        cut = [key[:LONGEST] for key in keys]
        distinct = list(dict.fromkeys(cut))
        rows = count_grams(distinct)
        starts = [0, *rows.ends.tolist()]
        found = {}
        for key, start, end in zip(distinct, starts, starts[1:], strict=False):
            found[key] = self._search(rows.grams[start:end].astype("int64"), rows.counts[start:end], k)
        return [found[key] for key in cut]

    def _search(self, grams: numpy.ndarray, counts: numpy.ndarray, k: int) -> list[tuple[int, float]]:
        if not len(grams):
            return []
        values = self._values(grams, counts)
        values /= _lengths(values, numpy.array([0, len(values)]))
        sums = self._sums(grams, values)
        names = _highest(sums, k)
        names = names[sums[names] >= _kth(sums[names], k)]
        cosines = numpy.round(self._cosines(names, grams, values) / _ROUNDING) * _ROUNDING
        order = numpy.lexsort((names, -cosines))[:k]
        best = numpy.minimum(cosines[order], 1.0)
        return [(n, c) for n, c in zip(names[order].tolist(), best.tolist(), strict=True) if c > 0]

    def _sums(self, grams: numpy.ndarray, values: numpy.ndarray) -> numpy.ndarray:
        """The cosines of all names with a query, in single precision."""
        from scipy.sparse import csc_array

        lists, _ = self._names
        starts, stops = lists.indptr[grams], lists.indptr[grams + 1]
        parts = [slice(*pair) for pair in zip(starts.tolist(), stops.tolist(), strict=True)]
        columns = (
            numpy.concatenate([lists.data[part] for part in parts]),
            numpy.concatenate([lists.indices[part] for part in parts]),
            numpy.concatenate([[0], numpy.cumsum(stops - starts)]).astype("int32"),
        )  # these rows of `lists`: indexing it takes longer
        shape = (lists.shape[1], len(grams))
        sums: numpy.ndarray = csc_array(columns, shape=shape) @ values.astype("float32")
        return sums

    def _cosines(self, names: numpy.ndarray, grams: numpy.ndarray, values: numpy.ndarray) -> numpy.ndarray:
        """The cosines of some names with a query, each summed up in the order of its grams."""
        places, ends = self._places(names)
        own = self._rows.grams[places]
        nearest = numpy.minimum(numpy.searchsorted(grams, own), len(grams) - 1)
        weights = numpy.where(grams[nearest] == own, values[nearest], 0.0)
        products = self._values(own, self._rows.counts[places]) * weights
        owners = numpy.repeat(numpy.arange(len(names)), numpy.diff(ends))
        cosines: numpy.ndarray = (
            numpy.bincount(owners, products, minlength=len(names)) / self._names[1][names]
        )
        return cosines


_LOGS = numpy.concatenate([[0.0], 1.0 + numpy.log(numpy.arange(1.0, 256.0))])
"""What a gram counts that stands so often in a name."""


def _lengths(values: numpy.ndarray, ends: numpy.ndarray) -> numpy.ndarray:
    """The lengths of vectors, one behind the other."""
    owners = numpy.repeat(numpy.arange(len(ends) - 1), numpy.diff(ends))
    squares = numpy.bincount(owners, values * values, minlength=len(ends) - 1)
    lengths: numpy.ndarray = numpy.maximum(numpy.sqrt(squares), 1e-12)
    return lengths


def _highest(sums: numpy.ndarray, k: int) -> numpy.ndarray:
    """The places of the k highest values above zero, and of some more.

    The k-th highest of the maxima of `_FOLDS` values each is no higher than the k-th value.
    """
    folded = sums.reshape(_FOLDS, -1)
    maxima = folded.max(axis=0)
    least = max(_kth(maxima, k), _ROUNDING)
    columns = numpy.flatnonzero(maxima >= least)
    rows, found = numpy.nonzero(folded[:, columns] >= least)
    places: numpy.ndarray = rows * len(maxima) + columns[found]
    return places


def _kth(values: numpy.ndarray, k: int) -> float:
    """The k-th highest value, a little less for what rounding does; below all if there are fewer."""
    return float(numpy.partition(values, -k)[-k]) - 2 * _ROUNDING if len(values) > k else -1.0
