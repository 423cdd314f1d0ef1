"""From the scores of pairs to probabilities of labels, and to relations."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from spacy_bioner.array_types import Ints
from spacy_bioner.corpora.relation_records import Argument, Related


@dataclass(frozen=True, slots=True)
class Scored:
    """Pairs of arguments with the probabilities of all labels.

    Attributes:
        arguments: the arguments.
        pairs: (pairs, 2), the numbers of head and child among them.
        probabilities: (pairs, labels).
    """

    arguments: Sequence[Argument]
    pairs: Ints
    probabilities: Any

    def relations(self, labels: Sequence[str], least: float, exclusive: bool) -> Iterator[Related]:
        """The relations that are at least so probable; if labels exclude each other, one a pair."""
        rows, columns = numpy.nonzero(self.probabilities >= least)
        if exclusive:
            best = self.probabilities.argmax(axis=1)
            rows, columns = rows[best[rows] == columns], columns[best[rows] == columns]
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            head, child = self.pairs[row]
            score = float(self.probabilities[row, column])
            yield Related(self.arguments[head], self.arguments[child], labels[column], score)


def probabilities(scores: Any, exclusive: bool) -> Any:
    """The probabilities of labels: of each by itself, or of one of them or none."""
    scores = numpy.clip(scores.astype("float64"), -50, 50)
    if not exclusive:
        return 1 / (1 + numpy.exp(-scores))
    weights = numpy.exp(scores)
    return weights / (1 + weights.sum(axis=1, keepdims=True))
