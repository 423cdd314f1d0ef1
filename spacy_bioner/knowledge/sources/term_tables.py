"""Tables: MeSH's descriptors, HGNC's genes, the NCBI's names of taxa, mappings in SSSOM, and a plain table.

The plain one has a header: `id`, `name`, and if it likes `synonyms`, `alternatives`, `parents` (each a
list with bars), `type` and `species`.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from spacy_bioner.errors import FormatError
from spacy_bioner.files import checked_lines
from spacy_bioner.knowledge.concepts import Concept, Name, standard_id
from spacy_bioner.knowledge.problems import Problems
from spacy_bioner.knowledge.sources.mesh_xml import TERMS
from spacy_bioner.knowledge.sources.source import Source, open_text

_COLUMNS = "a line with other columns than the header"
_EMPTY = "a line without a name or identifier"

_IDENTIFIER = re.compile(r"[A-Za-z_0-9]+:\S+")

Row = tuple[int, dict[str, str]]


def _rows(
    path: Path, problems: Problems, columns: Sequence[str] = (), delimiter: str = "\t"
) -> Iterator[Row]:
    """The lines of a table as what they have in each column, a header for the names unless they are given."""
    with open_text(path) as file:
        for number, line in checked_lines(file):
            if line.startswith("#") or not line.strip():
                continue
            if delimiter == ",":
                values = next(csv.reader([line]))
            else:
                values = [
                    value.strip('"') if value[:1] == value[-1:] == '"' else value
                    for value in line.split("\t")
                ]
            if not columns:
                columns = values
            elif len(values) > len(columns):
                problems.add(_COLUMNS, path, number, values[0])
            else:
                yield number, dict(zip(columns, values, strict=False))


def _list(field: str | None) -> list[str]:
    return [text.strip() for text in (field or "").split("|") if text.strip()]


def _has(columns: Sequence[str], row: Row, path: Path) -> None:
    missing = [name for name in columns if name not in row[1]]
    if missing:
        raise FormatError(path, row[0], f"no column {', '.join(missing)}: the header must name it [B286]")


def read(path: Path, problems: Problems) -> Source:
    """Reads a plain table, separated by commas if its name ends in ".csv", else by tabs.

    Raises:
        FormatError: if it has no columns "id" and "name".
    """
    concepts = []
    delimiter = "," if ".csv" in path.name else "\t"
    for number, row in _rows(path, problems, delimiter=delimiter):
        _has(("id", "name"), (number, row), path)
        if not row["id"].strip() or not row["name"].strip():
            problems.add(_EMPTY, path, number)
            continue
        concepts.append(
            Concept(
                standard_id(row["id"]),
                (Name(row["name"], "name"), *map(Name, _list(row.get("synonyms")))),
                tuple(map(standard_id, _list(row.get("alternatives")))),
                tuple(map(standard_id, _list(row.get("parents")))),
                row.get("type") or "",
                standard_id(row.get("species") or "", "NCBITaxon"),
                line=number,
            )
        )
    return Source(path.name.split(".")[0], path, concepts)


def read_mesh(path: Path, problems: Problems) -> Source:
    """Reads MeSH's names as a table without a header: identifier, name, synonyms with bars."""
    concepts = []
    for number, row in _rows(path, problems, ("id", "name", "synonyms")):
        if not row.get("name") or not row["id"][:1].isalpha() or not row["id"][1:].isdigit():
            problems.add(
                _EMPTY if not row.get("name") else "an identifier that isn't MeSH's", path, number, row["id"]
            )
            continue
        names = (Name(row["name"], "name"), *map(Name, _list(row.get("synonyms"))))
        concepts.append(Concept(standard_id(row["id"], "MESH"), names, line=number))
    return Source("MeSH", path, concepts, "", TERMS)


def read_hgnc(path: Path, problems: Problems) -> Source:
    """Reads HGNC's table of genes, with a header or without one (identifier, symbol, name, status,
    synonyms, Entrez).

    Withdrawn entries are left out; the NCBI's identifier of a gene is another one of it.
    """
    concepts = []
    plain = (
        "HGNC ID",
        "Approved Symbol",
        "Approved Name",
        "Status",
        "Synonyms",
        "Entrez Gene ID",
        "UniProt ID",
    )
    for number, row in _rows(path, problems, plain):
        if row["HGNC ID"] == plain[0]:
            continue
        if not row["HGNC ID"].startswith("HGNC:") or not row.get("Approved Symbol"):
            problems.add(_EMPTY, path, number, row["HGNC ID"])
        elif row.get("Status") != "Approved":
            problems.add("withdrawn entries left out", path, number, row["HGNC ID"])
        else:
            synonyms = [Name(text.strip()) for text in (row.get("Synonyms") or "").split(",") if text.strip()]
            names = (Name(row["Approved Symbol"], "name"), Name(row["Approved Name"]), *synonyms)
            gene = row.get("Entrez Gene ID") or ""
            others = (f"NCBIGene:{gene}",) if gene.isdigit() else ()
            concepts.append(Concept(row["HGNC ID"], names, others, (), "Gene", "NCBITaxon:9606", number))
    return Source("HGNC", path, concepts)


