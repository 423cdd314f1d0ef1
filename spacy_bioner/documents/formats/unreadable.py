"""Documents, lines and annotations that can't be read: set aside and listed, and too many of them refused."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from spacy_bioner.documents.document import Document
from spacy_bioner.documents.metadata import BAD
from spacy_bioner.errors import ConversionError, FormatError, OffsetsError

Readable = Document | FormatError
"""A document, or why there is none in its place."""


@dataclass(frozen=True, slots=True)
class MostBad:
    """How many bad parts a file may have: it is refused if it has more than both.

    Attributes:
        share: the share of bad parts among all documents, sentences and mentions.
        number: the number of bad parts.
    """

    share: float = 0.1
    number: int = 20


STRICT, USUAL = MostBad(0.0, 0), MostBad()


def most_bad(text: str, strict: bool = False) -> MostBad:
    """How many bad parts a file may have, as people say it.

    Args:
        text: a number ("20") or a share ("10%"); empty for `USUAL`.
        strict: whether it may have none.

    Raises:
        ConversionError: if it is neither.
    """
    if strict or not text:
        return STRICT if strict else USUAL
    found = re.fullmatch(r"(\d{1,9})|(\d{1,3}(?:\.\d{1,9})?)%", text.strip())
    if found is None:
        raise ConversionError(
            f"'{text}' is neither a number of bad parts (20) nor a share of them (10%). [B130]"
        )
    return MostBad(0.0, int(found[1])) if found[1] else MostBad(float(found[2]) / 100, 0)


def raised(found: Iterable[Readable]) -> Iterator[Document]:
    """The documents; raises the first error among them."""
    for item in found:
        if isinstance(item, FormatError):
            raise item
        yield item


def usable(found: Iterable[Readable], bad: list[str]) -> Iterator[Document]:
    """The documents that can be read; adds what was set aside to a list.

    Args:
        found: the documents, and errors in place of those that can't be read.
        bad: the list; each entry says what is wrong, in which file, line and document.

    Raises:
        OffsetsError: if what the offsets count can't be told, as no mention can be trusted then.
    """
    for item in found:
        if isinstance(item, FormatError):
            if isinstance(item, OffsetsError):
                raise item
            bad.append(f"{item}" + (f" (document {item.document_id})" if item.document_id else ""))
            continue
        id = f"document {item.id}, " if item.id else ""
        bad += (f"{id}{what}" for what in item.meta.get(BAD, ()))
        yield item


def check_bad(path: Path, bad: Sequence[str], good: int, most: MostBad) -> None:
    """Refuses a file of which too much can't be read.

    Args:
        path: the file.
        bad: what was set aside of it.
        good: how many documents, sentences and mentions can be read.
        most: how many bad parts it may have.

    Raises:
        FormatError: if nothing of it can be read, or more can't than may.
    """
    if bad and not good:
        raise FormatError(path, None, f"nothing in it can be read; the first error: {bad[0]} [B131]")
    if len(bad) > most.number and len(bad) > most.share * (len(bad) + good):
        raise FormatError(
            path,
            None,
            f"{len(bad):,} of {len(bad) + good:,} documents, lines and mentions can't be read, which is more "
            f"than may be (--max-bad); the first: {bad[0]} [B132]",
        )
