"""The pairs of entities that a `relations` component asks about, in the form that its model takes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy
from spacy.tokens import Doc

from spacy_bioner.array_types import Ints
from spacy_bioner.components.relation_arguments import Reach, pair_blocks, token_mentions
from spacy_bioner.corpora.annotations import corpus_of, mapped
from spacy_bioner.corpora.relation_records import Argument, arguments_of
from spacy_bioner.models.candidates import Candidates

_ALL = 1 << 16  # pairs at a time, where all are wanted


def askable(doc: Doc, settings: Mapping[str, Any]) -> list[Argument]:
    """The entities of a Doc that have tokens, under the component's label map.

    Args:
        doc: the Doc; gold entities that it carries count, else those that were found.
        settings: those of the component.
    """
    corpus, names = corpus_of(doc), settings["label_map"]
    found = arguments_of(doc, settings["level"], settings["spans_key"])
    renamed = [Argument(mapped(names, corpus, a.type), a.mentions, a.id) for a in found]
    return [argument for argument in renamed if token_mentions(doc, argument)]


def candidate_blocks(
    doc: Doc, arguments: Sequence[Argument], reach: Reach, size: int
) -> Iterator[Candidates]:
    """All pairs that are asked about, some at a time; the arguments are those of `pair_blocks`."""
    for pairs in pair_blocks(doc, arguments, reach, size):
        yield to_candidates(doc, arguments, pairs)


def all_pairs(doc: Doc, arguments: Sequence[Argument], reach: Reach) -> Ints:
    """All pairs that are asked about: (pairs, 2), the numbers of head and child."""
    blocks = list(pair_blocks(doc, arguments, reach, _ALL))
    return numpy.concatenate([*blocks, numpy.zeros((0, 2), dtype="int64")]).astype("int64")


def to_candidates(doc: Doc, arguments: Sequence[Argument], pairs: Ints) -> Candidates:
    """Pairs with the tokens and types of their entities."""
    mentions = [token_mentions(doc, argument) for argument in arguments]
    return Candidates(doc, mentions, [argument.type for argument in arguments], pairs)
