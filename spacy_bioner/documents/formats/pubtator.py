"""PubTator: a title line, an abstract line, then a line a mention or relation.

The format of the BioCreative V CDR task and of PubTator (Wei, Kao and Lu 2013): `PMID|t|title`,
`PMID|a|abstract`, `PMID<tab>start<tab>end<tab>text<tab>type<tab>identifiers`, with a seventh column for
the parts of composite mentions, and `PMID<tab>relation<tab>identifier<tab>identifier`; an empty line
between documents. Offsets count the characters of title, one separator, abstract.

Read as well: documents of a title alone; a tab in the text of a mention; the arguments of PubTator 3's
relations, `Chemical|MESH:D001241`, whose first half is then the role; and the order of columns of the library
bconv (its `pubtator_fbk`): `PMID<tab>T1<tab>type<tab>start<tab>end<tab>text`. An identifier of tmVar
(`p|SUB|R|97|C;HGVS:p.R97C`, `tmVar:c|DEL||A`) is one, bars and all.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from spacy_bioner.documents.document import (
    HEADING,
    Document,
    Dropped,
    DroppedRelation,
    Passage,
    Relation,
)
from spacy_bioner.documents.formats.base import BREAKS, Written, identifiers_in, left_out, one_field
from spacy_bioner.documents.formats.unreadable import Readable, raised
from spacy_bioner.documents.metadata import BAD, TEXT
from spacy_bioner.documents.offsets import Claim, inside, same
from spacy_bioner.documents.settling import Raw, settled
from spacy_bioner.errors import ConversionError, FormatError
from spacy_bioner.files import lines_or_errors

FIRST_LINE = re.compile(r"[^|\t]+\|t\|")
_LONGEST_NUMBER = 18  # digits: what is longer is no offset, and slow to read as one
_TYPED = re.compile(r"([A-Za-z]\w*)\|(.+)")
_TYPES = {"Cell", "CellLine", "Chemical", "Chromosome", "Disease", "Gene", "SNP", "Species", "Variant"}
"""The types of PubTator 3 (Wei et al. 2024), which arguments of relations may have before them."""


def read(path: Path) -> Iterator[Document]:
    """Reads a PubTator file document by document.

    Yields:
        Documents with passages "title" and, where there is one, "abstract". Mentions are where their text is
        (see `settling`); lines that are none of PubTator's are set aside.

    Raises:
        FormatError: with file and line, if a document doesn't begin with its title, or isn't text.
    """
    return raised(each(path))


def each(path: Path, offsets: str = "") -> Iterator[Readable]:
    """Reads as `read` does, with the error in place of a document for lines that aren't one."""
    return settled(_raw(path), path, offsets)


def _raw(path: Path) -> Iterator[Raw | FormatError]:
    lines: list[tuple[int, str]] = []
    errors: list[FormatError] = []
    for number, line in chain(lines_or_errors(path), [(0, "")]):  # an empty line ends the last document too
        if isinstance(line, FormatError):
            errors.append(line)
        elif line and not line.isspace():
            lines.append((number, line))
        elif lines or errors:
            yield _document_or_error(path, lines, errors)
            lines, errors = [], []


def _document_or_error(
    path: Path, lines: list[tuple[int, str]], errors: Sequence[FormatError]
) -> Raw | FormatError:
    try:
        if errors:
            raise errors[0]
        return _document(path, lines)
    except FormatError as error:
        if lines:
            error.document_id = re.split(r"[|\t]", lines[0][1], maxsplit=1)[0]
        return error


