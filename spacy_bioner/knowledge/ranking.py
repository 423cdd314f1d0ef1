"""Chooses among candidates: a linear model of their features, trained to give the right one the most
probability.

Its scores are probabilities of a softmax over the candidates and "none of them", whose bias is learned as
well. There are some twenty weights: it is trained in seconds, by L-BFGS, and gives the same to the bit
each time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy

from spacy_bioner.knowledge.features import FEATURES, Choices

_STRENGTH = 1e-3  # of the penalty for large weights


@dataclass(frozen=True, slots=True)
class Ranker:
    """The weights.

    Attributes:
        weights: one for each of `FEATURES`.
        nothing: the score of "none of them".
        temperature: what scores are divided by, fitted on data that weights weren't trained on.
    """

    weights: tuple[float, ...]
    nothing: float
    temperature: float = 1.0

    def probabilities(self, choices: Choices) -> numpy.ndarray:
        """How probable each candidate is."""
        scores = numpy.append(choices.values @ numpy.array(self.weights), self.nothing) / self.temperature
        scores = numpy.exp(scores - scores.max())
        return (scores / scores.sum())[:-1]


UNTRAINED = Ranker(
    tuple(
        {"cosine": 8.0, "same words": 3.0, "same words as the label": 0.5, "words found": 1.0}.get(f, 0.0)
        for f in FEATURES
    ),
    6.0,
)
"""Weights for a linker that was never trained: the most similar name wins."""


def train_ranker(examples: Sequence[tuple[Choices, tuple[int, ...]]], strength: float = _STRENGTH) -> Ranker:
    """Trains the weights.

    Args:
        examples: the candidates of mentions, and the numbers of the concepts that each means: if none is
            among its candidates, "none of them" is right.
        strength: of the penalty for large weights.
    """
    from scipy.optimize import minimize

    values = numpy.concatenate(
        [choices.values for choices, _ in examples] or [numpy.zeros((0, len(FEATURES)))]
    )
    sizes = numpy.array([len(choices.concepts) for choices, _ in examples])
    right = numpy.array([c in meant for choices, meant in examples for c in choices.concepts], dtype=bool)
    owner = numpy.repeat(numpy.arange(len(sizes)), sizes)
    has_right = numpy.bincount(owner, right, minlength=len(sizes)) > 0
    scale = numpy.maximum(values.std(axis=0), 1e-6) if len(values) else numpy.ones(len(FEATURES))

    def loss(weights: numpy.ndarray) -> tuple[float, numpy.ndarray]:
        scores = (values / scale) @ weights[:-1]
        top = numpy.full(len(sizes), weights[-1])
        numpy.maximum.at(top, owner, scores)
        exponents, none = numpy.exp(scores - top[owner]), numpy.exp(weights[-1] - top)
        sums = numpy.bincount(owner, exponents, minlength=len(sizes)) + none
        goods = numpy.bincount(owner, exponents * right, minlength=len(sizes)) + none * ~has_right
        toward = exponents / sums[owner] - exponents * right / goods[owner]
        gradient = (values / scale).T @ toward
        bias = (none / sums - none * ~has_right / goods).sum()
        n = max(len(sizes), 1)
        penalty = strength * (weights[:-1] ** 2).sum()
        whole = float(numpy.log(sums / goods).sum() / n + penalty)
        return whole, numpy.append(gradient / n + 2 * strength * weights[:-1], bias / n)

    found = minimize(
        loss, numpy.zeros(len(FEATURES) + 1), jac=True, method="L-BFGS-B", options={"maxiter": 500}
    ).x
    return Ranker(tuple((found[:-1] / scale).tolist()), float(found[-1]))


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


UNTRAINED_THRESHOLD = 0.3
"""How probable a concept must be for a linker that was never trained: names that have little in common
aren't it."""
