"""Builds knowledge bases: sources are joined, checked, and written to one file."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy

from spacy_bioner.errors import KnowledgeError
from spacy_bioner.files import Outputs
from spacy_bioner.knowledge.concepts import KINDS, KNOWN_PREFIXES, Concept, vocabulary_of
from spacy_bioner.knowledge.knowledge_base import FORMAT, KnowledgeBase
from spacy_bioner.knowledge.loose_names import sort_loosely
from spacy_bioner.knowledge.name_words import number_words
from spacy_bioner.knowledge.names import key_of
from spacy_bioner.knowledge.problems import Problems
from spacy_bioner.knowledge.search import count_grams
from spacy_bioner.knowledge.source_joining import join, subset, without_cycles
from spacy_bioner.knowledge.sources import read_source
from spacy_bioner.knowledge.sources.source import Source
from spacy_bioner.knowledge.storage import packed, write_arrays
from spacy_bioner.knowledge.wording_learning import learn_wording

_UNKNOWN_PREFIX = "another identifier whose prefix isn't known (kept)"


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
    origins = {c.id: source.path for source in reversed(sources) for c in source.concepts}
    concepts = without_cycles(join(sources, problems, choice.same), problems, origins)
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
        raise KnowledgeError("No concept is left: look at --branch and --type. [B273]")
    write_base(concepts, output, sources, name or output.name.split(".")[0])
    return problems


def check(source: Source, problems: Problems) -> None:
    """Counts what is wrong with the concepts of a source."""
    ids = {concept.id for concept in source.concepts}
    known = KNOWN_PREFIXES | {id.partition(":")[0] for id in ids}
    for concept in source.concepts:
        if ":" not in concept.id:
            problems.add("an identifier without a prefix", source.path, concept.line, concept.id)
        for other in concept.alternatives:
            if other.partition(":")[0] not in known:
                problems.add(_UNKNOWN_PREFIX, source.path, concept.line, f"{other}, of {concept.id}")
        for parent in concept.parents:
            if parent not in ids:
                problems.add(
                    "a parent that isn't there", source.path, concept.line, f"{parent}, above {concept.id}"
                )
        if not any(key_of(name.text) for name in concept.names):
            problems.add(
                "a concept without a name that can be searched for", source.path, concept.line, concept.id
            )


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
    name_concepts = numpy.array([number for _, _, number, _, _ in names], dtype="int32")
    others = [(id, number) for number, c in enumerate(concepts) for id in dict.fromkeys(c.alternatives)]
    parents = [
        (n, numbers[p]) for n, c in enumerate(concepts) for p in dict.fromkeys(c.parents) if p in numbers
    ]
    arrays: dict[str, numpy.ndarray] = {
        "concept_types": numpy.array([types.index(c.type) for c in concepts], dtype="uint8"),
        "concept_species": numpy.array([species.index(c.species) for c in concepts], dtype="uint16"),
        "name_concepts": name_concepts,
        "name_kinds": numpy.array([kind for _, kind, *_ in names], dtype="uint8"),
        "name_sources": numpy.array([source for *_, source in names], dtype="uint8"),
        "name_rows": name_rows,
        "key_ends": numpy.cumsum(numpy.bincount(name_rows, minlength=len(keys))).astype("int32"),
        "alternative_concepts": numpy.array([number for _, number in others], dtype="int32"),
        "parents": numpy.array(parents, dtype="int32").reshape(-1, 2),
        **_arrays_of_keys(keys, name_rows, name_concepts),
    }
    texts = {
        "concept_ids": [concept.id for concept in concepts],
        "names": [text for _, _, _, text, _ in names],
        "keys": keys,
        "alternatives": [id for id, _ in others],
    }
    for field, values in texts.items():
        arrays[field], arrays[f"{field}_ends"] = packed(values)
    most = Counter(vocabulary_of(concept.id) for concept in concepts).most_common(1)
    return arrays, {"types": types, "species": species, "vocabulary": most[0][0] if most else ""}


def _arrays_of_keys(
    keys: Sequence[str], rows: numpy.ndarray, concepts: numpy.ndarray
) -> dict[str, numpy.ndarray]:
    """What a search and a comparison of names look up, so that nothing is to be computed at first use.

    Args:
        keys: all keys.
        rows: for each name the number of its key.
        concepts: and of its concept.
    """
    grams = count_grams(keys)
    checksums, loose_rows = sort_loosely(keys)
    vocabulary = number_words(keys)
    words, word_ends = packed(vocabulary.words)
    wording = learn_wording(vocabulary, rows, concepts)
    return {
        "gram_ends": grams.ends,
        "grams": grams.grams,
        "gram_counts": grams.counts,
        "loose_checksums": checksums,
        "loose_rows": loose_rows,
        "words": words,
        "words_ends": word_ends,
        "word_counts": vocabulary.name_counts(),
        "word_extra": wording.extra,
        "word_same_ends": wording.same_ends,
        "word_same_words": wording.same_words,
        "word_same": wording.same,
    }


def make_base(concepts: Sequence[Concept], sources: Sequence[Source] = (), name: str = "") -> KnowledgeBase:
    """A knowledge base in memory."""
    arrays, meta = make_arrays(concepts, [source.name for source in sources])
    return KnowledgeBase(arrays, meta | _description(sources, name))


def write_base(
    concepts: Sequence[Concept], path: Path, sources: Sequence[Source] = (), name: str = ""
) -> None:
    """Writes a knowledge base to a file, in place of what was there, when all of it is written.

    Args:
        concepts: what is in it.
        path: the file, by custom with the ending .kb.
        sources: where the concepts are from; kept in its description.
        name: what it is called.

    Raises:
        OutputError: if the file can't be written there.
    """
    arrays, meta = make_arrays(concepts, [source.name for source in sources])
    with Outputs() as outputs:
        write_arrays(outputs.temporary(path), arrays, meta | _description(sources, name))


def _description(sources: Sequence[Source], name: str) -> dict[str, Any]:
    return {"format": FORMAT, "name": name, "sources": [source.to_json() for source in sources]}
