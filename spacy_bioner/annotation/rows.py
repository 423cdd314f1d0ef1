"""Annotated documents as rows of plain values, one a mention: what tables and other engines get."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any

from spacy_bioner.documents.document import SENTENCE, Document, Mention, Span
from spacy_bioner.text.occurrences import abbreviations_of

COLUMNS = (
    "document",
    "passage",
    "start",
    "end",
    "type",
    "text",
    "long_form",
    "probability",
    "identifier",
    "sentence",
)
"""The columns of a row. `start` and `end` are characters of the document's text, from 0; `passage` is the
kind of passage; `long_form` is what a mention that is a short form means in its document, if the text defines
it; `identifier` has a bar between several."""
NUMBERS = ("start", "end")
"""The columns of whole numbers; `probability` is a number from 0 to 1, all others are texts."""
EMPTY = "EMPTY"
"""The type in the row of a document without mentions; its start and all that follow it are None."""

Row = dict[str, Any]

_SENTENCE_END = re.compile(r"(?<=[.!?])[)\]\"']*\s+(?=[^\W\d_a-z]|[(\[\"'])|\n+")


def rows(document: Document, *, empty: bool = False) -> Iterator[Row]:
    """The mentions of a document as rows, in the order of the text.

    Args:
        document: the document.
        empty: whether a document without mentions gets a row too, of type `EMPTY`.

    Yields:
        For each mention a value for each of `COLUMNS`. One in several parts has the outer ends of them, and
        their texts with a space between.
    """
    if not document.mentions:
        if empty:
            yield _row(document.id, "", type=EMPTY)
        return
    stretches, kinds = _passages(document)
    long_forms = {(one["start"], one["end"]): one["long_form"] for one in abbreviations_of(document.text)}
    ends: dict[Span, list[int]] = {}
    begins = [start for start, _ in stretches]
    for mention in sorted(document.mentions, key=lambda m: (m.start, m.end, m.type)):
        place = bisect_right(begins, mention.start) - 1
        passage = stretches[place] if place >= 0 else (0, len(document.text))
        if passage not in ends:
            ends[passage] = _sentence_ends(document.text, passage)
        yield _row(
            document.id,
            kinds[place] if place >= 0 else "",
            start=mention.start,
            end=mention.end,
            type=mention.type,
            text=document.text_of(mention),
            long_form=long_forms.get((mention.start, mention.end), ""),
            probability=mention.score,
            identifier="|".join(mention.identifiers),
            sentence=_sentence(document.text, mention, [passage[0], *ends[passage]]),
        )


def _row(document: str, passage: str, **others: Any) -> Row:
    return {**dict.fromkeys(COLUMNS), "document": document, "passage": passage, **others}


def _passages(document: Document) -> tuple[list[Span], list[str]]:
    """The passages, sentences left out, in order; each with its kind."""
    found = sorted(
        ((p.start, p.end), p.type) for p in document.passages if p.type != SENTENCE and p.start < p.end
    )
    return [span for span, _ in found], [kind for _, kind in found]


def _sentence_ends(text: str, passage: Span) -> list[int]:
    """Where the sentences of a passage end, by the ends of what looks like one."""
    return [*(match.end() for match in _SENTENCE_END.finditer(text, *passage)), passage[1]]


def _sentence(text: str, mention: Mention, edges: Sequence[int]) -> str:
    """The sentence around a mention, or the sentences where it reaches over the end of one."""
    start = edges[max(bisect_right(edges, mention.start) - 1, 0)]
    end = next((edge for edge in edges if edge >= mention.end), mention.end)
    return " ".join(text[min(start, mention.start) : end].split())
