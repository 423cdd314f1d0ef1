"""Exporting the encoder of a trained pipeline to ONNX Runtime, and comparing the two pipelines."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import load_model_from_config

from spacy_bioner.components.pipelines import check_output, find_transformer, load_pipeline
from spacy_bioner.corpora.docbin import read_docbin
from spacy_bioner.corpora.provenance import META_KEY
from spacy_bioner.errors import PipelineError
from spacy_bioner.evaluation.pipeline_evaluation import evaluate_docs
from spacy_bioner.files import Outputs

PRECISIONS = ("float32", "int8")
ARCHITECTURE = "spacy-bioner.OnnxTransformer.v1"


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


def to_onnx(nlp: Language, precision: str) -> Language:
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
        raise PipelineError(
            f"There is no precision '{precision}': it is one of {', '.join(PRECISIONS)}. [B450]"
        )
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise PipelineError(
            f"{error.name} isn't installed: pip install 'spacy-bioner[onnx]'. [B451]"
        ) from None
    transformer = find_transformer(nlp)
    encoder = getattr(getattr(transformer, "model", None), "transformer", None)
    if transformer is None or encoder is None or isinstance(encoder, bytes):
        raise PipelineError("The pipeline has no transformer in PyTorch that could be optimized. [B452]")
    from spacy_bioner.models.transformer.onnx_graph import export
    from spacy_bioner.models.transformer.shim import longest_sequence

    graph = export(encoder, precision)
    config = nlp.config.copy()
    old = config["components"][transformer.name]["model"]
    kept = {key: old[key] for key in ("name", "window", "overlap", "folding") if key in old}
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
    results = [evaluate_docs(nlp, own) for nlp, own in zip((first, second), docs, strict=True)]
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


def optimize(
    model: str | Path,
    output: Path,
    data: Path,
    *,
    precision: str = "int8",
    tolerance: float = 0.5,
    slower: bool = False,
) -> Comparison:
    """Turns the encoder of a pipeline into one of ONNX Runtime, compares the two, and writes the new one.

    Args:
        model: the name of a package, or a folder.
        output: the folder to write.
        data: a .spacy file with gold entities.
        precision: "int8" or "float32".
        tolerance: the most F1, in percent, that may be lost.
        slower: whether a pipeline that is slower here is written too.

    Raises:
        BionerError: if the pipeline or the data can't be read, the pipeline has no transformer in PyTorch, or
            the new one loses more, or is slower. Nothing is written then.
    """
    check_output(output)
    docs = read_docbin(data)
    if not docs:
        raise PipelineError(f"{data}: there are no documents in it. [B453]")
    nlp = load_pipeline(model)
    made = to_onnx(nlp, precision)
    result = compare(nlp, made, [read_docbin(data, nlp.vocab), read_docbin(data, made.vocab)])
    lost = 100 * (result.before - result.after)
    if lost > tolerance:
        raise PipelineError(
            f"In {precision} the pipeline has F1 {100 * result.after:.2f} on {data} instead of "
            f"{100 * result.before:.2f}: {lost:.2f} less, and {tolerance} may be lost. Nothing was written. "
            "Try --precision float32, or a larger --tolerance. [B454]"
        )
    if result.speedup < 1 and not slower:
        raise PipelineError(
            f"In {precision} the pipeline is {result.speedup:.2f} times as fast as before on this machine: "
            "slower, so nothing was written. --slower writes it all the same, for another machine. [B455]"
        )
    with Outputs() as outputs:
        made.to_disk(outputs.temporary(output, folder=True))
    return result
