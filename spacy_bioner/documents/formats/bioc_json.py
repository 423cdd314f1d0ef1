"""BioC in JSON. See `bioc` for how it is read.

Read: a collection, a list of collections or documents, a document a line, and what PubTator's web service
gives ({"PubTator3": [documents]}). A file is read as a whole; only a document a line is read one by one.
Written: one collection, document by document.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from bioc import biocjson

from spacy_bioner.documents.document import Document
from spacy_bioner.documents.formats.base import Written
from spacy_bioner.documents.formats.bioc import from_bioc
from spacy_bioner.documents.formats.bioc_writing import to_bioc
from spacy_bioner.documents.formats.strict_json import UnfitError, entries, get, identifier, offset, parse
from spacy_bioner.documents.formats.unreadable import Readable, raised
from spacy_bioner.documents.settling import Raw, settled
from spacy_bioner.errors import FormatError
from spacy_bioner.files import lines_or_errors, open_input, read_text

_COLLECTION = ("source", "date", "key", "infons")
_HELD = ("infons", "annotations", "relations")
_KEYS = {  # what is read of each kind of object
    "collection": (*_COLLECTION, "documents"),
    "document": (*_HELD, "id", "passages"),
    "passage": (*_HELD, "offset", "text", "sentences"),
    "sentence": (*_HELD, "offset", "text"),
    "annotation": ("id", "infons", "text", "locations"),
    "location": ("offset", "length"),
    "relation": ("id", "infons", "nodes"),
    "node": ("refid", "role"),
}
_PARTS = {  # what of these objects is a list of others
    "passages": "passage",
    "sentences": "sentence",
    "annotations": "annotation",
    "locations": "location",
    "relations": "relation",
    "nodes": "node",
}


def read(path: Path) -> Iterator[Document]:
    """Reads a file of BioC in JSON.

    Raises:
        FormatError: with the file, and the document's id or the line, if it isn't JSON, isn't BioC, or has an
            annotation that isn't in the text.
    """
    return raised(each(path))


def each(path: Path, offsets: str = "") -> Iterator[Readable]:
    """Reads as `read` does, with the error in place of a document for an object that isn't one."""
    return settled(_raw(path), path, offsets)


def _raw(path: Path) -> Iterator[Raw | FormatError]:
    with open_input(path, checked_later=True) as file:
        first = next((line for line in file if line.strip(b"\xef\xbb\xbf \t\r\n")), b"")
    if _is_document(first.decode("utf-8-sig", errors="replace")):
        for number, line in lines_or_errors(path):
            if isinstance(line, FormatError):
                yield line
            elif line.strip():
                try:
                    yield from _documents(path, number, line)
                except FormatError as error:
                    yield error
    else:
        yield from _documents(path, None, read_text(path))


def _is_document(line: str) -> bool:
    try:
        found = parse(line)
    except UnfitError:
        return False
    return isinstance(found, dict) and "passages" in found


def _documents(path: Path, line: int | None, text: str) -> Iterator[Raw | FormatError]:
    try:
        found = parse(text)
        for collection, documents in _collections(found):
            meta = {key: collection[key] for key in _COLLECTION if collection.get(key)}
            unread = _unknown(collection, "collection")
            for document in documents:
                try:
                    made = _document(document, meta, unread)
                except UnfitError as error:
                    found_id = document.get("id")
                    id = found_id if isinstance(found_id, str) else ""
                    yield FormatError(path, line, str(error), id)
                else:
                    yield made
                unread = Counter()
    except UnfitError as error:
        raise FormatError(path, line, str(error)) from None


def _collections(found: Any) -> Iterator[tuple[dict[str, Any], list[Any]]]:
    """The collections in a file, with their documents."""
    if isinstance(found, dict) and "PubTator3" in found:
        found = found["PubTator3"]
    for item in found if isinstance(found, list) else [found]:
        if isinstance(item, dict) and "documents" in item:
            yield item, entries(item, "documents")
        elif isinstance(item, dict) and "passages" in item:
            yield {}, [item]
        else:
            raise UnfitError('not BioC: an object with "documents" or "passages" should be here [B029]')


def _document(found: dict[str, Any], collection: dict[str, Any], unread: Counter[str]) -> Raw:
    id = identifier(found, "id")
    wrong: list[str] = []
    try:
        made = biocjson.fromJSON(_filled(found, wrong), "BioCDocument")
        return from_bioc(made, collection, unread + _unknown(found, "document"), wrong)
    except UnfitError as error:
        raise UnfitError(f"document {id}: {error}") from None


