"""`spacy-bioner.relations_scorer.v1`: the set of (head, child, label) of each Doc, against gold."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from spacy.training import Example

from spacy_bioner.components.relation_comparison import Ranking, compare
from spacy_bioner.corpora.relation_records import get_candidates, get_relations
from spacy_bioner.evaluation.counts import Counts


def create_relations_scorer() -> Callable[..., dict[str, Any]]:
    """Makes `spacy-bioner.relations_scorer.v1`."""
    return score_relations


def score_relations(examples: Iterable[Example], *, labels: Sequence[str], **settings: Any) -> dict[str, Any]:
    """Scores `doc._.relations` of predicted Docs: a relation is right with head, child and label.

    What counts, and which entities are the same, `components.relation_comparison.compare` says.

    Args:
        examples: the Docs.
        labels: the labels that count.
        settings: those of the component.

    Returns:
        `relations_p`, `relations_r`, `relations_f`, `relations_per_type`; and `relations_out_of_reach`, how
        many gold relations are between entities that no window has both of. They count as missed. All are
        None where no Doc's corpus annotates relations. Of a component in training, which keeps the
        probabilities of all pairs, `relations_best_f`, the F1 at the best of all thresholds, and
        `relations_ap`, the average precision, as well: they don't depend on the threshold.
    """
    counts, beyond, ranking = Counts(), 0, Ranking()
    is_annotated = has_all = False
    for example in examples:
        reference, predicted = example.reference, example.predicted
        compared = compare(reference, predicted, get_relations(predicted), labels, settings)
        if compared is None:
            continue
        is_annotated = True
        counts.add(compared.gold, compared.found)
        beyond += compared.out_of_reach
        candidates = get_candidates(predicted)
        if candidates is not None:
            has_all = True
            compared = compare(reference, predicted, candidates, labels, settings) or compared
        ranking.add(compared)
    total = counts.total()
    scores = {
        "relations_p": total.precision,
        "relations_r": total.recall,
        "relations_f": total.f1,
        "relations_per_type": {
            name: {"p": score.precision, "r": score.recall, "f": score.f1}
            for name, score in counts.by_type().items()
        },
        "relations_out_of_reach": beyond,
    }
    if has_all:
        scores |= {"relations_best_f": ranking.best(0.0)[1], "relations_ap": ranking.average_precision()}
    return scores if is_annotated else dict.fromkeys(scores)
