"""How a file counts its offsets, told from all of its documents.

For each document the `Counting` is taken that gives all mentions their texts: as stated, if that does; else
the one that most documents of the file share; else the first of `countings`. So a document in which a
mention's text stands at the wrong place too is read as the others of its file are. Where no counting explains
all mentions, that is taken which explains most and moves none that has its text as stated; the others are
dealt with one by one (see `offsets`).

Where a file has no texts of mentions, nothing is guessed. If many ends of mentions cut words and wouldn't
under another counting, the file is refused, unless the caller says how it counts.

A file is read in constant memory: up to `WINDOW` documents are looked at before the first is given, and what
the later ones tell counts for those behind them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

from spacy_bioner.documents.document import Document, Mention, Span
from spacy_bioner.documents.edges import tidied
from spacy_bioner.documents.metadata import BAD, COUNTED, MOVED, TEXT, UNKNOWN
from spacy_bioner.documents.offsets import (
    AS_STATED,
    Claim,
    Counting,
    Text,
    contradicts,
    inside,
    moved_to_texts,
)
from spacy_bioner.documents.units import UNITS, differing_units
from spacy_bioner.errors import ConversionError, FormatError, OffsetsError

WINDOW = 256
"""How many documents with mentions are looked at together."""
_WINDOW_LENGTH = 4_000_000  # characters: documents can be long
ORIGINS = ("passage", "sentence")
_EDGES = ((0, 0), (0, 1), (-1, 0), (-1, -1), (1, 1))
_CUTS, _EDGE_CUTS, _SHARE = 2, 6, 0.3  # how many ends of mentions in words raise a doubt, and which share
Places = list[tuple[Span, ...] | None]


@dataclass(frozen=True, slots=True)
class Raw:
    """A document as its file has it.

    Attributes:
        document: the document without its mentions.
        claims: the mentions.
    """

    document: Document
    claims: Sequence[Claim] = ()


def check_offsets(name: str) -> None:
    """Raises ConversionError if a caller names a way of counting that there isn't."""
    if name and name not in UNITS and name not in ORIGINS:
        raise ConversionError(f"There are no offsets '{name}': use {', '.join((*UNITS, *ORIGINS))}. [B133]")


def countings(text: Text, claims: Iterable[Claim]) -> Iterator[Counting]:
    """The ways of counting that can tell other places than as stated, the likeliest first."""
    depth = max((len(claim.parts) for claim in claims), default=0)
    origins = ["stated", *(["text"] if depth > 1 else []), *ORIGINS[: max(depth - 1, 0)]]
    units = ["characters", *differing_units(text.text)]
    for edges in _EDGES:
        for origin, unit in product(origins, units):
            counting = Counting(unit, origin, *edges)
            if counting != AS_STATED:
                yield counting


@dataclass(slots=True)
class _Case:
    """A document, and what was found about how it counts.

    Attributes:
        stated: where its mentions are as stated.
        fits: whether they have their texts there.
        explaining: the countings that give all of them their texts, where they haven't as stated.
    """

    document: Document
    claims: Sequence[Claim]
    text: Text
    stated: Places
    fits: bool
    explaining: list[Counting] = field(default_factory=list)


def settled(
    found: Iterable[Raw | FormatError], path: Path, offsets: str = ""
) -> Iterator[Document | FormatError]:
    """Puts the mentions of all documents of a file where they are.

    Args:
        found: the documents as they are in the file, and errors in place of those that can't be read.
        path: the file, for errors.
        offsets: how the file counts: one of `UNITS` or `ORIGINS`; found out, if empty.

    Yields:
        The documents. One whose offsets aren't characters from its beginning says so in its meta, as
        "counted". What can't be used of it is in its meta as "bad", and where it makes its text unknown
        for a type as "unknown". Errors are passed on; one more follows if it is to be doubted that the file
        counts characters.
    """
    check_offsets(offsets)
    collection = _Collection(path, offsets)
    waiting: list[_Case | FormatError] = []
    length, looking = 0, True
    for item in found:
        if isinstance(item, FormatError):
            waiting.append(item)
        elif not item.claims:
            waiting.append(_Case(item.document, (), Text(""), [], True))
        else:
            waiting.append(collection.look(item))
            length += len(item.document.text)
        if looking and length and len(waiting) < WINDOW and length < _WINDOW_LENGTH:
            continue
        looking = looking and not length
        yield from collection.decided(waiting)
        waiting = []
    yield from collection.decided(waiting)
    if (doubt := collection.doubt()) is not None:
        yield doubt


