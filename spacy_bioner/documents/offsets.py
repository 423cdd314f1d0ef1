"""Where a mention really is, whatever its file counts.

A file gives offsets, and mostly the text of a mention beside them. What it counts it doesn't say: characters,
or one of `units.UNITS`; from the beginning of the text, or of the passage or sentence; from 0 or 1, to the
last character or the one behind. A `Counting` is one such assumption. `settling` chooses one for a document,
by whether it gives all mentions their texts; this module says what a counting makes of one mention, and what
can be done for mentions that no counting explains.

Such a mention is moved, never stretched: all its spans by the same number of characters, at most `REACH`, to
where they give its text, if that is one place, or the one by which most such mentions of its part move. It
never comes to where another mention with another offset is, nor past its neighbours. Otherwise it keeps its
offsets, has the text that its file gives it in its meta, as "text", and its tokens are unknown for its type.
"""

import re
from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Any, NamedTuple

from spacy_bioner.documents.document import Document, Span
from spacy_bioner.documents.metadata import TEXT
from spacy_bioner.documents.units import UNITS, UnitTable

REACH = 16
"""How far a single mention is moved at most, in characters."""
_SHIFTS = sorted(range(-REACH, REACH + 1), key=lambda by: (abs(by), -by))
_WHITE = re.compile(r"\r\n|\s")
_Order = list[tuple[Span, tuple[Span, ...]]]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a text from which its file may count.

    Attributes:
        start, end: where it is in the text, in characters.
        stated: where the file says that it begins, in whatever the file counts.
    """

    start: int
    end: int
    stated: int = 0


class Claim(NamedTuple):
    """What a file says of a mention.

    Attributes:
        spans: its offsets, as the file has them and in the order of the file.
        text: its text; None where the file says nothing.
        type, id, identifiers, score, meta: as in `Mention`.
        where: where it stands in the file, for people ("line 8").
        parts: the parts that it stands in, from the text as a whole to the innermost; empty where the file
            has no parts that count for themselves.
    """

    spans: tuple[Span, ...]
    text: str | None
    type: str = ""
    id: str = ""
    identifiers: tuple[str, ...] = ()
    score: float | None = None
    meta: Mapping[str, Any] = MappingProxyType({})
    where: str = ""
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Counting:
    """How a file may count.

    Attributes:
        unit: one of `UNITS`.
        origin: from where: "stated", where the innermost part says that it begins; "text", the beginning of
            the text; "passage" or "sentence", that of the part.
        first, last: what has to be added to the offsets of a mention's beginning and end.
    """

    unit: str = "characters"
    origin: str = "stated"
    first: int = 0
    last: int = 0

    def __str__(self) -> str:
        name = UNITS[self.unit]
        if self.origin != "stated":
            name += f" from the beginning of the {self.origin}"
        edges = {
            (-1, 0): ", from 1 and to the last one",
            (0, 1): ", to the last one",
            (-1, -1): ", from 1",
            (1, 1): ", from -1",
        }
        return name + edges.get((self.first, self.last), "")


AS_STATED = Counting()
_LEVELS = {"text": 0, "passage": 1, "sentence": 2}


class Text:
    """A text with the tables of the units that were asked for."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._tables: dict[str, UnitTable] = {}

    def _table(self, unit: str) -> UnitTable | None:
        """The table of a unit; None for characters, which need none."""
        if unit == "characters":
            return None
        if unit not in self._tables:
            self._tables[unit] = UnitTable(self.text, unit)
        return self._tables[unit]

    def place(self, claim: Claim, counting: Counting) -> tuple[Span, ...] | None:
        """Where a mention is in the text, if its file counts so.

        Returns:
            Its spans in characters, in the order of the text; None if they are nowhere in it.
        """
        if len(claim.spans) == 1 and counting is AS_STATED:  # nearly all mentions
            start, end = claim.spans[0]
            by = claim.parts[-1].start - claim.parts[-1].stated if claim.parts else 0
            return ((start + by, end + by),) if 0 <= start + by < end + by <= len(self.text) else None
        whole = Part(0, len(self.text))
        part = claim.parts[-1] if claim.parts else whole
        base, end = part.stated, len(self.text)
        if counting.origin != "stated":
            level = _LEVELS[counting.origin]
            if level and level >= len(claim.parts):
                return None
            part = claim.parts[level] if claim.parts else whole
            base, end = (0, part.end) if level else (part.stated, len(self.text))
        table = self._table(counting.unit)
        begin = part.start if table is None else table.offset(part.start)
        found = []
        for first, last in claim.spans:
            a: int | None = first - base + counting.first + begin
            b: int | None = last - base + counting.last + begin
            if table is not None and a is not None and b is not None:
                a, b = table[a], table[b]
            if a is None or b is None or not 0 <= a < b <= end:
                return None
            found.append((a, b))
        if len(found) > 1:
            found.sort()
            if any(a[1] > b[0] for a, b in pairwise(found)):
                return None
        return tuple(found)

    def explains(self, claim: Claim, places: tuple[Span, ...] | None) -> bool:
        """Whether a mention has its text at some places; whether it has a place, if its text isn't known."""
        if places is None or claim.text is None:
            return places is not None
        if len(places) == 1 and self.text[places[0][0] : places[0][1]] == claim.text:
            return True
        if same(self._joined(places), claim.text):
            return True
        ordered = sorted(range(len(places)), key=lambda i: claim.spans[i])
        by_rank = dict(zip(ordered, places, strict=True))  # the fragments in the order of the file
        return len(places) > 1 and same(self._joined([by_rank[i] for i in range(len(places))]), claim.text)

    def _joined(self, places: Sequence[Span]) -> str:
        return " ".join(self.text[start:end] for start, end in places)

    def offset(self, place: int, unit: str) -> int:
        """Where a character begins, counted in a unit from the beginning of the text."""
        table = self._table(unit)
        return place if table is None else table.offset(place)


