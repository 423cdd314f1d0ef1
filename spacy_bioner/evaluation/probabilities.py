"""How far probabilities can be trusted: thresholds, precision and recall, calibration with its interval."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spacy_bioner.evaluation.matching import CORRECT
from spacy_bioner.evaluation.pipeline_evaluation import Compared

DRAWS = 500
_POINTS = 100  # of a curve that is kept


@dataclass(frozen=True, slots=True)
class Point:
    """What is left of predictions above a threshold, judged strictly.

    Attributes:
        threshold: the least probability.
        precision, recall: of what is left.
        kept: how many predictions that is.
    """

    threshold: float
    precision: float
    recall: float
    kept: int

    def to_dict(self) -> dict[str, Any]:
        """The point as plain data, for JSON."""
        return asdict(self)


def curves(compared: Sequence[Compared]) -> dict[str, list[Point]]:
    """Precision and recall over all thresholds, by type, from the highest threshold on.

    Types whose predictions have no probabilities are left out.
    """
    scored: dict[str, list[tuple[float, bool]]] = {}
    gold: dict[str, int] = {}
    without = set[str]()
    for text in compared:
        for pair in text.judged:
            if pair.gold is not None:
                gold[pair.gold.type] = gold.get(pair.gold.type, 0) + 1
            if pair.predicted is not None:
                name = pair.predicted.type
                if pair.predicted.score is None:
                    without.add(name)
                else:
                    scored.setdefault(name, []).append((pair.predicted.score, pair.kind == CORRECT))
    return {name: _curve(scored[name], gold.get(name, 0)) for name in sorted(scored.keys() - without)}


def _curve(scored: Sequence[tuple[float, bool]], gold: int) -> list[Point]:
    ordered = sorted(scored, reverse=True)
    points, right = list[Point](), 0
    for kept, (probability, correct) in enumerate(ordered, start=1):
        right += correct
        if kept == len(ordered) or ordered[kept][0] < probability:
            points.append(Point(probability, right / kept, right / gold if gold else 0.0, kept))
    return points


def at_precision(curve: Sequence[Point], wanted: float) -> Point | None:
    """The threshold that leaves most and has at least a precision; None if there is none."""
    fitting = [point for point in curve if point.precision >= wanted]
    return max(fitting, key=lambda point: point.kept, default=None)


def thinned(curve: Sequence[Point]) -> list[Point]:
    """At most about a hundred points of a curve, the first and the last among them."""
    places = np.unique(np.linspace(0, len(curve) - 1, min(len(curve), _POINTS)).round().astype(int))
    return [curve[place] for place in places]


def calibration_interval(
    compared: Sequence[Compared], draws: int = DRAWS, seed: int = 1, level: float = 0.95
) -> tuple[float, float] | None:
    """The interval of the calibration error, by bootstrap over documents (Efron 1979).

    Args:
        compared: the texts, with what was made of their mentions.
        draws: how often as many documents are drawn, with replacement.
        seed: of the draws; the same gives the same interval.
        level: of the interval, 0.95 for 95%.

    Returns:
        Its two ends; None if no prediction has a probability.
    """
    documents = [
        [
            (pair.predicted.score, pair.kind == CORRECT)
            for pair in text.judged
            if pair.predicted is not None and pair.predicted.score is not None
        ]
        for text in compared
    ]
    if not any(documents):
        return None
    rng = np.random.default_rng(seed)
    spans = [np.array(document, dtype=np.float64).reshape(-1, 2) for document in documents]
    errors = []
    for _ in range(draws):
        picked = rng.integers(len(spans), size=len(spans))
        errors.append(_error(np.concatenate([spans[place] for place in picked])))
    low, high = np.quantile(errors, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _error(spans: NDArray[np.float64], bins: int = 10) -> float:
    """As `calibration.calibration_error` of `calibration.reliability`, for many draws."""
    bins = min(bins, len(spans))
    if not bins:
        return 0.0
    ordered = spans[np.argsort(spans[:, 0], kind="stable")]
    starts = np.array([round(k * len(ordered) / bins) for k in range(bins)])
    sums = np.add.reduceat(ordered, starts, axis=0)
    return float(np.abs(sums[:, 0] - sums[:, 1]).sum() / len(ordered))