class _Collection:
    """What the documents of a file tell of how it counts.

    Args:
        path: the file.
        offsets: how it counts, as the caller says.
    """

    def __init__(self, path: Path, offsets: str) -> None:
        self._path = path
        self._offsets = offsets
        self._votes: Counter[Counting] = Counter()  # of documents that don't fit as stated
        self._against: Counter[Counting] = Counter()  # documents that only fit as stated
        self._ends: Counter[tuple[Counting, str]] = Counter()

    def look(self, raw: Raw) -> _Case:
        """Looks at a document, and remembers how it may count."""
        text, claims = Text(raw.document.text), raw.claims
        stated = [text.place(claim, AS_STATED) for claim in claims]
        fits = all(map(text.explains, claims, stated))
        case = _Case(raw.document, claims, text, stated, fits)
        if not self._offsets:
            told = [claim for claim in claims if claim.text is not None]
            if not fits and told:
                case.explaining = [
                    c for c in countings(text, claims) if _explained(case, c, told) is not None
                ]
                self._votes.update(case.explaining)
            if len(told) < len(claims):
                self._count_cuts(case)
        return case

    def decided(self, waiting: Iterable[_Case | FormatError]) -> Iterator[Document | FormatError]:
        """Settles documents that were looked at."""
        waiting = list(waiting)
        shared = self._shared()
        if shared is not None:
            for case in waiting:
                if isinstance(case, _Case) and case.fits and _explained(case, shared, case.claims) is None:
                    self._against[shared] += 1
        for case in waiting:
            if isinstance(case, FormatError):
                yield case
            elif not case.claims:
                yield case.document
            else:
                counting, places = self._places(case)
                yield _document(case, counting, places)

    def _shared(self) -> Counting | None:
        """The counting that most documents have which don't fit as stated."""
        return max(self._votes, key=lambda counting: self._votes[counting], default=None)

    def _places(self, case: _Case) -> tuple[Counting, Places]:
        """The counting of a document, and where its mentions are by it; None for what isn't explained."""
        if self._offsets:
            counting = _named(self._offsets)
            return counting, _repaired(case, counting)
        shared = self._shared()
        if case.fits:
            if shared is not None and self._votes[shared] > self._against[shared]:
                places = _explained(case, shared, case.claims)
                if places is not None and places != case.stated:
                    return shared, places
            return AS_STATED, case.stated
        for counting in sorted(case.explaining, key=lambda counting: -self._votes[counting]):
            return counting, _repaired(case, counting)
        counting = _best(case)
        return counting, _repaired(case, counting)

    def _count_cuts(self, case: _Case) -> None:
        """Counts the ends of mentions without a text that cut words as stated, and wouldn't otherwise."""
        untold = [i for i, claim in enumerate(case.claims) if claim.text is None]
        if not any(_cuts(case.text.text, case.stated[i]) for i in untold):
            return
        for counting in countings(case.text, case.claims):
            for i in untold:
                at = case.text.place(case.claims[i], counting)
                if at != case.stated[i]:
                    self._ends[counting, "stated"] += _cuts(case.text.text, case.stated[i])
                    self._ends[counting, "other"] += _cuts(case.text.text, at)
                    self._ends[counting, "all"] += 2

    def doubt(self) -> FormatError | None:
        """The error that says why it is to be doubted that a file without texts counts characters."""
        for counting in dict.fromkeys(counting for counting, _ in self._ends):
            cut, other, all = (self._ends[counting, key] for key in ("stated", "other", "all"))
            least = _EDGE_CUTS if (counting.first, counting.last) != (0, 0) else _CUTS
            if cut >= least and cut >= _SHARE * all and other * 10 <= cut:
                names = ", ".join((*UNITS, *ORIGINS))
                message = (
                    f"{cut:,} of {all:,} ends of mentions are in words or outside the text, {other:,} if the "
                    f"offsets count {counting}: say how they count with --offsets ({names}) [B152]"
                )
                return OffsetsError(self._path, None, message)
        return None


def _named(name: str) -> Counting:
    return Counting(origin=name) if name in ORIGINS else Counting(unit=name)


def _explained(case: _Case, counting: Counting, claims: Iterable[Claim]) -> Places | None:
    """Where mentions are by a counting; None unless all of them have a place there, and their texts."""
    places: Places = []
    for claim in claims:
        at = case.text.place(claim, counting)
        if not case.text.explains(claim, at):
            return None
        places.append(at)
    return places


