"""Cutting texts that are too long for a pipeline into pieces, at ends of paragraphs and sentences."""

import re
from collections.abc import Iterable, Iterator

from spacy_bioner.documents.document import Document

_ENDS = (r"\n\s*\n", r"\n", r"[.!?][)\"'\]]*\s+", r"\s+")  # where a long text is cut, the best first


def pieces(document: Document, most: int) -> Iterator[Document]:
    """Cuts a document into texts of some length at most, which follow one another without a gap.

    It is cut at the last end of a paragraph or passage in the second half of what a piece may have; else of a
    line, a sentence, a word; else where it must. No token of its own is cut, unless it is longer than that.

    Yields:
        Documents with text and tokens alone.
    """
    text, tokens = document.text, document.tokens
    begins = sorted({passage.start for passage in document.passages})
    start, first = 0, 0
    while len(text) - start > most:
        end = _cut(text, begins, start, most)
        last = first
        if tokens is not None:
            while last < len(tokens) and tokens[last][1] <= end:
                last += 1
            if last < len(tokens) and start < tokens[last][0] < end:
                end = tokens[last][0]
            elif last < len(tokens) and tokens[last][0] < end:  # longer than a piece may be
                end = tokens[last][1]
                last += 1
        yield _piece(document, start, end, first, last)
        start, first = end, last
    yield _piece(document, start, len(text), first, len(tokens or ()))


def _piece(document: Document, start: int, end: int, first: int, last: int) -> Document:
    if document.tokens is None:
        return Document(document.text[start:end])
    tokens = tuple((a - start, b - start) for a, b in document.tokens[first:last])
    return Document(document.text[start:end], tokens=tokens)


def _cut(text: str, begins: Iterable[int], start: int, most: int) -> int:
    """Where to cut a text that is too long from `start` on."""
    lowest, highest = start + most // 2, start + most
    passages = [begin for begin in begins if lowest < begin <= highest]
    for pattern in _ENDS:
        found = [match.end() for match in re.finditer(pattern, text[lowest:highest])]
        ends = [*(lowest + end for end in found), *passages]
        if ends:
            return max(ends)
    return highest
