"""How names of one concept differ, learned from the names of a knowledge base itself.

Names that differ in one word alone are synonyms ("kidney failure", "renal failure") or different concepts
("type 1", "type 2"), and so are names of which one has a word more ("Wilson disease", "Wilson"; "diabetes",
"gestational diabetes"). How often each word does either says how much it matters that a mention has another
word, or that one is missing.
"""

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from spacy_bioner.knowledge.names import stem_of

_LONGEST = 8  # words of names that are learned from
_DOUBT = 1.0  # added to how often two words were seen, so that once isn't always
_WEIGHT = 4.0  # of the mean for words that were seen rarely
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
class Wording:
    """What words matter.

    Attributes:
        same: by word, how probable it is that names are synonyms in which another word stands for it.
        extra: by word, how probable it is that names are synonyms of which one has it and one hasn't.
        other: the same for a word that is in neither.
    """

    same: Mapping[str, Mapping[str, float]]
    extra: Mapping[str, float]
    other: float

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
        known = self.same.get(word, {}).get(other)
        if known is not None:
            return max(known, _LEAST)
        return _STEM if len(word) > 3 and stem_of(word) == stem_of(other) else 0.0

    def _omitted(self, word: str) -> float:
        return math.log(max(self.extra.get(word, self.other), _LEAST))


Words = tuple[str, ...]


def learn_wording(names: Sequence[tuple[str, Collection[int]]]) -> Wording:
    """Learns how names differ.

    Args:
        names: names as `names.key_of` gives them, each once, with the concepts that have them.
    """
    concepts = {tuple(key.split()): frozenset(owners) for key, owners in names}
    rests: dict[Words, list[tuple[str, Words]]] = defaultdict(list)
    synonyms: Counter[str] = Counter()
    others: Counter[str] = Counter()
    for words, owners in concepts.items():
        if len(words) > _LONGEST:
            continue
        for place, word in enumerate(words):
            rest = (*words[:place], *words[place + 1 :])
            rests[rest].append((word, words))
            if rest in concepts:
                (others if owners.isdisjoint(concepts[rest]) else synonyms)[word] += 1
    groups = [members for members in rests.values() if len(members) > 1]
    mean = (sum(synonyms.values()) + 1) / (sum(synonyms.values()) + sum(others.values()) + 2)
    extra = {
        word: round((synonyms[word] + _WEIGHT * mean) / (synonyms[word] + others[word] + _WEIGHT), 3)
        for word in sorted(synonyms.keys() | others.keys())
    }
    return Wording(_learn_same(groups, concepts), extra, round(mean, 3))


def _learn_same(
    groups: Sequence[Sequence[tuple[str, Words]]], concepts: Mapping[Words, Collection[int]]
) -> dict[str, dict[str, float]]:
    """How probable it is that names are synonyms that differ in one word.

    Args:
        groups: words and whole names that differ in that word alone.
        concepts: the concepts of the names.
    """
    pairs: Counter[tuple[str, str]] = Counter()
    for members in groups:
        by_concept: dict[int, set[str]] = defaultdict(set)
        for word, words in members:
            for owner in concepts[words]:
                by_concept[owner].add(word)
        pairs.update({pair for group in by_concept.values() for pair in itertools.permutations(group, 2)})
    partners: dict[str, list[str]] = defaultdict(list)
    for word, other in pairs:
        partners[word].append(other)
    together: Counter[tuple[str, str]] = Counter()
    for members in groups:
        inside = {word for word, _ in members}
        together.update(
            (word, other) for word in inside for other in partners.get(word, ()) if other in inside
        )
    same: dict[str, dict[str, float]] = {}
    for (word, other), count in sorted(pairs.items()):
        same.setdefault(word, {})[other] = round(count / (together[word, other] + _DOUBT), 3)
    return same
