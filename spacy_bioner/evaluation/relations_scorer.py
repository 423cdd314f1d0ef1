"""`spacy-bioner.relations_scorer.v1`: the set of (head, child, label) of each Doc, against gold."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from spacy.tokens import Doc
from spacy.training import Example

from spacy_bioner.components.relation_arguments import in_reach, match
from spacy_bioner.components.relation_targets import gold_arguments, gold_relations, in_order
from spacy_bioner.corpora.annotations import corpus_of, get_annotation, mapped
from spacy_bioner.corpora.relation_records import Related, get_relations
from spacy_bioner.evaluation.counts import Counts

Place = tuple[Any, Any, str]


def create_relations_scorer() -> Callable[..., dict[str, Any]]:
    """Makes `spacy-bioner.relations_scorer.v1`."""
    return score_relations


@dataclass(frozen=True, slots=True)
class Compared:
    """The relations of a Doc that count, gold and found, and how many gold ones no window has."""

    gold: set[Place]
    found: set[Place]
    out_of_reach: int


def score_relations(examples: Iterable[Example], *, labels: Sequence[str], **settings: Any) -> dict[str, Any]:
    """Scores `doc._.relations` of predicted Docs: a relation is right with head, child and label.

    Entities are the same if they have one type and one identifier, or, without identifiers, one place; a
    concept that was found stands for the gold one with most of its mentions. What corpora don't annotate
    doesn't count.

    Args:
        examples: the Docs.
        labels: the labels that count.
        settings: those of the component.

    Returns:
        `relations_p`, `relations_r`, `relations_f`, `relations_per_type`; and `relations_out_of_reach`, how
        many gold relations are between entities that no window has both of. They count as missed.
    """
    counts, beyond = Counts(), 0
    for example in examples:
        compared = compare(example.reference, example.predicted, labels, settings)
        if compared is not None:
            counts.add(compared.gold, compared.found)
            beyond += compared.out_of_reach
    total = counts.total()
    return {
        "relations_p": total.precision,
        "relations_r": total.recall,
        "relations_f": total.f1,
        "relations_per_type": {
            name: {"p": score.precision, "r": score.recall, "f": score.f1}
            for name, score in counts.by_type().items()
        },
        "relations_out_of_reach": beyond,
    }


def compare(reference: Doc, predicted: Doc, labels: Sequence[str], settings: Any) -> Compared | None:
    """The relations of a Doc that count; None if its corpus annotates none."""
    annotation = get_annotation(reference)
    own = list(labels)
    if annotation is not None:
        if annotation.relations is None:
            return None
        names, corpus = settings["label_map"], corpus_of(reference)
        annotated = {mapped(names, corpus, label) for label in annotation.relations.labels}
        pairs = {
            (mapped(names, corpus, head), mapped(names, corpus, child))
            for head, child in annotation.relations.pairs
        }
        if not settings["directed"]:
            pairs |= {(child, head) for head, child in pairs}
        own = [label for label in labels if label in annotated]
    gold = [related for related in gold_relations(reference, settings) if related.label in own]
    found = [related for related in get_relations(predicted) if related.label in own]
    if annotation is not None:
        found = [related for related in found if (related.head.type, related.child.type) in pairs]
    beyond = sum(not in_reach(predicted, r.head, r.child, settings["window"]) for r in gold)
    ends = [end for related in found for end in (related.head, related.child)]
    matched = match(ends, gold_arguments(reference, settings), settings["level"])

    def place(related: Related) -> Place:
        head, child = (matched.get(a, a) for a in (related.head, related.child))
        if not settings["directed"]:
            head, child = in_order(head, child)
        return head, child, related.label

    return Compared({(r.head, r.child, r.label) for r in gold}, {place(r) for r in found}, beyond)
