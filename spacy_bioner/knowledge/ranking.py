"""Chooses among candidates: a small network over their features, trained to give the right one the most
probability.

Its scores are probabilities of a softmax over the candidates and "none of them", whose score is learned as
well. A score is a weighted sum of the features, plus that of some hidden units, each the hyperbolic tangent
of another weighted sum: what one feature says may depend on others. It is trained by L-BFGS from a fixed
start, on one computer to the same bits each time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy

from spacy_bioner.knowledge.features import FEATURES, Choices

_STRENGTH = 3e-3  # of the penalty for large weights
_SPREAD = 1e-6  # the least of a feature that is learned from
_HIDDEN = 6
_ROUNDS = 80
_SEED = 1

Array = numpy.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Ranker:
    """The weights.

    Attributes:
        weights: one for each of `FEATURES`.
        nothing: the score of "none of them".
        temperature: what scores are divided by, fitted on data that weights weren't trained on.
        hidden: the weights of the hidden units: a row a feature and one for a constant, a column a unit.
        units: how much each hidden unit adds.
    """

    weights: Array
    nothing: float
    temperature: float = 1.0
    hidden: Array | None = None
    units: Array | None = None

    def scores(self, values: Array) -> Array:
        """The score of each candidate, of a row of features each."""
        scores: Array = values @ self.weights
        if self.hidden is not None and self.units is not None:
            scores = scores + numpy.tanh(values @ self.hidden[:-1] + self.hidden[-1]) @ self.units
        return scores

    def probabilities(self, choices: Choices) -> Array:
        """How probable each candidate is."""
        scores = numpy.append(self.scores(choices.values), self.nothing) / self.temperature
        scores = numpy.exp(scores - scores.max())
        return (scores / scores.sum())[:-1]

    def to_json(self) -> dict[str, Any]:
        """The weights by the names of the features."""
        data: dict[str, Any] = {
            "weights": dict(zip(FEATURES, self.weights.tolist(), strict=True)),
            "nothing": self.nothing,
            "temperature": self.temperature,
        }
        if self.hidden is not None and self.units is not None:
            data["hidden"] = dict(zip((*FEATURES, "constant"), self.hidden.tolist(), strict=True))
            data["units"] = self.units.tolist()
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Ranker":
        """What `to_json` gave; features that it doesn't have count nothing."""
        weights = numpy.array([float(data["weights"].get(name, 0.0)) for name in FEATURES])
        hidden = units = None
        if data.get("units"):
            units = numpy.array(data["units"], dtype="float64")
            none = [0.0] * len(units)
            rows = [data["hidden"].get(name, none) for name in (*FEATURES, "constant")]
            hidden = numpy.array(rows, dtype="float64")
        return cls(weights, float(data["nothing"]), float(data["temperature"]), hidden, units)


def _untrained() -> Ranker:
    weights = {"cosine": 8.0, "same words": 3.0, "same words as the label": 0.5, "words found": 1.0}
    return Ranker(numpy.array([weights.get(name, 0.0) for name in FEATURES]), 6.0)


UNTRAINED = _untrained()
"""Weights for a linker that was never trained: the most similar name wins."""
UNTRAINED_THRESHOLD = 0.3
"""How probable a concept must be for a linker that was never trained: names that have little in common
aren't it."""


