"""Relations that were found beside gold ones: which are right, and which threshold makes the best of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

from spacy.tokens import Doc

from spacy_bioner.components.relation_arguments import in_reach, match
from spacy_bioner.components.relation_targets import gold_arguments, gold_relations, in_order, renamed
from spacy_bioner.corpora.annotations import AnnotatedRelations, corpus_of, get_annotation
from spacy_bioner.corpora.relation_records import Related

Place = tuple[Any, Any, str]
"""Head, child and label: two relations with the same are one."""


@dataclass(frozen=True, slots=True)
class Compared:
    """The relations of a Doc that count.

    Attributes:
        gold: the gold ones.
        found: those that were found, with the best probability of each.
        out_of_reach: how many gold ones are between entities that no window has both of.
    """

    gold: set[Place]
    found: dict[Place, float]
    out_of_reach: int


def compare(
    reference: Doc,
    predicted: Doc,
    found: Iterable[Related],
    labels: Sequence[str],
    settings: Mapping[str, Any],
) -> Compared | None:
    """Tells which relations of a Doc count; None if its corpus annotates none.

    Entities are the same if they have one type and one identifier, or, without identifiers, one place; a
    concept that was found stands for the gold one with most of its mentions. What the corpus doesn't annotate
    doesn't count.

    Args:
        reference: the gold Doc.
        predicted: the predicted Doc.
        found: relations between entities of the predicted Doc.
        labels: the labels that count.
        settings: those of the component.
    """
    annotation = get_annotation(reference)
    annotated: AnnotatedRelations | None = None
    if annotation is not None:
        annotated = renamed(annotation.relations, settings["label_map"], corpus_of(reference))
        if annotated is None:
            return None
    own = [label for label in labels if annotated is None or label in annotated.labels]
    gold = [related for related in gold_relations(reference, settings) if related.label in own]
    found = [related for related in found if related.label in own]
    if annotated is not None:
        pairs = {*annotated.pairs}
        if not settings["directed"]:
            pairs |= {(child, head) for head, child in pairs}
        found = [related for related in found if (related.head.type, related.child.type) in pairs]
    beyond = sum(not in_reach(predicted, r.head, r.child, settings["window"]) for r in gold)
    ends = [end for related in found for end in (related.head, related.child)]
    matched = match(ends, gold_arguments(reference, settings), settings["level"])
    best: dict[Place, float] = {}
    for related in found:
        head, child = (matched.get(a, a) for a in (related.head, related.child))
        if not settings["directed"]:
            head, child = in_order(head, child)
        place = head, child, related.label
        best[place] = max(best.get(place, 0.0), related.score)
    return Compared({(r.head, r.child, r.label) for r in gold}, best, beyond)


@dataclass(slots=True)
class Ranking:
    """Probabilities of relations, whether each is right, and how many gold ones have none.

    Attributes:
        scored: probabilities, and whether they are of gold relations.
        missed: how many gold relations have none.
    """

    scored: list[tuple[float, bool]] = field(default_factory=list)
    missed: int = 0

    def add(self, compared: Compared | None) -> None:
        """Adds the relations found in a Doc, and the gold ones; nothing if its corpus annotates none."""
        if compared is None:
            return
        self.scored += [(score, place in compared.gold) for place, score in compared.found.items()]
        self.missed += len(compared.gold - compared.found.keys())

    @property
    def gold(self) -> int:
        """How many gold relations there are."""
        return self.missed + sum(right for _, right in self.scored)

    def best(self, default: float, least: float = 0.0) -> tuple[float, float]:
        """The threshold with the best F1, in the middle between two probabilities, and that F1.

        Args:
            default: the threshold where no relation is found right.
            least: the least probability of what was added. Of pairs below it nothing is known, so the
                threshold isn't below it.
        """
        ranked = sorted(self.scored, reverse=True)
        total, hits = self.gold, 0
        threshold, best = default, 0.0
        for number, (probability, right) in enumerate(ranked, start=1):
            hits += right
            following = ranked[number][0] if number < len(ranked) else least
            f1 = 2 * hits / (number + total) if total else 0.0
            is_last = number == len(ranked)
            if f1 > best and (is_last or following < probability):
                best, threshold = f1, (probability + following) / 2
        return threshold, best

    def average_precision(self) -> float:
        """The mean precision at the ranks of the gold relations; one that has no probability adds 0."""
        hits = number = 0
        precisions = 0.0
        for _, group in groupby(sorted(self.scored, reverse=True), key=itemgetter(0)):
            equal = [right for _, right in group]  # none of equal ones comes before another
            hits, number = hits + sum(equal), number + len(equal)
            precisions += sum(equal) * hits / number
        return precisions / self.gold if self.gold else 0.0
