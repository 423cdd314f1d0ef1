"""What training data link: which concepts, and in which words."""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from spacy_bioner.knowledge.names import key_of
from spacy_bioner.knowledge.search import Index, count_grams

_CAUTION = 3.0  # documents that are added to those that mean a concept, with words as all have them
_COMMON = 0.5  # share of documents from which on a word says nothing
_ALIKE = 10  # remembered mentions that are compared with a new one


@dataclass
class Memory:
    """What training data link.

    Attributes:
        concepts: how often each concept is meant.
        meanings: by the words of a mention, how often they mean each concept.
        documents: how many documents mean each concept.
        contexts: by concept in how many of these documents each word stands.
        words: in how many documents each word stands, of all that mean something.
        size: how many these are.
    """

    concepts: Counter[int] = field(default_factory=Counter)
    meanings: dict[str, Counter[int]] = field(default_factory=dict)
    documents: Counter[int] = field(default_factory=Counter)
    contexts: dict[int, Counter[str]] = field(default_factory=dict)
    words: Counter[str] = field(default_factory=Counter)
    size: int = 0

    def add(self, text: str, concept: int, remember: bool = True) -> None:
        """Counts what a mention means, and with `remember` that it is these words that do."""
        self.concepts[concept] += 1
        if remember:
            self.count(key_of(text), concept, 1)

    def count(self, key: str, concept: int, times: int) -> None:
        """Counts that words meant a concept.

        Args:
            key: the words, as `key_of` gives them.
            concept: the number of the concept in the knowledge base.
            times: how often it was.
        """
        self.meanings.setdefault(key, Counter())[concept] += times

    def see(self, context: Collection[str], concepts: Collection[int]) -> None:
        """Counts the words of a document that means some concepts."""
        if concepts:
            self.size += 1
            self.words.update(context)
        for concept in concepts:
            self.documents[concept] += 1
            self.contexts.setdefault(concept, Counter()).update(context)

    def forget_rare(self) -> None:
        """Forgets words that say nothing of a concept: those of a single document of it, and those of many
        documents of any."""
        most = _COMMON * self.size
        for concept, counts in self.contexts.items():
            kept = {word: n for word, n in sorted(counts.items()) if n > 1 and self.words[word] <= most}
            self.contexts[concept] = Counter(kept)
        known = {word for counts in self.contexts.values() for word in counts}
        self.words = Counter({word: n for word, n in self.words.items() if word in known})

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

    def without(self, labelled: Iterable[tuple[str, int]], context: Collection[str] = ()) -> "Outside":
        """What is left of it without some mentions of training data: their words and what they mean."""
        own = Memory()
        for key, concept in labelled:
            own.concepts[concept] += 1
            own.count(key, concept, 1)
        own.see(context, own.concepts)
        return Outside(self, own)


@dataclass(frozen=True, slots=True)
class Outside:
    """What training data link outside one document."""

    memory: Memory
    own: Memory

    def times(self, concept: int) -> int:
        """How often a concept is meant."""
        return max(self.memory.concepts[concept] - self.own.concepts[concept], 0)

    def context(self, concept: int, context: Collection[str]) -> float:
        """How much more often the words of a document stand in those that mean a concept than in others: the
        sum of the logarithms of how many times as often."""
        known = self.memory.contexts.get(concept)
        own: Mapping[str, int] = self.own.contexts.get(concept, {})
        documents = self.memory.documents[concept] - self.own.documents[concept]
        if not known or documents < 1:
            return 0.0
        total = 0.0
        for word, times in known.items():  # in the order of words, as the sum depends on it
            n = times - own.get(word, 0)
            if word in context and n > 1:  # as in `forget_rare`, which has seen the own document too
                usual = self.memory.words[word] / self.memory.size
                total += max(math.log((n + _CAUTION * usual) / (documents + _CAUTION) / usual), 0.0)
        return total

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
