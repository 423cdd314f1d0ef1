"""Where a mention begins and ends: no white space at its edges, and none alone between its fragments."""

import unicodedata
from collections.abc import Iterable

from spacy_bioner.documents.document import Span

_INVISIBLE = frozenset("\u00ad\u034f\u061c\u180e\u2060\ufeff") | {
    chr(code)
    for low, high in ((0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F))
    for code in range(low, high + 1)
}


def is_invisible(char: str) -> bool:
    """Whether a character shows nothing: a byte order mark, soft hyphen, direction mark, or of no width."""
    return char in _INVISIBLE or unicodedata.category(char) == "Cf"


def trimmed(text: str, span: Span, invisible: bool = False) -> Span | None:
    """A stretch of a text without white space at its edges.

    Args:
        text: the text.
        span: the stretch, inside the text.
        invisible: whether characters that show nothing are taken off as well.

    Returns:
        The stretch; None if nothing is left of it.
    """
    start, end = span
    while start < end and _is_edge(text[start], invisible):
        start += 1
    while start < end and _is_edge(text[end - 1], invisible):
        end -= 1
    return (start, end) if start < end else None


def _is_edge(char: str, invisible: bool) -> bool:
    return char.isspace() or (invisible and is_invisible(char))


def tidied(text: str, spans: Iterable[Span]) -> tuple[Span, ...]:
    """The fragments of a mention without white space at their edges, those with nothing else between as one.

    Args:
        text: the text.
        spans: the fragments, in order, apart and inside the text.

    Returns:
        The fragments; none if they are white space alone.
    """
    spans = tuple(spans)
    if len(spans) == 1 and not (text[spans[0][0]].isspace() or text[spans[0][1] - 1].isspace()):
        return spans
    found: list[Span] = []
    for span in spans:
        kept = trimmed(text, span)
        if kept is None:
            continue
        if found and not text[found[-1][1] : kept[0]].strip():
            kept = (found.pop()[0], kept[1])
        found.append(kept)
    return tuple(found)
