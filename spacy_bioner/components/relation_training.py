"""What a training of `relations` needs of its data: labels, and the pairs of each Doc that teach."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy

from spacy_bioner.array_types import Ints
from spacy_bioner.components.relation_targets import Targets
from spacy_bioner.corpora.annotations import AnnotatedRelations
from spacy_bioner.corpora.relation_records import Related
from spacy_bioner.models.candidates import Candidates, mention_pair_counts

_MOST_MENTION_PAIRS = 1 << 16  # of a Doc in training

Taught = tuple[Candidates, Targets]
"""Pairs of a Doc that teach, and what is known of them."""


def in_parts(taught: Sequence[Taught], most: int) -> Iterator[list[Taught]]:
    """The pairs of a batch in parts of at most so many pairs."""
    part: list[Taught] = []
    held = 0
    for candidates, known in taught:
        begin = 0
        while begin < len(candidates.pairs):
            rows = slice(begin, begin + most - held)
            cut = replace(candidates, pairs=candidates.pairs[rows])
            part.append((cut, Targets(known.gold[rows], known.counts[rows])))
            held += len(cut.pairs)
            begin += len(cut.pairs)
            if held == most:
                yield part
                part, held = [], 0
    if part:
        yield part


def rows_known(known: Sequence[Targets]) -> int:
    """Of how many pairs something is known."""
    return sum(int(target.counts.any(axis=1).sum()) for target in known)


def at_most(taught: Taught, most: int, order: Ints) -> Taught:
    """The related pairs of a Doc, and of the others so many that there are at most so many pairs.

    Args:
        taught: all pairs.
        most: how many pairs; of concepts with many mentions there may be fewer.
        order: (pairs,), numbers from 0 to 1: pairs with lower ones are taken first.
    """
    made, known = taught
    sizes = mention_pair_counts(made)
    if len(made.pairs) <= most and sizes.sum() <= _MOST_MENTION_PAIRS:
        return taught
    related = known.gold.any(axis=1)
    rows = numpy.argsort(order - related)[:most]
    fitting = int((numpy.cumsum(sizes[rows]) <= _MOST_MENTION_PAIRS).sum())
    rows = rows[: max(fitting, int(related.sum()), 1)]
    return replace(made, pairs=made.pairs[rows]), Targets(known.gold[rows], known.counts[rows])


def as_annotated(relations: Sequence[Related]) -> AnnotatedRelations | None:
    """The labels of relations and the types that they are between; None without relations."""
    if not relations:
        return None
    pairs = dict.fromkeys((related.head.type, related.child.type) for related in relations)
    return AnnotatedRelations(tuple(dict.fromkeys(related.label for related in relations)), tuple(pairs))
