"""Scores of whole texts, of pairs of texts, and of answers to questions.

`spacy-bioner.pairs_scorer.v1`, `spacy-bioner.answers_scorer.v1`, and the scores of labels of abstracts whose
sentences were labelled (`score_abstracts`).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy
from spacy.tokens import Doc
from spacy.training import Example

from spacy_bioner.corpora.annotations import get_annotation
from spacy_bioner.evaluation.counts import Counts

ANSWERS = 5
"""How many answers count for BioASQ's lenient accuracy and mean reciprocal rank."""


def create_pairs_scorer() -> Callable[..., dict[str, Any]]:
    """Makes `spacy-bioner.pairs_scorer.v1`."""
    return score_pairs


def create_answers_scorer() -> Callable[..., dict[str, Any]]:
    """Makes `spacy-bioner.answers_scorer.v1`."""
    return score_answers


def score_pairs(examples: Iterable[Example], *, labels: Sequence[str], **_: Any) -> dict[str, Any]:
    """Scores labels and similarities of pairs of texts.

    Returns:
        `pairs_accuracy`, `pairs_macro_f` (the mean F1 of the labels) and `pairs_per_label`; of similarities
        `pairs_pearson`, with the ends of its 95% interval (Fisher's z) in `pairs_pearson_interval`; of what
        there is no gold for, None.
    """
    counts = Counts()
    right: list[bool] = []
    similar: list[tuple[float, float]] = []
    for number, example in enumerate(examples):
        gold = {label: value for label, value in example.reference.cats.items() if value and label in labels}
        if gold and example.predicted.cats:
            best = max(labels, key=lambda label: example.predicted.cats.get(label, 0.0))
            right.append(best in gold)
            counts.add([(number, 0, label) for label in gold], [(number, 0, best)])
        if example.reference._.similarity is not None and example.predicted._.similarity is not None:
            similar.append((example.reference._.similarity, example.predicted._.similarity))
    by_label = counts.by_type()
    pearson = correlation(similar)
    return {
        "pairs_accuracy": fmean(right) if right else None,
        "pairs_macro_f": fmean(score.f1 for score in by_label.values()) if by_label else None,
        "pairs_per_label": {
            name: {"p": score.precision, "r": score.recall, "f": score.f1} for name, score in by_label.items()
        },
        "pairs_pearson": pearson,
        "pairs_pearson_interval": interval(pearson, len(similar)),
    }


def correlation(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Pearson's correlation; 0 where one side is constant, None of fewer than three pairs."""
    if len(pairs) < 3:
        return None
    first, second = numpy.array(pairs).T
    if first.std() == 0 or second.std() == 0:
        return 0.0
    return float(numpy.corrcoef(first, second)[0, 1])


def interval(pearson: float | None, count: int) -> tuple[float, float] | None:
    """The 95% interval of a correlation, by Fisher's z."""
    if pearson is None or count < 4:
        return None
    z, spread = numpy.arctanh(numpy.clip(pearson, -0.999999, 0.999999)), 1.959964 / numpy.sqrt(count - 3)
    return float(numpy.tanh(z - spread)), float(numpy.tanh(z + spread))


def score_answers(examples: Iterable[Example], *, spans_key: str, **_: Any) -> dict[str, Any]:
    """Scores answers by BioASQ's rules, a question with all its passages and their parts together.

    A question's answers are the distinct texts of all its passages, by their best probability; the right ones
    are those of its gold entities. Questions without any are left out and counted.

    Returns:
        `answers_strict`, the share of questions whose first answer is right; `answers_lenient`, one of the
        first five; `answers_mrr`, the mean reciprocal rank of the first right one of these; and
        `answers_without_gold`.
    """
    gold: dict[str, set[str]] = defaultdict(set)
    found: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for number, example in enumerate(examples):
        question = question_of(example.reference, number)
        gold[question] |= {plain(ent.text) for ent in example.reference.ents}
        group = example.predicted.spans.get(spans_key, ())
        scores = group.attrs["scores"] if len(group) else []
        found[question] += [(span.text, score) for span, score in zip(group, scores, strict=True)]
    ranks = [rank(found[question], right) for question, right in gold.items() if right]
    return {
        "answers_strict": fmean(r == 1 for r in ranks) if ranks else None,
        "answers_lenient": fmean(r > 0 for r in ranks) if ranks else None,
        "answers_mrr": fmean(1 / r if r else 0.0 for r in ranks) if ranks else None,
        "answers_without_gold": sum(not right for right in gold.values()),
    }


def question_of(doc: Doc, number: int) -> str:
    """The id of a question: what stands before "#" (the part of a passage) and "_" (BioASQ's passages)."""
    annotation = get_annotation(doc)
    id = annotation.id if annotation else ""
    return id.split("#")[0].split("_")[0] or str(number)


def plain(text: str) -> str:
    """A text as it is compared: in lower case, with single spaces, without full stops at its ends."""
    return " ".join(text.lower().split()).strip(" .,;:")


def rank(found: Iterable[tuple[str, float]], right: set[str]) -> int:
    """The rank of the first right answer among the best five; 0 if there is none."""
    best: dict[str, float] = {}
    for text, score in found:
        best[plain(text)] = max(best.get(plain(text), 0.0), score)
    ranked = sorted(best, key=lambda text: -best[text])[:ANSWERS]
    return next((place for place, text in enumerate(ranked, start=1) if text in right), 0)


def are_sentences(docs: Iterable[Doc]) -> bool:
    """Whether Docs are numbered sentences of abstracts, ID_sN."""
    ids = [annotation.id if (annotation := get_annotation(doc)) else "" for doc in docs]
    return all(id.rpartition("_s")[2].isdigit() and "_s" in id for id in ids)


def score_abstracts(
    examples: Iterable[Example], thresholds: Mapping[str, float] | float = 0.5
) -> dict[str, float]:
    """Scores labels of abstracts whose sentences were labelled, as BLURB scores the Hallmarks of Cancer.

    An abstract has a label if one of its sentences has. A Doc's abstract is what stands before "_s" in its
    id.

    Returns:
        `abstracts_p`, `abstracts_r`, `abstracts_f`: of all abstracts and labels together (micro average); and
        `sentences_f`, that of the sentences.
    """
    gold: dict[str, set[str]] = defaultdict(set)
    found: dict[str, set[str]] = defaultdict(set)
    sentences, abstracts = Counts(), Counts()
    for number, example in enumerate(examples):
        annotation = get_annotation(example.reference)
        id = (annotation.id if annotation else "").rpartition("_s")[0] or str(number)
        right = {label for label, value in example.reference.cats.items() if value}
        given = {
            label
            for label, value in example.predicted.cats.items()
            if value >= (thresholds if isinstance(thresholds, float) else thresholds.get(label, 0.5))
        }
        sentences.add([(number, 0, label) for label in right], [(number, 0, label) for label in given])
        gold[id] |= right
        found[id] |= given
    for number, id in enumerate(gold):
        abstracts.add([(number, 0, label) for label in gold[id]], [(number, 0, label) for label in found[id]])
    total = abstracts.total()
    return {
        "abstracts_p": total.precision,
        "abstracts_r": total.recall,
        "abstracts_f": total.f1,
        "sentences_f": sentences.total().f1,
    }
