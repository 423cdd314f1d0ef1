"""Pairs of arguments to be scored, in the numbers of their Doc's tokens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from spacy_bioner.array_types import Ints

PAIR_MODEL = "pair_model"
"""The attribute of a model that holds its `PairModel`."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Pairs of a Doc's arguments.

    Attributes:
        doc: the Doc.
        mentions: for each argument the tokens of each of its mentions, in order.
        types: the entity type of each argument.
        pairs: (pairs, 2), the numbers of head and child among the arguments.
    """

    doc: Doc
    mentions: Sequence[Sequence[Ints]]
    types: Sequence[str]
    pairs: Ints


class PairModel(Protocol):
    """How a model scores pairs without holding those of a Doc, or what it computes of them, all at once."""

    block: int
    """How many pairs are scored together."""
    one_pass: bool
    """Whether all pairs of a batch share one pass of the encoder, in training too."""

    def predict(
        self, model: Model, docs: Sequence[Doc], blocks: Sequence[Iterator[Candidates]]
    ) -> Iterator[tuple[int, Ints, Floats2d]]:
        """Scores pairs.

        Args:
            model: the model.
            docs: the Docs of a batch.
            blocks: the pairs of each, some at a time.

        Yields:
            The number of the Doc, pairs, and their scores.
        """


def pair_model(model: Model) -> PairModel:
    """How a model scores pairs: what its architecture put into its `attrs`."""
    found: PairModel = model.attrs[PAIR_MODEL]
    return found


def mention_table(candidates: Candidates) -> tuple[list[Ints], Ints]:
    """All mentions of the arguments one after the other, and where those of each argument begin."""
    tokens = [mention for mentions in candidates.mentions for mention in mentions]
    counts = [len(mentions) for mentions in candidates.mentions]
    return tokens, numpy.concatenate([[0], numpy.cumsum(counts, dtype="int64")])


def mention_pair_counts(candidates: Candidates) -> Ints:
    """How many pairs of a head's and a child's mention each pair has."""
    counts = numpy.array([len(mentions) for mentions in candidates.mentions], dtype="int64")
    return counts[candidates.pairs[:, 0]] * counts[candidates.pairs[:, 1]]


def cut(candidates: Candidates, most: int) -> Iterator[Candidates]:
    """Pairs in parts of at most so many pairs of mentions, or of one pair that has more."""
    ends = numpy.cumsum(mention_pair_counts(candidates))
    begin = done = 0
    while begin < len(ends):
        end = max(int(numpy.searchsorted(ends, done + most, side="right")), begin + 1)
        yield replace(candidates, pairs=candidates.pairs[begin:end])
        begin, done = end, int(ends[end - 1])


def mention_pairs(pairs: Ints, begins: Ints) -> tuple[Ints, Ints, Ints]:
    """All pairs of a head's and a child's mention.

    Args:
        pairs: (pairs, 2), numbers of arguments.
        begins: where the mentions of each argument begin in the table of all.

    Returns:
        For each pair of mentions the head's, the child's, and the pair of arguments.
    """
    counts = numpy.diff(begins)
    of_head, of_child = counts[pairs[:, 0]], counts[pairs[:, 1]]
    sizes = of_head * of_child
    owners = numpy.repeat(numpy.arange(len(pairs)), sizes)
    inner = numpy.arange(sizes.sum()) - numpy.repeat(numpy.cumsum(sizes) - sizes, sizes)
    heads = begins[pairs[owners, 0]] + inner // of_child[owners]
    children = begins[pairs[owners, 1]] + inner % of_child[owners]
    return heads, children, owners
