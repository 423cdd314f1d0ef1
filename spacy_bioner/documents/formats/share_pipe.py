"""ShARe/CLEF eHealth 2013's disorders: NAME.txt and beside it NAME.pipe, a line a disorder.

    NAME.txt||Disease_Disorder||C0009814||10||18||25||30

The note, the type, the concept in UMLS ("CUI-less" without one), and for each part its first character and
the one after its last (Pradhan and others 2013).
"""

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from spacy_bioner.documents.document import Document, Dropped, DroppedRelation, Mention
from spacy_bioner.documents.formats.base import Written, left_out
from spacy_bioner.documents.formats.file_names import FileNames
from spacy_bioner.documents.formats.note_pairs import Note, notes, split_lines
from spacy_bioner.documents.formats.unreadable import Readable
from spacy_bioner.documents.metadata import BAD
from spacy_bioner.errors import FormatError

ENDINGS = (".pipe",)
FIRST_LINE = re.compile(r"[^|\n]+\|\|[^|\n]+\|\|[^|\n]*(\|\|\d+\|\|\d+)+\r?(\n|$)")
_NONE = "CUI-less"
_KEY = "pipe"


def each(path: Path, offsets: str = "") -> Iterator[Readable]:
    """Reads a .pipe file with its text, or a folder of them, with the error in place of one that isn't."""
    for note in notes(path, ENDINGS):
        yield note if isinstance(note, FormatError) else _document(note)


def _document(note: Note) -> Document:
    lines, newline, last = split_lines(note.annotation)
    mentions: list[Mention] = []
    bad: list[str] = []
    named = f"{note.id}.txt"
    for number, line in enumerate(lines, start=1):
        fields = line.split("||")
        mention = _mention(fields, len(note.text))
        if mention is None or fields[0] not in (named, note.id):
            bad.append(f"line {number}: not a disorder (NAME||type||concept||start||end) of this text")
            continue
        mentions.append(mention)
        named = fields[0]
    how = {"newline": newline, "last": last, "name": named}
    meta: dict[str, Any] = {BAD: tuple(bad)} if bad else {}
    if how != _usual(note.id):
        meta[_KEY] = how
    return Document(note.text, mentions=tuple(mentions), meta=meta, id=note.id)


def _usual(id: str) -> dict[str, str]:
    return {"newline": "\n", "last": "\n", "name": f"{id}.txt"}


def _mention(fields: list[str], length: int) -> Mention | None:
    places = fields[3:]
    if len(places) < 2 or len(places) % 2 or not all(p.isdecimal() and len(p) < 10 for p in places):
        return None
    numbers = list(map(int, places))
    spans = tuple(zip(numbers[::2], numbers[1::2], strict=True))
    ordered = tuple(sorted(spans))
    if any(a >= b for a, b in spans) or any(a[1] > b[0] for a, b in pairwise(ordered)):
        return None
    if ordered[-1][1] > length:
        return None
    meta = {_KEY: "||".join(places)} if ordered != spans else {}
    return Mention(
        ordered, fields[1], identifiers=(fields[2],) if fields[2] not in ("", _NONE) else (), meta=meta
    )


def write(documents: Iterable[Document]) -> Iterator[Written]:
    """Writes documents as NAME.txt and NAME.pipe.

    Not held: types and identifiers with bars or line ends, all identifiers of a mention but the first;
    relations.

    Raises:
        ConversionError: if an id can't be a file's name.
    """
    names = FileNames()
    for document in documents:
        name = names.name(document.id)
        yield Written(document.text, name=f"{name}.txt", docs=0)
        yield _written(document, name)


def _written(document: Document, name: str) -> Written:
    how = document.meta.get(_KEY, _usual(name))
    lines: list[str] = []
    types: list[str] = []
    dropped: list[Dropped] = []
    more = 0
    for mention in document.mentions:
        fields = [how["name"], mention.type, *(mention.identifiers[:1] or (_NONE,))]
        if any(re.search(r"\||[\r\n]", field) for field in fields):
            dropped.append(Dropped(document, mention, "a type or identifier with a bar or line end"))
            continue
        places = "||".join(f"{start}||{end}" for start, end in mention.spans)
        lines.append("||".join([*fields, mention.meta.get(_KEY, places)]))
        types.append(mention.type)
        more += len(mention.identifiers[1:])
    text = how["newline"].join(lines) + (how["last"] if lines else "")
    relations = [DroppedRelation(document, r, ".pipe files have none") for r in document.relations]
    others = left_out(document, (_KEY,), document_meta=(_KEY,), held=("identifiers",))
    if more:
        others["identifiers"] += more
    return Written(text, 0, types, dropped, relations, others, name=f"{name}.pipe")
