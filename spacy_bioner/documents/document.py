"""Documents with mentions: the one type between files and spaCy."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeGuard

Span = tuple[int, int]
"""A stretch of text: the offset of its first character and of the one after its last."""

SENTENCE = "sentence"
"""The type of the passages that are sentences."""
OVERLAPS = "overlaps a longer mention"
"""Why a flat annotation can't hold a mention."""
SCORE = "score"
"""Where in the meta of a relation the probability is that a model gave it."""
HEADING = "heading"
"""The type of the passages that are headings in another one ("METHODS:" in an abstract)."""


def is_probability(value: Any) -> TypeGuard[float]:
    """Whether a value is a number from 0 to 1."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


@dataclass(frozen=True, slots=True)
class Mention:
    """A mention of an entity in a text.

    Attributes:
        spans: one or more stretches of the text, in order and not overlapping (more than one where
            the mention is discontinuous).
        type: the entity type, by the name that its corpus gives it.
        id: the mention's own id in its document ("T1"), if it has one.
        identifiers: what the mention refers to, in some database ("MESH:D008094").
        score: the probability that a model gave it, from 0 to 1; None for a gold mention.
        meta: whatever else its format says of it (BioC's infons, BRAT's notes).
    """

    spans: tuple[Span, ...]
    type: str
    id: str = ""
    identifiers: tuple[str, ...] = ()
    score: float | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises ValueError unless there is a span, and they are in order, not empty and apart."""
        last = 0
        if not self.spans:
            raise ValueError("A mention needs at least one span.")
        for start, end in self.spans:
            if not last <= start < end:
                raise ValueError(f"Spans must be in order, not empty and apart: {self.spans}")
            last = end

    @property
    def start(self) -> int:
        """Where its first span begins, in characters of the text."""
        return self.spans[0][0]

    @property
    def end(self) -> int:
        """The character behind its last span."""
        return self.spans[-1][1]

    def shifted(self, by: int) -> "Mention":
        """The same mention in a text that begins `by` characters earlier."""
        spans = tuple((start + by, end + by) for start, end in self.spans)
        return Mention(spans, self.type, self.id, self.identifiers, self.score, self.meta)


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a document's text: title, abstract, paragraph, sentence.

    Attributes:
        start, end: its place in the document's text, in characters.
        type: what kind of part it is.
        meta: whatever else its format says of it.
    """

    start: int
    end: int
    type: str
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation or event between mentions.

    Attributes:
        type: its name ("CID", "Phosphorylation").
        arguments: role and what fills it: the id of a mention or of another relation, or a database
            identifier, as the format has it.
        id: its own id in the document, if it has one.
        meta: whatever else its format says of it.
    """

    type: str
    arguments: tuple[tuple[str, str], ...]
    id: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def score(self) -> float | None:
        """The probability that a model gave it, from 0 to 1; None for a gold relation."""
        score = self.meta.get(SCORE)
        return float(score) if is_probability(score) else None


@dataclass(frozen=True, slots=True)
class Document:
    """A text and what is known about it.

    Attributes:
        text: the text; every offset counts its characters (Unicode code points) from 0.
        passages: its parts, in order.
        mentions: the mentions in it, in any order.
        relations: relations and events between them.
        tokens: the tokens that its source gives, in order and not overlapping; None where the source
            is plain text.
        meta: whatever else its format says of it.
        id: its id in its corpus, if it has one.
    """

    text: str
    passages: tuple[Passage, ...] = ()
    mentions: tuple[Mention, ...] = ()
    relations: tuple[Relation, ...] = ()
    tokens: tuple[Span, ...] | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    id: str = ""

    def text_of(self, mention: Mention) -> str:
        """The text of a mention: the text of its spans, a space between them."""
        return " ".join(self.text[start:end] for start, end in mention.spans)

    def sentences(self) -> list[Span]:
        """The sentences, as passages say; the whole text where they say nothing."""
        found = [(p.start, p.end) for p in self.passages if p.type == SENTENCE]
        return found or [(0, len(self.text))]

    @property
    def place(self) -> str:
        """Where it was, for people: the line of its file that it began on, or its id."""
        return f"line {self.meta['line']}" if "line" in self.meta else f"document {self.id or '?'}"


