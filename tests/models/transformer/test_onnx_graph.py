"""An encoder as a graph computes what it computes in torch, in each family."""

from pathlib import Path

import numpy
import onnx
import onnxruntime
import pytest
import torch
from transformers import AutoModel

from spacy_bioner.models.transformer.onnx_graph import export

FAMILIES = ("cased", "uncased", "albert", "roberta")


@pytest.fixture(scope="module", params=FAMILIES)
def model(request: pytest.FixtureRequest, encoders: dict[str, Path]):
    """A random encoder, whose layer norms have scales and shifts that aren't 1 and 0."""
    model = AutoModel.from_pretrained(encoders[request.param]).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "LayerNorm" in name or "layer_norm" in name:
                weight.add_(torch.randn(weight.shape, generator=generator) / 10)
    return model


def run(graph: bytes, ids: list[int]) -> numpy.ndarray:
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return session.run(None, {"input_ids": numpy.array([ids], dtype="int64")})[0]


def in_torch(model, ids: list[int]) -> numpy.ndarray:
    with torch.inference_mode():
        return model(input_ids=torch.tensor([ids])).last_hidden_state.numpy()


# one piece; as many as a vector is wide, or more; and another number than it was exported with
@pytest.mark.parametrize("length", [1, 2, 8, 32, 60])
def test_float32_is_the_same(model, length: int):
    ids = [7 + i % 40 for i in range(length)]
    found = run(export(model, "float32"), ids)
    assert found.shape == (1, length, model.config.hidden_size)
    numpy.testing.assert_allclose(found, in_torch(model, ids), atol=1e-5)


def test_int8_is_near(model):
    ids = [7 + i % 40 for i in range(20)]
    expected = in_torch(model, ids)
    error = numpy.abs(run(export(model, "int8"), ids) - expected)
    assert 0 < error.max() < 0.15 * numpy.abs(expected).max()


def test_no_layer_normalization_is_left(model):
    """Behind the embeddings, where it is part of another operation."""
    for precision in ("float32", "int8"):
        graph = onnx.load_from_string(export(model, precision)).graph
        kinds = [node.op_type for node in graph.node]
        assert "LayerNormalization" not in kinds
        assert "SkipLayerNormalization" not in kinds
        assert kinds.count("InstanceNormalization") >= 2 * model.config.num_hidden_layers


def test_other_norms_are_left_as_they_are(encoders: dict[str, Path]):
    """One over the word pieces, as no encoder has it, would be another one as instance normalization."""

    class Strange(torch.nn.Module):
        def __init__(self, model) -> None:
            super().__init__()
            self.model, self.config = model, model.config

        def forward(self, input_ids: torch.Tensor):
            output = self.model(input_ids)
            heads = output.last_hidden_state.reshape(1, -1, 4, 8)
            normal = torch.nn.functional.layer_norm(heads, (8,))
            output.last_hidden_state = normal.reshape(1, -1, 32)
            return output

    strange = Strange(AutoModel.from_pretrained(encoders["cased"]).eval())
    ids = [7 + i % 40 for i in range(12)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spacy_bioner.models.transformer.onnx_graph.with_attention", lambda model, _: model)
        graph = export(strange, "float32")
    numpy.testing.assert_allclose(run(graph, ids), in_torch(strange, ids), atol=1e-4)
    kinds = [node.op_type for node in onnx.load_from_string(graph).graph.node]
    assert "InstanceNormalization" not in kinds