def read_taxonomy(path: Path, problems: Problems) -> Source:
    """Reads the NCBI's names.dmp, and nodes.dmp beside it for what is above each taxon."""
    kinds = {"scientific name": "name", "authority": "", "type material": "", "in-part": "", "includes": ""}
    labels: dict[str, str] = {}
    names: dict[str, list[Name]] = {}
    for number, fields in _dump(path):
        if len(fields) < 4:
            problems.add(_COLUMNS, path, number, fields[0])
            continue
        taxon, text, _, kind = fields[:4]
        if kind == "scientific name":
            labels[taxon] = text
        elif kinds.get(kind, "exact"):
            names.setdefault(taxon, []).append(Name(text))
    parents = {}
    nodes = path.with_name(path.name.replace("names", "nodes"))
    if nodes != path and nodes.is_file():
        parents = {
            fields[0]: fields[1] for _, fields in _dump(nodes) if len(fields) > 1 and fields[0] != fields[1]
        }
    concepts = [
        Concept(
            f"NCBITaxon:{taxon}",
            (Name(label, "name"), *names.get(taxon, ())),
            (),
            (f"NCBITaxon:{parents[taxon]}",) if taxon in parents else (),
            "Species",
        )
        for taxon, label in labels.items()
    ]
    return Source("NCBITaxon", path, concepts, "", "public domain (US government work)")


def _dump(path: Path) -> Iterator[tuple[int, list[str]]]:
    with open_text(path) as file:
        for number, line in checked_lines(file):
            yield number, [field.strip() for field in line.removesuffix("|").split("|")]


def read_sssom(path: Path, problems: Problems) -> Source:
    """Reads mappings in SSSOM: a concept for each subject, with what it is exactly the same as.

    Mappings that aren't exact matches or cross references are counted, and left out. So are labels of
    objects: they are the other vocabulary's, and may have another licence than the mappings.
    """
    concepts: dict[str, Concept] = {}
    for number, row in _rows(path, problems):
        _has(("subject_id", "predicate_id", "object_id"), (number, row), path)
        if row["predicate_id"] not in ("skos:exactMatch", "oboInOwl:hasDbXref", "owl:equivalentClass"):
            problems.add("mappings that aren't exact left out", path, number, row["predicate_id"])
            continue
        id, other = standard_id(row["subject_id"]), standard_id(row["object_id"])
        before = concepts.get(id)
        label = row.get("subject_label") or ""
        names = before.names if before else ((Name(label, "name"),) if label else ())
        others = (*(before.alternatives if before else ()), other)
        concepts[id] = Concept(id, names, tuple(dict.fromkeys(others)), line=number)
    header = _sssom_header(path)
    version = header.get("mapping_set_version", "").split("/releases/")[-1].split("/")[0]
    return Source(path.name.split(".")[0], path, list(concepts.values()), version, header.get("license", ""))


def _sssom_header(path: Path) -> dict[str, str]:
    found = {}
    with open_text(path) as file:
        for _, line in checked_lines(file):
            if not line.startswith("#"):
                break
            key, colon, value = line.lstrip("# ").partition(": ")
            if colon:
                found[key] = value.strip()
    return found


def read_do_report(path: Path, problems: Problems) -> Source:
    """Reads a report of the Disease Ontology: identifier, label, and the label of a parent or a cross
    reference.

    What stands in the third column is told from its header, or from whether it looks like an identifier.
    """
    concepts: dict[str, Concept] = {}
    above: dict[str, list[str]] = {}
    for number, row in _rows(path, problems, ("id", "label", "other")):
        id, label, other = (row.get(column, "").strip().strip("'") for column in ("id", "label", "other"))
        if not id.startswith("DOID:"):
            if number > 1:
                problems.add(_EMPTY, path, number, id)
            continue
        before = concepts.get(id, Concept(id, (Name(label, "name"),), line=number))
        if _IDENTIFIER.fullmatch(other):
            before = replace(before, alternatives=(*before.alternatives, standard_id(other)))
        elif other:
            above.setdefault(id, []).append(other)
        concepts[id] = before
    ids = {concept.label: concept.id for concept in concepts.values()}
    placed = [
        replace(c, parents=tuple(dict.fromkeys(ids[p] for p in above.get(c.id, ()) if p in ids)))
        for c in concepts.values()
    ]
    return Source(
        f"DO {path.name.split('.')[0]}",
        path,
        placed,
        "",
        "https://creativecommons.org/publicdomain/zero/1.0/",
    )
