"""Which concepts a mention may mean: those with similar names, and those that training data link so."""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spacy_bioner.knowledge.knowledge_base import Candidate, KnowledgeBase
from spacy_bioner.knowledge.mentions import Query, by_document
from spacy_bioner.knowledge.names import inherited_key_of, key_of, loose_key_of
from spacy_bioner.knowledge.training_memory import Memory, Outside

_MOST_WORDS = 8  # of a mention that is looked for without some of them


@dataclass(frozen=True, slots=True)
class Found:
    """What was found for a mention.

    Attributes:
        query: the mention.
        key: its words, spelled out.
        full: by concept its most similar name, of the mention with its short forms spelled out.
        written: the same of the mention as it is written.
        loosely: concepts with a name that is much the same; for each whether it is its label.
        shorter: concepts, and a name of each, that are much the same as the mention without a word or two.
        meanings: how often the mention's words mean each concept in training data.
        alike: similar mentions of training data: their words, their cosines, and how often they mean what.
        others: how many other mentions of the document have the words of a name of each concept.
        outside: training data without the mention's own document.
    """

    query: Query
    key: str
    full: Mapping[int, Candidate]
    written: Mapping[int, Candidate]
    loosely: Mapping[int, bool]
    shorter: Mapping[int, int]
    meanings: Mapping[int, int]
    alike: Sequence[tuple[str, float, Mapping[int, int]]]
    others: Mapping[int, int]
    outside: Outside

    @property
    def concepts(self) -> list[int]:
        """All concepts, each once."""
        trained = (concept for _, _, known in self.alike for concept in known)
        every = (*self.full, *self.written, *self.loosely, *self.shorter, *sorted(self.meanings), *trained)
        return list(dict.fromkeys(every))


class Finder:
    """Finds candidates."""

    def __init__(self, base: KnowledgeBase, memory: Memory, candidates: int = 20) -> None:
        self._base, self._memory, self._k = base, memory, candidates

    def find(self, queries: Sequence[Query], held_out: Sequence[tuple[int, ...]] = ()) -> list[Found]:
        """Finds the candidates of mentions.

        Args:
            queries: the mentions of whole documents.
            held_out: what each means, where they are training data: a document doesn't know itself then.
        """
        keys = [key_of(query.full) for query in queries]
        texts = [query.full for query in queries] + [query.text for query in queries]
        both = self._base.candidates(texts, self._k)  # at once, for most are the same
        full, written = both[: len(queries)], both[len(queries) :]
        alike = self._memory.alike(keys)
        exact = [{c.concept for c in of_one if c.cosine >= 1.0} for of_one in full]
        found: dict[int, Found] = {}
        for numbers in by_document(queries).values():
            own = [(keys[n], held_out[n][0]) for n in numbers if held_out and len(held_out[n]) == 1]
            outside = self._memory.without(own, queries[numbers[0]].context if own else ())
            counts = Counter(concept for number in numbers for concept in exact[number])
            for n in numbers:
                twins = Counter(c for twin in numbers if keys[twin] == keys[n] for c in exact[twin])
                loosely = self._loosely(keys[n])
                meanings = Counter(outside.meanings(keys[n]))
                if queries[n].text != queries[n].full:
                    meanings.update(outside.meanings(key_of(queries[n].text)))
                found[n] = Found(
                    queries[n],
                    keys[n],
                    {c.concept: c for c in full[n]},
                    {c.concept: c for c in written[n]},
                    loosely,
                    self._shorter(keys[n], loosely),
                    meanings,
                    [(key, cosine, known) for key, cosine in alike[n] if (known := outside.meanings(key))],
                    counts - twins,  # the same words elsewhere say nothing new
                    outside,
                )
        return [found[n] for n in range(len(queries))]

    def _loosely(self, key: str) -> dict[int, bool]:
        """The concepts with a name that is much the same; for each whether it is its label."""
        found: dict[int, bool] = {}
        names = self._base.loose_names
        for row in names.find(loose_key_of(key)) or names.find(inherited_key_of(key)):
            for name in self._base.names_at(row):
                concept = int(self._base.concepts_of_names[name])
                found[concept] = found.get(concept, False) or self._base.kinds[name] == 0
        return dict(sorted(found.items())[: self._k])

    def _shorter(self, key: str, known: Mapping[int, bool]) -> dict[int, int]:
        """Concepts, and a name of each, that a mention without one or two of its words names loosely."""
        words = loose_key_of(key).split()
        if not 1 < len(words) <= _MOST_WORDS:
            return {}
        found: dict[int, int] = {}
        for left in range(len(words) - 1, max(len(words) - 3, 0), -1):
            for some in itertools.combinations(words, left):
                for row in self._base.loose_names.find(" ".join(some)):
                    for name in self._base.names_at(row):
                        found.setdefault(int(self._base.concepts_of_names[name]), name)
        return {concept: name for concept, name in list(found.items())[: self._k] if concept not in known}
