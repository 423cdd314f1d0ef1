"""BioC in XML, read and written document by document. See `bioc` for what becomes of it.

A file may have a DOCTYPE, which is never fetched; one that declares entities is refused before they are
parsed, because a few lines of them can become gigabytes, or the content of other files.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from bioc import BioCDocument, biocxml
from bioc.biocxml.encoder import encode_document
from lxml import etree

from spacy_bioner.document import Document
from spacy_bioner.errors import ConversionError, FormatError
from spacy_bioner.files import open_input
from spacy_bioner.formats.bioc import from_bioc, to_bioc
from spacy_bioner.formats.objects import UnfitError
from spacy_bioner.formats.readable import Readable, raised
from spacy_bioner.formats.written import Written

_ENTITY = b"<!ENTITY"
_ENCODING = re.compile(rb"<\?xml[^>]*?\bencoding\s*=\s*[\"']([^\"']*)")
_ENCODINGS = (b"utf-8", b"utf8", b"us-ascii", b"ascii")  # in which no tag can hide
_LEAVES = ("id", "infon", "offset", "text")
_TAGS = (*_LEAVES, "document", "passage", "sentence", "annotation", "location", "relation", "node")
_NUMBER = r"[+-]?[0-9]{1,12}"


class _Checked:
    """A file whose bytes are looked through before a parser gets them."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file
        self._tail: bytes | None = None

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        if self._tail is None:
            self._tail = b""
            self._check_encoding(data[:1024])
        if b"\0" in data:
            raise FormatError(self._path, None, "NUL bytes in it: BioC in XML is read in UTF-8 only")
        if _ENTITY in self._tail + data:
            raise FormatError(
                self._path, None, "declares entities (<!ENTITY), which aren't read; take them out"
            )
        self._tail = (self._tail + data)[-len(_ENTITY) :]
        return data

    def _check_encoding(self, head: bytes) -> None:
        declared = _ENCODING.search(head)
        if declared and declared[1].strip().lower() not in _ENCODINGS:
            name = declared[1].decode("ascii", "replace")
            raise FormatError(self._path, None, f"is in the encoding {name}; convert the file to UTF-8")


def read(path: Path) -> Iterator[Document]:
    """Reads a BioC collection in XML document by document, in constant memory.

    Raises:
        FormatError: with the file, and the line or the document's id, if it isn't XML, declares entities,
            isn't in UTF-8, isn't BioC, or has an annotation that isn't in the text.
    """
    return raised(each(path))


def each(path: Path) -> Iterator[Readable]:
    """Reads as `read` does, with the error in place of a document for an element that isn't one."""
    with open_input(path) as file:
        # no_network and load_dtd=False: what a DOCTYPE names is never fetched
        events = etree.iterparse(
            _Checked(path, file),
            events=("start", "end"),
            tag=("collection", "document"),
            remove_comments=True,
            remove_pis=True,
            resolve_entities=False,
            load_dtd=False,
            no_network=True,
            huge_tree=False,
        )
        try:
            for event, element in events:
                if event == "start":
                    if element.getparent() is None and element.tag != "collection":
                        raise FormatError(path, element.sourceline, "not a BioC collection")
                elif element.tag == "document" and _is_in_collection(element):
                    try:
                        yield _document(path, element)
                    except FormatError as error:
                        error.document = element.findtext("id") or ""
                        yield error
                    _forget(element)
        except etree.XMLSyntaxError as error:
            raise FormatError(path, error.lineno, f"not well-formed XML: {error.msg}") from None
        if events.root is None or events.root.tag != "collection":
            raise FormatError(path, None, "not a BioC collection")


def _is_in_collection(element: Any) -> bool:
    parent = element.getparent()
    return parent is not None and parent.tag == "collection"


def _forget(element: Any) -> None:
    """Frees the memory of a document that was read."""
    element.clear()
    parent = element.getparent()
    for earlier in element.itersiblings("document", preceding=True):
        parent.remove(earlier)