def _best(case: _Case) -> Counting:
    """The counting that gives most mentions their texts, and takes it from none that has it as stated."""
    told = [i for i, claim in enumerate(case.claims) if claim.text is not None]
    fitting = [i for i in told if case.text.explains(case.claims[i], case.stated[i])]
    best, most = AS_STATED, len(fitting)
    for counting in countings(case.text, case.claims):
        if (counting.first, counting.last) != (0, 0):
            break
        places = {i: case.text.place(case.claims[i], counting) for i in told}
        count = sum(case.text.explains(case.claims[i], at) for i, at in places.items())
        if count > most and all(places[i] == case.stated[i] for i in fitting):
            best, most = counting, count
    return best


def _repaired(case: _Case, counting: Counting) -> Places:
    places = [case.text.place(claim, counting) for claim in case.claims]
    return moved_to_texts(case.text, case.claims, places, case.stated)


def _cuts(text: str, places: tuple[Span, ...] | None) -> int:
    """How many of the two ends of a mention are inside a word; both, if it is outside the text."""
    if places is None:
        return 2
    ends = (places[0][0], places[-1][1])
    return sum(0 < at < len(text) and text[at - 1].isalnum() and text[at].isalnum() for at in ends)


def _document(case: _Case, counting: Counting, places: Places) -> Document:
    """A document with its mentions, and with what couldn't be used of it in its meta."""
    text = case.document.text
    counted: Counter[str] = Counter()
    counts_otherwise = counting != AS_STATED
    if counts_otherwise:
        counted[f"documents whose offsets count {counting}"] = 1
    mentions: list[Mention] = []
    bad: list[str] = []
    lost: list[Claim] = []
    for claim, stated, found in zip(case.claims, case.stated, places, strict=True):
        at = found or case.text.place(claim, counting) or stated
        spans = tidied(text, at) if at else ()
        if not spans:
            bad.append(_reason(claim, text, stated))
            lost.append(claim)
            continue
        if at and spans is not at:
            counted["mentions in parts with only white space between, joined"] += len(spans) < len(at)
            trimmed = (spans[0][0], spans[-1][1]) != (at[0][0], at[-1][1])
            counted["mentions with white space at their edges, trimmed"] += trimmed
        meta: dict[str, Any] = dict(claim.meta)
        if found is None and claim.text is not None:
            meta[TEXT] = claim.text
            if contradicts(claim.text, " ".join(text[start:end] for start, end in spans)):
                lost.append(claim)
        elif (counts_otherwise or found is not stated) and at != _in_characters(claim):
            meta[MOVED] = (at or spans)[0][0] - _in_characters(claim)[0][0]
        mentions.append(Mention(spans, claim.type, claim.id, claim.identifiers, claim.score, meta))
    meta = dict(case.document.meta)
    if counted := +counted:
        meta[COUNTED] = dict(Counter(meta.get(COUNTED, {})) + counted)
    if bad:
        meta[BAD] = (*meta.get(BAD, ()), *bad)
    if lost:
        meta[UNKNOWN] = tuple(dict.fromkeys(s for claim in lost for s in _unknown(text, claim, mentions)))
    return replace(case.document, mentions=tuple(mentions), meta=meta)


def _in_characters(claim: Claim) -> tuple[Span, ...]:
    by = claim.parts[-1].start - claim.parts[-1].stated if claim.parts else 0
    return tuple(sorted((start + by, end + by) for start, end in claim.spans))


def _reason(claim: Claim, text: str, stated: tuple[Span, ...] | None) -> str:
    """Why a mention can't be used."""
    spans = ", ".join(f"{start} to {end}" for start, end in claim.spans)
    about = f"{claim.where}: " if claim.where else ""
    if stated:
        return f"{about}a mention of white space alone, from {spans}"
    if len(claim.spans) > 1 and inside([(min(claim.spans)[0], max(end for _, end in claim.spans))], text):
        return f"{about}parts of a mention that overlap, from {spans}"
    return f"{about}a mention from {spans}, in a text of {len(text)} characters"


def _unknown(text: str, claim: Claim, mentions: Sequence[Mention]) -> Iterator[tuple[str, int, int]]:
    """The stretches of a text that are unknown for a type, as a mention of it may be there."""
    known = {
        mention.spans[0] for mention in mentions if mention.type == claim.type and TEXT not in mention.meta
    }
    stated = _in_characters(claim)
    whole = (stated[0][0], max(end for _, end in stated))
    if inside([whole], text):
        yield claim.type, *whole
    elif not claim.text:
        yield claim.type, 0, len(text)
    at = text.find(claim.text) if claim.text else -1
    while at >= 0 and claim.text:
        span = (at, at + len(claim.text))
        if span not in known:
            yield claim.type, *span
        at = text.find(claim.text, span[1])
