"""BioC in XML, read and written document by document.

See `bioc` for how it is read, and `safe_xml` for what makes it safe to read.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bioc import BioCDocument, biocxml
from bioc.biocxml.encoder import encode_document
from lxml import etree

from spacy_bioner.documents.document import Document
from spacy_bioner.documents.formats.base import Written
from spacy_bioner.documents.formats.bioc import from_bioc
from spacy_bioner.documents.formats.bioc_writing import to_bioc
from spacy_bioner.documents.formats.safe_xml import elements, forget, refuse_unfit
from spacy_bioner.documents.formats.strict_json import UnfitError
from spacy_bioner.documents.formats.unreadable import Readable, raised
from spacy_bioner.documents.metadata import UNREAD
from spacy_bioner.documents.settling import Raw, settled
from spacy_bioner.errors import ConversionError, FormatError

_LEAVES = ("id", "infon", "offset", "text")
_IN = {  # the elements that are read in each
    "document": ("id", "infon", "passage", "annotation", "relation"),
    "passage": ("infon", "offset", "text", "sentence", "annotation", "relation"),
    "sentence": ("infon", "offset", "text", "annotation", "relation"),
    "annotation": ("infon", "location", "text"),
    "relation": ("infon", "node"),
}
_SINGLE = ("id", "offset", "text")
_ATTRIBUTES = {
    "annotation": ("id",),
    "relation": ("id",),
    "infon": ("key",),
    "location": ("offset", "length"),
    "node": ("refid", "role"),
}
_NEEDED = {"location": ("offset", "length"), "node": ("refid",), "infon": ("key",)}
_NUMBER = re.compile(r"[+-]?[0-9]{1,12}")  # what is longer is no offset, and slow to read as one


def read(path: Path) -> Iterator[Document]:
    """Reads a BioC collection in XML document by document, in constant memory.

    Raises:
        FormatError: with the file, and the line or the document's id, if it isn't XML (see `safe_xml`), isn't
            BioC, or has an annotation that isn't in the text.
    """
    return raised(each(path))


def each(path: Path, offsets: str = "") -> Iterator[Readable]:
    """Reads as `read` does, with the error in place of a document for an element that isn't one."""
    return settled(_raw(path), path, offsets)


def _raw(path: Path) -> Iterator[Raw | FormatError]:
    last: Raw | FormatError | None = None  # what stands behind the last document is told of with it
    collection: dict[str, Any] = {}
    try:
        for element in elements(path, ("document",), ("collection",), "a BioC collection"):
            outermost = element.getparent() is None
            before = list(element if outermost else element.itersiblings(preceding=True))
            unread = _collection(collection, before if outermost else before[::-1])
            if outermost:
                if last is not None:
                    yield _with_unread(last, unread)
                last, collection = None, {}  # another collection may follow
                continue
            if last is not None:
                yield last
            try:
                last = _document(path, element, collection, unread)
            except FormatError as error:
                error.document_id = element.findtext("id") or ""
                last = error
            forget(element)
    except FormatError:  # the file breaks off, and the last document before is whole
        if last is not None:
            yield last
        raise


def _collection(known: dict[str, Any], parts: Iterable[Any]) -> Counter[str]:
    """Adds what a collection says of itself before a document; counts what isn't read there."""
    unread: Counter[str] = Counter()
    infons: dict[str, str] = {}
    for part in parts:
        if part.tag in ("source", "date", "key"):
            if part.text:
                known[part.tag] = part.text
        elif part.tag == "infon":
            infons[part.get("key", "")] = part.text or ""
        elif part.tag != "document":
            unread[f"element <{part.tag}> of the collection"] += 1
    if infons:  # another dict: documents that were read have the one before
        known["infons"] = known.get("infons", {}) | infons
    return unread


def _with_unread(raw: Raw | FormatError, unread: Counter[str]) -> Raw | FormatError:
    if not unread or isinstance(raw, FormatError):
        return raw
    meta = {**raw.document.meta, UNREAD: (*raw.document.meta.get(UNREAD, ()), *unread)}
    return replace(raw, document=replace(raw.document, meta=meta))


