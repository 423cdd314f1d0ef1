"""Ontologies in OBO format, and in the JSON that lists their terms: OBO graphs, or a list of terms.

OBO 1.2 and 1.4 are read a line at a time, so that what is wrong can be told with its line, which the
libraries for it don't do: they stop at the first line that they can't read, and the Disease Ontology of
2016 has some.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from spacy_bioner.errors import FormatError
from spacy_bioner.files import checked_lines, open_input
from spacy_bioner.knowledge.concepts import Concept, Kind, Name, standard_id
from spacy_bioner.knowledge.problems import Problems
from spacy_bioner.knowledge.sources.source import Source, open_text

_SYNONYM = re.compile(r'"((?:[^"\\]|\\.)*)"\s*([A-Z]+)?')
_ESCAPED = re.compile(r"\\(.)")
_IRI = re.compile(r"https?://purl\.obolibrary\.org/obo/([A-Za-z]+)_(\w+)")
_REPLACED_BY = "IAO_0100001"
_UNNAMED = "a term without a name"
_OBSOLETE = "obsolete terms left out"
_REPLACED = "obsolete terms that became another identifier of their replacement"

Stanza = tuple[int, dict[str, list[str]]]
"""A term: its line, and its tags with their values."""


def read(path: Path, problems: Problems) -> Source:
    """Reads an ontology in OBO format.

    A synonym that is EXACT is one; BROAD, NARROW and RELATED ones are "related". An obsolete term that
    says what replaces it becomes another identifier of that.

    Raises:
        FormatError: if there is no term in it.
    """
    header: dict[str, list[str]] = {}
    stanzas = list(_stanzas(path, header, problems))
    if not stanzas:
        raise FormatError(path, None, "no [Term] in it: is it an ontology in OBO format? [B281]")
    concepts, replaced = [], {}
    for number, tags in stanzas:
        id = standard_id(tags.get("id", [""])[0])
        if tags.get("is_obsolete", ["false"])[0].startswith("true"):
            replacements = tags.get("replaced_by", [])
            if replacements:
                replaced[id] = standard_id(_bare(replacements[0]))
            problems.add(_REPLACED if replacements else _OBSOLETE, path, number, id)
        elif not tags.get("name") or not id:
            problems.add(_UNNAMED, path, number, id)
        else:
            concepts.append(_concept(id, tags, path, number, problems))
    remark = " ".join(header.get("remark", []) + header.get("property_value", []))
    licence = next(iter(re.findall(r"https?://creativecommons\.org/\S+?(?=[\s\"]|\.?$)", remark)), "")
    version = next(iter(header.get("data-version", header.get("date", []))), "")
    name = next(iter(header.get("ontology", [])), path.name.split(".")[0]).upper()
    return Source(name, path, with_replaced(concepts, replaced), version, licence.rstrip("."))


def _stanzas(path: Path, header: dict[str, list[str]], problems: Problems) -> Iterator[Stanza]:
    tags: dict[str, list[str]] = header
    start, inside = 0, False
    with open_text(path) as file:
        for number, line in checked_lines(file):
            if line.startswith("["):
                if inside:
                    yield start, tags
                tags, start, inside = {}, number, line.strip() == "[Term]"
            elif line.strip() and not line.startswith("!"):
                tag, colon, value = line.partition(":")
                if colon:
                    tags.setdefault(tag.strip(), []).append(value.strip())
                else:
                    problems.add("a line without a tag", path, number, line[:40])
        if inside:
            yield start, tags


def _bare(value: str) -> str:
    """An identifier without qualifiers and comment."""
    return re.split(r"\s", value, maxsplit=1)[0]


def _concept(id: str, tags: Mapping[str, list[str]], path: Path, number: int, problems: Problems) -> Concept:
    names = [Name(_ESCAPED.sub(r"\1", tags["name"][0]), "name")]
    for value in tags.get("synonym", []):
        match = _SYNONYM.match(value)
        if match is None:
            problems.add("a synonym that isn't in quotation marks", path, number, f"{id} {value[:40]}")
        elif match[1].strip():
            kind: Kind = "exact" if match[2] in ("EXACT", None) else "related"
            names.append(Name(_ESCAPED.sub(r"\1", match[1]).strip(), kind))
    others = [_bare(value) for tag in ("alt_id", "xref") for value in tags.get(tag, [])]
    return Concept(
        id,
        tuple(names),
        tuple(dict.fromkeys(standard_id(other) for other in others if ":" in other)),
        tuple(dict.fromkeys(standard_id(_bare(value)) for value in tags.get("is_a", []))),
        line=number,
    )


def with_replaced(concepts: list[Concept], replaced: Mapping[str, str]) -> list[Concept]:
    """Concepts with the identifiers of the obsolete ones that they replace."""
    olds: dict[str, list[str]] = {}
    for old, new in replaced.items():
        olds.setdefault(new, []).append(old)
    return [replace(c, alternatives=(*c.alternatives, *olds[c.id])) if c.id in olds else c for c in concepts]


def read_json(path: Path, problems: Problems) -> Source:
    """Reads an OBO graph in JSON, or a list of terms with "id", "name", "synonyms" and "xrefs".

    Raises:
        FormatError: if it is neither.
    """
    with open_text(path) as file, open_input(file) as content:
        try:
            data = json.loads(content.read())
        except ValueError as error:
            raise FormatError(path, None, f"not JSON ({error}) [B282]") from None
    if isinstance(data, list):
        concepts = [c for item in data if (c := _of_list(item, path, problems)) is not None]
        return Source(path.name.split(".")[0].upper(), path, concepts)
    if not isinstance(data, dict) or not data.get("graphs"):
        raise FormatError(path, None, "neither an OBO graph nor a list of terms [B283]")
    graph = data["graphs"][0]
    parents: dict[str, list[str]] = {}
    for edge in graph.get("edges", []):
        if edge.get("pred") == "is_a":
            parents.setdefault(edge["sub"], []).append(_from_iri(edge["obj"]))
    replaced: dict[str, str] = {}
    concepts = [
        c
        for node in graph.get("nodes", [])
        if (c := _of_node(node, parents.get(node.get("id", ""), []), path, problems, replaced)) is not None
    ]
    concepts = with_replaced(concepts, replaced)
    meta = graph.get("meta", {})
    return Source(path.name.split(".")[0].upper(), path, concepts, str(meta.get("version", "")))


def _of_list(item: Any, path: Path, problems: Problems) -> Concept | None:
    if not isinstance(item, dict) or not item.get("id") or not item.get("name"):
        problems.add(_UNNAMED, path, None, str(item)[:40])
        return None
    names = [Name(item["name"], "name"), *(Name(text) for text in item.get("synonyms", []) if text.strip())]
    return Concept(standard_id(item["id"]), tuple(names), tuple(map(standard_id, item.get("xrefs", []))))


def _of_node(
    node: Mapping[str, Any], parents: list[str], path: Path, problems: Problems, replaced: dict[str, str]
) -> Concept | None:
    if node.get("type") not in (None, "CLASS"):
        return None
    meta = node.get("meta", {})
    id = _from_iri(node["id"])
    if meta.get("deprecated"):
        values = meta.get("basicPropertyValues", [])
        new = next((v["val"] for v in values if v.get("pred", "").endswith(_REPLACED_BY)), "")
        if new:
            replaced[id] = _from_iri(new)
        problems.add(_REPLACED if new else _OBSOLETE, path, None, id)
        return None
    if not node.get("lbl"):
        problems.add(_UNNAMED, path, None, id)
        return None
    synonyms = [
        Name(s["val"], "exact" if s.get("pred") == "hasExactSynonym" else "related")
        for s in meta.get("synonyms", [])
        if s["val"].strip()
    ]
    xrefs = tuple(standard_id(x["val"]) for x in meta.get("xrefs", []) if ":" in x["val"])
    return Concept(id, (Name(node["lbl"], "name"), *synonyms), xrefs, tuple(parents))


def _from_iri(iri: str) -> str:
    match = _IRI.match(iri)
    return standard_id(f"{match[1]}:{match[2]}" if match else iri)
