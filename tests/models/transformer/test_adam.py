"""Steps in PyTorch are those of thinc's optimizers."""

from itertools import product

import numpy
import pytest
import torch
from thinc.api import Adam, Optimizer, RAdam
from thinc.optimizers import SGD

from spacy_bioner.models.transformer.adam import adam_step, is_plain_adam

SHAPES = {"a": (7, 5), "b": (11,), "c": (1,)}


def both(steps: int, size: float, **settings) -> tuple[dict, dict]:
    """Weights after steps of thinc's own, and after ours, with the same gradients."""
    theirs, ours = (Adam(0.01, use_averages=False, **settings) for _ in range(2))
    generator = numpy.random.default_rng(0)
    expected = {name: generator.normal(size=shape).astype("float32") for name, shape in SHAPES.items()}
    found = {name: torch.tensor(values, requires_grad=True) for name, values in expected.items()}
    for _ in range(steps):
        for name, weight in found.items():
            gradient = generator.normal(size=SHAPES[name]).astype("float32") * size
            weight.grad = torch.tensor(gradient)
            expected[name], _ = theirs((3, name), expected[name], gradient)
        adam_step(ours, 3, found.items())
        assert all(not weight.grad.any() for weight in found.values())
    return {name: weight.detach().numpy() for name, weight in found.items()}, expected


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"L2": 0.01, "L2_is_weight_decay": True},
        {"L2": 0.1, "L2_is_weight_decay": False},
        {"grad_clip": 0.0},
        {"grad_clip": 0.5, "beta1": 0.8, "beta2": 0.99, "eps": 1e-4},
    ],
)
def test_the_same_steps(settings):
    for steps, size in product((1, 2, 30), (1e-9, 1e-3, 1.0, 1e4)):
        found, expected = both(steps, size, **settings)
        for name in SHAPES:
            numpy.testing.assert_allclose(found[name], expected[name], rtol=1e-4, atol=1e-6)


def test_steps_differ_where_settings_do():
    plain, _ = both(5, 1.0)
    decayed, _ = both(5, 1.0, L2=0.5)
    assert numpy.abs(plain["a"] - decayed["a"]).max() > 1e-3


def test_weights_without_a_gradient_stay():
    weight = torch.ones(3, requires_grad=True)
    optimizer = Adam(0.01, use_averages=False)
    adam_step(optimizer, 1, [("a", weight)])
    assert weight.tolist() == [1.0, 1.0, 1.0]
    assert not optimizer.mom1


@pytest.mark.parametrize(
    ("optimizer", "plain"),
    [
        (Adam(0.01, use_averages=False), True),
        (Adam(0.01, use_averages=False, L2=0.1), True),
        (Adam(0.01, use_averages=True), False),
        (RAdam(0.01), False),
        (SGD(0.01), False),
    ],
)
def test_what_is_plain(optimizer: Optimizer, plain: bool):
    assert is_plain_adam(optimizer) is plain
