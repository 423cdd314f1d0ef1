"""Dropout on a CPU: what it keeps, how it scales, and that a seed decides it."""

import pytest
import torch

from spacy_bioner.models.transformer.dropout import FastDropout, with_fast_dropout


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_share_becomes_zero_and_the_rest_makes_up_for_it(dtype: torch.dtype) -> None:
    torch.manual_seed(1)
    ones = torch.ones(400, 1001, dtype=dtype, requires_grad=True)
    dropped = FastDropout(0.1)(ones)
    assert dropped.dtype == dtype
    assert float((dropped == 0).float().mean()) == pytest.approx(0.1, abs=0.003)
    assert float(dropped.detach().float().mean()) == pytest.approx(1.0, abs=0.005)
    dropped.float().sum().backward()
    assert ones.grad is not None
    assert torch.equal(ones.grad == 0, dropped == 0)
    assert torch.equal(ones.grad, dropped.detach())


def test_a_seed_decides_it() -> None:
    drop, ones = FastDropout(0.5), torch.ones(50)

    def drawn(seed: int) -> list[torch.Tensor]:
        torch.manual_seed(seed)
        return [drop(ones), drop(ones)]

    first, again, other = drawn(1), drawn(1), drawn(2)
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first[0], other[0])


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_nothing_and_everything(share: float) -> None:
    assert torch.equal(FastDropout(share)(torch.ones(8)), torch.full((8,), 1.0 - share))
    assert torch.equal(FastDropout(0.5).eval()(torch.ones(8)), torch.ones(8))


def test_it_takes_the_place_of_all_dropout_in_a_model() -> None:
    inner = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Dropout(0.3))
    model = torch.nn.Sequential(inner, torch.nn.Dropout(0.2))
    with_fast_dropout(model)
    assert [m.p for m in model.modules() if isinstance(m, FastDropout)] == [0.3, 0.2]
