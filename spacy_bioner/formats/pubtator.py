"""PubTator: a title line, an abstract line, then a line a mention or relation.

The format of the BioCreative V CDR task and of PubTator (Wei, Kao and Lu 2013): `PMID|t|title`,
`PMID|a|abstract`, `PMID<tab>start<tab>end<tab>text<tab>type<tab>identifiers`, with a seventh column for
the parts of composite mentions, and `PMID<tab>relation<tab>identifier<tab>identifier`; an empty line
between documents. Offsets count the characters of title, one separator, abstract.
"""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from spacy_bioner.document import Document, Mention, Passage, Relation
from spacy_bioner.errors import FormatError
from spacy_bioner.files import numbered_lines


def read(path: Path) -> Iterator[Document]:
    """Reads a PubTator file document by document.

    Yields:
        Documents with passages "title" and "abstract". Where the offsets of a mention don't give the text
        that its line has, that text is in its meta as "text".

    Raises:
        FormatError: with file and line, if a line isn't one of PubTator's, or belongs to another document
            than the lines before it.
    """
    for filled, block in groupby(numbered_lines(path), key=lambda item: bool(item[1].strip())):
        if filled:
            yield _document(path, list(block))


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
    mentions, relations = [], []
    for number, line in block[2:]:
        fields = line.split("\t")
        if fields[0] != identifier:
            raise FormatError(path, number, f"not a line of document {identifier}, which it stands in")
        if len(fields) >= 5 and fields[1].isdecimal() and fields[2].isdecimal():
            mentions.append(_mention(path, number, text, fields))
        elif len(fields) >= 4 and fields[1][:1].isalpha():  # not a mention with a bad offset
            arguments = tuple((f"Arg{i}", field) for i, field in enumerate(fields[2:4], start=1))
            meta = {"columns": tuple(fields[4:])} if len(fields) > 4 else {}
            relations.append(Relation(fields[1], arguments, meta=meta))
        else:
            raise FormatError(path, number, "neither a mention (6 columns) nor a relation (4)")
    return Document(text, passages, tuple(mentions), tuple(relations), id=identifier)


def _mention(path: Path, number: int, text: str, fields: list[str]) -> Mention:
    start, end = int(fields[1]), int(fields[2])
    if not start < end <= len(text):
        raise FormatError(path, number, f"offsets {start} to {end} in a text of {len(text)} characters")
    meta: dict[str, object] = {"text": fields[3]} if text[start:end] != fields[3] else {}
    if len(fields) > 6:
        meta["parts"] = tuple(fields[6].split("|"))
    identifiers = tuple(fields[5].split("|")) if len(fields) > 5 and fields[5] else ()
    return Mention(((start, end),), fields[4], identifiers=identifiers, meta=meta)
