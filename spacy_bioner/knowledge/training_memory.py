"""What training data link: which concepts, and in which words."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from spacy_bioner.knowledge.names import key_of
from spacy_bioner.knowledge.search import Index, count_grams

_ALIKE = 10  # remembered mentions that are compared with a new one


@dataclass
class Memory:
    """What training data link.

    Attributes:
        concepts: how often each concept is meant.
        meanings: by the words of a mention, how often they mean each concept.
    """

    concepts: Counter[int] = field(default_factory=Counter)
    meanings: dict[str, Counter[int]] = field(default_factory=dict)

    def add(self, text: str, concept: int, remember: bool = True) -> None:
        """Counts what a mention means, and with `remember` that it is these words that do."""
        self.concepts[concept] += 1
        if remember:
            self.count(key_of(text), concept, 1)

    def count(self, key: str, concept: int, times: int) -> None:
        self.meanings.setdefault(key, Counter())[concept] += times

    @cached_property
    def _keys(self) -> list[str]:
        return sorted(self.meanings)

    @cached_property
    def _index(self) -> Index:
        return Index(count_grams(self._keys))

    def alike(self, keys: Sequence[str]) -> list[list[tuple[str, float]]]:
        """For each key the remembered ones that are most similar, with their cosines."""
        if not self.meanings:
            return [[] for _ in keys]
        return [
            [(self._keys[n], cosine) for n, cosine in found] for found in self._index.search(keys, _ALIKE)
        ]

    def without(self, labelled: Iterable[tuple[str, int]]) -> "Outside":
        """What is left of it without some mentions of training data: their words and what they mean."""
        own = Memory()
        for key, concept in labelled:
            own.concepts[concept] += 1
            own.count(key, concept, 1)
        return Outside(self, own)


@dataclass(frozen=True, slots=True)
class Outside:
    """What training data link outside one document."""

    memory: Memory
    own: Memory

    def times(self, concept: int) -> int:
        """How often a concept is meant."""
        return max(self.memory.concepts[concept] - self.own.concepts[concept], 0)

    def meanings(self, key: str) -> dict[int, int]:
        """How often the words of a mention mean each concept, for those that they do mean."""
        known = self.memory.meanings.get(key)
        if not known:
            return {}
        own: Mapping[int, int] = self.own.meanings.get(key, {})
        return {
            concept: n - own.get(concept, 0)
            for concept, n in sorted(known.items())
            if n > own.get(concept, 0)
        }
