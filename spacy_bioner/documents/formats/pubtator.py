"""PubTator: a title line, an abstract line, then a line a mention or relation.

The format of the BioCreative V CDR task and of PubTator (Wei, Kao and Lu 2013): `PMID|t|title`,
`PMID|a|abstract`, `PMID<tab>start<tab>end<tab>text<tab>type<tab>identifiers`, with a seventh column for
the parts of composite mentions, and `PMID<tab>relation<tab>identifier<tab>identifier`; an empty line
between documents. Offsets count the characters of title, one separator, abstract.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from spacy_bioner.documents.document import Document, Dropped, DroppedRelation, Mention, Passage, Relation
from spacy_bioner.documents.formats.base import BREAKS, Written, left_out, one_field
from spacy_bioner.documents.formats.unreadable import Readable, raised
from spacy_bioner.documents.metadata import TEXT
from spacy_bioner.documents.offsets import Claim, inside, settle
from spacy_bioner.errors import ConversionError, FormatError
from spacy_bioner.files import numbered_lines

FIRST_LINE = re.compile(r"[^|\t]+\|t\|")
_LONGEST_NUMBER = 18  # digits: what is longer is no offset, and slow to read as one


def read(path: Path) -> Iterator[Document]:
    """Reads a PubTator file document by document.

    Yields:
        Documents with passages "title" and "abstract". Mentions are where their text is (see `offsets`).

    Raises:
        FormatError: with file and line, if a line isn't one of PubTator's, or belongs to another document
            than the lines before it.
    """
    return raised(each(path))


def each(path: Path) -> Iterator[Readable]:
    """Reads as `read` does, with the error in place of a document for lines that aren't one."""
    for filled, block in groupby(numbered_lines(path), key=lambda item: bool(item[1].strip())):
        if filled:
            lines = list(block)
            try:
                yield _document(path, lines)
            except FormatError as error:
                error.document_id = re.split(r"[|\t]", lines[0][1], maxsplit=1)[0]
                yield error


def _document(path: Path, block: list[tuple[int, str]]) -> Document:
    first = block[0][0]
    parts = [line.split("|", 2) for _, line in block[:2]]
    if [part[1:2] for part in parts] != [["t"], ["a"]] or any(
        len(part) < 3 or part[0] != parts[0][0] for part in parts
    ):
        raise FormatError(path, first, "a document begins with its lines ID|t|title and ID|a|abstract")
    identifier, title, abstract = parts[0][0], parts[0][2], parts[1][2]
    text = f"{title}\n{abstract}"
    passages = (
        Passage(0, len(title), "title"),
        Passage(len(title) + 1, len(text), "abstract"),
    )
    rows: list[tuple[int, list[str]]] = []
    relations = []
    for number, line in block[2:]:
        fields = line.split("\t")
        if fields[0] != identifier:
            raise FormatError(path, number, f"not a line of document {identifier}, which it stands in")
        if len(fields) >= 5 and _is_offset(fields[1]) and _is_offset(fields[2]):
            rows.append((number, fields))
        elif len(fields) >= 4 and fields[1][:1].isalpha():  # not a mention with a bad offset
            arguments = tuple((f"Arg{i}", field) for i, field in enumerate(fields[2:4], start=1))
            meta = {"columns": tuple(fields[4:])} if len(fields) > 4 else {}
            relations.append(Relation(fields[1], arguments, meta=meta))
        else:
            raise FormatError(path, number, "neither a mention (6 columns) nor a relation (4)")
    mentions = _mentions(path, text, rows)
    return Document(text, passages, tuple(mentions), tuple(relations), id=identifier)


def _is_offset(field: str) -> bool:
    return field.isdecimal() and len(field) <= _LONGEST_NUMBER


def _mentions(path: Path, text: str, rows: list[tuple[int, list[str]]]) -> Iterator[Mention]:
    claims = [Claim(((int(fields[1]), int(fields[2])),), fields[3]) for _, fields in rows]
    for (number, fields), (spans, found) in zip(rows, settle(text, claims), strict=True):
        if not inside(spans, text):
            [(start, end)] = spans
            raise FormatError(path, number, f"offsets {start} to {end} in a text of {len(text)} characters")
        meta: dict[str, object] = dict(found)
        if len(fields) > 6:
            meta["parts"] = tuple(fields[6].split("|"))
        if len(fields) > 7:
            meta["columns"] = tuple(fields[7:])
        identifiers = tuple(fields[5].split("|")) if len(fields) > 5 and fields[5] else ()
        yield Mention(spans, fields[4], identifiers=identifiers, meta=meta)