def train_ranker(
    examples: Sequence[tuple[Choices, tuple[int, ...]]], strength: float = _STRENGTH, hidden: int = _HIDDEN
) -> Ranker:
    """Trains the weights.

    Args:
        examples: the candidates of mentions, and the numbers of the concepts that each means: if none is
            among its candidates, "none of them" is right.
        strength: of the penalty for large weights.
        hidden: how many hidden units there are.
    """
    from scipy.optimize import minimize

    features = len(FEATURES)
    values = numpy.concatenate([choices.values for choices, _ in examples] or [numpy.zeros((0, features))])
    spread = values.std(axis=0) if len(values) else numpy.zeros(features)
    scale = numpy.where(spread > _SPREAD, spread, numpy.inf)  # what never varies says nothing
    middle = values.mean(axis=0) if len(values) else numpy.zeros(features)
    scaled = (values - middle) / scale
    loss = _Loss(examples)
    shape = (features + 1, hidden)
    with_constant = numpy.column_stack([scaled, numpy.ones(len(scaled))])

    def value(flat: Array) -> tuple[float, Array]:
        weights, nothing, inner, units = _unpacked(flat, shape)
        activity = numpy.tanh(with_constant @ inner)
        whole, toward, bias = loss(scaled @ weights + activity @ units, nothing)
        back = (toward[:, None] * units) * (1.0 - activity**2)
        n = max(len(examples), 1)
        gradient = numpy.concatenate(
            [scaled.T @ toward, [bias], (with_constant.T @ back).ravel(), activity.T @ toward]
        )
        penalty = strength * flat
        penalty[features] = 0.0
        return whole / n + float(flat @ penalty), gradient / n + 2 * penalty

    start = numpy.random.default_rng(_SEED).normal(0.0, 0.1, features + 1 + (features + 2) * hidden)
    start[: features + 1] = 0.0
    found = minimize(value, start, jac=True, method="L-BFGS-B", options={"maxiter": _ROUNDS}).x
    weights, nothing, inner, units = _unpacked(found, shape)
    own = inner[:-1] / scale[:, None]
    constant = inner[-1] - middle @ own
    weights = weights / scale
    return Ranker(weights, float(nothing + middle @ weights), 1.0, numpy.vstack([own, constant]), units)


def _unpacked(flat: Array, shape: tuple[int, int]) -> tuple[Array, float, Array, Array]:
    """The weights, the score of "none of them", the hidden weights, and those of the units."""
    features = shape[0] - 1
    inner = features + 1 + shape[0] * shape[1]
    return flat[:features], float(flat[features]), flat[features + 1 : inner].reshape(shape), flat[inner:]


class _Loss:
    """The negative logarithm of the probability of what is right, summed over examples."""

    def __init__(self, examples: Sequence[tuple[Choices, tuple[int, ...]]]) -> None:
        sizes = numpy.array([len(choices.concepts) for choices, _ in examples], dtype="int64")
        self._n = len(sizes)
        self._right = numpy.array([c in meant for choices, meant in examples for c in choices.concepts], bool)
        self._owner = numpy.repeat(numpy.arange(self._n), sizes)
        self._has_right = numpy.bincount(self._owner, self._right, minlength=self._n) > 0

    def __call__(self, scores: Array, nothing: float) -> tuple[float, Array, float]:
        """The loss, its gradient by scores, and by that of "none of them"."""
        none = numpy.full(self._n, nothing)
        good_scores = numpy.where(self._right, scores, -numpy.inf)
        good_none = numpy.where(self._has_right, -numpy.inf, none)
        every, good = self._log_sums(scores, none), self._log_sums(good_scores, good_none)
        toward = numpy.exp(scores - every[self._owner]) - numpy.exp(good_scores - good[self._owner])
        bias = float((numpy.exp(none - every) - numpy.exp(good_none - good)).sum())
        return float((every - good).sum()), toward, bias

    def _log_sums(self, scores: Array, none: Array) -> Array:
        top = none.copy()
        numpy.maximum.at(top, self._owner, scores)
        inside = numpy.bincount(self._owner, numpy.exp(scores - top[self._owner]), minlength=self._n)
        sums: Array = numpy.log(inside + numpy.exp(none - top)) + top
        return sums


def fit_temperature(ranker: Ranker, examples: Sequence[tuple[Choices, tuple[int, ...]]]) -> Ranker:
    """A ranker with the temperature that makes the right candidates of other data most probable.

    Args:
        ranker: the ranker.
        examples: candidates, and the numbers of the concepts that are meant, as of `train_ranker`.
    """
    from scipy.optimize import minimize_scalar

    if not examples:
        return ranker

    def loss(log_temperature: float) -> float:
        warmed = replace(ranker, temperature=float(numpy.exp(log_temperature)))
        total = 0.0
        for choices, meant in examples:
            probabilities = warmed.probabilities(choices)
            right = sum(p for c, p in zip(choices.concepts, probabilities, strict=True) if c in meant)
            if not any(c in meant for c in choices.concepts):
                right = 1.0 - float(probabilities.sum())
            total -= float(numpy.log(max(right, 1e-9)))
        return total / len(examples)

    found = minimize_scalar(loss, bounds=(-1.5, 1.5), method="bounded", options={"xatol": 1e-3})
    return replace(ranker, temperature=round(float(numpy.exp(found.x)), 4))
