"""Predicted mentions from a file in any format: read, and compared with gold mentions."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from spacy.tokens import Doc
from spacy.vocab import Vocab

from spacy_bioner.components.spans import place_of, places_of, scored_spans, sought_types
from spacy_bioner.corpora.annotations import get_annotation
from spacy_bioner.documents.document import Mention
from spacy_bioner.documents.formats.unreadable import USUAL, MostBad
from spacy_bioner.errors import ComparisonError, PipelineError
from spacy_bioner.evaluation.gold import Gold, GoldFile, gold_of, read_gold
from spacy_bioner.evaluation.matching import Judgement, judge


def read_predictions(
    path: Path,
    *,
    types: Sequence[str] = (),
    renamed: Mapping[str, str] | None = None,
    threshold: float | None = None,
    most_bad: MostBad = USUAL,
) -> GoldFile:
    """Reads predicted mentions; see `evaluation.gold.read_gold`.

    Args:
        path: a file or folder in any format. Of a Doc in a .spacy file, all counts that `bioner` wrote in
            `doc.spans`, overlapping mentions too, and what else is in `doc.ents`.
        types: the types that are scored; all if empty. If it is one, columns without types have it.
        renamed: other names for the types.
        threshold: the score that a mention needs. Those without a score stay.
        most_bad: how many documents, lines and mentions may be such that they can't be read.

    Raises:
        ComparisonError: if there is a threshold, and no mention has a score.
        FormatError: if the file can't be read.
        PipelineError: if spans that `bioner` wrote were changed since.
    """
    try:
        found = read_gold(
            path,
            Vocab(),
            annotated=types,
            renamed=renamed,
            retokenize=True,
            most_bad=most_bad,
            of_doc=_predicted_in,
        )
    except PipelineError as error:
        raise PipelineError(f"{path}: {error}") from None
    if threshold is None:
        return found
    mentions = [mention for document in found.golds for mention in document.mentions]
    if mentions and all(mention.score is None for mention in mentions):
        raise ComparisonError(f"{path}: no mention has a score, so leave out --threshold. [B342]")
    golds = [
        replace(g, mentions=tuple(m for m in g.mentions if m.score is None or m.score >= threshold))
        for g in found.golds
    ]
    return replace(found, golds=golds)


def _predicted_in(doc: Doc) -> Gold:
    """What was found in a Doc, by `bioner` and others; if `bioner` wrote nothing, what `gold_of` says."""
    keys = sought_types(doc)
    if not keys:
        return gold_of(doc, retokenize=True)
    scores: dict[tuple[int, int, str], float | None] = {}
    for key in keys:
        for span, score in scored_spans(doc, key):
            scores[place_of(span)] = score
    others = places_of(doc.ents) - scores.keys()
    scores |= dict.fromkeys(sorted(others))
    annotation = get_annotation(doc)
    mentions = [Mention(((start, end),), name, score=score) for (start, end, name), score in scores.items()]
    return Gold(doc.text, tuple(mentions), id=annotation.id if annotation else "")


def judge_predictions(
    golds: Sequence[Gold], predicted: Sequence[Gold], path: Path
) -> tuple[list[tuple[Gold, list[Judgement]]], list[str]]:
    """Compares predictions that were read from a file with gold mentions.

    On each text the types count that its corpus annotates; where it doesn't say, all that there are.

    Args:
        golds: the texts with gold mentions.
        predicted: the same texts with predicted ones, in any order if all have ids.
        path: the file of the predictions, for errors.

    Returns:
        Each gold text with what was made of its mentions, and the types that were scored on some text.

    Raises:
        ComparisonError: if a document isn't there, or has another text.
    """
    ordered = _in_order(golds, predicted, path)
    types = sorted({mention.type for document in (*golds, *ordered) for mention in document.mentions})
    pairs: list[tuple[Gold, list[Judgement]]] = []
    scored: set[str] = set()
    for number, (gold, found) in enumerate(zip(golds, ordered, strict=False), 1):
        if gold.text != found.text:
            name = gold.id or f"number {number}"
            raise ComparisonError(
                f"{path}: document {name} has another text than the gold one, and "
                "other offsets with it. [B343]"
            )
        annotated = gold.types if gold.types is not None else types
        theirs = [mention for mention in gold.mentions if mention.type in annotated]
        places = {(mention.spans, mention.type) for mention in theirs}
        mentions = [
            replace(m, score=None)
            for m in found.mentions
            if m.type in annotated
            and ((m.spans, m.type) in places or not gold.unknown.hides(m.start, m.end, m.type))
        ]
        pairs.append((gold, judge(theirs, mentions)))
        scored.update(annotated)
    return pairs, sorted(scored)


def _in_order(golds: Sequence[Gold], predicted: Sequence[Gold], path: Path) -> list[Gold]:
    """The predicted texts in the order of the gold ones: by their ids, if all have one."""
    by_id = {document.id: document for document in predicted if document.id}
    if len(by_id) == len(predicted) and all(gold.id for gold in golds):
        missing = [gold.id for gold in golds if gold.id not in by_id]
        ordered = [by_id[gold.id] for gold in golds if gold.id in by_id]
    else:
        missing = [f"number {i + 1}" for i in range(len(predicted), len(golds))]
        ordered = list(predicted)
    if missing:
        raise ComparisonError(
            f"{path}: {len(missing):,} of {len(golds):,} gold documents aren't in it, as {missing[0]}. "
            "A document without predictions has to be there too. [B344]"
        )
    return ordered
