"""A trained pipeline with its encoder in ONNX Runtime, checked against the one it was made of."""

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import load_model_from_config

from spacy_bioner.errors import PipelineError
from spacy_bioner.evaluation.evaluate import evaluate
from spacy_bioner.provenance import META_KEY
from spacy_bioner.windows import find_transformer

PRECISIONS = ("float32", "int8")
ARCHITECTURE = "spacy-bioner.OnnxTransformer.v1"
_OPSET = 17


@dataclass(frozen=True, slots=True)
class Comparison:
    """A pipeline and what was made of it, on the same gold Docs.

    Attributes:
        before, after: strict F1, 0 to 1.
        identical: the share of entities that both find, of all that either finds.
        speedup: how many times as fast the second is.
    """

    before: float
    after: float
    identical: float
    speedup: float


def optimize(nlp: Language, precision: str) -> Language:
    """Makes a pipeline whose encoder runs in ONNX Runtime.

    Args:
        nlp: a pipeline with a `transformer`, as loaded from its folder or package.
        precision: one of `PRECISIONS`. In int8, weights are numbers of eight bits with a scale for each
            output, and activations are scaled as they come (dynamic quantization).

    Returns:
        The new pipeline. Its other components are the same.

    Raises:
        PipelineError: if onnx isn't installed, or there is no encoder of torch in the pipeline.
    """
    if precision not in PRECISIONS:
        raise PipelineError(f"There is no precision '{precision}': it is one of {', '.join(PRECISIONS)}.")
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise PipelineError(f"{error.name} isn't installed: pip install 'spacy-bioner[onnx]'.") from None
    transformer = find_transformer(nlp)
    encoder = getattr(getattr(transformer, "model", None), "transformer", None)
    if transformer is None or encoder is None or isinstance(encoder, bytes):
        raise PipelineError("The pipeline has no transformer in PyTorch that could be optimized.")
    from spacy_bioner.models.encoder import longest_sequence

    graph = _export(encoder, precision)
    config = nlp.config.copy()
    old = config["components"][transformer.name]["model"]
    kept = {key: old[key] for key in ("name", "window", "overlap") if key in old}
    config["components"][transformer.name]["model"] = {"@architectures": ARCHITECTURE, **kept}
    made = load_model_from_config(config, auto_fill=True)
    made.from_disk(nlp.path, exclude=[transformer.name])
    layer: Any = made.get_pipe(transformer.name).model  # type: ignore[attr-defined]
    tokenizer = transformer.model.tokenizer
    longest = longest_sequence(encoder, tokenizer)
    layer.encoder.install(graph, tokenizer, longest, encoder.config.hidden_size)
    layer.set_dim("nO", encoder.config.hidden_size)
    made._link_components()
    made.meta = {**nlp.meta}
    made.meta[META_KEY] = {**nlp.meta.get(META_KEY, {}), "optimized": f"ONNX Runtime, {precision}"}
    return made


def compare(first: Language, second: Language, docs: Sequence[Sequence[Doc]]) -> Comparison:
    """Runs two pipelines over the same gold Docs.

    Args:
        first, second: the pipelines.
        docs: the Docs, once with the vocabulary of each pipeline.
    """
    results = [evaluate(nlp, list(own)) for nlp, own in zip((first, second), docs, strict=True)]
    found = [
        {
            (i, ent.start_char, ent.end_char, ent.label_)
            for i, doc in enumerate(nlp.pipe(doc.text for doc in own))
            for ent in doc.ents
        }
        for nlp, own in zip((first, second), docs, strict=True)
    ]
    union = found[0] | found[1]
    return Comparison(
        results[0].counts.total().f1,
        results[1].counts.total().f1,
        len(found[0] & found[1]) / len(union) if union else 1.0,
        results[0].seconds / results[1].seconds,
    )


def _export(encoder: Any, precision: str) -> bytes:
    """Writes an encoder as an ONNX graph, simplified, and in eight bits if wanted."""
    import onnx
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.transformers import optimizer

    from spacy_bioner.models.prediction import with_written_attention

    class VectorsOnly(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = with_written_attention(encoder)  # in operations that ONNX has

        def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
            return self.encoder(input_ids=input_ids).last_hidden_state

    with tempfile.TemporaryDirectory() as folder:
        exported, simplified, final = (str(Path(folder) / f"{name}.onnx") for name in ("a", "b", "c"))
        model = VectorsOnly().eval()
        sample = torch.arange(8)[None] % encoder.config.vocab_size
        torch.onnx.export(
            model,
            (sample,),
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
            opt_level=1,
        )
        fused.save_model_to_file(simplified)
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


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Keeps ONNX Runtime's advice to simplify a graph from those whose graph is simplified already."""
    level = logging.root.level
    logging.root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logging.root.setLevel(level)
