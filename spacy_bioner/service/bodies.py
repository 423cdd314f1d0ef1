"""Documents in the bodies of requests, and of answers."""

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from spacy_bioner.annotation.inputs import SetAside, read_items
from spacy_bioner.annotation.output import dressed
from spacy_bioner.documents.document import Document
from spacy_bioner.documents.formats import known
from spacy_bioner.documents.formats.base import encoded
from spacy_bioner.errors import ConversionError
from spacy_bioner.service.guarding import RefusedError
from spacy_bioner.service.service_settings import Limits

READ = ("text", "pubtator", "bioc-json", "jsonl", "pubmed")
"""The formats that the service reads; see `documents.formats`."""
WRITTEN = {"jsonl": "application/x-ndjson", "bioc-json": "application/json", "pubtator": "text/plain"}
"""The formats that it answers in, each with its media type."""
_GZIP = b"\x1f\x8b"


def read_documents(data: bytes, format: str, limits: Limits) -> list[Document]:
    """The documents in a body.

    Files are read by the readers of this package, from a file that is removed at once.

    Raises:
        RefusedError: 413 if there are too many or too long ones, 415 if they are packed, 422 if one can't be
            read.
    """
    if data[:2] == _GZIP:
        raise RefusedError(415, (None, "packed with gzip: send it unpacked"))
    if format == "text":
        try:
            documents = [Document(data.decode("utf-8"))]
        except UnicodeDecodeError as error:
            raise RefusedError(422, (1, f"not UTF-8 (byte {error.start + 1})")) from None
    else:
        documents = _from_file(data, format, limits)
    for number, document in enumerate(documents, start=1):
        if len(document.text) > limits.characters:
            told = f"{len(document.text):,} characters, and {limits.characters:,} are allowed"
            raise RefusedError(413, (number, told))
    return documents


def _from_file(data: bytes, format: str, limits: Limits) -> list[Document]:
    documents: list[Document] = []
    bad: list[SetAside] = []
    with tempfile.TemporaryDirectory(prefix="spacy-bioner-") as folder:
        path = Path(folder) / "body"
        path.write_bytes(data)
        for item in read_items([(path, format)]):
            if isinstance(item, SetAside):
                bad.append(item)
            else:
                documents.append(item.document)
            if len(documents) + len(bad) > limits.documents:
                told = f"more than {limits.documents:,} documents: send them in several requests"
                raise RefusedError(413, (None, told))
    refuse_bad(bad)
    return documents


def refuse_bad(results: Iterable[Document | SetAside]) -> None:
    """Raises RefusedError, 422, if a document couldn't be read or annotated, with all of them."""
    reasons = [(result.number, result.reason) for result in results if isinstance(result, SetAside)]
    if reasons:
        raise RefusedError(422, *reasons)


def written(documents: Sequence[Document], to: str) -> bytes:
    """Documents in a format.

    Raises:
        RefusedError: 422 if the format can't hold one of them.
    """
    try:
        return b"".join(map(encoded, known(to).write(dressed(documents, to))))
    except ConversionError as error:
        raise RefusedError(422, (None, f"it can't be written as {to}: {error}")) from None


def filtered(document: Document, types: Sequence[str], threshold: float) -> Document:
    """A document with the mentions of some types (all, if none is named) that are as probable at least."""
    kept = tuple(
        mention
        for mention in document.mentions
        if (not types or mention.type in types) and (mention.score is None or mention.score >= threshold)
    )
    return document if len(kept) == len(document.mentions) else replace(document, mentions=kept)