def _document(path: Path, element: Any, collection: dict[str, Any], unread: Counter[str]) -> Raw:
    line = element.sourceline
    parent = element.getparent()
    if parent.getparent() is not None:
        raise FormatError(path, line, f"a <document> in a <{parent.tag}>, and not in the <collection> [B033]")
    refuse_unfit(path, element)
    wrong = _without_wrong(element)
    _check(path, element, unread)
    xml = etree.tostring(element, encoding="unicode", with_tail=False)
    try:
        [found] = biocxml.loads(f"<collection>{xml}</collection>").documents
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        message = "a document that isn't BioC: an element or attribute is missing that it has to have [B148]"
        raise FormatError(path, line, message) from error
    _fill(found)
    try:
        return from_bioc(found, dict(collection), unread, wrong)
    except UnfitError as error:
        raise FormatError(path, line, f"document {found.id}: {error}") from None


def _without_wrong(document: Any) -> list[str]:
    """Takes annotations and relations out of a document that can't be used; gives an id to those without one.

    Returns:
        What is wrong with those that were taken out.
    """
    wrong: list[str] = []
    for part in [*document.iter("annotation", "relation")]:
        part.set("id", part.get("id", ""))  # the DTD allows to leave it out
        for child in part:
            if reason := _unusable(child):
                wrong.append(f"line {part.sourceline}, {part.tag} {part.get('id')}: {reason}")
                part.getparent().remove(part)
                break
            if child.tag == "node":
                child.set("role", child.get("role", ""))
    return wrong


def _unusable(child: Any) -> str:
    """Why an element of an annotation or relation can't be used; empty if it can."""
    tag = child.tag
    for name in _NEEDED.get(tag, ()):
        value = child.get(name)
        if value is None:
            return f"<{tag}> without {name}"
        if tag == "location" and not _NUMBER.fullmatch(value.strip()):
            return f"<{tag}> needs whole numbers"
    return ""


def _check(path: Path, document: Any, unread: Counter[str]) -> None:
    """Checks the elements of a document, and counts what isn't read of it."""
    left = [document]
    while left:
        part = left.pop()
        tag = part.tag
        for name in part.keys():  # noqa: SIM118 - the attributes, not the elements
            if name not in _ATTRIBUTES.get(tag, ()):
                unread[f"attribute {name} in <{tag}>"] += 1
        if tag not in _IN:
            if len(part):
                if tag in _LEAVES:
                    raise FormatError(path, part.sourceline, f"<{tag}> should hold text alone [B034]")
                unread.update(f"element <{child.tag}> in <{tag}>" for child in part)
            elif tag == "offset":
                _check_offset(path, part)
            continue
        read = _IN[tag]
        seen: set[tuple[str, str | None]] = set()
        between = [part.text]
        for child in part:
            between.append(child.tail)
            inner = child.tag
            if inner not in read:
                unread[f"element <{inner}> in <{tag}>"] += 1
                continue
            left.append(child)
            if inner == "infon" or inner in _SINGLE:
                one = (inner, child.get("key"))
                if one in seen:
                    unread[f"a second <{inner}> in <{tag}>"] += 1
                seen.add(one)
        if not all(text is None or text.isspace() for text in between):
            unread[f"text between the elements in <{tag}>"] += 1


def _check_offset(path: Path, element: Any) -> None:
    """Refuses an offset that is no number or far too long: `int` takes long for those."""
    number = element.text
    if not _NUMBER.fullmatch((number or "").strip()):
        shown = "missing" if number is None else repr(number[:20])
        raise FormatError(path, element.sourceline, f"<offset> needs whole numbers, and has {shown} [B035]")


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
        others["tokens"] = len(document.tokens or ())
        first = False
        found = to_bioc(document)
        for part in _parts(found):
            part.infons = {key: _as_text(value) for key, value in part.infons.items()}
        try:
            xml = etree.tostring(encode_document(found), encoding="unicode", pretty_print=True)
        except (ValueError, TypeError) as error:
            raise ConversionError(
                f"Document '{document.id}' can't be written as XML: {error}. [B036]"
            ) from None
        types = [mention.type for mention in document.mentions]
        yield Written(xml, mentions=types, others=+others, related=len(document.relations))
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
            f"The collection of document '{id}' can't be written as XML: {error}. [B037]"
        ) from None
    text = etree.tostring(made, encoding="unicode", pretty_print=True).removesuffix("</collection>\n")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE collection SYSTEM "BioC.dtd">\n{text}'
