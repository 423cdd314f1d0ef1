"""`spacy-bioner.bioner_scorer.v1`: strict spans, each type only on Docs whose corpus annotates it."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from statistics import mean
from typing import Any

from spacy.training import Example

from spacy_bioner.annotations import get_annotation, mapped
from spacy_bioner.component import SCORES, flat_view
from spacy_bioner.evaluation.counts import Counts


def create_scorer(spans_key: str) -> Callable[..., dict[str, Any]]:
    """Makes `spacy-bioner.bioner_scorer.v1`.

    Args:
        spans_key: where in `doc.spans` the component writes.
    """

    return partial(score_entities, spans_key=spans_key)


def score_entities(
    examples: Iterable[Example],
    *,
    spans_key: str,
    labels: Iterable[str],
    label_map: Mapping[str, str],
    **_: Any,
) -> dict[str, Any]:
    """Scores `doc.ents` and `doc.spans[spans_key]` of predicted Docs: strict character offsets and type.

    Args:
        examples: the Docs.
        spans_key: where overlapping entities are. Gold ones too, or in `doc.ents` where a Doc has none.
        labels: the types that the pipeline knows; others don't count.
        label_map: other names for the types of the gold Docs, see `annotations.mapped`.

    Returns:
        `ents_p`, `ents_r`, `ents_f`, `ents_per_type`, and the same for `spans_KEY`; and `ents_f_mean`, the
        mean of the F1 of each corpus that the Docs are from, on the flat view of the types that it
        annotates.
    """
    known = frozenset(labels)
    by_corpus: dict[str, Counts] = {}
    counts = {"ents": Counts(), f"spans_{spans_key}": Counts()}
    for example in examples:
        annotation = get_annotation(example.reference)
        types, corpus = known, ""
        if annotation is not None:
            corpus = annotation.corpus
            types = known & {mapped(label_map, corpus, own) for own in annotation.types}
        gold_ents = example.reference.ents
        gold_spans = example.reference.spans.get(spans_key, gold_ents)
        predicted = example.predicted
        for attribute, gold, found in (
            ("ents", gold_ents, predicted.ents),
            (f"spans_{spans_key}", gold_spans, predicted.spans.get(spans_key, ())),
        ):
            theirs = [(s.start_char, s.end_char, mapped(label_map, corpus, s.label_)) for s in gold]
            ours = [(s.start_char, s.end_char, s.label_) for s in found]
            theirs = [span for span in theirs if span[2] in types]
            ours = [span for span in ours if span[2] in types]
            counts[attribute].add(theirs, ours)
            if attribute == "ents":
                if spans_key in predicted.spans and SCORES in predicted.spans[spans_key].attrs:
                    # types that aren't annotated here push out none
                    alone = flat_view(predicted, [spans_key], types, known)
                    ours = [(s.start_char, s.end_char, s.label_) for s in alone if s.label_ in types]
                by_corpus.setdefault(corpus, Counts()).add(theirs, ours)
    scores: dict[str, Any] = {
        "ents_f_mean": mean(c.total().f1 for c in by_corpus.values()) if by_corpus else 0.0
    }
    for attribute, counted in counts.items():
        total = counted.total()
        scores[f"{attribute}_p"] = total.precision
        scores[f"{attribute}_r"] = total.recall
        scores[f"{attribute}_f"] = total.f1
        scores[f"{attribute}_per_type"] = {
            name: {"p": score.precision, "r": score.recall, "f": score.f1}
            for name, score in counted.by_type().items()
        }
    return scores