def _document(path: Path, block: list[tuple[int, str]]) -> Raw:
    first = block[0][0]
    parts = [line.split("|", 2) for _, line in block[:2]]
    if parts[0][1:2] != ["t"] or len(parts[0]) < 3:
        raise FormatError(path, first, "a document begins with its lines ID|t|title and ID|a|abstract [B092]")
    identifier, title = parts[0][0], parts[0][2]
    text = title
    passages = [Passage(0, len(title), "title")]
    rest = block[1:]
    if len(parts) > 1 and len(parts[1]) == 3 and parts[1][:2] == [identifier, "a"]:
        text = f"{title}\n{parts[1][2]}"
        passages.append(Passage(len(title) + 1, len(text), "abstract"))
        rest = block[2:]
    elif len(parts) > 1 and parts[1][1:2] in (["a"], ["t"]) and len(parts[1]) == 3:
        raise FormatError(
            path, block[1][0], f"not a line of document {identifier}, which it stands in [B093]"
        )
    claims: list[Claim] = []
    related: list[list[str]] = []
    bad: list[str] = []
    for number, line in rest:
        fields = line.split("\t")
        if fields[0] != identifier:
            bad.append(f"line {number}: not a line of document {identifier}, which it stands in")
        elif (claim := _claim(text, number, fields)) is not None:
            claims.append(claim)
        elif len(fields) >= 4 and fields[1][:1].isalpha():  # not a mention with a bad offset
            related.append(fields)
        else:
            bad.append(f"line {number}: neither a mention (6 columns) nor a relation (4)")
    types = _TYPES | {claim.type for claim in claims}
    relations = tuple(_relation(fields, types) for fields in related)
    meta = {BAD: tuple(bad)} if bad else {}
    return Raw(Document(text, tuple(passages), (), relations, meta=meta, id=identifier), claims)


def _is_offset(field: str) -> bool:
    return field.isdecimal() and len(field) <= _LONGEST_NUMBER


def _claim(text: str, number: int, fields: list[str]) -> Claim | None:
    """The mention in a line; None if there is none in it."""
    where = f"line {number}"
    if len(fields) < 5:
        return None
    _, first, second, *rest = fields
    if not (_is_offset(first) and _is_offset(second)):
        if len(rest) < 3 or _is_offset(second) or not (_is_offset(rest[0]) and _is_offset(rest[1])):
            return None
        spans = ((int(rest[0]), int(rest[1])),)  # bconv's order
        return Claim(spans, " ".join(rest[2:]), second, first, where=where)
    start, end = int(first), int(second)
    fields = rest
    while (  # a tab in the text of the mention
        len(fields) > 2
        and len(fields[0]) < end - start
        and inside([(start, end)], text)
        and "\t" in text[start:end]
        and same(text[start : start + len(fields[0]) + 1], f"{fields[0]}\t")
    ):
        fields = [f"{fields[0]}\t{fields[1]}", *fields[2:]]
    meta: dict[str, object] = {}
    if len(fields) > 3:
        meta["parts"] = tuple(fields[3].split("|"))
    if len(fields) > 4:
        meta["columns"] = tuple(fields[4:])
    identifiers = identifiers_in(fields[2]) if len(fields) > 2 else ()
    return Claim(((start, end),), fields[0], fields[1], "", identifiers, None, meta, where)


def _relation(fields: list[str], types: Collection[str]) -> Relation:
    """The relation in a line; an identifier may have bars of its own, with its type before it or without."""
    arguments = []
    for i, field in enumerate(fields[2:4], start=1):
        typed = _TYPED.fullmatch(field)
        typed = typed if typed and typed[1] in types else None
        arguments.append((typed[1], typed[2]) if typed else (f"Arg{i}", field))
    meta = {"columns": tuple(fields[4:])} if len(fields) > 4 else {}
    return Relation(fields[1], tuple(arguments), meta=meta)


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
        raise ConversionError(f"Document {identifier!r}: a PubTator id has no bar, tab or line end. [B094]")
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
    known = _TYPES | set(types)
    ids = {mention.id for mention in document.mentions} | {relation.id for relation in document.relations}
    for relation in document.relations:
        fillers = [filler for _, filler in relation.arguments]
        arguments = [_argument(role, filler, known) for role, filler in relation.arguments]
        fields = [relation.type, *arguments, *relation.meta.get("columns", ())]
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
    others["passages"] = sum(p.type not in ("title", "abstract", HEADING) for p in document.passages)
    text = "\n".join(lines) + "\n\n"
    return Written(text, 0, types, dropped, relations, +others, related=related)


def _argument(role: str, filler: str, types: Collection[str]) -> str:
    """An argument of a relation, with the type of what it is before it where that is its role."""
    return f"{role}|{filler}" if role in types and _TYPED.fullmatch(f"{role}|{filler}") else filler


def _split(document: Document) -> tuple[str, str, str]:
    """Title, separator and abstract of a text."""
    text = document.text
    first = document.passages[0] if document.passages else None
    if first is not None and first.start == 0 and text[first.end : first.end + 1].isspace():
        return text[: first.end], text[first.end], text[first.end + 1 :]
    return text.partition("\n")


def _one_line(text: str) -> str:
    return re.sub(r"[\r\n]", " ", text)
