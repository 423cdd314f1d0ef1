"""How names of one concept differ, learned from the names of a knowledge base itself.

Names that differ in one word alone are synonyms ("kidney failure", "renal failure") or different concepts
("type 1", "type 2"), and so are names of which one has a word more ("Wilson disease", "Wilson"; "diabetes",
"gestational diabetes"). How often each word does either says how much it matters that a mention has another
word, or that one is missing.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy

from spacy_bioner.knowledge.names import stem_of

PRECISION = 1000
"""Probabilities are stored in parts of it."""
_STEM = 0.7  # words of one stem that no names tell apart
_LEAST = 0.02  # no difference rules a name out


@dataclass(frozen=True, slots=True)
class Difference:
    """How a mention's words differ from those of a name.

    Attributes:
        score: the logarithm of how probable it is that both mean the same, as if words were independent.
        left: how many words of the mention have nothing like them in the name.
        missing: how many words of the name have nothing like them in the mention.
        numbers: how many of both are numbers or single letters.
    """

    score: float
    left: int
    missing: int
    numbers: int


@dataclass(frozen=True, slots=True)
class LearnedWording:
    """What words matter, as the file of a knowledge base has it; probabilities in parts of `PRECISION`.

    Attributes:
        extra: for each word how probable it is that names are synonyms of which one has it and one hasn't;
            at the end that of a word that isn't known.
        same_ends: for each word where those end in `same_words` that stand for it in other names.
        same_words: the numbers of these words.
        same: how probable it is that names are synonyms that differ in these two words alone.
    """

    extra: numpy.ndarray
    same_ends: numpy.ndarray
    same_words: numpy.ndarray
    same: numpy.ndarray


class Wording:
    """Compares names, by what was learned."""

    def __init__(self, numbers: Mapping[str, int], learned: LearnedWording) -> None:
        """Takes the numbers of words, and what was learned about them."""
        self._numbers, self._learned = numbers, learned
        self._extra = (learned.extra / PRECISION).tolist()
        self._same: dict[int, dict[int, float]] = {}  # of the words that were looked for

    def difference(self, mention: Sequence[str], name: Collection[str]) -> Difference:
        """Compares the words of a mention with those of a name."""
        left = [word for word in mention if word not in name]
        missing = [word for word in name if word not in mention]
        score, numbers = 0.0, 0
        for word in list(left):
            best, likeness = "", 0.0
            for other in missing:
                probability = self._likeness(word, other)
                if probability > likeness:
                    best, likeness = other, probability
            if best and math.log(likeness) > self._omitted(word) + self._omitted(best):
                score += math.log(likeness)
                left.remove(word)
                missing.remove(best)
        for word in (*left, *missing):
            score += self._omitted(word)
            numbers += word.isdigit() or len(word) == 1
        return Difference(score, len(left), len(missing), numbers)

    def _likeness(self, word: str, other: str) -> float:
        known = self._synonyms(word).get(self._numbers.get(other, -1))
        if known is not None:
            return max(known, _LEAST)
        return _STEM if len(word) > 3 and stem_of(word) == stem_of(other) else 0.0

    def _synonyms(self, word: str) -> dict[int, float]:
        """The words that stand for one in other names, and how probable it is that these are synonyms."""
        number = self._numbers.get(word, -1)
        if number < 0:
            return {}
        if number not in self._same:
            learned = self._learned
            start = int(learned.same_ends[number - 1]) if number else 0
            part = slice(start, int(learned.same_ends[number]))
            values = learned.same[part] / PRECISION
            self._same[number] = dict(zip(learned.same_words[part].tolist(), values.tolist(), strict=True))
        return self._same[number]

    def _omitted(self, word: str) -> float:
        return math.log(max(self._extra[self._numbers.get(word, -1)], _LEAST))
