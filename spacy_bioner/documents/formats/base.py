"""What the readers and writers of all formats have in common: what they give, and how it is counted."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from spacy_bioner.documents.document import Document, Dropped, DroppedRelation
from spacy_bioner.documents.metadata import COUNTED, HOW_READ
from spacy_bioner.documents.settling import Raw
from spacy_bioner.errors import ConversionError, FormatError

BREAKS = re.compile(r"[\t\r\n]")
"""What ends a field or a line, in formats of lines and columns."""

VARIANT = re.compile(r"(tmVar:)?[a-zA-Z]?\|(SUB|DEL|INS|DUP|INDEL|FS|INV|Allele|Acid)\|")
"""How an identifier of tmVar begins, which has bars of its own."""


@dataclass(frozen=True, slots=True)
class Written:
    """A piece of what is written, in most formats a document.

    Attributes:
        text: what to write.
        tokens: how many tokens that are.
        mentions: the types of the mentions in it.
        dropped: the mentions that the format can't hold.
        relations: the relations that the format can't hold.
        others: how often something else was left out or changed, by what it is.
        docs: how many documents it ends: 0 for a heading.
        name: the file to write it to, in formats that are a folder.
        related: how many relations are in it.
    """

    text: str
    tokens: int = 0
    mentions: list[str] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    relations: list[DroppedRelation] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    docs: int = 1
    name: str = ""
    related: int = 0


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A document that isn't to be read, and why: it is counted."""

    what: str


def without_left_out(found: Iterable[Raw | FormatError | LeftOut], path: Path) -> Iterator[Raw | FormatError]:
    """What is to be read of a file; the document before or behind tells of what was left out.

    Args:
        found: the documents, errors, and what is left out.
        path: the file, for the error if nothing is to be read.
    """
    held: Raw | None = None
    behind: list[FormatError] = []
    counts: Counter[str] = Counter()
    for item in found:
        if isinstance(item, LeftOut):
            counts[item.what] += 1
        elif isinstance(item, FormatError):
            behind.append(item)
        else:
            yield from ([] if held is None else [held])
            yield from behind
            held, counts, behind = _with_counts(item, counts), Counter(), []
    if held is not None:
        yield _with_counts(held, counts)
    yield from behind
    if held is None and counts and not behind:
        yield FormatError(path, None, f"there is nothing to read in it but {', '.join(counts)} [B027]")


def _with_counts(raw: Raw, counts: Counter[str]) -> Raw:
    if not counts:
        return raw
    meta = {**raw.document.meta, COUNTED: dict(Counter(raw.document.meta.get(COUNTED, {})) + counts)}
    return replace(raw, document=replace(raw.document, meta=meta))


@dataclass(slots=True)
class Account:
    """What was written, and what was not.

    Attributes:
        docs, tokens: how many were written.
        mentions_out: the mentions written, by type.
        relations_out: how many relations were written.
        dropped: the mentions that were not written, each with the reason.
        relations: the relations that were not written, each with the reason.
        others: how often something else was left out or changed, by what it is.
    """

    docs: int = 0
    tokens: int = 0
    mentions_out: Counter[str] = field(default_factory=Counter)
    relations_out: int = 0
    dropped: list[Dropped] = field(default_factory=list)
    relations: list[DroppedRelation] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)

    def add(self, written: Written) -> None:
        """Counts a piece that was written, and what was left out in it."""
        self.docs += written.docs
        self.tokens += written.tokens
        self.mentions_out.update(written.mentions)
        self.relations_out += written.related
        self.dropped += written.dropped
        self.relations += written.relations
        self.others.update(written.others)


def identifiers_in(field: str) -> tuple[str, ...]:
    """The identifiers in a text that has bars between them; those of tmVar have bars of their own."""
    if not field or VARIANT.match(field):
        return (field,) if field else ()
    return tuple(field.split("|"))


def one_field(text: str) -> str:
    """A text with spaces for what would end its field."""
    return BREAKS.sub(" ", text)


def kept_meta(meta: Mapping[str, Any], without: Collection[str] = ()) -> dict[str, Any]:
    """What of a meta is to be written: all but what says how it was read, and some keys more."""
    return {key: value for key, value in meta.items() if key not in HOW_READ and key not in without}


def left_out(
    document: Document,
    mention_meta: Collection[str] = (),
    relation_meta: Collection[str] = (),
    document_meta: Collection[str] = (),
    held: Collection[str] = (),
) -> Counter[str]:
    """Counts what a format doesn't hold of a document, beside mentions and relations.

    Args:
        document: the document.
        mention_meta, relation_meta, document_meta: the keys of the metas that the format holds.
        held: which of "scores", "identifiers", "passages", "tokens", "ids of mentions", "ids of relations" it
            holds, or hasn't to because it holds nothing that they belong to.
    """
    found = {
        "scores": sum(m.score is not None for m in document.mentions),
        "identifiers": sum(len(m.identifiers) for m in document.mentions),
        "passages": len(document.passages),
        "tokens": len(document.tokens or ()),
        "ids of mentions": sum(bool(m.id) for m in document.mentions),
        "ids of relations": sum(bool(r.id) for r in document.relations),
    }
    counts = Counter({what: count for what, count in found.items() if what not in held})
    counts["notes on passages"] = sum(bool(kept_meta(p.meta)) for p in document.passages)
    counts["notes on mentions"] = sum(bool(kept_meta(m.meta, mention_meta)) for m in document.mentions)
    counts["notes on relations"] = sum(bool(kept_meta(r.meta, relation_meta)) for r in document.relations)
    # in which order the lines of a file stood says nothing of its document
    counts["notes on documents"] = int(bool(kept_meta(document.meta, (*document_meta, "order"))))
    return +counts


def encoded(piece: Written) -> bytes:
    """A piece as it is in a file; raises ConversionError if it has characters that no text file can have."""
    if "\0" in piece.text:
        raise ConversionError(
            f"A NUL character can't be in a text file: {_around(piece.text, chr(0))}. [B023]"
        )
    try:
        return piece.text.encode("utf-8")
    except UnicodeEncodeError as error:
        around = _around(piece.text, error.object[error.start])
        raise ConversionError(
            f"Half of a surrogate pair can't be written as UTF-8: {around}. [B024]"
        ) from None


def _around(text: str, char: str) -> str:
    place = text.index(char)
    return ascii(text[max(place - 20, 0) : place + 20])
