"""What speaks for a concept as the meaning of a mention, in numbers."""

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy

from spacy_bioner.knowledge.candidate_search import Finder, Found
from spacy_bioner.knowledge.concepts import vocabulary_of
from spacy_bioner.knowledge.knowledge_base import KnowledgeBase
from spacy_bioner.knowledge.mentions import Query
from spacy_bioner.knowledge.names import words_of
from spacy_bioner.knowledge.training_memory import Memory
from spacy_bioner.knowledge.wording import Difference, Wording

FEATURES = (
    # the best name
    "cosine",  # with short forms spelled out
    "same words",
    "same words as the label",
    "cosine as written",
    "same words as written",
    "same letters",  # but for case
    "words found",  # share of the mention's words in the name, by rarity
    "words covered",  # share of the name's words in the mention, by rarity
    "head found",  # the mention's last word is in the name
    "best",  # no other concept is more similar
    "behind",  # how much less similar than the best
    "ambiguous",  # the concept shares the name with others
    "same loosely",  # a name has the words, but for endings and words that say much the same
    "label loosely",  # the label has
    "only one loosely",  # no other concept has such a name
    "short name",  # the name is a short form, and the mention was spelled out
    # the concept's place
    "names",
    "children",
    "secondary",  # a supplementary record, or one of another vocabulary than most
    "elsewhere",  # another mention of the document has the words of one of its names
    "relative elsewhere",  # ... of one of a concept right above or below
    # words, see `wording`
    "wording",  # the score of the name that differs least
    "best wording",  # no other concept has a higher one
    "wording behind",  # how much less than the best
    "words left",
    "words missing",
    "numbers differ",
    "wording of the label",
    "above the best",  # a parent of what has the best score
    "below the best",
    # training data, but for the mention's own document
    "seen often",  # the concept
    "seen so",  # share of this meaning among mentions of these words
    "seen otherwise",  # these words with other meanings only
    "alike in training",  # cosine of the most similar mention of it
    "wording in training",  # the highest score of one
    "wording in training behind",  # how much less than the best
    "share of the alike",  # its part of the most similar mentions
    "never alike",
    # the document
    "context",  # how much the document is like those of training data that mean it
    "best context",
    "context behind",
)

_NAMES = 12  # names of a concept whose words are compared
_FAR = -15.0  # the score of words that have nothing in common
_SHORT = 6  # characters of a name that is a short form

