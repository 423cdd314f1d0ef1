"""Files in which some documents can't be read: the errors among the documents, or raised."""

from collections.abc import Iterable, Iterator

from spacy_bioner.documents.document import Document
from spacy_bioner.errors import FormatError

Readable = Document | FormatError
"""A document, or why there is none in its place."""


def raised(found: Iterable[Readable]) -> Iterator[Document]:
    """The documents; raises the first error among them."""
    for item in found:
        if isinstance(item, FormatError):
            raise item
        yield item
