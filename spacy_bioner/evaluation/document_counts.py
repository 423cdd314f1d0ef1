"""Counts of each document: what tests of difference need, so that nothing is predicted again."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from spacy_bioner.documents.document import Mention
from spacy_bioner.errors import ComparisonError
from spacy_bioner.evaluation.matching import CORRECT, Judgement

COUNTED = ("correct", "predicted", "gold")
"""What is counted of each document and type, in the order of the last axis of a table."""


@dataclass(frozen=True, slots=True)
class DocumentCounts:
    """Strict counts of one system on each document of one data set.

    Attributes:
        ids: the ids of the documents in their corpus; empty strings where they have none.
        checksums: of each document's text and gold mentions: two systems were scored on the same documents if
            these agree.
        types: the entity types that were scored.
        table: integers of shape (documents, types, 3): correct, predicted and gold mentions.
    """

    ids: tuple[str, ...]
    checksums: tuple[str, ...]
    types: tuple[str, ...]
    table: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)

    def only(self, types: Sequence[str]) -> "DocumentCounts":
        """The same documents with some of the types, in the given order."""
        columns = [self.types.index(name) for name in types]
        return DocumentCounts(self.ids, self.checksums, tuple(types), self.table[:, columns])

    def without(self, documents: Iterable[int]) -> "DocumentCounts":
        """All documents but those at some positions."""
        dropped = set(documents)
        kept = [i for i in range(len(self)) if i not in dropped]
        ids, checksums = ([values[i] for i in kept] for values in (self.ids, self.checksums))
        return DocumentCounts(tuple(ids), tuple(checksums), self.types, self.table[kept])

    def f1(self) -> float:
        """F1 of all types together (micro average), from 0 to 1."""
        return float(f1(self.table.sum((0, 1))))

    def to_dict(self) -> dict[str, Any]:
        """For JSON: a list of numbers, one a document, for each type and each of `COUNTED`."""
        counts = {
            name: {what: self.table[:, t, i].tolist() for i, what in enumerate(COUNTED)}
            for t, name in enumerate(self.types)
        }
        return {"ids": list(self.ids), "checksums": list(self.checksums), "counts": counts}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """Reads what `to_dict` made; raises ComparisonError if it isn't that."""
        try:
            counts = stored["counts"]
            columns = [[counts[name][what] for what in COUNTED] for name in counts]
            ids, checksums = tuple(map(str, stored["ids"])), tuple(map(str, stored["checksums"]))
            table = np.array(columns, dtype=np.int64).reshape(len(counts), len(COUNTED), len(ids))
            if len(checksums) != len(ids):
                raise ValueError
        except (KeyError, TypeError, ValueError, AttributeError):
            raise ComparisonError(
                "the counts by document in it aren't what `evaluate` writes [B327]"
            ) from None
        return cls(ids, checksums, tuple(counts), table.transpose(2, 0, 1))


def count_documents(
    documents: Iterable[tuple[str, str, Sequence[Mention], Sequence[Judgement]]], types: Sequence[str]
) -> DocumentCounts:
    """Counts the mentions of each document.

    Args:
        documents: id, text, gold mentions of all types, and the pairs that `matching.judge` made.
        types: the types to count.
    """
    ids, checksums, rows = [], [], []
    column = {name: i for i, name in enumerate(types)}
    for name, text, gold, judged in documents:
        ids.append(name)
        checksums.append(checksum_of(text, gold))
        row = np.zeros((len(types), len(COUNTED)), dtype=np.int64)
        for pair in judged:
            if pair.kind == CORRECT and pair.gold is not None:
                row[column[pair.gold.type], 0] += 1
            if pair.predicted is not None:
                row[column[pair.predicted.type], 1] += 1
            if pair.gold is not None:
                row[column[pair.gold.type], 2] += 1
        rows.append(row)
    table = np.array(rows, dtype=np.int64).reshape(len(ids), len(types), len(COUNTED))
    return DocumentCounts(tuple(ids), tuple(checksums), tuple(types), table)


def checksum_of(text: str, gold: Iterable[Mention]) -> str:
    """A checksum of a text and its gold mentions, in whatever order and under whatever type names."""
    places = sorted({mention.spans for mention in gold})
    content = f"{text}\0{places}".encode("utf8", "surrogatepass")
    return hashlib.sha256(content).hexdigest()[:12]


def f1(counts: NDArray[Any]) -> NDArray[np.float64]:
    """F1 of counts whose last axis is correct, predicted and gold; 0 where there is no mention at all."""
    correct, both = counts[..., 0], counts[..., 1] + counts[..., 2]
    return np.divide(2.0 * correct, both, out=np.zeros(np.shape(both)), where=both > 0)
