"""Joins the concepts of several sources, chooses among them, and keeps their hierarchy free of circles."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from spacy_bioner.knowledge.concepts import Concept
from spacy_bioner.knowledge.problems import Problems
from spacy_bioner.knowledge.sources.source import Source


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
                problems.add("an identifier that stands twice", source.path, concept.line, concept.id)
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


def without_cycles(
    concepts: Sequence[Concept], problems: Problems, paths: Mapping[str, Path]
) -> list[Concept]:
    """Concepts without the steps that close a circle, which are counted; `paths` has the file of each."""
    closing = find_cycles(concepts)
    lines = {concept.id: concept.line for concept in concepts}
    for child, parent in closing:
        what = f"{child} is below {parent}, which is below it"
        problems.add("a circle in the hierarchy", paths[child], lines[child], what)
    cut: dict[str, set[str]] = {}
    for child, parent in closing:
        cut.setdefault(child, set()).add(parent)
    return [
        replace(c, parents=tuple(p for p in c.parents if p not in cut[c.id])) if c.id in cut else c
        for c in concepts
    ]
