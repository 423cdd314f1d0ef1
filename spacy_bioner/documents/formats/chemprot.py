"""ChemProt as BioCreative VI hands it out: three files of one name, with tabs between their columns.

- `NAME_abstracts.tsv`: PMID, title, abstract;
- `NAME_entities.tsv`: PMID, id (T1), type (CHEMICAL, GENE-Y, GENE-N), first character, the one after the
last, text;
- `NAME_relations.tsv`: PMID, group (CPR:4), whether it is evaluated (Y or N), label, `Arg1:T1`, `Arg2:T2`.

Offsets count the characters of title, one separator, abstract. Gold standards have only the groups:
`NAME_gold_standard.tsv`, with PMID, group, Arg1, Arg2. Written after the task's description; the corpus
itself was not at hand, so it is untested on real data. Name the abstracts' file; the others are found beside
it.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from spacy_bioner.documents.document import Document, Passage, Relation
from spacy_bioner.documents.formats.unreadable import Readable
from spacy_bioner.documents.metadata import BAD
from spacy_bioner.documents.offsets import Claim
from spacy_bioner.documents.settling import Raw, settled
from spacy_bioner.errors import FormatError
from spacy_bioner.files import lines_or_errors, numbered_lines

_ABSTRACTS = "_abstracts"


def each(path: Path, offsets: str = "") -> Iterator[Readable]:
    """Reads the documents of a file of abstracts, with what the files beside it say of them."""
    return settled(_raw(path), path, offsets)


def _raw(path: Path) -> Iterator[Raw | FormatError]:
    if _ABSTRACTS not in path.name:
        yield FormatError(path, None, "name the file of abstracts (NAME_abstracts.tsv) [B040]")
        return
    try:
        entities = _beside(path, ("_entities",), 6)
        relations = _beside(path, ("_relations", "_gold_standard"), 4)
    except FormatError as error:
        yield error
        return
    for number, line in lines_or_errors(path):
        if isinstance(line, FormatError):
            yield line
            continue
        fields = line.split("\t")
        if len(fields) != 3:
            yield FormatError(path, number, "not PMID, title and abstract [B041]")
            continue
        id, title, abstract = fields
        text = f"{title}\n{abstract}"
        passages = (Passage(0, len(title), "title"), Passage(len(title) + 1, len(text), "abstract"))
        claims, bad = _claims(entities[id])
        found = tuple(_relation(columns) for _, columns in relations[id])
        meta = {BAD: tuple(bad)} if bad else {}
        yield Raw(Document(text, passages, (), found, meta=meta, id=id), claims)


def _claims(rows: list[tuple[str, list[str]]]) -> tuple[list[Claim], list[str]]:
    claims, bad = [], []
    for where, (_, id, type, start, end, *words) in rows:
        if start.isdecimal() and end.isdecimal() and len(start + end) < 20:
            claims.append(Claim(((int(start), int(end)),), " ".join(words), type, id, where=where))
        else:
            bad.append(f"{where}: the offsets are {start!r} and {end!r}")
    return claims, bad


def _relation(columns: list[str]) -> Relation:
    group, *rest = columns[1:]
    arguments = [tuple(field.split(":", 1)) for field in rest if field.startswith(("Arg1:", "Arg2:"))]
    others = [field.strip() for field in rest if not field.startswith(("Arg1:", "Arg2:"))]
    meta = {"group": group, "evaluated": others[0]} if others else {}
    return Relation(others[-1] if len(others) > 1 else group, tuple((r, f) for r, f in arguments), meta=meta)


def _beside(path: Path, names: tuple[str, ...], columns: int) -> dict[str, list[tuple[str, list[str]]]]:
    """The rows of the file beside a file of abstracts, by document; none if there is no such file."""
    rows: dict[str, list[tuple[str, list[str]]]] = defaultdict(list)
    for name in names:
        file = path.with_name(path.name.replace(_ABSTRACTS, name))
        if not file.is_file():
            continue
        for number, line in numbered_lines(file):
            fields = line.split("\t")
            if len(fields) < columns:
                raise FormatError(
                    file, number, f"{len(fields)} columns, and there should be {columns} [B042]"
                )
            rows[fields[0]].append((f"{file.name}, line {number}", fields))
        break
    return rows
