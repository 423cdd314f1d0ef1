"""What speaks for a concept as the meaning of a mention, in numbers."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy

from spacy_bioner.knowledge.knowledge_base import Candidate, KnowledgeBase
from spacy_bioner.knowledge.mentions import Query, by_document
from spacy_bioner.knowledge.names import key_of, loose_key_of, words_of

FEATURES = (
    "cosine",  # of the best name, with short forms spelled out
    "same words",  # as a name
    "same words as the label",
    "cosine as written",
    "same words as written",
    "same letters",  # as a name, but for case
    "words found",  # share of the mention's words in the best name, by rarity
    "words covered",  # share of the best name's words in the mention, by rarity
    "head found",  # the mention's last word is in the best name
    "best",  # no other concept is more similar
    "behind",  # how much less similar than the best
    "ambiguous",  # the concept shares the name with others
    "seen often",  # in training
    "seen so",  # share of this meaning among mentions of these words in training
    "seen otherwise",  # these words, in training, with other meanings
    "names",
    "children",
    "secondary",  # a supplementary record, or one of another vocabulary than most
    "elsewhere",  # another mention of the document has the same words as one of its names
    "relative elsewhere",  # ... as one of a concept right above or below
    "same loosely",  # one of its names has the words, but for endings and words that say much the same
    "label loosely",  # its label has
    "only one loosely",  # no other concept has such a name
    "short name",  # the name is a short form, and the mention was spelled out
)


@dataclass(slots=True)
class Seen:
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


@dataclass(frozen=True, slots=True)
class Choices:
    """The candidates of a mention.

    Attributes:
        concepts: their numbers.
        values: their features, a row each.
    """

    concepts: tuple[int, ...]
    values: numpy.ndarray


class Describer:
    """Describes the candidates of mentions."""

    def __init__(self, base: KnowledgeBase, seen: Seen, candidates: int = 20) -> None:
        self._base, self._seen, self._k = base, seen, candidates
        self._children = base.child_counts
        self._most = Counter(_vocabulary(id) for id in base.ids.all()).most_common(1)
        self._ids = base.ids.all()
        self._words: dict[int, tuple[str, ...]] = {}
        self._counts = numpy.bincount(base.concepts_of_names, minlength=len(base))
        frequencies: Counter[str] = Counter()
        self._loose: dict[str, list[int]] = {}
        for row, key in enumerate(base.keys.all()):
            frequencies.update(set(key.split()))
            self._loose.setdefault(loose_key_of(key), []).append(row)
        self._rarity = {word: math.log(1 + len(base.keys) / n) for word, n in frequencies.items()}
        self._unknown = math.log(2 + len(base.keys))

    def describe(self, queries: Sequence[Query], held_out: Sequence[tuple[int, ...]] = ()) -> list[Choices]:
        """Finds and describes the candidates of mentions.

        Args:
            queries: the mentions of whole documents.
            held_out: what each means, where they are training data: a mention doesn't know itself then.
        """
        full = self._base.candidates([query.full for query in queries], self._k)
        written = self._base.candidates([query.text for query in queries], self._k)
        exact = [{c.concept for c in found if c.cosine >= 1.0} for found in full]
        found: list[Choices] = [Choices((), numpy.zeros((0, len(FEATURES))))] * len(queries)
        for numbers in by_document(queries).values():
            counts = Counter(concept for number in numbers for concept in exact[number])
            for number in numbers:
                others = counts - Counter(exact[number])
                for twin in numbers:  # the same words elsewhere say nothing new
                    if twin != number and key_of(queries[twin].full) == key_of(queries[number].full):
                        others -= Counter(exact[twin])
                own = held_out[number] if held_out else ()
                found[number] = self._choices(queries[number], full[number], written[number], others, own)
        return found

    def _choices(
        self,
        query: Query,
        full: Sequence[Candidate],
        written: Sequence[Candidate],
        others: Mapping[int, int],
        own: tuple[int, ...],
    ) -> Choices:
        by_full = {c.concept: c for c in full}
        by_text = {c.concept: c for c in written}
        key = key_of(query.full)
        meanings = Counter(self._seen.meanings.get(key, Counter()))
        meanings.update(self._seen.meanings.get(key_of(query.text), {}) if query.text != query.full else {})
        meanings.subtract(own)
        loosely = self._loosely(key)
        remembered = (c for c, n in sorted(meanings.items()) if n > 0)
        concepts = list(dict.fromkeys((*by_full, *by_text, *loosely, *remembered)))
        if query.species:
            concepts = [c for c in concepts if self._base.is_of(c, query.species)]
        words = words_of(query.full)
        best = max((c.cosine for c in full), default=0.0)
        shared = Counter(c.cosine for c in full)
        total = sum(n for n in meanings.values() if n > 0)
        rows = []
        for concept in concepts:
            near = by_full.get(concept) or by_text.get(concept)
            cosine = by_full[concept].cosine if concept in by_full else 0.0
            as_written = by_text[concept].cosine if concept in by_text else 0.0
            name_words = self._words_of(near.name) if near else ()
            name = self._base.names[near.name] if near else ""
            count = self._seen.concepts[concept] - (concept in own)
            times = max(meanings[concept], 0)
            rows.append(
                (
                    cosine,
                    cosine >= 1.0,
                    cosine >= 1.0 and near is not None and self._base.kinds[near.name] == 0,
                    as_written,
                    as_written >= 1.0,
                    name.lower() == query.full.lower(),
                    self._share(words, name_words),
                    self._share(name_words, words),
                    bool(words) and words[-1] in name_words,
                    cosine == best,
                    best - cosine,
                    shared[cosine] > 1 and cosine >= 1.0,
                    math.log1p(max(count, 0)),
                    times / (total + 0.5) if total else 0.0,
                    total > 0 and not times,
                    math.log1p(self._counts[concept]),
                    math.log1p(self._children[concept]),
                    bool(self._most) and _vocabulary(self._ids[concept]) != self._most[0][0],
                    others.get(concept, 0) > 0,
                    any(others.get(c, 0) > 0 for c in self._base.neighbours.get(concept, ())),
                    concept in loosely,
                    loosely.get(concept, False),
                    concept in loosely and len(loosely) == 1,
                    query.text != query.full and len(name) <= 6 and name.isupper(),
                )
            )
        return Choices(tuple(concepts), numpy.array(rows, dtype="float64").reshape(-1, len(FEATURES)))

    def _loosely(self, key: str) -> dict[int, bool]:
        """The concepts with a name that is much the same; for each whether it is its label."""
        found: dict[int, bool] = {}
        for row in self._loose.get(loose_key_of(key), ()):
            for name in self._base.names_at(row):
                concept = int(self._base.concepts_of_names[name])
                found[concept] = found.get(concept, False) or self._base.kinds[name] == 0
        return dict(sorted(found.items())[: self._k])

    def _words_of(self, name: int) -> tuple[str, ...]:
        if name not in self._words:
            self._words[name] = tuple(words_of(self._base.names[name]))
        return self._words[name]

    def _share(self, words: Sequence[str], among: Sequence[str]) -> float:
        total = sum(self._rarity.get(word, self._unknown) for word in words)
        found = sum(self._rarity.get(word, self._unknown) for word in words if word in among)
        return found / total if total else 0.0


@lru_cache(maxsize=1 << 12)
def _vocabulary(id: str) -> str:
    """The vocabulary of an identifier: its prefix, and the letter that MeSH's begin with."""
    prefix, _, rest = id.partition(":")
    return prefix + rest[:1] if rest[:1].isalpha() else prefix
