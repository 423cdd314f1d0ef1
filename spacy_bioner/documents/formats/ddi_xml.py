"""The XML of the DDI corpus (Herrero-Zazo and others 2013): a document a file, or a folder of them.

Sentences have a `text`, entities a `charOffset` within it whose ends are inclusive ("0-7", parts between
";"), pairs `e1`, `e2`, `ddi` and, where that is true, a `type`. The text is that of the sentences, a line
each, so that no pair goes over the end of a passage.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spacy_bioner.documents.document import SENTENCE, Document, Passage, Relation, Span
from spacy_bioner.documents.formats.safe_xml import elements, forget, root
from spacy_bioner.documents.formats.unreadable import Readable
from spacy_bioner.documents.metadata import BAD, COUNTED
from spacy_bioner.documents.offsets import Claim
from spacy_bioner.documents.settling import Raw, settled
from spacy_bioner.errors import FormatError

_PLACES = re.compile(r"\d{1,9}-\d{1,9}(;\d{1,9}-\d{1,9})*")


def is_ddi(head: str) -> bool:
    """Whether what begins so is a document of the DDI corpus."""
    return root(head) == "document" and re.search(r"<sentence\s[^>]*\btext=", head) is not None


def each(path: Path, offsets: str = "") -> Iterator[Readable]:
    """Reads a file, or all .xml files in a folder and below, with the error in place of one that isn't."""
    return settled(_raw(path), path, offsets)


def _raw(path: Path) -> Iterator[Raw | FormatError]:
    files = sorted(path.rglob("*.xml")) if path.is_dir() else [path]
    if not files:
        yield FormatError(path, None, "there is no .xml file in this folder [B056]")
    for file in files:
        try:
            for element in elements(file, (), ("document",), "a document of the DDI corpus"):
                yield _document(file, element)
                forget(element)
        except FormatError as error:
            yield error


def _document(path: Path, element: Any) -> Raw:
    text = ""
    passages: list[Passage] = []
    claims: list[Claim] = []
    relations: list[Relation] = []
    bad: list[str] = []
    counted: Counter[str] = Counter()
    for sentence in element.iter("sentence"):
        start = len(text)
        own = re.sub(r"[\r\n]", " ", sentence.get("text", ""))
        text += own + "\n"
        passages.append(Passage(start, start + len(own), SENTENCE))
        for entity in sentence.iter("entity"):
            spans = _spans(entity.get("charOffset", ""), start)
            where = f"entity {entity.get('id', '?')}"
            if spans is None:
                bad.append(f"{where}: its charOffset is {entity.get('charOffset')!r}, and should be '3-8'")
            else:
                type, id = entity.get("type", ""), entity.get("id", "")
                claims.append(Claim(spans, entity.get("text"), type, id, where=where))
        for pair in sentence.iter("pair"):
            if pair.get("ddi") != "true":
                counted["pairs of entities that are not related"] += 1
                continue
            if not pair.get("type"):
                counted["related pairs without a type, read as 'int'"] += 1
            ends = (("e1", pair.get("e1", "")), ("e2", pair.get("e2", "")))
            relations.append(Relation(pair.get("type") or "int", ends, pair.get("id", "")))
    meta: dict[str, Any] = {COUNTED: dict(counted)} if counted else {}
    if bad:
        meta[BAD] = tuple(bad)
    id = element.get("id") or path.stem
    return Raw(Document(text[:-1], tuple(passages), (), tuple(relations), meta=meta, id=id), claims)


def _spans(places: str, start: int) -> tuple[Span, ...] | None:
    """The spans of a charOffset, whose ends are the last characters; None if it isn't one."""
    if not _PLACES.fullmatch(places):
        return None
    pairs = [tuple(map(int, place.split("-"))) for place in places.split(";")]
    return tuple((start + first, start + last + 1) for first, last in pairs)
