"""A page of the errors of a pipeline: each in its context, gold and predicted marked, with scores."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

from spacy_bioner.documents.document import Mention
from spacy_bioner.documents.formats.html import FOOT, Mark, head, legend, mark_of, marked, table
from spacy_bioner.errors import ConversionError
from spacy_bioner.evaluation.matching import ERRORS, Judgement, Kind
from spacy_bioner.evaluation.pipeline_evaluation import Compared, Evaluation
from spacy_bioner.evaluation.report import corpus_names, remarks

CONTEXT = 120
"""How many characters are shown on each side of an error."""
GROUP = 200
"""How many errors are in a part of the page that is opened at once."""
FREQUENT = 15
"""How many of the most frequent errors of a kind are listed."""

EXPLAINED: Mapping[Kind, str] = {
    "missed": "Gold mentions that nothing predicted is paired with, in the order of their texts.",
    "spurious": "Predicted mentions that no gold mention is paired with, the most probable first.",
    "wrong boundary": "The right type and some of the right characters, the most probable first.",
    "wrong type": "The right characters and another type, the most probable first.",
    "wrong type and boundary": "Some of the right characters and another type, the most probable first.",
}


def write_errors(reports: Sequence[Mapping[str, Any]], results: Sequence[Evaluation], path: Path) -> None:
    """Writes the page.

    Args:
        reports: the reports of one pipeline on one file or several; see `report.report`.
        results: what they were made of.
        path: the file to write.

    Raises:
        ConversionError: if a text has characters that no file can have (half of a surrogate pair).
    """
    first = reports[0]
    with path.open("w", encoding="utf8", newline="\n") as file:
        try:
            file.write(head(f"Errors of {first['pipeline']} {first['version']}"))
            file.write(
                "<p>Gold mentions have a solid line, predicted ones a dashed one and their probability.</p>\n"
            )
            if len(reports) > 1:
                items = (f'<li><a href="#d{i}">{escape(_title(r))}</a></li>' for i, r in enumerate(reports))
                file.write(f"<ul>{''.join(items)}</ul>\n")
            for number, (report, result) in enumerate(zip(reports, results, strict=True)):
                file.writelines(_section(f"d{number}", report, result))
            file.write(FOOT)
        except UnicodeEncodeError:
            raise ConversionError("Half of a surrogate pair in a text can't be written as UTF-8.") from None


def _title(report: Mapping[str, Any]) -> str:
    named, file = corpus_names(dict(report)), report["data"]["file"]
    return file if named == file else f"{named}, {file}"


def _section(anchor: str, report: Mapping[str, Any], result: Evaluation) -> Iterator[str]:
    """The scores and errors of one file."""
    yield f'<section id="{anchor}">\n<h2>{escape(_title(report))}</h2>\n'
    yield legend(report["types"])
    yield _scores(report)
    yield _kinds(anchor, report)
    said = [
        *remarks(dict(report)),
        *(
            f"{name}: {count:,} gold mentions, and the pipeline doesn't know the type: not scored"
            for name, count in report["types_not_in_pipeline"].items()
        ),
    ]
    if report["unscored_predictions"]:
        count = report["unscored_predictions"]
        said.append(f"{count:,} predicted mentions of types that aren't annotated here: not scored")
    if said:
        yield f"<ul>{''.join(f'<li>{escape(remark)}</li>' for remark in said)}</ul>\n"
    for kind in ERRORS:
        errors = [
            (compared, judgement)
            for compared in result.compared
            for judgement in compared.judged
            if judgement.kind == kind
        ]
        errors.sort(key=_order)
        yield from _errors_of(f"{anchor}-{kind.replace(' ', '-')}", kind, errors)
    yield "</section>\n"


def _scores(report: Mapping[str, Any]) -> str:
    rows = []
    strict, relaxed = report, report["relaxed"]
    for name in (*report["types"], "all"):
        scores = [made["total"] if name == "all" else made["types"][name] for made in (strict, relaxed)]
        shares = (f"{100 * score[key]:.2f}" for score in scores for key in ("precision", "recall", "f1"))
        counts = (f"{scores[0][key]:,}" for key in ("correct", "predicted", "gold"))
        rows.append((name, *shares, *counts))
    header = ("", "P", "R", "F1", "relaxed P", "R", "F1", "correct", "predicted", "gold")
    return "<h3>Scores, in percent</h3>\n" + table(header, rows)


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
            yield f"<details><summary>{escape(name)}: {numbers}{len(listed):,}</summary>\n"
            for compared, judgement in members:
                place = f"{compared.gold.id or 'document'}, character {judgement.start:,}"
                context = _context(compared, judgement)
                yield f'<div class="error"><p class="note">{escape(place)}</p>\n{context}</div>\n'
            yield "</details>\n"


def _order(error: tuple[Compared, Judgement]) -> tuple[str, float, str]:
    """By type; predicted ones by probability; missed ones by text, so that the same are together."""
    compared, judgement = error
    score = judgement.predicted.score if judgement.predicted is not None else None
    return judgement.type, -(score or 0.0), _words(compared, judgement)[0].lower()


def _words(compared: Compared, judgement: Judgement) -> tuple[str, str]:
    """What an error is about, for counting: the texts of both mentions, and their types."""
    both = [mention for mention in (judgement.gold, judgement.predicted) if mention is not None]
    texts = (" ".join(compared.gold.text[start:end] for start, end in m.spans) for m in both)
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
