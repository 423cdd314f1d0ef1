"""An encoder of transformers as an ONNX graph that ONNX Runtime computes fast."""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy
import onnx
import onnxruntime
import torch
from onnx.helper import make_node
from onnxruntime.capi import onnxruntime_pybind11_state as onnxruntime_errors
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers import optimizer
from onnxruntime.transformers.fusion_options import FusionOptions

from spacy_bioner.models.transformer.cpu import with_attention

_OPSET = 17


def export(encoder: Any, precision: str) -> bytes:
    """Writes an encoder as an ONNX graph.

    Args:
        encoder: the model of transformers.
        precision: "float32"; or "int8" for weights of eight bits with a scale for each output, and
            activations that are scaled as they come (dynamic quantization).

    Returns:
        The graph, which makes of input_ids, (1, pieces), vectors, (1, pieces, width).
    """
    options = FusionOptions("bert")
    options.enable_skip_layer_norm = False  # see `_with_fast_norms`
    with tempfile.TemporaryDirectory() as folder:
        exported, simplified, faster, final = (str(Path(folder) / f"{name}.onnx") for name in "abcd")
        model = _VectorsOnly(encoder).eval()
        torch.onnx.export(
            model,
            (_sample(encoder, 8),),
            exported,
            input_names=["input_ids"],
            output_names=["vectors"],
            dynamic_axes={"input_ids": {1: "pieces"}, "vectors": {1: "pieces"}},
            opset_version=_OPSET,
            dynamo=False,
        )
        fused = optimizer.optimize_model(
            exported,
            model_type="bert",
            num_heads=encoder.config.num_attention_heads,
            hidden_size=encoder.config.hidden_size,
            optimization_options=options,
            opt_level=1,
        )
        fused.save_model_to_file(simplified)
        _with_fast_norms(fused.model.graph)
        fused.save_model_to_file(faster)
        if all(_agree(faster, model, _sample(encoder, length)) for length in (5, 8)):
            simplified = faster
        if precision == "float32":
            return Path(simplified).read_bytes()
        with _without_warnings():
            quantize_dynamic(
                simplified,
                final,
                per_channel=True,
                weight_type=QuantType.QInt8,
                # what the fused operations give, whose types onnx doesn't know
                extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
            )
        return Path(final).read_bytes()


class _VectorsOnly(torch.nn.Module):
    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = with_attention(encoder, "eager")  # in operations that ONNX has

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        vectors: torch.Tensor = self.encoder(input_ids=input_ids).last_hidden_state
        return vectors


def _sample(encoder: Any, length: int) -> torch.Tensor:
    """Some word pieces, (1, length)."""
    # without the piece for padding, of which transformers warns
    pieces = torch.arange(length + 1)
    return pieces[pieces != encoder.config.pad_token_id][None, :length] % encoder.config.vocab_size


def _agree(graph: str, model: torch.nn.Module, pieces: torch.Tensor) -> bool:
    """Whether a graph computes what a model does."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what doesn't fit isn't used
    try:
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        [found] = session.run(None, {"input_ids": pieces.numpy()})
    except (onnxruntime_errors.Fail, onnxruntime_errors.InvalidGraph, onnxruntime_errors.RuntimeException):
        return False
    with torch.inference_mode():
        expected = model(pieces).numpy()
    return bool(numpy.allclose(found, expected, atol=1e-3 * max(1.0, float(numpy.abs(expected).max()))))


def _with_fast_norms(graph: Any) -> None:
    """Puts instance normalization in the place of layer normalization: of one sequence it is the same.

    A word piece is a channel to it. ONNX Runtime's kernel for layers adds up a vector number by number, that
    for instances many at a time: BERT-base in eight bits gains a sixth. It is the same for norms over the
    last of three axes; where an encoder has others, the graph computes something else.
    """
    nodes = list(graph.node)
    del graph.node[:]
    constants: list[str] = []  # ones and zeros, as many as there are word pieces
    for number, node in enumerate(nodes):
        if node.op_type != "LayerNormalization":
            graph.node.append(node)
            continue
        vectors, scale, *shift = node.input
        if not constants:
            constants = ["norm_ones", "norm_zeros"]
            graph.node.append(make_node("Shape", [vectors], ["norm_pieces"], start=1, end=2))
            for name, value in zip(constants, (1, 0), strict=True):
                tensor = onnx.numpy_helper.from_array(numpy.array([value], dtype="float32"))
                graph.node.append(make_node("ConstantOfShape", ["norm_pieces"], [name], value=tensor))
        epsilon = next((a.f for a in node.attribute if a.name == "epsilon"), 1e-5)
        normal, scaled = f"norm_{number}", f"norm_{number}_scaled"
        last = scaled if shift else node.output[0]
        graph.node.append(
            make_node("InstanceNormalization", [vectors, *constants], [normal], epsilon=epsilon)
        )
        graph.node.append(make_node("Mul", [normal, scale], [last]))
        if shift:
            graph.node.append(make_node("Add", [scaled, *shift], [node.output[0]]))


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Keeps ONNX Runtime's advice to simplify a graph from those whose graph is simplified already."""
    level = logging.root.level
    logging.root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logging.root.setLevel(level)