def _document(path: Path, element: Any) -> Document:
    line = element.sourceline
    unread: set[str] = set()
    for part in element.iter():
        if part.tag is etree.Entity:
            raise FormatError(path, part.sourceline, f"an entity that nothing declares: {part.text}")
        if part.tag not in _TAGS:
            unread.add(part.tag)
        elif part.tag in _LEAVES and any(child.tag is not etree.Entity for child in part):
            raise FormatError(path, part.sourceline, f"<{part.tag}> should hold text alone")
        _check_numbers(path, part)
    collection = _collection(element.getparent())
    xml = etree.tostring(element, encoding="unicode", with_tail=False)
    try:
        [found] = biocxml.loads(f"<collection>{xml}</collection>").documents
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        what = f"{type(error).__name__}: {error}"
        raise FormatError(path, line, f"a document that isn't BioC: something is missing ({what})") from None
    _fill(found)
    try:
        document = from_bioc(found, collection)
    except UnfitError as error:
        raise FormatError(path, line, f"document {found.id}: {error}") from None
    if unread:
        more = tuple(f"element {tag}" for tag in sorted(unread))
        meta = {**document.meta, "unread": (*document.meta.get("unread", ()), *more)}
        return replace(document, meta=meta)
    return document


def _check_numbers(path: Path, element: Any) -> None:
    """Refuses numbers that are none or far too long: `int` takes long for those."""
    numbers = {"offset": [element.text], "location": [element.get("offset"), element.get("length")]}
    for number in numbers.get(element.tag, ()):
        if not re.fullmatch(_NUMBER, (number or "").strip()):
            shown = "missing" if number is None else repr(number[:20])
            raise FormatError(
                path, element.sourceline, f"<{element.tag}> needs whole numbers, and has {shown}"
            )


def _fill(document: BioCDocument) -> None:
    """Puts empty texts where elements are empty or missing."""
    document.id = document.id or ""
    for part in _parts(document):
        part.infons = {key: value or "" for key, value in part.infons.items()}


def _parts(document: BioCDocument) -> Iterator[Any]:
    """Everything in a document that has infons, and the document itself."""
    sentences = (sentence for passage in document.passages for sentence in passage.sentences)
    for holder in (document, *document.passages, *sentences):
        yield from (holder, *holder.annotations, *holder.relations)


def _collection(element: Any) -> dict[str, Any]:
    """What a collection says of itself."""
    fields = {key: element.findtext(key) or "" for key in ("source", "date", "key")}
    infons = {infon.get("key", ""): infon.text or "" for infon in element.findall("infon")}
    found: dict[str, Any] = {key: value for key, value in fields.items() if value}
    return found | ({"infons": infons} if infons else {})


def write(documents: Iterable[Document]) -> Iterator[Written]:
    """Writes documents as a BioC collection in XML, which holds everything but tokens.

    Infons become texts. What the collection says of itself is what the first document's says.

    Raises:
        ConversionError: if a text has characters that XML can't have: most below 32, halves of surrogate
            pairs.
    """
    first = True
    collection: Any = {}
    for document in documents:
        own = document.meta.get("collection", {})
        if first:
            collection = own
            yield Written(_head(document, own), docs=0)
        others = Counter({"what a second collection says": int(own != collection)})
        first = False
        found = to_bioc(document)
        for part in _parts(found):
            part.infons = {key: _as_text(value) for key, value in part.infons.items()}
        try:
            xml = etree.tostring(encode_document(found), encoding="unicode", pretty_print=True)
        except (ValueError, TypeError) as error:
            raise ConversionError(f"Document '{document.id}' can't be written as XML: {error}.") from None
        types = [mention.type for mention in document.mentions]
        yield Written(xml, mentions=types, others=+others)
    yield Written((_head(None, {}) if first else "") + "</collection>\n", docs=0)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _head(document: Document | None, collection: Any) -> str:
    """Everything before the first document."""
    fields = collection if isinstance(collection, Mapping) else {}
    infons = fields.get("infons", {})
    made = etree.Element("collection")
    try:
        for key in ("source", "date", "key"):
            etree.SubElement(made, key).text = _as_text(fields.get(key, ""))
        for key, value in infons.items() if isinstance(infons, Mapping) else ():
            etree.SubElement(made, "infon", key=key).text = _as_text(value)
    except ValueError as error:
        id = document.id if document else ""
        raise ConversionError(
            f"The collection of document '{id}' can't be written as XML: {error}."
        ) from None
    text = etree.tostring(made, encoding="unicode", pretty_print=True).removesuffix("</collection>\n")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE collection SYSTEM "BioC.dtd">\n{text}'
