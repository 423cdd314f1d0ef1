"""Copies of an encoder for prediction compute what it computes."""

from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from transformers import AutoModel

from spacy_bioner.models.transformer import cpu
from spacy_bioner.models.transformer.cpu import PackedLinear, for_prediction, with_attention

HERE = [dtype for dtype in (torch.float32, torch.bfloat16, torch.float16) if cpu._can_pack(dtype)]
IDS = torch.tensor([[2, 9, 8, 7, 3], [2, 5, 3, 0, 0]])
MASK = (IDS != 0).long()


@pytest.fixture(params=["cased", "albert", "roberta"])
def model(request: pytest.FixtureRequest, encoders: dict[str, Path]):
    return AutoModel.from_pretrained(encoders[request.param]).eval()


def vectors(model) -> torch.Tensor:
    with torch.inference_mode():
        return model(input_ids=IDS, attention_mask=MASK).last_hidden_state.float() * MASK[..., None]


def test_float32_is_the_same(model):
    torch.testing.assert_close(
        vectors(for_prediction(model, torch.float32)), vectors(model), atol=1e-5, rtol=0
    )
    torch.testing.assert_close(
        vectors(with_attention(model, "eager").eval()), vectors(model), atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_16_bits_are_near(model, dtype: torch.dtype):
    copied = for_prediction(model, dtype)
    assert {p.dtype for p in copied.parameters()} == {dtype}
    assert not copied.training
    torch.testing.assert_close(vectors(copied), vectors(model), atol=0.1, rtol=0)


def test_the_model_stays_as_it_is(model):
    before = deepcopy(model.state_dict())
    model.train()
    for_prediction(model, torch.float32)
    for_prediction(model, torch.bfloat16)
    assert model.training
    assert all(p.requires_grad for p in model.parameters())
    after = model.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)


@pytest.mark.skipif(not HERE, reason="there is no oneDNN for such a processor")
def test_every_linear_layer_is_packed(model):
    count = sum(type(module) is torch.nn.Linear for module in model.encoder.modules())
    copied = for_prediction(model, torch.float32)
    assert sum(isinstance(module, PackedLinear) for module in copied.encoder.modules()) == count > 0


@pytest.mark.parametrize("dtype", HERE)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (2, 300)])
def test_packed_linear(dtype: torch.dtype, bias: bool, shape: tuple[int, int]):
    generator = torch.Generator().manual_seed(0)
    linear = torch.nn.Linear(24, 40, bias=bias).to(dtype)
    x = torch.randn(*shape, 24, generator=generator).to(dtype)
    with torch.inference_mode():
        found = PackedLinear(linear)(x)
        expected = torch.nn.functional.linear(
            x.double(), linear.weight.double(), linear.bias.double() if bias else None
        )
    assert found.dtype == dtype
    tolerance = 1e-5 if dtype == torch.float32 else 0.03
    torch.testing.assert_close(found.double(), expected, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize(
    ("processor", "operations"), [("aarch64", torch.ops.mkldnn), ("x86_64", SimpleNamespace())]
)
def test_without_onednn_layers_stay(model, monkeypatch, processor: str, operations):
    """In float32 the copy would be none; in 16 bits it has attention written out, and that is all."""
    expected = vectors(model)
    monkeypatch.setattr(cpu.platform, "machine", lambda: processor)
    monkeypatch.setattr(cpu.torch.ops, "mkldnn", operations)
    assert for_prediction(model, torch.float32) is model
    copied = for_prediction(model, torch.bfloat16)
    assert not any(isinstance(module, PackedLinear) for module in copied.modules())
    torch.testing.assert_close(vectors(copied), expected, atol=0.1, rtol=0)
