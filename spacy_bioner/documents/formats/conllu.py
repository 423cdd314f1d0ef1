"""CoNLL-U with entity tags in its last column, MISC (universaldependencies.org/format.html).

Ten columns with tabs between them, comments before a sentence. The tag of a token is in MISC under a key that
`TAG_KEYS` names (`NER=B-Chemical|SpaceAfter=No`), or is all of it; a token without one has the tag O.
"SpaceAfter=No" says where no space stands, "# newdoc id = 12" which document begins. A range of tokens that
are written as one word ("3-4") stands for them in the text, and a mention that begins or ends inside it has
all of it. Empty nodes ("5.1") aren't in the text. Columns 3 to 9 aren't read.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from spacy_bioner.documents.document import Document
from spacy_bioner.documents.formats.tagged_tokens import scheme_of, tagged_document
from spacy_bioner.documents.formats.unreadable import Readable, raised
from spacy_bioner.documents.tags import split_tag
from spacy_bioner.errors import FormatError, TagError
from spacy_bioner.files import lines_or_errors

TAG_KEYS = ("ner", "ne", "entity", "ent", "bio", "iob", "netag")
FIRST_LINE = re.compile(r"(?:#.*\n)*(?:\d+(?:[-.]\d+)?)(?:\t[^\t\n]*){9}(?:\r?\n|$)")
_ID = re.compile(r"(\d{1,9})(?:(-|\.)(\d{1,9}))?")
_DOCUMENT = re.compile(r"#\s*newdoc(?:\s+id\s*=\s*(.*\S))?\s*$")
_TAG = re.compile(r"O|[BIESLU]-\S+")


@dataclass(slots=True)
class _Sentence:
    line: int
    id: str
    words: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    spaces: list[bool] = field(default_factory=list)
    error: FormatError | None = None
    covered: int = 0  # the last token that the range before stands for


def read(path: Path) -> Iterator[Document]:
    """Reads a file sentence by sentence; it is read twice, as the scheme is told from all tags.

    Raises:
        FormatError: with file and line, if a line has another number of columns or no number, or no token of
        the
            file has a tag.
    """
    return raised(each(path))


def each(path: Path, offsets: str = "") -> Iterator[Readable]:
    """Reads as `read` does, with the error in place of a document for a sentence that isn't one."""
    try:
        sentences = (s.tags for s in _sentences(path) if s.error is None)
        tagged = False
        checked = []
        for tags in sentences:
            tagged = tagged or any(tag != "O" for tag in tags)
            checked.append(tags)
        scheme = scheme_of(checked)
    except TagError as error:
        yield FormatError(path, None, str(error))
        return
    if checked and not tagged:
        keys = ", ".join(f"{key.upper()}=B-TYPE" for key in TAG_KEYS[:2])
        yield FormatError(path, None, f"no token has a tag in the last column ({keys}) [B055]")
        return
    for sentence in _sentences(path):
        if sentence.error is not None:
            yield sentence.error
            continue
        spaces = [*sentence.spaces[:-1], False]
        try:
            document = tagged_document(sentence.words, sentence.tags, scheme, spaces, sentence.id)
        except TagError as error:
            yield FormatError(path, sentence.line, str(error))
        else:
            yield document


def _sentences(path: Path) -> Iterator[_Sentence]:
    """The sentences of a file."""
    id = ""
    sentence: _Sentence | None = None
    for number, line in lines_or_errors(path):
        if isinstance(line, str) and not line.strip():
            if sentence is not None and (sentence.words or sentence.error):
                yield sentence
            sentence = None
            continue
        if isinstance(line, str) and line.startswith("#"):
            if found := _DOCUMENT.match(line):
                id = found[1] or ""
            continue
        if sentence is None:
            sentence = _Sentence(number, id)
        if isinstance(line, FormatError):
            sentence.error = sentence.error or line
        elif wrong := _token(sentence, line):
            sentence.error = sentence.error or FormatError(path, number, wrong, id)
    if sentence is not None and (sentence.words or sentence.error):
        yield sentence


def _token(sentence: _Sentence, line: str) -> str:
    """Adds a line to a sentence; returns what is wrong with it, if something is."""
    fields = line.split("\t")
    place = _ID.fullmatch(fields[0])
    if len(fields) != 10 or place is None:
        return "not a line of CoNLL-U: ten columns with tabs between them, the first a number [B150]"
    if place[2] == ".":
        return ""  # an empty node
    misc = dict(part.partition("=")[::2] for part in fields[9].split("|"))
    try:
        tag = _tag(fields[9], misc)
        split_tag(tag)
    except TagError as error:
        return str(error)
    if place[2] is None and sentence.words and int(place[1]) <= sentence.covered:
        if tag != "O" and sentence.tags[-1] == "O":  # a part of a range has it
            sentence.tags[-1] = tag
        return ""
    if not fields[1].strip():
        return "the word is empty [B151]"
    if place[2] == "-":
        sentence.covered = int(place[3])
    sentence.words.append(fields[1])
    sentence.tags.append(tag)
    sentence.spaces.append(misc.get("SpaceAfter") != "No")
    return ""


def _tag(column: str, misc: dict[str, str]) -> str:
    """The tag in the last column; O where there is none."""
    for key, value in misc.items():
        if key.lower() in TAG_KEYS and value and value != "_":
            return value
    return column if _TAG.fullmatch(column) else "O"