Row = tuple[float, ...]


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
    """Finds and describes the candidates of mentions."""

    def __init__(self, base: KnowledgeBase, memory: Memory, candidates: int = 20) -> None:
        self._base = base
        self._finder = Finder(base, memory, candidates)
        self._words: dict[int, tuple[str, ...]] = {}
        self._key_words: dict[int, list[str]] = {}
        self._counts = numpy.bincount(base.concepts_of_names, minlength=len(base))
        self._wording = Wording(base.word_numbers, base.learned_wording)

    def describe(self, queries: Sequence[Query], held_out: Sequence[tuple[int, ...]] = ()) -> list[Choices]:
        """Finds and describes the candidates of mentions.

        Args:
            queries: the mentions of whole documents.
            held_out: what each means, where they are training data: a document doesn't know itself then.
        """
        done: dict[tuple[int, str, str, str], Choices] = {}
        described = []
        for found in self._finder.find(queries, held_out):
            query = found.query
            place = (query.document, query.text, query.full, query.species)
            if place not in done:
                done[place] = self._choices(found)
            described.append(done[place])
        return described

    def _choices(self, found: Found) -> Choices:
        species = found.query.species
        concepts = [c for c in found.concepts if not species or self._base.is_of(c, species)]
        groups = (
            self._of_names(found, concepts),
            self._of_places(found, concepts),
            self._of_wording(found, concepts),
            self._of_training(found, concepts),
            self._of_document(found, concepts),
        )
        rows = [tuple(value for row in of_one for value in row) for of_one in zip(*groups, strict=True)]
        return Choices(tuple(concepts), numpy.array(rows, dtype="float64").reshape(-1, len(FEATURES)))

    def _of_names(self, found: Found, concepts: Sequence[int]) -> list[Row]:
        """How similar the best name is."""
        query = found.query
        words = words_of(query.full)
        best = max((c.cosine for c in found.full.values()), default=0.0)
        shared = Counter(c.cosine for c in found.full.values())
        rows: list[Row] = []
        for concept in concepts:
            near = found.full.get(concept) or found.written.get(concept)
            cosine = found.full[concept].cosine if concept in found.full else 0.0
            as_written = found.written[concept].cosine if concept in found.written else 0.0
            name_words = self._words_of(near.name) if near else ()
            name = self._base.names[near.name] if near else ""
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
                    concept in found.loosely,
                    found.loosely.get(concept, False),
                    concept in found.loosely and len(found.loosely) == 1,
                    query.text != query.full and len(name) <= _SHORT and name.isupper(),
                )
            )
        return rows

    def _of_places(self, found: Found, concepts: Sequence[int]) -> list[Row]:
        """What the concept is in the knowledge base, and whether the document names it elsewhere."""
        return [
            (
                math.log1p(self._counts[concept]),
                math.log1p(self._base.child_counts[concept]),
                vocabulary_of(self._base.ids[concept]) != self._base.meta["vocabulary"],
                found.others.get(concept, 0) > 0,
                any(found.others.get(c, 0) > 0 for c in self._base.neighbours.get(concept, ())),
            )
            for concept in concepts
        ]

    def _of_wording(self, found: Found, concepts: Sequence[int]) -> list[Row]:
        """How the words differ from those of the name that differs least."""
        words = sorted(set(found.key.split()))
        differences: dict[int, Difference] = {}
        labels: dict[int, float] = {}
        for concept in concepts:
            near = [c.name for c in (found.full.get(concept), found.written.get(concept)) if c]
            near += [found.shorter[concept]] if concept in found.shorter else []
            differences[concept], labels[concept] = self._differences(words, concept, near)
        best = max((difference.score for difference in differences.values()), default=0.0)
        leaders = [c for c in concepts if differences[c].score >= best]
        above = {parent for c in leaders for parent in self._base.parents_of.get(c, ())}
        return [
            (
                differences[c].score,
                differences[c].score == best,
                best - differences[c].score,
                differences[c].left,
                differences[c].missing,
                differences[c].numbers,
                labels[c],
                c in above,
                any(parent in leaders for parent in self._base.parents_of.get(c, ())),
            )
            for c in concepts
        ]

    def _differences(
        self, words: Sequence[str], concept: int, near: Sequence[int]
    ) -> tuple[Difference, float]:
        """How words differ from the name of a concept that differs least, and the score of its label."""
        names = self._base.names_of(concept)
        rows = {int(self._base.rows[name]) for name in (*near, *names[:_NAMES])}
        label = min(names, key=lambda name: self._base.kinds[name], default=-1)
        of_label = int(self._base.rows[label]) if label >= 0 else -1
        rows |= {of_label} if label >= 0 else set()
        found = {row: self._wording.difference(words, self._words_at(row)) for row in sorted(rows)}
        best = max(found.values(), key=lambda difference: difference.score, default=None)
        if best is None:
            return Difference(_FAR, len(words), 0, 0), _FAR
        return best, max(found[of_label].score, _FAR)

    def _of_training(self, found: Found, concepts: Sequence[int]) -> list[Row]:
        """How training data link the same words, and similar ones."""
        total = sum(found.meanings.values())
        words = sorted(set(found.key.split()))
        near: dict[int, tuple[float, float]] = {}
        votes: dict[int, float] = {}
        for key, cosine, known in found.alike:
            score = self._wording.difference(words, key.split()).score
            for concept, n in known.items():
                before = near.get(concept, (0.0, _FAR))
                near[concept] = max(before[0], cosine), max(before[1], score)
                share = n / (sum(known.values()) + 0.5)
                votes[concept] = votes.get(concept, 0.0) + math.exp(score) * share
        every = sum(votes.values())
        best = max((score for _, score in near.values()), default=_FAR)
        rows: list[Row] = []
        for concept in concepts:
            times = found.meanings.get(concept, 0)
            cosine, score = near.get(concept, (0.0, _FAR))
            rows.append(
                (
                    math.log1p(found.outside.times(concept)),
                    times / (total + 0.5) if total else 0.0,
                    total > 0 and not times,
                    cosine,
                    score,
                    best - score,
                    votes.get(concept, 0.0) / (every + 0.1),
                    not found.alike,
                )
            )
        return rows

    def _of_document(self, found: Found, concepts: Sequence[int]) -> list[Row]:
        """How much the document is like those of training data that mean a concept."""
        context = found.query.context
        likeness = [math.log1p(found.outside.context(concept, context)) for concept in concepts]
        best = max(likeness, default=0.0)
        return [(like, like == best, best - like) for like in likeness]

    def _words_of(self, name: int) -> tuple[str, ...]:
        if name not in self._words:
            self._words[name] = tuple(words_of(self._base.names[name]))
        return self._words[name]

    def _words_at(self, row: int) -> list[str]:
        """The words of a key."""
        if row not in self._key_words:
            self._key_words[row] = self._base.keys[row].split()
        return self._key_words[row]

    def _rarity(self, word: str) -> float:
        names = len(self._base.keys)
        number = self._base.word_numbers.get(word)
        return math.log(2 + names) if number is None else math.log(1 + names / self._base.word_counts[number])

    def _share(self, words: Sequence[str], among: Collection[str]) -> float:
        total = sum(self._rarity(word) for word in words)
        found = sum(self._rarity(word) for word in words if word in among)
        return found / total if total else 0.0
