"""The most similar names, exactly: the highest cosines of TF-IDF vectors of character 3-grams.

A sparse product compares every query with every name. Its sums of single precision only choose; the
cosines of what was chosen are summed up once more, each in the order of its grams, so that nothing depends
on what else was searched for at the same time.
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

_BATCH = 32  # queries whose products are computed together
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
    grams, lengths = grams_of(keys)
    names = numpy.repeat(numpy.arange(len(keys), dtype="int64"), lengths)
    pairs, counts = numpy.unique(names * GRAMS + grams, return_counts=True)
    ends = numpy.cumsum(numpy.bincount(pairs // GRAMS, minlength=len(keys)))
    return Rows(
        ends.astype("int32"), (pairs % GRAMS).astype("uint16"), numpy.minimum(counts, 255).astype("uint8")
    )


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
    def _vectors(self) -> "csr_matrix":
        """The names' vectors, a row each."""
        return self._weighted(self._rows)

    @cached_property
    def _lists(self) -> "csr_matrix":
        """The names that each gram stands in, a row a gram."""
        return self._vectors.T.tocsr()

    def _weighted(self, rows: Rows) -> "csr_matrix":
        from scipy.sparse import csr_matrix

        starts = numpy.concatenate([[0], rows.ends]).astype("int64")
        values = (1.0 + numpy.log(rows.counts.astype("float64"))) * self._rarities[rows.grams]
        squares = numpy.concatenate([[0.0], numpy.cumsum(values * values)])
        lengths = numpy.sqrt(squares[starts[1:]] - squares[starts[:-1]])
        values /= numpy.repeat(numpy.maximum(lengths, 1e-12), numpy.diff(starts))
        shape = (len(rows.ends), GRAMS)
        return csr_matrix((values.astype("float32"), rows.grams.astype("int32"), starts), shape=shape)

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
        distinct = {key: number for number, key in enumerate(dict.fromkeys(key[:LONGEST] for key in keys))}
        found: list[list[tuple[int, float]]] = []
        cut = list(distinct)
        for start in range(0, len(cut), _BATCH):
            found += self._search_batch(cut[start : start + _BATCH], k)
        return [found[distinct[key[:LONGEST]]] for key in keys]

    def _search_batch(self, keys: Sequence[str], k: int) -> list[list[tuple[int, float]]]:
        queries = self._weighted(count_grams(keys))
        products = queries @ self._lists
        weights = numpy.zeros(GRAMS)
        found = []
        for number in range(len(keys)):
            names, values = _row(products, number)
            if len(names) > k:
                names = names[values >= numpy.partition(values, -k)[-k] - 2 * _ROUNDING]
            grams, own = _row(queries, number)
            weights[grams] = own
            cosines = numpy.round(self._cosines(names, weights) / _ROUNDING) * _ROUNDING
            weights[grams] = 0
            order = numpy.lexsort((names, -cosines))[:k]
            found.append([(int(names[i]), float(min(cosines[i], 1.0))) for i in order if cosines[i] > 0])
        return found

    def _cosines(self, names: numpy.ndarray, weights: numpy.ndarray) -> numpy.ndarray:
        """The cosines of some names with a query, each summed up in the order of its grams."""
        starts, ends = self._vectors.indptr[names], self._vectors.indptr[names + 1]
        lengths = (ends - starts).astype("int64")
        offsets = numpy.cumsum(lengths) - lengths
        places = numpy.arange(int(lengths.sum())) + numpy.repeat(starts - offsets, lengths)
        products = self._vectors.data[places] * weights[self._vectors.indices[places]]
        sums = numpy.zeros(len(names))
        filled = lengths > 0
        if filled.any():
            sums[filled] = numpy.add.reduceat(products, offsets[filled])
        return sums


def _row(matrix: "csr_matrix", number: int) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Columns and values of a row."""
    part = slice(matrix.indptr[number], matrix.indptr[number + 1])
    return matrix.indices[part], matrix.data[part]
