"""Builds knowledge bases: sources are joined, checked, and written to one file."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy

from spacy_bioner.errors import KnowledgeError
from spacy_bioner.files import Outputs
from spacy_bioner.knowledge.concepts import KINDS, Concept, Name
from spacy_bioner.knowledge.knowledge_base import FORMAT, KnowledgeBase
from spacy_bioner.knowledge.names import key_of
from spacy_bioner.knowledge.problems import Problems
from spacy_bioner.knowledge.search import count_grams
from spacy_bioner.knowledge.sources import read_source
from spacy_bioner.knowledge.sources.source import Source
from spacy_bioner.knowledge.storage import packed, write_arrays


def join(sources: Sequence[Source], problems: Problems, same: Collection[str] = ()) -> list[Concept]:
    """Joins the concepts of several sources.

    A concept of a later source that has an identifier in common with one before it adds its names and
    identifiers to that; what it doesn't add is its own place in the hierarchy.

    Args:
        sources: the sources; the identifiers of the first ones are kept.
        problems: counts identifiers that one source gives twice.
        same: the prefixes of identifiers that say that two concepts are the same; empty for any.

    Returns:
        The concepts in the order of their identifiers.
    """
    merged: dict[str, Concept] = {}
    owners: dict[str, str] = {}
    for source in sources:
        seen: set[str] = set()
        for concept in source.concepts:
            if concept.id in seen:
                problems.add("an identifier that stands twice", source.path, None, concept.id)
            seen.add(concept.id)
            named = replace(
                concept, names=tuple(replace(n, source=n.source or source.name) for n in concept.names)
            )
            ids = [i for i in (concept.id, *concept.alternatives) if not same or i.split(":")[0] in same]
            owner = owners.get(concept.id) or next(
                (owners[i] for i in ids if i in owners and len(sources) > 1), None
            )
            if owner in seen and owner != concept.id:  # two of one source are two, whatever they share
                owner = owners.get(concept.id)
            if owner is None or owner not in merged:
                merged[concept.id] = named
                owner = concept.id
            else:
                merged[owner] = _added(merged[owner], named)
            for i in (concept.id, *ids):
                owners.setdefault(i, owner)
    return [merged[id] for id in sorted(merged, key=_natural)]


def _added(to: Concept, concept: Concept) -> Concept:
    """A concept with the names and identifiers of another one."""
    known = {(name.text) for name in to.names}
    names = [
        replace(n, kind="exact" if n.kind == "name" else n.kind) for n in concept.names if n.text not in known
    ]
    ids = dict.fromkeys((*to.alternatives, concept.id, *concept.alternatives))
    parents = to.parents if to.parents else concept.parents
    return replace(
        to,
        names=(*to.names, *names),
        alternatives=tuple(i for i in ids if i != to.id),
        parents=parents,
        type=to.type or concept.type,
        species=to.species or concept.species,
    )


def _natural(id: str) -> tuple[str, int, str]:
    """Sorts DOID:9 before DOID:10."""
    head, _, rest = id.partition(":")
    digits = rest if rest.isascii() and rest.isdigit() else ""
    return head, int(digits) if digits and len(digits) < 19 else -1, rest


def subset(
    concepts: Sequence[Concept], branches: Collection[str], types: Collection[str] = ()
) -> list[Concept]:
    """The concepts of some types, and those that are some concepts or below them.

    Args:
        concepts: all concepts.
        branches: identifiers of what is at the top of the wanted branches; empty for all.
        types: the wanted types; empty for all.
    """
    wanted = list(concepts)
    if branches:
        children: dict[str, list[str]] = {}
        for concept in concepts:
            for parent in concept.parents:
                children.setdefault(parent, []).append(concept.id)
        inside: set[str] = set()
        waiting = list(branches)
        while waiting:
            id = waiting.pop()
            if id not in inside:
                inside.add(id)
                waiting += children.get(id, [])
        wanted = [concept for concept in wanted if concept.id in inside]
    return [concept for concept in wanted if not types or concept.type in types]


def find_cycles(concepts: Iterable[Concept]) -> list[tuple[str, str]]:
    """The steps from concept to parent that close a circle."""
    parents = {concept.id: concept.parents for concept in concepts}
    state: dict[str, int] = {}
    closing: list[tuple[str, str]] = []
    for start in parents:
        stack = [(start, iter(parents[start]))] if start not in state else []
        state.setdefault(start, 1)
        while stack:
            id, left = stack[-1]
            parent = next((p for p in left if p in parents), None)
            if parent is None:
                state[id] = 2
                stack.pop()
            elif state.get(parent) == 1:
                closing.append((id, parent))
            elif parent not in state:
                state[parent] = 1
                stack.append((parent, iter(parents[parent])))
    return closing


def without_cycles(concepts: Sequence[Concept], problems: Problems, path: Path) -> list[Concept]:
    """Concepts without the steps that close a circle, which are counted."""
    closing = find_cycles(concepts)
    for child, parent in closing:
        problems.add("a circle in the hierarchy", path, None, f"{child} is below {parent}, which is below it")
    cut: dict[str, set[str]] = {}
    for child, parent in closing:
        cut.setdefault(child, set()).add(parent)
    return [
        replace(c, parents=tuple(p for p in c.parents if p not in cut[c.id])) if c.id in cut else c
        for c in concepts
    ]


@dataclass(frozen=True, slots=True)
class Choice:
    """What of its sources goes into a knowledge base.

    Attributes:
        branches: identifiers; they and what is below them are kept. Empty for everything.
        types: the types that are kept; empty for all.
        prefixes: the prefixes of the other identifiers that are kept; empty for all.
        same: the prefixes of identifiers that make two concepts one; empty for all.
        only_known: the names of sources that only add to concepts that another one has.
        type: the type of concepts whose source doesn't say it.
    """

    branches: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    same: tuple[str, ...] = ()
    only_known: tuple[str, ...] = ()
    type: str = ""


def build(paths: Sequence[Path], output: Path, choice: Choice, name: str = "", format: str = "") -> Problems:
    """Builds a knowledge base.

    Args:
        paths: the sources, those whose identifiers are to be kept first.
        output: the file.
        choice: what goes into it.
        name: what it is called; its file's name, if empty.
        format: the format of all sources; told from the content of each, if empty.

    Returns:
        What was wrong in the sources.

    Raises:
        FormatError: if a source can't be read.
        KnowledgeError: if nothing is left.
    """
    problems = Problems()
    sources = [read_source(path, problems, format) for path in paths]
    for source in sources:
        check(source, problems)
        if source.name in choice.only_known:
            known = {c.id for s in sources if s is not source for c in s.concepts}
            source.concepts = [c for c in source.concepts if c.id in known]
    concepts = without_cycles(join(sources, problems, choice.same), problems, output)
    concepts = [
        replace(
            c,
            type=c.type or choice.type,
            alternatives=tuple(
                i for i in c.alternatives if not choice.prefixes or i.split(":")[0] in choice.prefixes
            ),
        )
        for c in subset(concepts, choice.branches, choice.types)
    ]
    if not concepts:
        raise KnowledgeError("No concept is left: look at --branch and --type.")
    write_base(concepts, output, sources, name or output.name.split(".")[0])
    return problems


def check(source: Source, problems: Problems) -> None:
    """Counts what is wrong with the concepts of a source."""
    ids = {concept.id for concept in source.concepts}
    for concept in source.concepts:
        if ":" not in concept.id:
            problems.add("an identifier without a prefix", source.path, None, concept.id)
        for parent in concept.parents:
            if parent not in ids:
                problems.add("a parent that isn't there", source.path, None, f"{parent}, above {concept.id}")
        if not any(key_of(name.text) for name in concept.names):
            problems.add("a concept without a name that can be searched for", source.path, None, concept.id)


def make_arrays(
    concepts: Sequence[Concept], sources: Sequence[str]
) -> tuple[dict[str, numpy.ndarray], dict[str, Any]]:
    """The arrays of a knowledge base's file, and what of its description depends on them."""
    numbers = {concept.id: number for number, concept in enumerate(concepts)}
    types = sorted({concept.type for concept in concepts}) or [""]
    species = sorted({concept.species for concept in concepts}) or [""]
    found: dict[tuple[str, int, str], tuple[int, int]] = {}
    for number, concept in enumerate(concepts):
        for name in concept.names:
            text = " ".join(name.text.split())
            key = key_of(text)
            if key:
                entry = (KINDS.index(name.kind), sources.index(name.source) if name.source in sources else 0)
                place = (key, number, text)
                found[place] = min(found.get(place, entry), entry)
    names = sorted((key, entry[0], number, text, entry[1]) for (key, number, text), entry in found.items())
    keys = sorted({key for key, *_ in names})
    rows = {key: row for row, key in enumerate(keys)}
    name_rows = numpy.array([rows[key] for key, *_ in names], dtype="int32")
    grams = count_grams(keys)
    others = [(id, number) for number, c in enumerate(concepts) for id in dict.fromkeys(c.alternatives)]
    parents = [
        (n, numbers[p]) for n, c in enumerate(concepts) for p in dict.fromkeys(c.parents) if p in numbers
    ]
    arrays: dict[str, numpy.ndarray] = {
        "concept_types": numpy.array([types.index(c.type) for c in concepts], dtype="uint8"),
        "concept_species": numpy.array([species.index(c.species) for c in concepts], dtype="uint16"),
        "name_concepts": numpy.array([number for _, _, number, _, _ in names], dtype="int32"),
        "name_kinds": numpy.array([kind for _, kind, *_ in names], dtype="uint8"),
        "name_sources": numpy.array([source for *_, source in names], dtype="uint8"),
        "name_rows": name_rows,
        "key_ends": numpy.cumsum(numpy.bincount(name_rows, minlength=len(keys))).astype("int32"),
        "alternative_concepts": numpy.array([number for _, number in others], dtype="int32"),
        "parents": numpy.array(parents, dtype="int32").reshape(-1, 2),
        "gram_ends": grams.ends,
        "grams": grams.grams,
        "gram_counts": grams.counts,
    }
    texts = {
        "concept_ids": [concept.id for concept in concepts],
        "names": [text for _, _, _, text, _ in names],
        "keys": keys,
        "alternatives": [id for id, _ in others],
    }
    for field, values in texts.items():
        arrays[field], arrays[f"{field}_ends"] = packed(values)
    return arrays, {"types": types, "species": species}


