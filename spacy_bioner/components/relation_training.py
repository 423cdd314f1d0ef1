"""What a training of `relations` needs of its data: labels, and the pairs of each Doc that teach."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy
from spacy.tokens import Doc
from spacy.training import Example

from spacy_bioner.array_types import Ints
from spacy_bioner.components.relation_targets import Targets
from spacy_bioner.corpora.annotations import AnnotatedRelations, get_annotation
from spacy_bioner.corpora.relation_records import Related
from spacy_bioner.models.candidates import Candidates, mention_pair_counts

_SAMPLE = 10  # Docs that the model is initialized with
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


def survey(
    examples: Iterable[Example],
    annotated: Callable[[Doc], AnnotatedRelations | None],
    gold: Callable[[Doc], list[Related]],
) -> tuple[list[Example], AnnotatedRelations | None]:
    """Looks through training data: some examples with relations, and which relations it annotates.

    Args:
        examples: the data.
        annotated: says of a Doc that tells its corpus which relations that annotates.
        gold: gives the gold relations of a Doc.
    """
    sample: list[Example] = []
    found: AnnotatedRelations | None = None
    for example in examples:
        own = gold(example.reference)
        kept = annotated(example.reference) if get_annotation(example.reference) else None
        kept = kept or as_annotated(own)
        found = kept.union(found) if kept is not None else found
        if own and len(sample) < _SAMPLE:
            sample.append(example)
    return sample, found


def as_annotated(relations: Sequence[Related]) -> AnnotatedRelations | None:
    """The labels of relations and the types that they are between; None without relations."""
    if not relations:
        return None
    pairs = dict.fromkeys((related.head.type, related.child.type) for related in relations)
    return AnnotatedRelations(tuple(dict.fromkeys(related.label for related in relations)), tuple(pairs))