def moved_to_texts(
    text: Text,
    claims: Sequence[Claim],
    places: Sequence[tuple[Span, ...] | None],
    stated: Sequence[tuple[Span, ...] | None],
) -> list[tuple[Span, ...] | None]:
    """Moves the mentions of a document that don't have their text, as said above.

    Args:
        text: the text.
        claims: the mentions.
        places: where each is by the counting of the document.
        stated: where each is as characters of what the file states.

    Returns:
        Where each is that has its text; None for the others.
    """
    found = [at if text.explains(claim, at) else None for claim, at in zip(claims, places, strict=True)]
    lost = [i for i, at in enumerate(found) if at is None and claims[i].text is not None]
    if not lost:
        return found
    order = sorted((min(claims[i].spans), at) for i, at in enumerate(found) if at is not None)
    candidates = {i: dict(_candidates(text, claims[i], places[i] or stated[i])) for i in lost}
    common: dict[Part | None, Counter[int]] = {}
    for i in lost:
        common.setdefault(_part(claims[i]), Counter()).update(candidates[i].keys())
    for i in lost:
        spans = min(claims[i].spans)
        fitting = {by: at for by, at in candidates[i].items() if _in_order(order, spans, at)}
        best = [by for by, n in common[_part(claims[i])].most_common(1) if n > 1 and by in fitting]
        if best or len(fitting) == 1:
            at = fitting[best[0]] if best else next(iter(fitting.values()))
            found[i] = at
            insort(order, (spans, at))
    return found


def _part(claim: Claim) -> Part | None:
    return claim.parts[-1] if claim.parts else None


def _candidates(
    text: Text, claim: Claim, near: tuple[Span, ...] | None
) -> Iterator[tuple[int, tuple[Span, ...]]]:
    """Where else the text of a mention is, by how far that is away."""
    spans = near or _as_characters(claim)
    for by in _SHIFTS:
        at = tuple((start + by, end + by) for start, end in spans)
        if inside(at, text.text) and text.explains(claim, at):
            yield by, at


def _as_characters(claim: Claim) -> tuple[Span, ...]:
    """The offsets of a mention that may be outside the text."""
    by = claim.parts[-1].start - claim.parts[-1].stated if claim.parts else 0
    return tuple(sorted((start + by, end + by) for start, end in claim.spans))


def _in_order(order: _Order, stated: Span, at: tuple[Span, ...]) -> bool:
    """Whether a place keeps a mention between its neighbours, and apart from mentions with other offsets."""
    i = bisect_right(order, stated, key=lambda known: known[0])
    if i and order[i - 1][0] != stated and not order[i - 1][1] < at:
        return False
    return i == len(order) or at < order[i][1]


def contradicts(stated: str, found: str) -> bool:
    """Whether the text that a file gives a mention is another than that at its offsets.

    Case and white space don't count, nor does what is left out of a mention of fragments.
    """
    return _alike(stated) != _alike(found)


def _alike(text: str) -> str:
    return "".join(text.split()).casefold()


def mismatches(document: Document) -> Iterator[str]:
    """Names the mentions whose offsets don't give the text that the file has, with what they give."""
    for mention in document.mentions:
        if TEXT in mention.meta:
            yield (
                f"{document.place}: {mention.type} at {mention.start} is '{document.text_of(mention)}', "
                f"and not '{mention.meta[TEXT]}'"
            )


def same(one: str, other: str) -> bool:
    """Whether two texts are the same but for the kind of their white space, CRLF being one of them."""
    return one == other or _WHITE.sub(" ", one) == _WHITE.sub(" ", other)


def inside(spans: Sequence[Span], text: str) -> bool:
    """Whether spans are in order, not empty, apart and inside a text."""
    last = 0
    for start, end in spans:
        if not last <= start < end <= len(text):
            return False
        last = end
    return bool(spans)