def write(documents: Iterable[Document]) -> Iterator[Written]:
    """Writes documents as PubTator, an empty line behind each.

    The title is the first passage, if one character of white space follows it; else what stands before the
    first line end; else the whole text, with an empty abstract. Other line ends are written as spaces, and so
    are tabs in the text of a mention: all offsets stay. A document without an id gets its number.

    Not held: mentions of several spans, and those whose type, identifiers or other columns have a tab or a
    line end; relations of other than two arguments, of a type that begins with no letter, or between mentions
    (PubTator's are between what mentions refer to); ids of mentions and relations, roles of arguments,
    scores, other passages.

    Raises:
        ConversionError: if an id is empty or has a bar, tab or line end in it.
    """
    for number, document in enumerate(documents, start=1):
        yield _written(document, document.id or str(number))


def _written(document: Document, identifier: str) -> Written:
    if not identifier.strip() or re.search(r"[|\t\r\n\ufeff]", identifier):
        raise ConversionError(f"Document {identifier!r}: a PubTator id has no bar, tab or line end.")
    title, separator, abstract = _split(document)
    lines = [f"{identifier}|t|{_one_line(title)}", f"{identifier}|a|{_one_line(abstract)}"]
    types: list[str] = []
    dropped: list[Dropped] = []
    for mention in document.mentions:
        stated = mention.meta.get(TEXT, document.text_of(mention))
        parts, more = mention.meta.get("parts", ()), mention.meta.get("columns", ())
        fields = [
            one_field(stated),
            mention.type,
            "|".join(mention.identifiers),
            "|".join(parts),
            *more,
        ]
        while len(fields) > 2 and not fields[-1] and not (len(fields) == 4 and parts):
            fields.pop()
        if len(mention.spans) > 1:
            dropped.append(Dropped(document, mention, "discontinuous"))
        elif any(map(BREAKS.search, fields)):
            dropped.append(Dropped(document, mention, "a tab or line end in its columns"))
        else:
            lines.append("\t".join((identifier, str(mention.start), str(mention.end), *fields)))
            types.append(mention.type)
    relations: list[DroppedRelation] = []
    related = 0
    ids = {mention.id for mention in document.mentions} | {relation.id for relation in document.relations}
    for relation in document.relations:
        fillers = [filler for _, filler in relation.arguments]
        fields = [relation.type, *fillers, *relation.meta.get("columns", ())]
        if len(fillers) != 2:
            reason = f"{len(fillers)} arguments"
        elif any(filler in ids for filler in fillers):
            reason = "between mentions"
        elif any(map(BREAKS.search, fields)) or not relation.type[:1].isalpha():
            reason = "a tab or line end in its columns, or no letter before them"
        else:
            lines.append("\t".join((identifier, *fields)))
            related += 1
            continue
        relations.append(DroppedRelation(document, relation, reason))
    others = left_out(document, (TEXT, "parts", "columns"), ("columns",), held=("identifiers", "passages"))
    others["line ends written as spaces"] = len(re.findall(r"[\r\n]", title + abstract))
    others["separators written as line ends"] = int(separator not in ("", "\n"))
    others["passages"] = sum(p.type not in ("title", "abstract") for p in document.passages)
    text = "\n".join(lines) + "\n\n"
    return Written(text, 0, types, dropped, relations, +others, related=related)


def _split(document: Document) -> tuple[str, str, str]:
    """Title, separator and abstract of a text."""
    text = document.text
    first = document.passages[0] if document.passages else None
    if first is not None and first.start == 0 and text[first.end : first.end + 1].isspace():
        return text[: first.end], text[first.end], text[first.end + 1 :]
    return text.partition("\n")


def _one_line(text: str) -> str:
    return re.sub(r"[\r\n]", " ", text)
