"""BRAT standoff: a .txt file with a text, and beside it .ann, or .a1 and .a2, a line an annotation.

The format of the brat annotation tool (brat.nlplab.org/standoff.html) and of the BioNLP shared tasks, whose
.a1 files hold what was given and .a2 what was to be found. Read and written here:

    T1<tab>Type 0 7;9 12<tab>text     a mention, of several spans where it is discontinuous
    R1<tab>Type Role:T1 Role:T2       a relation
    E1<tab>Type:T1 Role:T2 Role:E2    an event; its trigger, a mention too, is the first argument, "trigger"
    *<tab>Equiv T1 T2                 a relation whose arguments have no roles
    A1<tab>Type T1 value              an attribute (M1 in the shared tasks), in the meta as "attributes"
    N1<tab>Type T1 MeSH:D1<tab>text   an identifier of a mention; in the meta as "normalizations"
    #1<tab>Type T1<tab>text           a note, in the meta as "notes"

Notes and attributes of anything else are in the meta of the document, as "lines". There, too, as "order", the
order of the lines, so that a file is written as it was: only empty lines and white space at the end of
lines are not kept. Lines that are none of these are set aside, each for itself.

brat itself has no line end in a mention: one that goes over the end of a line is written as two fragments,
and read as one again.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spacy_bioner.documents.document import SCORE, Document, Relation, Span
from spacy_bioner.documents.formats.file_names import document_id, in_order
from spacy_bioner.documents.formats.unreadable import Readable, raised
from spacy_bioner.documents.metadata import BAD
from spacy_bioner.documents.offsets import Claim
from spacy_bioner.documents.settling import Raw, settled
from spacy_bioner.errors import FormatError
from spacy_bioner.files import lines_or_errors, read_text

FIRST_LINE = re.compile(r"T\d+\t\S+ \d+ \d+[;\t]")
SUFFIXES = (".ann", ".a1", ".a2")
TRIGGER = "trigger"
_NUMBER = r"\d{1,18}"  # what is longer is no offset, and slow to read as one
_SPANS = re.compile(rf"{_NUMBER} {_NUMBER}(?:;{_NUMBER} {_NUMBER})*")
NOTE = "AnnotatorNotes"
"""The kind of a note that a curator sees; "score 0.98" is the score of a mention or relation."""
KINDS = {"attributes": "AM", "normalizations": "N", "notes": "#"}
_FORMS = {
    "T": "T1<tab>Type START END<tab>text",
    "R": "R1<tab>Type Role:T1 Role:T2",
    "E": "E1<tab>Type:T1 Role:T2",
    "*": "*<tab>Equiv T1 T2",
    "A": "A1<tab>Type T1 [value]",
    "M": "M1<tab>Type T1 [value]",
    "N": "N1<tab>Type T1 DATABASE:ID<tab>text",
    "#": "#1<tab>Type T1<tab>text",
}
NO_DATABASE = "ID:"  # for identifiers that don't say which they are from


def is_folder(path: Path) -> bool:
    """Whether a folder has annotation files of this format."""
    return any(_suffix(file) in SUFFIXES for file in path.iterdir())


def has_pair(path: Path) -> bool:
    """Whether a file is a text or annotation of this format, and the other one is beside it."""
    suffix = _suffix(path)
    others = SUFFIXES if suffix == ".txt" else (".txt",) if suffix in SUFFIXES else ()
    return path.is_file() and any(_beside(path, other) for other in others)


def _suffix(path: Path) -> str:
    """The ending of a file's name, without that of gzip."""
    return Path(path.name.removesuffix(".gz")).suffix


def _beside(path: Path, suffix: str) -> Path | None:
    """The file of an ending that belongs to the same document, packed by gzip or not."""
    plain = path.with_name(path.name.removesuffix(".gz")).with_suffix(suffix)
    packed = plain.with_name(f"{plain.name}.gz")
    if plain.is_file() and packed.is_file():
        raise FormatError(plain, None, f"there is {packed.name} as well: leave one of them [B038]")
    return plain if plain.is_file() else packed if packed.is_file() else None


def read(path: Path) -> Iterator[Document]:
    """Reads a folder of documents in the order of their names, or the document that a file belongs to.

    Lines that are none of the above, whose id is there already, or whose mention isn't in the text, are set
    aside.

    Raises:
        FormatError: if a text or annotation file is missing, not text, or there packed and not packed.
    """
    return raised(each(path))


def each(path: Path, offsets: str = "") -> Iterator[Readable]:
    """Reads as `read` does, with the error in place of a document for files that aren't one."""
    return settled(_raw(path), path, offsets)


def _raw(path: Path) -> Iterator[Raw | FormatError]:
    if not path.is_dir():
        yield _document(_text_of(path))
        return
    texts = {_text_of(file) for file in path.iterdir() if _suffix(file) in (".txt", *SUFFIXES)}
    for file in in_order(texts):
        try:
            yield _document(file)
        except FormatError as error:
            error.document_id = document_id(file)
            yield error


def _text_of(path: Path) -> Path:
    """Where the text is that a file belongs to."""
    plain = path.with_name(path.name.removesuffix(".gz")).with_suffix(".txt")
    return _beside(plain, ".txt") or plain


@dataclass(slots=True)
class _Reading:
    """What was read of a document so far."""

    mentions: dict[str, tuple[str, tuple[Span, ...], str, str]] = field(default_factory=dict)
    relations: list[tuple[str, str, tuple[tuple[str, str], ...]]] = field(default_factory=list)
    others: list[tuple[str, str, tuple[str, ...], str]] = field(default_factory=list)
    order: dict[str, list[str]] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)
    bad: list[str] = field(default_factory=list)


