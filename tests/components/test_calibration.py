"""How far probabilities are from the truth, and the temperature that brings them there."""

from itertools import pairwise
from math import exp, log
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_bioner.components.calibration import (
    FEWEST,
    TEMPERATURES,
    cross_entropy,
    fit_temperatures,
)
from spacy_bioner.evaluation.reliability import calibration_error, reliability

JUDGED = st.lists(st.tuples(st.floats(0, 1), st.booleans()))


def logistic(x: float) -> float:
    return 1 / (1 + exp(-x))


def overconfident(temperature: float, size: int = 4000) -> list[tuple[float, bool]]:
    """Logits that are too large by a factor, and whether each is right: as often as the true one says."""
    random = Random(0)
    true = [random.uniform(-3, 5) for _ in range(size)]
    return [(temperature * x, random.random() < logistic(x)) for x in true]


def at(logits: list[tuple[float, bool]], temperature: float) -> list[tuple[float, bool]]:
    return [(logistic(x / temperature), right) for x, right in logits]


def test_a_table_by_hand():
    judged = [(0.9, True), (0.1, False), (0.2, True), (0.8, False)]
    low, high = reliability(judged, bins=2)
    assert (low.spans, low.lowest, low.highest, low.right) == (2, 0.1, 0.2, 0.5)
    assert (high.spans, high.lowest, high.highest, high.right) == (2, 0.8, 0.9, 0.5)
    assert (low.probability, high.probability) == pytest.approx((0.15, 0.85))
    assert calibration_error([low, high]) == pytest.approx(0.35)
    assert cross_entropy(judged) == pytest.approx(-(log(0.9) + log(0.9) + log(0.2) + log(0.2)) / 4)


def test_nothing_predicted_has_no_table():
    assert reliability([]) == []
    assert calibration_error([]) == 0.0


@given(JUDGED, st.integers(1, 12))
def test_every_span_is_in_one_bin_of_near_equal_mass(judged: list[tuple[float, bool]], bins: int):
    table = reliability(judged, bins)
    sizes = [part.spans for part in table]
    assert sum(sizes) == len(judged)
    assert len(table) == min(bins, len(judged))
    assert not sizes or max(sizes) - min(sizes) <= 1
    assert all(part.highest <= after.lowest for part, after in pairwise(table))
    assert sum(part.spans * part.right for part in table) == pytest.approx(sum(right for _, right in judged))
    assert 0 <= calibration_error(table) <= 1


def test_a_wrong_span_of_probability_one_is_bad_and_not_infinite():
    assert 20 < cross_entropy([(1.0, False)]) < 30


@pytest.mark.parametrize("temperature", [0.7, 1.0, 2.0, 4.5])
def test_the_temperature_that_was_put_in_is_found(temperature: float):
    logits = overconfident(temperature)
    fitted = fit_temperatures(lambda t: {"Gene": at(logits, t)})
    assert fitted["Gene"] == pytest.approx(temperature, rel=0.08)
    assert calibration_error(reliability(at(logits, fitted["Gene"]))) < 0.02


def test_a_type_with_few_spans_gets_the_temperature_of_all():
    logits = {"Gene": overconfident(2.0), "Rare": overconfident(8.0, FEWEST - 1), "None": []}
    fitted = fit_temperatures(lambda t: {name: at(values, t) for name, values in logits.items()})
    assert set(fitted) == {"Gene", "Rare"}
    assert fitted["Gene"] == pytest.approx(2.0, rel=0.08)
    assert fitted["Rare"] == pytest.approx(fitted["Gene"], rel=0.1)


def test_too_few_spans_fit_nothing():
    logits = {"Gene": overconfident(2.0, 20), "Disease": overconfident(2.0, FEWEST - 21)}
    assert fit_temperatures(lambda t: {name: at(values, t) for name, values in logits.items()}) == {}
    assert fit_temperatures(lambda t: {}) == {}


def test_always_right_stays_within_what_is_tried():
    fitted = fit_temperatures(lambda t: {"Gene": [(logistic(3 / t), True)] * FEWEST})
    assert fitted == {"Gene": TEMPERATURES[0]}
