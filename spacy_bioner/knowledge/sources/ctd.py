"""CTD's vocabularies of diseases and chemicals, as tab-separated values.

The Comparative Toxicogenomics Database: comments whose last but one line names the columns, then a concept
a line.
"""

import re
from pathlib import Path

from spacy_bioner.errors import FormatError
from spacy_bioner.files import checked_lines
from spacy_bioner.knowledge.concepts import Concept, Name, standard_id
from spacy_bioner.knowledge.problems import Problems
from spacy_bioner.knowledge.sources.source import Source, open_text

_KINDS = {"Disease": "Disease", "Chemical": "Chemical"}


def read(path: Path, problems: Problems) -> Source:
    """Reads a file of CTD's.

    Raises:
        FormatError: if no line names the columns.
    """
    columns: list[str] = []
    concepts: list[Concept] = []
    version = ""
    with open_text(path) as file:
        for number, line in checked_lines(file):
            if line.startswith("#"):
                fields = line.lstrip("# ").split("\t")
                if len(fields) > 3:
                    columns = fields
                elif created := re.search(r"Report created: (.*)", line):
                    version = created[1].strip()
                continue
            kind = next((kind for kind in _KINDS if f"{kind}Name" in columns), None)
            if kind is None:
                raise FormatError(
                    path, number, "no line before it names CTD's columns (DiseaseName, ...) [B278]"
                )
            values = line.split("\t")
            if len(values) > len(columns) or len(values) < 2:
                problems.add("a line with other columns than the header", path, number, values[0])
                continue
            row = dict(zip(columns, values, strict=False))
            name, id = row[f"{kind}Name"], standard_id(row[f"{kind}ID"], "MESH")
            if not name or not id:
                problems.add("a line without a name or identifier", path, number)
                continue
            synonyms = tuple(Name(text) for text in _list(row.get("Synonyms", "")))
            concepts.append(
                Concept(
                    id,
                    (Name(name, "name"), *synonyms),
                    tuple(standard_id(i, "MESH") for i in _list(row.get(f"Alt{kind}IDs", ""))),
                    tuple(standard_id(i, "MESH") for i in _list(row.get("ParentIDs", ""))),
                    _KINDS[kind],
                    line=number,
                )
            )
    return Source("CTD", path, concepts, version, "CTD's terms: ctdbase.org/about/legal.jsp")


def _list(field: str) -> list[str]:
    return [text for text in field.split("|") if text]