def make_base(concepts: Sequence[Concept], sources: Sequence[Source] = (), name: str = "") -> KnowledgeBase:
    """A knowledge base in memory."""
    arrays, meta = make_arrays(concepts, [source.name for source in sources])
    return KnowledgeBase(arrays, meta | _description(sources, name))


def write_base(
    concepts: Sequence[Concept], path: Path, sources: Sequence[Source] = (), name: str = ""
) -> None:
    """Writes a knowledge base to a file, in place of what was there, when all of it is written."""
    arrays, meta = make_arrays(concepts, [source.name for source in sources])
    with Outputs() as outputs:
        write_arrays(outputs.temporary(path), arrays, meta | _description(sources, name))


def _description(sources: Sequence[Source], name: str) -> dict[str, Any]:
    return {"format": FORMAT, "name": name, "sources": [source.to_json() for source in sources]}


def with_mentions(concepts: Sequence[Concept], mentions: Iterable[tuple[str, str]]) -> list[Concept]:
    """Concepts with the mentions of training data among their names.

    Args:
        concepts: the concepts.
        mentions: texts of mentions, and what each means by one of its identifiers; unknown ones are left out.
    """
    owners = {id: c.id for c in concepts for id in c.alternatives} | {c.id: c.id for c in concepts}
    added: dict[str, dict[str, None]] = {}
    for text, id in mentions:
        if id in owners:
            added.setdefault(owners[id], {})[text] = None
    return [
        replace(c, names=(*c.names, *(Name(text, "mention", "mentions") for text in added.get(c.id, ()))))
        for c in concepts
    ]