def _unknown(found: dict[str, Any], what: str) -> Counter[str]:
    """What isn't read of an object that was checked, and of those in it."""
    unread: Counter[str] = Counter()
    left = [(what, found)]
    while left:
        what, found = left.pop()
        for key, value in found.items():
            if key in _PARTS and key in _KEYS[what]:
                parts = value if isinstance(value, list) else ()
                left += [(_PARTS[key], part) for part in parts if isinstance(part, dict)]
            elif key not in _KEYS[what] and key != "bioctype":
                unread[f"{what} key '{key[:40]}'"] += 1
    return unread


def _filled(found: dict[str, Any], wrong: list[str]) -> dict[str, Any]:
    """A document with all fields that the library wants, each of the right kind."""
    passages = []
    get(found, "passages", list)  # a document has to have some, be it none
    for number, passage in enumerate(entries(found, "passages"), start=1):
        try:
            sentences = [_held(part, wrong) | _placed(part) for part in entries(passage, "sentences")]
            passages.append(_held(passage, wrong) | _placed(passage) | {"sentences": sentences})
        except UnfitError as error:
            raise UnfitError(f"passage {number}: {error}") from None
    return _held(found, wrong) | {"id": identifier(found, "id"), "passages": passages}


def _placed(found: dict[str, Any]) -> dict[str, Any]:
    """Where a passage or sentence is, and its text; a passage may have it in its sentences alone."""
    place = offset(found, "offset")
    if place < 0:
        raise UnfitError(f'"offset" is {place}: it counts from 0 [B030]')
    text = get(found, "text", str, "") if found.get("sentences") else get(found, "text", str)
    return {"offset": place, "text": text}


def _held(found: dict[str, Any], wrong: list[str]) -> dict[str, Any]:
    """The infons, annotations and relations of a part of a document; notes what is wrong with them."""
    held: dict[str, Any] = {"infons": get(found, "infons", dict, {}), "annotations": [], "relations": []}
    for key, made in (("annotations", _annotation), ("relations", _relation)):
        for item in get(found, key, list, []):
            try:
                held[key].append(made(item))
            except UnfitError as error:
                id = str(item.get("id", "?"))[:40] if isinstance(item, dict) else "?"
                wrong.append(f"{key.removesuffix('s')} {id}: {error}")
    return held


def _annotation(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise UnfitError("it should be an object [B031]")
    locations = [
        {"offset": offset(location, "offset"), "length": offset(location, "length")}
        for location in entries(found, "locations")
    ]
    return {
        "id": identifier(found, "id"),
        "infons": get(found, "infons", dict, {}),
        "text": get(found, "text", str, ""),
        "locations": locations,
    }


def _relation(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise UnfitError("it should be an object [B032]")
    nodes = [
        {"refid": identifier(node, "refid"), "role": get(node, "role", str, "")}
        for node in entries(found, "nodes")
    ]
    return {"id": identifier(found, "id"), "infons": get(found, "infons", dict, {}), "nodes": nodes}


def write(documents: Iterable[Document]) -> Iterator[Written]:
    """Writes documents as a BioC collection in JSON, which holds everything but tokens.

    What the collection says of itself is what the first document's says.
    """
    collection: Any = None
    for document in documents:
        own = document.meta.get("collection", {})
        before = ",\n"
        if collection is None:
            collection = own
            before = _head(own)
        others = Counter({"what a second collection says": int(own != collection)})
        others["tokens"] = len(document.tokens or ())
        made = json.dumps(_plain(biocjson.toJSON(to_bioc(document))), ensure_ascii=False)
        types = [mention.type for mention in document.mentions]
        related = len(document.relations)
        yield Written(before + made, mentions=types, others=+others, related=related)
    yield Written((_head({}) if collection is None else "") + "\n]}\n", docs=0)


def _head(collection: Any) -> str:
    fields = {"source": "", "date": "", "key": "", "infons": {}} | (
        {key: value for key, value in collection.items() if key in _COLLECTION}
        if isinstance(collection, dict)
        else {}
    )
    return json.dumps(fields, ensure_ascii=False)[:-1] + ', "documents": [\n'


def _plain(found: Any) -> Any:
    """JSON without the names of the library's classes."""
    if isinstance(found, dict):
        return {key: _plain(value) for key, value in found.items() if key != "bioctype"}
    return [_plain(value) for value in found] if isinstance(found, list) else found
