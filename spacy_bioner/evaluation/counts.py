"""Counting mentions that agree: strict, with offsets and type, or relaxed."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from spacy_bioner.evaluation.matching import CORRECT, Judgement

CharSpan = tuple[int, int, str]
"""A mention in characters: start, end and type."""

RELAXED = (CORRECT, "wrong boundary")
"""What counts as found in relaxed scores: pairs of the same type with a character in common."""


@dataclass(frozen=True, slots=True)
class Score:
    """Mentions counted, and what follows from that.

    Attributes:
        correct: predicted mentions that are in the gold annotation, with the same offsets and type.
        predicted: all predicted mentions.
        gold: all gold mentions.
    """

    correct: int
    predicted: int
    gold: int

    @property
    def precision(self) -> float:
        """The share of predicted mentions that are correct; 0 where there are none."""
        return self.correct / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        """The share of gold mentions that were found; 0 where there are none."""
        return self.correct / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        return 2 * self.correct / (self.predicted + self.gold) if self.predicted + self.gold else 0.0

    def to_dict(self) -> dict[str, float | int]:
        """Precision, recall and F1, from 0 to 1, and the counts that they come from."""
        return {
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "correct": self.correct,
            "predicted": self.predicted,
            "gold": self.gold,
        }


@dataclass(slots=True)
class Counts:
    """Counts by type, summed over documents."""

    correct: Counter[str] = field(default_factory=Counter)
    predicted: Counter[str] = field(default_factory=Counter)
    gold: Counter[str] = field(default_factory=Counter)

    def add(self, gold: Iterable[CharSpan], predicted: Iterable[CharSpan]) -> None:
        """Counts one document. A span that stands twice on one side counts once."""
        gold_set, predicted_set = set(gold), set(predicted)
        self.gold.update(entity_type for _, _, entity_type in gold_set)
        self.predicted.update(entity_type for _, _, entity_type in predicted_set)
        self.correct.update(entity_type for _, _, entity_type in gold_set & predicted_set)

    def add_judged(self, judged: Iterable[Judgement], accepted: Iterable[str] = (CORRECT,)) -> None:
        """Counts the mentions of one document, as `matching.judge` paired them.

        Args:
            judged: the pairs, and the mentions without one.
            accepted: the kinds of pairs that count as correct. Both mentions have the same type in these.
        """
        accepted = frozenset(accepted)
        for judgement in judged:
            if judgement.gold is not None:
                self.gold[judgement.gold.type] += 1
            if judgement.predicted is not None:
                self.predicted[judgement.predicted.type] += 1
            if judgement.kind in accepted:
                self.correct[judgement.type] += 1

    def by_type(self) -> Mapping[str, Score]:
        """The scores of each type that occurs, in alphabetical order."""
        types = sorted(self.gold.keys() | self.predicted.keys())
        return {t: Score(self.correct[t], self.predicted[t], self.gold[t]) for t in types}

    def total(self) -> Score:
        """The scores of all mentions together (micro average)."""
        return Score(self.correct.total(), self.predicted.total(), self.gold.total())