@dataclass(frozen=True, slots=True, init=False)
class Dropped:
    """A mention that could not be kept. It doesn't hold on to its document: there may be very many.

    Attributes:
        place: where it was: the document's id, or a line of its file.
        mention: the mention.
        text: its text.
        reason: why it was dropped.
    """

    place: str
    mention: Mention
    text: str
    reason: str

    def __init__(self, document: Document, mention: Mention, reason: str) -> None:
        _set(self, place=document.place, mention=mention, text=document.text_of(mention), reason=reason)

    def __str__(self) -> str:
        return f"{self.place}: {self.mention.type} '{self.text}' ({self.reason})"


@dataclass(frozen=True, slots=True, init=False)
class DroppedRelation:
    """A relation that could not be kept; as `Dropped`."""

    place: str
    relation: Relation
    reason: str

    def __init__(self, document: Document, relation: Relation, reason: str) -> None:
        _set(self, place=document.place, relation=relation, reason=reason)

    def __str__(self) -> str:
        arguments = ", ".join(f"{role}:{filler}" for role, filler in self.relation.arguments)
        return f"{self.place}: {self.relation.type} ({arguments}) ({self.reason})"


def _set(frozen: object, **fields: object) -> None:
    """Sets the fields of a frozen dataclass in its `__init__`."""
    for name, value in fields.items():
        object.__setattr__(frozen, name, value)


def merge(documents: Sequence[Document]) -> Document:
    """Puts the sentences of several documents into one, a space between them.

    Id and meta are the first one's, and so must be what they say: merge what belongs together.
    Ids of mentions and relations are kept as they are.
    """
    if len(documents) == 1:
        return documents[0]
    texts: list[str] = []
    passages: list[Passage] = []
    mentions: list[Mention] = []
    relations: list[Relation] = []
    tokens: list[Span] | None = [] if all(d.tokens is not None for d in documents) else None
    offset = 0
    for document in documents:
        texts.append(document.text)
        passages += [Passage(s + offset, e + offset, SENTENCE) for s, e in document.sentences()]
        passages += [
            Passage(p.start + offset, p.end + offset, p.type, p.meta)
            for p in document.passages
            if p.type != SENTENCE
        ]
        mentions += [mention.shifted(offset) for mention in document.mentions]
        relations += document.relations
        if tokens is not None and document.tokens is not None:
            tokens += [(s + offset, e + offset) for s, e in document.tokens]
        offset += len(document.text) + 1
    return Document(
        " ".join(texts),
        tuple(passages),
        tuple(mentions),
        tuple(relations),
        None if tokens is None else tuple(tokens),
        documents[0].meta,
        documents[0].id,
    )


def flat(mentions: Iterable[Mention]) -> tuple[list[Mention], list[Mention]]:
    """Chooses mentions that don't overlap: the longer one wins, then the one that begins first.

    Returns:
        The chosen mentions, in the order of the text, and the others.
    """
    others: list[Mention] = []
    ordered = sorted(mentions, key=lambda m: (m.start, m.start - m.end))
    if all(a.end <= b.start for a, b in pairwise(ordered)):
        return ordered, others
    chosen: list[Mention] = []  # in the order of the text
    for mention in sorted(ordered, key=lambda m: m.start - m.end):
        place = bisect_right(chosen, mention.start, key=lambda m: m.start)
        if any(
            m.start < mention.end and mention.start < m.end for m in chosen[max(place - 1, 0) : place + 1]
        ):
            others.append(mention)
        else:
            chosen.insert(place, mention)
    return chosen, others


def in_tokens(
    document: Document, tokens: Sequence[Span]
) -> tuple[list[tuple[int, int, Mention]], list[Dropped]]:
    """Finds the mentions of a document that a flat sequence of tags can hold.

    Args:
        document: the document.
        tokens: the tokens, as spans of its text.

    Returns:
        The mentions that fit, in order, each with its first token and the one after its last; and the
        others: discontinuous ones, those that begin or end inside a token, those that overlap a longer one.
    """
    if not document.mentions:
        return [], []
    begins = {start: i for i, (start, _) in enumerate(tokens)}
    ends = {end: i + 1 for i, (_, end) in enumerate(tokens)}
    fitting: list[Mention] = []
    dropped: list[Dropped] = []
    for mention in document.mentions:
        if len(mention.spans) > 1:
            dropped.append(Dropped(document, mention, "discontinuous"))
        elif mention.start not in begins or mention.end not in ends:
            dropped.append(Dropped(document, mention, "begins or ends inside a token"))
        else:
            fitting.append(mention)
    kept, overlapping = flat(fitting)
    dropped += [Dropped(document, m, OVERLAPS) for m in overlapping]
    return [(begins[m.start], ends[m.end], m) for m in kept], dropped
