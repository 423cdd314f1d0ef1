"""Temperature scaling: making the probabilities of entities match how often they are right.

A trained network is surer of itself than it should be. Temperature scaling (Guo et al. 2017, On calibration
of modern neural networks) divides all scores by one number before probabilities are made of them; it is
found on data that the network was not trained on. The best path stays the best: no entity of a type comes or
goes, other than by a threshold; which of two types' entities comes first in the flat view may change.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import exp, log
from statistics import mean
from typing import TYPE_CHECKING

from spacy.training import Example
from spacy.util import minibatch

from spacy_bioner.components.supervision import truth_of, words_of
from spacy_bioner.models.decoder import decoder_of

if TYPE_CHECKING:
    from spacy_bioner.components.bioner import BioNER

Judged = Sequence[tuple[float, bool]]
"""Predicted spans: the probability of each, and whether it is right."""

FEWEST = 50
"""Fewer predicted spans than this say nothing of a temperature."""

TEMPERATURES = tuple(0.4 * 1.5**k for k in range(9))
"""Where the temperature is looked for: 0.4 to 10.3, and between the neighbours of the best of these."""

_SMALLEST = 1e-12
_BATCH = 64  # Docs whose scores are computed together


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


def calibrate(component: "BioNER", examples: Iterable[Example]) -> dict[str, float]:
    """Fits a temperature for each type of a `bioner`, and keeps it there.

    Types that the examples don't annotate, or have too few predicted spans of, keep what they have.

    Args:
        component: the component.
        examples: data that it wasn't trained on. The predicted Docs are as the components before it
            leave them.

    Returns:
        The temperatures that were fitted.
    """
    decoder, model, labels = decoder_of(component.model), component.model, component.labels
    batches = []
    # the Docs are let go: with a transformer's output in each, those of a corpus are too large to keep
    for batch in minibatch(examples, _BATCH):
        docs = [example.predicted for example in batch]
        if any(map(len, docs)):
            truths = [truth_of(eg, component.known(eg.reference), component.naming) for eg in batch]
            batches.append((model.predict(docs), words_of(docs), truths))

    def judged_at(temperature: float) -> dict[str, list[tuple[float, bool]]]:
        judged: dict[str, list[tuple[float, bool]]] = {label: [] for label in labels}
        for scores, words, truths in batches:
            found = decoder.find(model, scores, words, [temperature] * len(labels))
            for spans, truth in zip(found, truths, strict=True):
                truth.judge_all(spans, judged)
        return judged

    fitted = fit_temperatures(judged_at)
    component.cfg["temperature"] = {**component.cfg["temperature"], **fitted}
    return fitted
