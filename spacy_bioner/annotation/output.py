"""Preparing annotated documents for an output format, and counting what was written."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from spacy_bioner.annotation.inputs import SetAside
from spacy_bioner.documents.document import Document, Mention
from spacy_bioner.documents.formats import known
from spacy_bioner.documents.formats.base import Account, Written, encoded
from spacy_bioner.documents.metadata import TEXT
from spacy_bioner.errors import ConversionError


@dataclass(slots=True)
class Summary(Account):
    """What was written, with counts alone of what was not: there may be millions."""

    def add(self, written: Written) -> None:
        """Counts a piece that was written; of what was left out in it, only how often and why."""
        self.docs += written.docs
        self.mentions_out.update(written.mentions)
        self.others.update(written.others)
        self.others.update(f"mentions ({dropped.reason})" for dropped in written.dropped)
        self.others.update(f"relations ({dropped.reason})" for dropped in written.relations)


def writable(
    documents: Iterable[Document], to: str, name: str, set_aside: list[SetAside]
) -> Iterator[Document]:
    """The documents that a format can hold.

    Args:
        documents: the documents, see `dressed`.
        to: the format.
        name: the name of the output.
        set_aside: gets those that it can't hold.
    """
    for number, document in enumerate(documents, start=1):
        try:
            for piece in known(to).write([document]):
                encoded(piece)
        except ConversionError as error:
            set_aside.append(SetAside(name, number, document.id, f"it can't be written: {error}"))
        else:
            yield document


def dressed(documents: Iterable[Document], to: str) -> Iterator[Document]:
    """Gives documents what a format needs to hold what they have.

    BioC gets an id for each mention, JSON lines its text.
    """
    for document in documents:
        if to == "jsonl":
            yield replace(document, mentions=tuple(_with_text(document, m) for m in document.mentions))
        elif to in ("bioc-xml", "bioc-json"):
            yield replace(document, mentions=tuple(_with_ids(document.mentions)))
        else:
            yield document


def _with_text(document: Document, mention: Mention) -> Mention:
    return replace(mention, meta={TEXT: document.text_of(mention), **mention.meta})


def _with_ids(mentions: Sequence[Mention]) -> Iterator[Mention]:
    taken = {mention.id for mention in mentions}
    new = (id for number in itertools.count(1) if (id := f"T{number}") not in taken)
    for mention in mentions:
        yield mention if mention.id else replace(mention, id=next(new))
