"""Reliability: how far probabilities of predicted entities are from how often they are right."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean

from spacy_bioner.components.calibration import Judged


@dataclass(frozen=True, slots=True)
class Bin:
    """Some predicted spans with probabilities next to each other.

    Attributes:
        spans: how many.
        lowest, highest: the range of their probabilities.
        probability: its mean.
        right: the share of them that is right.
    """

    spans: int
    lowest: float
    highest: float
    probability: float
    right: float


def reliability(judged: Judged, bins: int = 10) -> list[Bin]:
    """Sorts predicted spans by probability, and cuts them into bins of equal mass, as near as it gets.

    Args:
        judged: the spans.
        bins: how many; fewer if there are fewer spans.
    """
    ordered = sorted(judged)
    bins = min(bins, len(ordered))
    edges = [round(k * len(ordered) / bins) for k in range(bins + 1)] if bins else []
    table = []
    for start, end in pairwise(edges):
        probabilities = [probability for probability, _ in ordered[start:end]]
        right = mean(correct for _, correct in ordered[start:end])
        table.append(Bin(end - start, probabilities[0], probabilities[-1], mean(probabilities), float(right)))
    return table


def calibration_error(table: Sequence[Bin]) -> float:
    """The expected calibration error: how far probability and share of right ones are apart, on average."""
    total = sum(part.spans for part in table)
    return sum(part.spans * abs(part.probability - part.right) for part in table) / total if total else 0.0
