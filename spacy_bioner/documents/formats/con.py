"""i2b2's and n2c2's concepts: NAME.txt and beside it NAME.con, a line a concept.

    c="vasovagal syncope" 4:2 4:3||t="problem"

The concept's text in lower case, its first and last word, and its type (Uzuner and others 2011). Words are
what white space separates; lines count from 1 and words from 0. Assertions (.ast) have `||a="present"`
behind the type, which is in the meta of a mention as "con", with what else a line has.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from spacy_bioner.documents.document import Document, Dropped, DroppedRelation, Mention, Span
from spacy_bioner.documents.formats.base import Written, left_out
from spacy_bioner.documents.formats.file_names import FileNames
from spacy_bioner.documents.formats.note_pairs import Note, notes, split_lines
from spacy_bioner.documents.formats.unreadable import Readable
from spacy_bioner.documents.metadata import BAD, TEXT
from spacy_bioner.errors import FormatError

ENDINGS = (".con", ".ast")
FIRST_LINE = re.compile(r'c=".*" \d+:\d+ \d+:\d+\|\|t="')
_LINE = re.compile(r'c="(.*)" (\d{1,9}):(\d{1,9}) (\d{1,9}):(\d{1,9})\|\|t="([^"]*)"((?:\|\|.*)?)')
_KEY = "con"


def each(path: Path, offsets: str = "") -> Iterator[Readable]:
    """Reads a .con file with its text, or a folder of them, with the error in place of one that isn't."""
    for note in notes(path, ENDINGS):
        yield note if isinstance(note, FormatError) else _document(note)


def _words(text: str) -> list[list[Span]]:
    """The words of each line."""
    found, start = [], 0
    for line in text.split("\n"):
        found.append([(start + m.start(), start + m.end()) for m in re.finditer(r"\S+", line)])
        start += len(line) + 1
    return found


def _document(note: Note) -> Document:
    words = _words(note.text)
    lines, newline, last = split_lines(note.annotation)
    mentions: list[Mention] = []
    bad: list[str] = []
    for number, line in enumerate(lines, start=1):
        mention = _mention(line, words, note.text)
        if mention is None:
            form = 'c="words" 1:0 1:1||t="type"'
            bad.append(f"line {number}: not of the form {form}, or the text has no such line or word")
        else:
            mentions.append(mention)
    meta: dict[str, Any] = {BAD: tuple(bad)} if bad else {}
    if (newline, last) != ("\n", "\n"):
        meta[_KEY] = {"newline": newline, "last": last}
    return Document(note.text, mentions=tuple(mentions), meta=meta, id=note.id)


def _mention(line: str, words: list[list[Span]], text: str) -> Mention | None:
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    stated, *places, type, rest = found.groups()
    first, begin, last, end = map(int, places)
    if not (
        1 <= first <= last <= len(words) and begin < len(words[first - 1]) and end < len(words[last - 1])
    ):
        return None
    span = words[first - 1][begin][0], words[last - 1][end][1]
    if span[0] >= span[1]:
        return None
    meta: dict[str, Any] = {}
    plain = _plain(text, span)
    if stated != plain:  # in another case it's the same text
        meta[TEXT if stated.lower() != plain else f"{_KEY}_text"] = stated
    if rest:
        meta[_KEY] = rest
    return Mention((span,), type, meta=meta)


def _plain(text: str, span: Span) -> str:
    return " ".join(text[span[0] : span[1]].split()).lower()


def write(documents: Iterable[Document]) -> Iterator[Written]:
    """Writes documents as NAME.txt and NAME.con.

    Not held: mentions in parts, those that begin or end inside a word, those whose type has a quotation mark
    or a line end; relations.

    Raises:
        ConversionError: if an id can't be a file's name.
    """
    names = FileNames()
    for document in documents:
        name = names.name(document.id)
        yield Written(document.text, name=f"{name}.txt", docs=0)
        yield _written(document, f"{name}.con")


def _written(document: Document, name: str) -> Written:
    begins: dict[int, str] = {}
    ends: dict[int, str] = {}
    for number, words in enumerate(_words(document.text), start=1):
        for word, (start, end) in enumerate(words):
            begins[start] = ends[end] = f"{number}:{word}"
    lines: list[str] = []
    types: list[str] = []
    dropped: list[Dropped] = []
    for mention in document.mentions:
        if len(mention.spans) > 1:
            dropped.append(Dropped(document, mention, "discontinuous"))
        elif mention.start not in begins or mention.end not in ends:
            dropped.append(Dropped(document, mention, "begins or ends inside a word"))
        elif re.search(r'["\r\n]', mention.type):
            dropped.append(Dropped(document, mention, "a type with a quotation mark or line end"))
        else:
            meta = mention.meta
            stated = meta.get(TEXT, meta.get(f"{_KEY}_text", _plain(document.text, mention.spans[0])))
            place = f"{begins[mention.start]} {ends[mention.end]}"
            lines.append(f'c="{stated}" {place}||t="{mention.type}"{meta.get(_KEY, "")}')
            types.append(mention.type)
    how = document.meta.get(_KEY, {"newline": "\n", "last": "\n"})
    text = how["newline"].join(lines) + (how["last"] if lines else "")
    relations = [DroppedRelation(document, r, ".con files have none") for r in document.relations]
    others = left_out(document, (TEXT, _KEY, f"{_KEY}_text"), document_meta=(_KEY,))
    return Written(text, 0, types, dropped, relations, others, name=name)
