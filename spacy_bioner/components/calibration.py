"""Probabilities that are as often right as they say: how far they are from that, and what brings them there.

A trained network is surer of itself than it should be. Temperature scaling (Guo et al. 2017, On calibration
of modern neural networks) divides all scores by one number before probabilities are made of them; it is
found on data that the network was not trained on. The best path stays the best: no entity of a type comes or
goes, other than by a threshold; which of two types' entities comes first in the flat view may change.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, log
from statistics import mean

Judged = Sequence[tuple[float, bool]]
"""Predicted spans: the probability of each, and whether it is right."""

FEWEST = 50
"""Fewer predicted spans than this say nothing of a temperature."""

TEMPERATURES = tuple(0.4 * 1.5**k for k in range(9))
"""Where the temperature is looked for: 0.4 to 10.3, and between the neighbours of the best of these."""

_SMALLEST = 1e-12


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


def cross_entropy(judged: Judged) -> float:
    """The mean negative log probability of what is true of each span, in nats."""
    return mean(
        -log(max(probability if correct else 1 - probability, _SMALLEST)) for probability, correct in judged
    )


def fit_temperatures(judged_at: Callable[[float], Mapping[str, Judged]]) -> dict[str, float]:
    """Finds for each entity type the temperature at which its probabilities are most truthful.

    Args:
        judged_at: gives the predicted spans of each type at a temperature; always the same spans.

    Returns:
        The temperature of each type that has spans: its own if it has `FEWEST` at least, else that of all
        types together; none if these are too few as well.
    """
    tried = [dict(judged_at(temperature)) for temperature in TEMPERATURES]
    types = [entity_type for entity_type, judged in tried[0].items() if judged]
    together = [[span for judged in spans.values() for span in judged] for spans in tried]
    if len(together[0]) < FEWEST:
        return {}
    pooled = _lowest([cross_entropy(judged) for judged in together])
    return {
        entity_type: _lowest([cross_entropy(spans[entity_type]) for spans in tried])
        if len(tried[0][entity_type]) >= FEWEST
        else pooled
        for entity_type in types
    }


def _lowest(losses: Sequence[float]) -> float:
    """The temperature of the lowest loss, by the parabola through the best one tried and its neighbours."""
    best = min(range(len(losses)), key=losses.__getitem__)
    place = log(TEMPERATURES[best])
    if 0 < best < len(losses) - 1:
        before, here, after = losses[best - 1 : best + 2]
        curvature = before - 2 * here + after
        if curvature > 0:
            step = log(TEMPERATURES[best + 1] / TEMPERATURES[best])
            place += step * (before - after) / (2 * curvature)
    return round(exp(place), 4)
