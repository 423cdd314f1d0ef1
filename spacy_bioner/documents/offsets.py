"""The one rule for offsets that don't give the text that their file has beside them.

There are such files: 31 passages of BC5CDR in BioC state an offset that is 5 or 10 too high, and tools that
count bytes, or line ends as two characters, leave mentions a little to the right of where they are.

The rule: a mention is moved, never stretched. All its spans move by the same number of characters, at most
`REACH`, to where they give its text. If several places would do, that one counts by which most mentions of
the same part (document or passage) give their text; else the nearest, to the right rather than to the left. A
mention whose text is nowhere near keeps its offsets, which count, and has the text that its file gives it in
its meta, as "text". One that was moved has in its meta, as "moved", by how many characters.

White space of one kind counts as that of another: formats of lines can't hold a line end inside a mention.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from spacy_bioner.documents.document import Document, Span
from spacy_bioner.documents.metadata import MOVED, TEXT

REACH = 16
"""How far a mention is moved at most, in characters."""
_SHIFTS = sorted(range(-REACH, REACH + 1), key=lambda by: (abs(by), -by))


@dataclass(frozen=True, slots=True)
class Claim:
    """Where a file says that a mention is, and what it says is its text; None where it says nothing."""

    spans: tuple[Span, ...]
    text: str | None


def settle(text: str, claims: Sequence[Claim]) -> Iterator[tuple[tuple[Span, ...], dict[str, Any]]]:
    """Puts mentions where their text is.

    Args:
        text: the text of the document.
        claims: the mentions of one part of it.

    Yields:
        The spans of each mention and what its meta is to say of them: nothing, "moved", or "text". The spans
        may be outside the text.
    """
    right = [_gives(text, claim, 0) for claim in claims]
    if all(right):
        yield from ((claim.spans, {}) for claim in claims)
        return
    said = [claim for claim in claims if claim.text is not None]
    common = max(_SHIFTS, key=lambda by: sum(_gives(text, claim, by) for claim in said))
    for claim in claims:
        shifts = (0,) if claim.text is None else (common, *_SHIFTS)
        by = next((by for by in shifts if _gives(text, claim, by)), None)
        if by:
            yield tuple((start + by, end + by) for start, end in claim.spans), {MOVED: by}
        else:
            yield claim.spans, {TEXT: claim.text} if by is None else {}


def _gives(text: str, claim: Claim, by: int) -> bool:
    """Whether a mention, moved by some characters, has its text there."""
    if claim.text is None:
        return True
    if claim.spans[0][0] + by < 0 or claim.spans[-1][1] + by > len(text):
        return False
    return same(" ".join(text[start + by : end + by] for start, end in claim.spans), claim.text)


def mismatches(document: Document) -> Iterator[str]:
    """Names the mentions whose offsets don't give the text that the file has, with what they give."""
    for mention in document.mentions:
        if TEXT in mention.meta:
            yield (
                f"{document.place}: {mention.type} at {mention.start} is '{document.text_of(mention)}', "
                f"and not '{mention.meta[TEXT]}'"
            )


def same(one: str, other: str) -> bool:
    """Whether two texts are the same but for the kind of their white space."""
    return one == other or (
        len(one) == len(other)
        and all(a == b or (a.isspace() and b.isspace()) for a, b in zip(one, other, strict=True))
    )


def inside(spans: Sequence[Span], text: str) -> bool:
    """Whether spans are in order, not empty, apart and inside a text."""
    last = 0
    for start, end in spans:
        if not last <= start < end <= len(text):
            return False
        last = end
    return bool(spans)
