"""The ADE corpus (Gurulingappa and others 2012): DRUG-AE.rel, DRUG-DOSE.rel and ADE-NEG.txt.

A line of a .rel file is a relation in a sentence: `PMID|sentence|effect|begin|end|drug|begin|end`, the
offsets in the abstract, of which only this sentence is there. The lines of a sentence become a document;
both mentions are where their texts stand as far apart as the offsets say. A line of ADE-NEG.txt, `PMID NEG
sentence`, is a sentence without adverse effects whose drugs aren't marked: it becomes a document without
mentions.
"""

import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from spacy_bioner.documents.document import Document, Mention, Relation
from spacy_bioner.documents.formats.unreadable import Readable
from spacy_bioner.documents.metadata import BAD, LINE
from spacy_bioner.errors import FormatError
from spacy_bioner.files import lines_or_errors

_NEGATIVE = re.compile(r"(\d+) NEG (.*)")
_FIELDS = 8


def is_ade(head: str) -> bool:
    """Whether what begins so is a file of the ADE corpus."""
    line = head.partition("\n")[0].rstrip("\r")
    fields = line.split("|")
    return bool(_NEGATIVE.fullmatch(line)) or (
        len(fields) >= _FIELDS and fields[0].isdigit() and all(map(_is_number, _numbers(fields)))
    )


def each(path: Path, offsets: str = "") -> Iterator[Readable]:
    """Reads a file sentence by sentence, with the error in place of a line that isn't one of it."""
    label, type = ("DOSE", "Dose") if "DOSE" in path.name.upper() else ("ADVERSE_EFFECT", "AdverseEffect")
    for key, lines in groupby(lines_or_errors(path), key=lambda item: _sentence(item[1])):
        if key is None:
            for number, line in lines:
                if isinstance(line, FormatError):
                    yield line
                elif found := _NEGATIVE.fullmatch(line):
                    yield Document(found[2], meta={LINE: number}, id=found[1])
                elif line.strip():
                    yield FormatError(
                        path, number, f"not the {_FIELDS} fields of a relation, with bars between [B026]"
                    )
            continue
        yield _document(*key, [(number, str(line).split("|")) for number, line in lines], label, type)


def _is_number(text: str) -> bool:
    return text.isdigit() and len(text) < 10


def _numbers(fields: list[str]) -> list[str]:
    return [*fields[-5:-3], *fields[-2:]]


def _sentence(line: str | FormatError) -> tuple[str, str] | None:
    """PMID and sentence of a line; None if it is no relation. The sentence may have bars in it."""
    if isinstance(line, FormatError):
        return None
    fields = line.split("|")
    if len(fields) < _FIELDS or not all(map(_is_number, _numbers(fields))):
        return None
    return fields[0], "|".join(fields[1:-6])


def _document(id: str, text: str, rows: list[tuple[int, list[str]]], label: str, type: str) -> Document:
    mentions: dict[tuple[int, int, str], Mention] = {}
    relations: list[Relation] = []
    bad: list[str] = []
    for number, fields in rows:
        effect, drug = fields[-6], fields[-3]
        begin, _, drug_begin, _ = map(int, _numbers(fields))
        found = _places(text, effect, drug, drug_begin - begin)
        if found is None:
            bad.append(f"line {number}: '{effect}' and '{drug}' don't stand as far apart as the line says")
            continue
        ends = []
        for role, start, words, kind in (
            ("effect", found[0], effect, type),
            ("drug", found[1], drug, "Drug"),
        ):
            place = (start, start + len(words), kind)
            mention = mentions.setdefault(place, Mention((place[:2],), kind, f"T{len(mentions) + 1}"))
            ends.append((role, mention.id))
        relations.append(Relation(label, (ends[1], ends[0])))
    meta = {LINE: rows[0][0], **({BAD: tuple(bad)} if bad else {})}
    ordered = tuple(mentions[place] for place in sorted(mentions))
    return Document(text, (), ordered, tuple(relations), meta=meta, id=id)


def _places(text: str, effect: str, drug: str, apart: int) -> tuple[int, int] | None:
    start = text.find(effect)
    while start >= 0:
        other = start + apart
        if other >= 0 and text.startswith(drug, other):
            return start, other
        start = text.find(effect, start + 1)
    return None
