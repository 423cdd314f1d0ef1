"""A knowledge base, opened from its file: concepts by identifier and by similar names."""

import itertools
from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy

from spacy_bioner.errors import KnowledgeError
from spacy_bioner.knowledge.concepts import KINDS, Concept, Name, standard_id
from spacy_bioner.knowledge.loose_names import LooseNames
from spacy_bioner.knowledge.names import key_of
from spacy_bioner.knowledge.search import Index, Rows
from spacy_bioner.knowledge.storage import Arrays, Texts, open_arrays
from spacy_bioner.knowledge.wording import LearnedWording

FORMAT = 2
"""The version of the file's layout."""
_NAMES_PER_CONCEPT = 3  # rows that are looked at for each concept that is wanted


@dataclass(frozen=True, slots=True)
class Candidate:
    """A concept that a text may mean.

    Attributes:
        concept: its number in the knowledge base.
        name: the number of its name that is most similar.
        cosine: how similar, from 0 to 1.
    """

    concept: int
    name: int
    cosine: float


class KnowledgeBase:
    """Concepts with names, identifiers and a hierarchy. Concepts and names are numbers in order of
    identifiers."""

    def __init__(self, arrays: Arrays, meta: dict[str, Any], path: Path | None = None) -> None:
        self.path = path
        self.meta = meta
        self.ids = _texts(arrays, "concept_ids")
        self.types = arrays["concept_types"]
        self.species = arrays["concept_species"]
        self.names = _texts(arrays, "names")
        self.concepts_of_names = arrays["name_concepts"]
        self.kinds = arrays["name_kinds"]
        self._sources = arrays["name_sources"]
        self.rows = arrays["name_rows"]
        self.keys = _texts(arrays, "keys")
        self._row_ends = arrays["key_ends"]
        self._alternatives = _texts(arrays, "alternatives")
        self._alternative_concepts = arrays["alternative_concepts"]
        self._parents = arrays["parents"]
        self.loose_names = LooseNames(self.keys, arrays["loose_checksums"], arrays["loose_rows"])
        self._words = _texts(arrays, "words")
        self.word_counts = arrays["word_counts"]
        self.learned_wording = LearnedWording(
            arrays["word_extra"], arrays["word_same_ends"], arrays["word_same_words"], arrays["word_same"]
        )
        self.index = Index(Rows(arrays["gram_ends"], arrays["grams"], arrays["gram_counts"]))

    @classmethod
    def open(cls, path: Path) -> "KnowledgeBase":
        """Opens a file; nothing but its header is read before it is needed.

        Raises:
            KnowledgeError: if it isn't a knowledge base, or one of another version.
        """
        arrays, meta = open_arrays(path)
        if meta.get("format") != FORMAT:
            raise KnowledgeError(
                f"{path}: a knowledge base of version {meta.get('format')}, and this package reads {FORMAT}: "
                "build it again. [B274]"
            )
        try:
            return cls(arrays, meta, path)
        except KeyError as error:
            raise KnowledgeError(f"{path}: it has no {error}: build it again. [B275]") from None

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def _numbers(self) -> dict[str, tuple[int, ...]]:
        """Concepts by identifier, their own and other ones."""
        numbers: dict[str, tuple[int, ...]] = {id: (i,) for i, id in enumerate(self.ids.all())}
        owners = self._alternative_concepts.tolist()
        for id, concept in zip(self._alternatives.all(), owners, strict=True):
            known = numbers.get(id, ())
            if concept not in known:
                numbers[id] = (*known, concept)
        return numbers

    def find(self, identifier: str) -> tuple[int, ...]:
        """The concepts with an identifier: the one whose own it is first, then those that have it too."""
        return self._numbers.get(standard_id(identifier), ())

    def shared_identifiers(self, vocabularies: Collection[str]) -> dict[int, tuple[str, ...]]:
        """By concept its identifiers of some vocabularies that other concepts have as well."""
        found: dict[int, tuple[str, ...]] = {}
        for id, concepts in self._numbers.items():
            if len(concepts) > 1 and id.partition(":")[0] in vocabularies:
                for concept in concepts:
                    found[concept] = (*found.get(concept, ()), id)
        return found

    def concept(self, number: int) -> Concept:
        """A concept with all that is known of it."""
        names = sorted(self.names_of(number), key=lambda name: (int(self.kinds[name]), name))
        parents, alternatives = self.parents(number), self.alternatives(number)
        return Concept(
            self.ids[number],
            tuple(Name(self.names[i], KINDS[self.kinds[i]], self._source(i)) for i in names),
            tuple(alternatives),
            tuple(self.ids[parent] for parent in parents),
            self.meta["types"][int(self.types[number])],
            self.meta["species"][int(self.species[number])],
        )

    def _source(self, name: int) -> str:
        sources: list[dict[str, Any]] = self.meta["sources"]
        return str(sources[int(self._sources[name])]["name"]) if sources else ""

    @cached_property
    def _by_concept(self) -> tuple[numpy.ndarray, numpy.ndarray]:
        """Names in the order of their concepts, and where those of each end."""
        order = numpy.argsort(self.concepts_of_names, kind="stable")
        return order, numpy.cumsum(numpy.bincount(self.concepts_of_names, minlength=len(self)))

    def names_of(self, number: int) -> list[int]:
        """The numbers of a concept's names."""
        order, ends = self._by_concept
        return order[ends[number - 1] if number else 0 : ends[number]].tolist()

    def label(self, number: int) -> str:
        """The name that a concept goes by."""
        names = self.names_of(number)
        return (
            self.names[min(names, key=lambda name: (self.kinds[name], name))] if names else self.ids[number]
        )

    def alternatives(self, number: int) -> list[str]:
        """Other identifiers of a concept."""
        return [self._alternatives[int(i)] for i in numpy.flatnonzero(self._alternative_concepts == number)]

    def parents(self, number: int) -> list[int]:
        """The concepts right above one."""
        return self._parents[self._parents[:, 0] == number, 1].tolist()

    def children(self, number: int) -> list[int]:
        """The concepts right below one."""
        return self._parents[self._parents[:, 1] == number, 0].tolist()

    @cached_property
    def parents_of(self) -> dict[int, tuple[int, ...]]:
        """By concept those right above it."""
        found: dict[int, tuple[int, ...]] = {}
        for child, parent in self._parents.tolist():
            found[child] = (*found.get(child, ()), parent)
        return found

    def ancestors(self, number: int) -> set[int]:
        """All concepts above one."""
        found: set[int] = set()
        waiting = [number]
        while waiting:
            above = [parent for parent in self.parents_of.get(waiting.pop(), ()) if parent not in found]
            found.update(above)
            waiting += above
        return found

    @cached_property
    def neighbours(self) -> dict[int, frozenset[int]]:
        """For each concept those one step above or below it."""
        found: dict[int, set[int]] = {}
        for child, parent in self._parents.tolist():
            found.setdefault(child, set()).add(parent)
            found.setdefault(parent, set()).add(child)
        return {concept: frozenset(others) for concept, others in found.items()}

    @cached_property
    def word_numbers(self) -> dict[str, int]:
        """The words of all names, by which `word_counts` and `learned_wording` count."""
        return {word: number for number, word in enumerate(self._words.all())}

    def has(self, text: str) -> bool:
        """Whether a name has the words of a text."""
        key = key_of(text)
        row = bisect_left(self.keys, key)
        return row < len(self.keys) and self.keys[row] == key

    def is_of(self, number: int, species: str) -> bool:
        """Whether a concept is of a species, or of none."""
        return self.meta["species"][int(self.species[number])] in ("", species)

    @cached_property
    def child_counts(self) -> numpy.ndarray:
        """How many concepts are right below each."""
        return numpy.bincount(self._parents[:, 1], minlength=len(self))

    def summary(self) -> list[tuple[str, str]]:
        """What is in it, in words and numbers."""
        types = ", ".join(name for name in self.meta["types"] if name)
        rows = [
            ("name", str(self.meta["name"])),
            ("concepts", f"{len(self):,}"),
            ("names", f"{len(self.names):,}"),
            ("names that differ in more than form", f"{len(self.keys):,}"),
            ("other identifiers", f"{len(self._alternatives):,}"),
            ("types", types or "not known"),
        ]
        species = [name for name in self.meta["species"] if name]
        return [*rows, ("species", f"{len(species):,}")] if species else rows

    def names_per_source(self) -> list[int]:
        """How many names each source gave."""
        counts: list[int] = numpy.bincount(self._sources, minlength=len(self.meta["sources"])).tolist()
        return counts

    def names_at(self, row: int) -> range:
        """The numbers of the names that have one key."""
        return range(int(self._row_ends[row - 1]) if row else 0, int(self._row_ends[row]))

    def candidates(self, texts: Sequence[str], k: int) -> list[list[Candidate]]:
        """Finds for each text the concepts with the most similar names.

        Args:
            texts: what to search for.
            k: how many concepts at most.

        Returns:
            The concepts by the cosine of their best name, the highest first. Of those of one cosine first
            come those whose label it is, then those that have it as a synonym, and these in the order of
            their identifiers.
        """
        found = self.index.search([key_of(text) for text in texts], _NAMES_PER_CONCEPT * k)
        return [self._candidates(rows, k) for rows in found]

    def _candidates(self, rows: Sequence[tuple[int, float]], k: int) -> list[Candidate]:
        best: dict[int, Candidate] = {}
        for cosine, equal in itertools.groupby(rows, key=lambda row: row[1]):  # the highest come first
            ranked = [(int(self.kinds[name]), int(self.concepts_of_names[name]), name)
                      for row, _ in equal for name in self.names_at(row)]  # fmt: skip
            for _, concept, name in sorted(ranked):
                if concept not in best:
                    best[concept] = Candidate(concept, name, cosine)
                    if len(best) == k:
                        return list(best.values())
        return list(best.values())


def _texts(arrays: Arrays, name: str) -> Texts:
    return Texts(arrays[name], arrays[f"{name}_ends"])
