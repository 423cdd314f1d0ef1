"""What is known of pairs of entities: gold labels, which labels count, and the loss that follows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
from spacy.tokens import Doc

from spacy_bioner.array_types import Ints
from spacy_bioner.components.relation_arguments import match
from spacy_bioner.components.relation_probabilities import probabilities
from spacy_bioner.corpora.annotations import AnnotatedRelations, corpus_of, mapped
from spacy_bioner.corpora.relation_records import Argument, Related, get_arguments, get_relations


@dataclass(frozen=True, slots=True)
class Targets:
    """What is known of pairs.

    Attributes:
        gold: (pairs, labels), which labels each has.
        counts: (pairs, labels), of which labels that is known.
    """

    gold: Any
    counts: Any


def gold_arguments(reference: Doc, settings: Mapping[str, Any]) -> list[Argument]:
    """The gold entities of a Doc under a label map."""
    corpus, names = corpus_of(reference), settings["label_map"]
    return [Argument(mapped(names, corpus, a.type), a.mentions, a.id) for a in get_arguments(reference) or ()]


def gold_relations(reference: Doc, settings: Mapping[str, Any]) -> list[Related]:
    """The gold relations of a Doc under a label map; undirected ones from what is mentioned first."""
    corpus, names = corpus_of(reference), settings["label_map"]
    found = []
    for related in get_relations(reference):
        head, child = (
            Argument(mapped(names, corpus, a.type), a.mentions, a.id) for a in (related.head, related.child)
        )
        if not settings["directed"]:
            head, child = in_order(head, child)
        found.append(Related(head, child, mapped(names, corpus, related.label)))
    return list(dict.fromkeys(found))


def renamed(
    relations: AnnotatedRelations | None, label_map: Mapping[str, str], corpus: str
) -> AnnotatedRelations | None:
    """Which relations a corpus annotates, by their names under a label map."""
    if relations is None:
        return None
    pairs = [
        (mapped(label_map, corpus, head), mapped(label_map, corpus, child)) for head, child in relations.pairs
    ]
    labels = [mapped(label_map, corpus, label) for label in relations.labels]
    return AnnotatedRelations(tuple(dict.fromkeys(labels)), tuple(dict.fromkeys(pairs)), relations.level)


def in_order(head: Argument, child: Argument) -> tuple[Argument, Argument]:
    """Two arguments, the one that is mentioned first before the other."""
    if (child.start, child.type, child.id) < (head.start, head.type, head.id):
        return child, head
    return head, child


def targets(
    reference: Doc,
    arguments: Sequence[Argument],
    pairs: Ints,
    labels: Sequence[str],
    annotated: AnnotatedRelations | None,
    settings: Mapping[str, Any],
) -> Targets:
    """What a Doc's annotation says of pairs of arguments.

    Args:
        reference: the Doc.
        arguments: gold ones, or others, which are matched with gold ones.
        pairs: (pairs, 2), the numbers of head and child.
        labels: the labels.
        annotated: which relations the Doc's corpus annotates; None if it annotates none.
        settings: the level, whether relations are directed, and the label map.
    """
    gold = numpy.zeros((len(pairs), len(labels)), dtype=bool)
    counts = numpy.zeros((len(pairs), len(labels)), dtype=bool)
    if annotated is None:
        return Targets(gold, counts)
    matched = match(arguments, gold_arguments(reference, settings), settings["level"])
    held: dict[tuple[Argument, Argument], list[int]] = {}
    numbers = {label: number for number, label in enumerate(labels)}
    for related in gold_relations(reference, settings):
        if related.label in numbers:
            held.setdefault((related.head, related.child), []).append(numbers[related.label])
    known = {*annotated.pairs}
    if not settings["directed"]:
        known |= {(child, head) for head, child in annotated.pairs}
    columns = numpy.array([label in annotated.labels for label in labels])
    for row, (head, child) in enumerate(pairs):
        ends = arguments[head], arguments[child]
        if (ends[0].type, ends[1].type) in known:
            counts[row] = columns
            real_head, real_child = (matched.get(end) for end in ends)
            if real_head is not None and real_child is not None:
                if not settings["directed"]:
                    real_head, real_child = in_order(real_head, real_child)
                gold[row, held.get((real_head, real_child), [])] = True
    return Targets(gold, counts | gold)


def loss_and_gradient(scores: Any, known: Sequence[Targets], exclusive: bool) -> tuple[float, Any]:
    """The negative log probability of what is known of each pair, on average, and its gradient."""
    if not len(scores):
        return 0.0, numpy.zeros_like(scores)
    gold = numpy.concatenate([target.gold for target in known]).astype("float64")
    counts = numpy.concatenate([target.counts for target in known])
    if exclusive:  # labels of which nothing is known take no part
        made = probabilities(numpy.where(counts, scores, -50), exclusive)
        shares = gold / numpy.maximum(gold.sum(axis=1, keepdims=True), 1)
        none = 1 - shares.sum(axis=1)
        rest = numpy.maximum(1 - made.sum(axis=1), 1e-12)
        loss = -(shares * numpy.log(numpy.maximum(made, 1e-12))).sum() - (none * numpy.log(rest)).sum()
        gradient = numpy.where(counts, made - shares, 0)
        rows = counts.any(axis=1).sum()
    else:
        made = probabilities(scores, exclusive)
        right = numpy.where(gold > 0, made, 1 - made)
        loss = -(numpy.log(numpy.maximum(right, 1e-12)) * counts).sum()
        gradient = (made - gold) * counts
        rows = counts.any(axis=1).sum()
    weight = 1 / max(int(rows), 1)
    return float(loss * weight), (gradient * weight).astype("float32")
