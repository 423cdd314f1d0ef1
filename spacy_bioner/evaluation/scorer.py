"""`spacy-bioner.bioner_scorer.v1`: strict spans, each type only on Docs whose corpus annotates it."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from statistics import mean
from typing import Any

from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_bioner.components.spans import flat_view, place_of, sought_types
from spacy_bioner.corpora.annotations import annotated_types, corpus_of, mapped
from spacy_bioner.corpora.gold_annotation import (
    GoldAnnotation,
    gold_annotation,
    has_gold,
    unknown_characters,
    warn_of_untrusted,
)
from spacy_bioner.evaluation.counts import CharSpan, Counts


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

    What is found on tokens whose annotation is missing counts neither way, as with spaCy's scorer of `ner`;
    nor what is found of a type on the tokens of a mention that can't be learned (see
    `corpora.gold_annotation`). Of two mentions of one type, one inside the other, the outer one is gold.
    Where two components share a pipeline, what either looked for counts, so that both give the same scores,
    if they have one label map and one key; `evaluate_docs` allows several.

    Args:
        examples: the Docs.
        spans_key: where overlapping entities are. Gold ones too, or in `doc.ents` where a Doc has none; and
            where it has only those, they are also what `doc.ents` is compared with.
        labels: the types that count on Docs that no `bioner` wrote to; on others those that it looked for.
        label_map: other names for the types of the gold Docs, see `annotations.mapped`.

    Returns:
        `ents_p`, `ents_r`, `ents_f`, `ents_per_type`, and the same for `spans_KEY`; and `ents_f_mean`, the
        mean of the F1 of each corpus that the Docs are from and that has gold mentions, on the flat view of
        the types that it annotates. All are None if not one Doc has gold annotation.
    """
    everything = frozenset(labels)
    by_corpus: dict[str, Counts] = {}
    counts = {"ents": Counts(), f"spans_{spans_key}": Counts()}
    is_annotated = False
    untrusted = 0
    for example in examples:
        is_annotated = is_annotated or has_gold(example.reference, spans_key)
        reference, predicted = example.reference, example.predicted
        sought = sought_types(predicted)
        known = frozenset[str]().union(*sought.values()) if sought else everything
        gold = _gold(reference, spans_key, label_map)
        untrusted += gold.untrusted.total()
        # overlapping entities alone are the gold of the flat view too, which can't have them all
        flat_gold = _gold(reference, "", label_map) if reference.has_annotation("ENT_IOB") else gold
        ents = _Compared(reference, label_map, known, flat_gold)
        counts["ents"].add(ents.gold, ents.of(predicted.ents))
        # types that aren't annotated here push out none
        flat = flat_view(predicted, sought, ents.types) if sought else predicted.ents
        by_corpus.setdefault(corpus_of(reference), Counts()).add(ents.gold, ents.of(flat))
        in_group = _Compared(reference, label_map, sought.get(spans_key, everything), gold)
        counts[f"spans_{spans_key}"].add(in_group.gold, in_group.of(predicted.spans.get(spans_key, ())))
    warn_of_untrusted(untrusted, spans_key)
    # a corpus without one gold mention of these types has no F1
    f1_of_corpora = [c.total().f1 for c in by_corpus.values() if c.gold]
    scores: dict[str, Any] = {"ents_f_mean": mean(f1_of_corpora) if f1_of_corpora else 0.0}
    for attribute, counted in counts.items():
        total = counted.total()
        scores[f"{attribute}_p"] = total.precision
        scores[f"{attribute}_r"] = total.recall
        scores[f"{attribute}_f"] = total.f1
        scores[f"{attribute}_per_type"] = {
            name: {"p": score.precision, "r": score.recall, "f": score.f1}
            for name, score in counted.by_type().items()
        }
    return scores if is_annotated else dict.fromkeys(scores)


def _gold(reference: Doc, key: str, label_map: Mapping[str, str]) -> GoldAnnotation:
    """The gold annotation of a Doc by the component's names."""
    corpus = corpus_of(reference)
    return gold_annotation(reference, key, name_of=lambda own: mapped(label_map, corpus, own))


class _Compared:
    """A Doc's gold entities of the types that count there, and what counts of those that were found."""

    def __init__(
        self,
        reference: Doc,
        label_map: Mapping[str, str],
        known: frozenset[str],
        gold: GoldAnnotation,
    ) -> None:
        _, annotated = annotated_types(reference, label_map)
        self.types = known if annotated is None else known & annotated
        self.gold = {(*place_of(span)[:2], name) for span, name in gold.taught if name in self.types}
        self._unknown = unknown_characters(reference, gold)

    def of(self, found: Iterable[Span]) -> list[CharSpan]:
        """Those entities that are right or wrong, and not only of unknown types or on unknown tokens."""
        places = [place_of(span) for span in found if span.label_ in self.types]
        return [place for place in places if place in self.gold or not self._unknown.hides(*place)]
