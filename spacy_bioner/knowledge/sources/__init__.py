"""The sources of knowledge bases: one reader a format."""

from collections.abc import Callable, Mapping
from pathlib import Path

from spacy_bioner.errors import KnowledgeError
from spacy_bioner.files import open_input
from spacy_bioner.knowledge.problems import Problems
from spacy_bioner.knowledge.sources import ctd, mesh_xml, obo, term_tables
from spacy_bioner.knowledge.sources.source import Source, open_text

READERS: Mapping[str, Callable[[Path, Problems], Source]] = {
    "obo": obo.read,
    "obo-json": obo.read_json,
    "sssom": term_tables.read_sssom,
    "ctd": ctd.read,
    "mesh": term_tables.read_mesh,
    "mesh-xml": mesh_xml.read,
    "hgnc": term_tables.read_hgnc,
    "taxonomy": term_tables.read_taxonomy,
    "do-report": term_tables.read_do_report,
    "table": term_tables.read,
}
"""By format."""

_HEAD = 1 << 16


def format_of(path: Path) -> str:
    """The format of a source, told from its first lines.

    Raises:
        KnowledgeError: if it can't be told.
    """
    with open_text(path) as file, open_input(file) as content:
        head = content.read(_HEAD).decode("utf-8", "replace").lstrip("\ufeff")
    lines = [line for line in head.split("\n") if line.strip()]
    data = next((line for line in lines if not line.startswith("#")), "")
    if head.lstrip().startswith("<"):
        return "mesh-xml"
    if head.lstrip()[:1] in ("{", "["):
        return "obo-json" if not head.startswith("[Term]") else "obo"
    if head.startswith(("format-version:", "[Term]")) or "\n[Term]" in head:
        return "obo"
    if "subject_id" in data:
        return "sssom"
    if "\t|\t" in data:
        return "taxonomy"
    if head.startswith("#") and ("DiseaseID" in head or "ChemicalID" in head):
        return "ctd"
    if any(line.startswith('"DOID:') for line in lines[:3]):
        return "do-report"
    if data.startswith("HGNC"):
        return "hgnc"
    if data[:1] in "DC" and data[1:].split("\t")[0].isdigit():
        return "mesh"
    fields = data.replace(",", "\t").split("\t")
    if "id" in fields and "name" in fields:
        return "table"
    raise KnowledgeError(
        f"{path}: can't tell its format; say which with --from ({', '.join(READERS)}). [B276]"
    )


def read_source(path: Path, problems: Problems, format: str = "") -> Source:
    """Reads a source.

    Args:
        path: the file; packed with gzip or xz, if it is.
        problems: counts what is wrong in it.
        format: its format, one of `READERS`; told from its content, if empty.

    Raises:
        KnowledgeError: if there is no such format.
        FormatError: if it can't be read.
    """
    format = format or format_of(path)
    if format not in READERS:
        raise KnowledgeError(f"There is no source format '{format}': use {', '.join(READERS)}. [B277]")
    return READERS[format](path, problems)
