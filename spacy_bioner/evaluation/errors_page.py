"""The errors of a pipeline for its report: each in its context, gold and predicted marked."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from html import escape
from itertools import groupby
from typing import Any

from spacy_bioner.documents.document import Mention
from spacy_bioner.documents.formats.html import Mark, legend, mark_of, marked, table
from spacy_bioner.evaluation.matching import CORRECT, ERRORS, Judgement, Kind
from spacy_bioner.evaluation.pipeline_evaluation import Compared, Evaluation

CONTEXT = 120
"""How many characters are shown on each side of an error."""
GROUP = 200
"""How many errors are in a part of the page that is opened at once."""
FREQUENT = 15
"""How many of the most frequent errors of a kind are listed."""

CONFIDENT = 0.9
"""From which probability on a wrong prediction is shown among the most instructive errors."""
SHOWN = 20
"""How many of each kind of them."""

EXPLAINED: Mapping[Kind, str] = {
    "missed": "Gold mentions that nothing predicted is paired with, in the order of their texts.",
    "spurious": "Predicted mentions that no gold mention is paired with, the most probable first.",
    "wrong boundary": "The right type and some of the right characters, the most probable first.",
    "wrong type": "The right characters and another type, the most probable first.",
    "wrong type and boundary": "Some of the right characters and another type, the most probable first.",
}


def instructive(result: Evaluation) -> Iterator[str]:
    """The errors that teach most: what was confident and wrong, and what may be a mistake of the gold."""
    wrong = [
        (compared, pair)
        for compared in result.compared
        for pair in compared.judged
        if pair.predicted is not None and pair.kind != CORRECT
    ]
    confident = [error for error in wrong if _probability(error[1]) >= CONFIDENT]
    confident.sort(key=lambda error: -_probability(error[1]))
    yield f"<h3>Confident and wrong: {len(confident):,}</h3>\n"
    yield f'<p class="note">Wrong predictions with a probability of {CONFIDENT} at least.</p>\n'
    yield from _shown(confident[:SHOWN])
    annotated = Counter(
        (mention.type, _text(compared, mention).lower())
        for compared in result.compared
        for mention in compared.gold.mentions
    )
    doubtful = [
        (annotated[pair.type, _words(compared, pair)[0].lower()], compared, pair)
        for compared, pair in wrong
        if pair.kind == "spurious"
    ]
    doubtful = sorted((error for error in doubtful if error[0]), key=lambda error: -error[0])
    yield f"<h3>May be mistakes of the gold: {len(doubtful):,}</h3>\n"
    yield (
        '<p class="note">Predictions that aren\'t annotated here, and whose text is a gold mention of that '
        "type elsewhere in the data, the most frequent first.</p>\n"
    )
    yield from _shown([(compared, pair) for _, compared, pair in doubtful[:SHOWN]])


def _probability(judgement: Judgement) -> float:
    """That of the predicted mention; 0 where there is none."""
    return (judgement.predicted.score or 0.0) if judgement.predicted is not None else 0.0


def _shown(errors: Iterable[tuple[Compared, Judgement]]) -> Iterator[str]:
    for compared, judgement in errors:
        place = f"{compared.gold.id or 'document'}, character {judgement.start:,}"
        context = _context(compared, judgement)
        yield f'<div class="error"><p class="note">{escape(place)}</p>\n{context}</div>\n'


def _text(compared: Compared, mention: Mention) -> str:
    return " ".join(compared.gold.text[start:end] for start, end in mention.spans)


def section_of_errors(anchor: str, report: Mapping[str, Any], result: Evaluation) -> Iterator[str]:
    """All errors of one file, by kind and type.

    Args:
        anchor: what the ids of its parts begin with.
        report: the report; see `report.report`.
        result: what it was made of.
    """
    yield "<p>Gold mentions have a solid line, predicted ones a dashed one and their probability.</p>\n"
    yield legend(report["types"])
    yield _kinds(anchor, report)
    if report["unscored_predictions"]:
        count = report["unscored_predictions"]
        yield f"<p>{count:,} predicted mentions of types that aren't annotated here: not scored</p>\n"
    for kind in ERRORS:
        errors = [
            (compared, judgement)
            for compared in result.compared
            for judgement in compared.judged
            if judgement.kind == kind
        ]
        errors.sort(key=_order)
        yield from _errors_of(f"{anchor}-{kind.replace(' ', '-')}", kind, errors)


def _kinds(anchor: str, report: Mapping[str, Any]) -> str:
    types = list(report["types"])
    lines = []
    for kind in ERRORS:
        counts = [report["errors"][kind][name] for name in types]
        cells = "".join(f"<td>{count:,}</td>" for count in (*counts, sum(counts)))
        target = f"#{anchor}-{kind.replace(' ', '-')}"
        lines.append(f'<tr><th scope="row"><a href="{target}">{kind}</a></th>{cells}</tr>\n')
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in ("", *types, "all"))
    return (
        "<h3>Errors</h3>\n"
        f'<div class="wide"><table><thead><tr>{heads}</tr></thead>\n'
        f"<tbody>{''.join(lines)}</tbody></table></div>\n"
    )


def _errors_of(anchor: str, kind: Kind, errors: Sequence[tuple[Compared, Judgement]]) -> Iterator[str]:
    yield f'<h3 id="{anchor}">{kind.capitalize()}: {len(errors):,}</h3>\n'
    yield f'<p class="note">{EXPLAINED[kind]}</p>\n'
    frequent = Counter(_words(compared, judgement) for compared, judgement in errors)
    rows = [(*words, f"{count:,}") for words, count in frequent.most_common(FREQUENT) if count > 1]
    if rows:
        yield "<details><summary>Most frequent</summary>\n"
        yield table(("text", "type", "times"), rows)
        yield "</details>\n"
    for name, of_type in groupby(errors, key=lambda error: error[1].type):
        listed = list(of_type)
        for begin in range(0, len(listed), GROUP):
            members = listed[begin : begin + GROUP]
            numbers = f"{begin + 1:,} to {begin + len(members):,} of " if len(listed) > GROUP else ""
            opened = " open" if not begin and name == errors[0][1].type else ""
            yield f"<details{opened}><summary>{escape(name)}: {numbers}{len(listed):,}</summary>\n"
            yield from _shown(members)
            yield "</details>\n"


def _order(error: tuple[Compared, Judgement]) -> tuple[str, float, str]:
    """By type; predicted ones by probability; missed ones by text, so that the same are together."""
    compared, judgement = error
    return judgement.type, -_probability(judgement), _words(compared, judgement)[0].lower()


def _words(compared: Compared, judgement: Judgement) -> tuple[str, str]:
    """What an error is about, for counting: the texts of both mentions, and their types."""
    both = [mention for mention in (judgement.gold, judgement.predicted) if mention is not None]
    texts = (_text(compared, mention) for mention in both)
    types = dict.fromkeys(mention.type for mention in both)
    return " → ".join(dict.fromkeys(texts)), " → ".join(types)


def _context(compared: Compared, judgement: Judgement) -> str:
    """The text around an error, with its mentions marked."""
    text = compared.gold.text
    both = [mention for mention in (judgement.gold, judgement.predicted) if mention is not None]
    first, last = min(mention.start for mention in both), max(mention.end for mention in both)
    begin, end = max(first - CONTEXT, 0), min(last + CONTEXT, len(text))
    while 0 < begin < first and not text[begin - 1].isspace():
        begin += 1
    while last < end < len(text) and not text[end].isspace():
        end -= 1
    left, right = "… " * (begin > 0), " …" * (end < len(text))
    marks = [_mark(m, m is judgement.predicted, len(left) - begin) for m in both]
    return marked(f"{left}{text[begin:end]}{right}", marks)


def _mark(mention: Mention, found: bool, by: int) -> Mark:
    """A mark in a text that is cut; what is said of it is of the whole text."""
    mark = mark_of(mention, "predicted" if found else "gold", found)
    return replace(mark, spans=tuple((start + by, end + by) for start, end in mark.spans))