def _document(path: Path) -> Raw:
    text = read_text(path)
    files = [file for suffix in SUFFIXES if (file := _beside(path, suffix))]
    if not files:
        raise FormatError(path, None, f"there is no {', '.join(SUFFIXES)} file beside it [B039]")
    reading = _Reading()
    for file in files:
        order = reading.order[_suffix(file)] = []
        for number, line in lines_or_errors(file):
            if isinstance(line, FormatError):
                reading.bad.append(str(line).replace(str(file), file.name))
            elif line.strip():
                where = f"{file.name}, line {number}"
                wrong = _line(reading, where, line)
                if wrong:
                    reading.bad.append(f"{where}: {wrong}")
                else:
                    order.append(line.partition("\t")[0])
    metas: defaultdict[str, defaultdict[str, list[tuple[str, ...]]]] = defaultdict(lambda: defaultdict(list))
    lines = []
    ids = {*reading.mentions, *(id for id, _, _ in reading.relations if id)}
    for id, key, fields, line in reading.others:
        kind, target, *rest = fields
        if target not in ids or (key == "normalizations" and target not in reading.mentions):
            lines.append(line)
        else:
            metas[target][key].append((id, kind, *rest))
    meta: dict[str, Any] = {"order": {suffix: tuple(ids) for suffix, ids in reading.order.items()}}
    if lines:
        meta["lines"] = tuple(lines)
    if reading.bad:
        meta[BAD] = tuple(reading.bad)
    relations = tuple(
        Relation(type, arguments, id, _relation_meta(metas.get(id, {}) if id else {}))
        for id, type, arguments in reading.relations
    )
    return Raw(
        Document(text, (), (), relations, meta=meta, id=document_id(path)), list(_claims(reading, metas))
    )


def _line(reading: _Reading, where: str, line: str) -> str:
    """Reads a line of annotation; returns what is wrong with it, if something is."""
    id, _, rest = line.partition("\t")
    body, _, text = rest.partition("\t")
    kind, words = id[:1], body.split()
    if id != "*" and not re.fullmatch(r"[TREAMN#]\d{1,18}", id):
        return f"'{id[:40]}' isn't T1, R1, E1, A1, M1, N1, #1, or *"
    if id in reading.ids:
        return f"there is a {id} already"
    roles = [tuple(word.split(":", 1)) for word in words]
    if kind == "T" and len(words) > 2 and _SPANS.fullmatch(spans := " ".join(words[1:])):
        pairs = [part.split(" ") for part in spans.split(";")]
        places = tuple((int(start), int(end)) for start, end in pairs)
        reading.mentions[id] = (words[0], places, text, where)
    elif kind == "R" and len(words) > 1 and all(len(role) == 2 for role in roles[1:]):
        reading.relations.append((id, words[0], tuple((r[0], r[1]) for r in roles[1:])))
    elif kind == "E" and words and all(len(role) == 2 for role in roles):
        (type, trigger), *arguments = ((r[0], r[1]) for r in roles)
        reading.relations.append((id, type, ((TRIGGER, trigger), *arguments)))
    elif kind == "*" and len(words) > 1:
        reading.relations.append(("", words[0], tuple(("", word) for word in words[1:])))
    elif kind in ("A", "M") and len(words) in (2, 3):
        reading.others.append((id, "attributes", tuple(words), line))
    elif kind == "N" and len(words) == 3:
        reading.others.append((id, "normalizations", (*words, text), line))
    elif kind == "#" and len(words) == 2:
        reading.others.append((id, "notes", (*words, text), line))
    else:
        return f"not as {_FORMS[kind]} should be"
    if id != "*":
        reading.ids.add(id)
    return ""


def _claims(reading: _Reading, metas: Mapping[str, Mapping[str, list[tuple[str, ...]]]]) -> Iterator[Claim]:
    for id, (type, spans, stated, where) in reading.mentions.items():
        meta, score = _without_score(metas.get(id, {}))
        refs = tuple(ref.removeprefix(NO_DATABASE) for _, _, ref, _ in meta.get("normalizations", ()))
        yield Claim(spans, stated, type, id, refs, score, meta, where)


def _relation_meta(found: Mapping[str, list[tuple[str, ...]]]) -> dict[str, Any]:
    meta, score = _without_score(found)
    return meta if score is None else {**meta, SCORE: score}


def _without_score(found: Mapping[str, list[tuple[str, ...]]]) -> tuple[dict[str, Any], float | None]:
    """What is said of a mention or relation, and its score apart, if a note has one."""
    meta: dict[str, Any] = {key: tuple(values) for key, values in found.items()}
    scores = [(note, score) for note in meta.get("notes", ()) if (score := _score(note)) is not None]
    if not scores:
        return meta, None
    notes = tuple(note for note in meta.pop("notes") if note != scores[0][0])
    return meta | ({"notes": notes} if notes else {}), scores[0][1]


def _score(note: tuple[str, ...]) -> float | None:
    """The score in a note, if it is one as it is written here."""
    _, kind, text = note
    found = re.fullmatch(r"score ([01]\.\d{1,20}(?:e-\d{1,3})?|\d\.?\d*e-\d{1,3})", text)
    if kind != NOTE or found is None:
        return None
    score = float(found[1])
    return score if score <= 1 and repr(score) == found[1] else None
