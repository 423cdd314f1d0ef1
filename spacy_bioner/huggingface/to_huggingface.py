"""Making a token classifier of transformers of a pipeline.

A pipeline whose `bioner` has one label set (`spacy-bioner.TokenClassifier.v1`) becomes a checkpoint with the
same weights. One with a head a type (`spacy-bioner.EntityHeads.v1`) is folded into one label set. A head
gives each token a distribution over O, B and I; given that at most one type has other than O there, B of type
t has the share exp(B_t - O_t) beside 1 for "O". So rows of weights are the differences from those of O,
exactly. Two things have no place in such a checkpoint: transitions between labels, and, where the pipeline
has it, the mean of a token's word pieces, for transformers takes the first. Predictions differ then, and are
to be counted. `fitting` teaches the weights to make up for it. Heads that were trained without transitions
(`transitions = false`) on first pieces lose nothing but that I follows only B or I.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import torch
from spacy.language import Language
from transformers import AutoModelForTokenClassification, pipeline
from transformers.utils import logging

from spacy_bioner.components.bioner import BioNER
from spacy_bioner.components.pipelines import find_bioner, find_transformer
from spacy_bioner.components.spans import scored_spans
from spacy_bioner.encoders.loading import NO_CODE, load_plain_tokenizer
from spacy_bioner.errors import PipelineError
from spacy_bioner.huggingface.token_classifiers import linear_head
from spacy_bioner.models.crf import B, I, O

FIRST = ("first_piece", "reduce_first")
"""Layers that give a token the vector of its first word piece."""

Span = tuple[int, int, int, str]  # number of the text, first character, the one after the last, type


@dataclass(frozen=True, slots=True)
class Fit:
    """What a token classifier learned from; see `fitting`.

    Attributes:
        texts, words: how many texts, and how many words transformers' pipeline sees in them.
        entities: how many entities the pipeline finds there.
        inside: how many of these begin or end inside a word, or where the text is cut off already.
    """

    texts: int
    words: int
    entities: int
    inside: int

    def __str__(self) -> str:
        return (
            f"{self.texts:,} texts, {self.words:,} words, {self.entities:,} entities, of which "
            f"{self.inside:,} begin or end where no word of transformers does"
        )


@dataclass(frozen=True, slots=True)
class Classifier:
    """A token classifier of transformers, made of a pipeline.

    Attributes:
        model, tokenizer: as transformers has them.
        types: the types that it finds.
        same_weights: whether it has the pipeline's own labels and weights; it was folded otherwise.
        first_piece: whether the pipeline takes a token's first word piece, as transformers does.
        transitions: whether the pipeline's labels depend on their neighbours, which theirs can't.
        fit: what its weights were fitted to, if they were.
    """

    model: Any
    tokenizer: Any
    types: tuple[str, ...]
    same_weights: bool
    first_piece: bool
    transitions: bool
    fit: Fit | None = None

    @property
    def lossy(self) -> bool:
        """Whether exporting lost transitions or mean pooling, so that predictions differ."""
        return self.fit is None and (self.transitions or not (self.same_weights or self.first_piece))


@dataclass(frozen=True, slots=True)
class Agreement:
    """What a pipeline and a token classifier made of it find in the same texts.

    Attributes:
        texts: how many.
        ours, theirs, both: how many entities the pipeline finds, transformers' pipeline, and both.
    """

    texts: int
    ours: int
    theirs: int
    both: int

    @property
    def share(self) -> float:
        """The share of what both find in what either finds; 1 where neither finds anything."""
        either = self.ours + self.theirs - self.both
        return self.both / either if either else 1.0

    def __str__(self) -> str:
        return (
            f"{self.texts:,} texts: {self.ours:,} entities here, {self.theirs:,} by transformers' pipeline, "
            f"{self.both:,} the same ({self.share:.2%} of all that either finds)"
        )


def to_hf(nlp: Language, types: Sequence[str] = ()) -> Classifier:
    """Makes a token classifier of a pipeline.

    Args:
        nlp: the pipeline.
        types: the types that it shall find, where each has a head of its own; all that the pipeline writes
            if empty.

    Raises:
        PipelineError: if the pipeline has no `bioner` on a transformer in PyTorch, or transformers has no
            token classifier with that encoder.
    """
    bioner = find_bioner(nlp)
    encoder, tokenizer = _encoder(nlp, bioner)
    same = "classifier" in bioner.model.ref_names
    if same and types:
        raise PipelineError("The pipeline has one label set for all types: it can't be split by type. [B476]")
    names = tuple(types or bioner.types or bioner.labels)
    if not names:
        raise PipelineError("The pipeline knows no entity type: train it first. [B477]")
    labels, weights, bias = _classifier(bioner) if same else _folded(bioner, names)
    config = type(encoder.config).from_dict(encoder.config.to_dict())
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: i for i, label in reversed(list(enumerate(labels)))}
    kind: Any = AutoModelForTokenClassification._model_mapping.get(type(config), None)
    model: Any = kind(config) if kind is not None else None
    head = linear_head(model) if kind is not None else None
    if head is None or head.bias is None:
        raise PipelineError(
            "transformers has no token classifier that is a "
            f"{type(encoder).__name__} with a linear layer. [B478]"
        )
    state = {name: value.detach().cpu() for name, value in encoder.state_dict().items()}
    missing = model.base_model.load_state_dict(state, strict=False).missing_keys
    if missing:
        raise PipelineError(f"The encoder lacks weights of {kind.__name__}: {', '.join(missing[:3])}. [B479]")
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(numpy.array(weights)))
        head.bias.copy_(torch.from_numpy(numpy.array(bias)))
    first = any(node.name in FIRST for node in bioner.model.walk())
    transitions = not same and bool(bioner.model.get_ref("heads").attrs["transitions"])
    return Classifier(model.eval(), tokenizer, names, same, first, transitions)


def _encoder(nlp: Language, bioner: BioNER) -> tuple[Any, Any]:
    """The model and tokenizer of transformers that `bioner` takes its vectors from."""
    transformer = find_transformer(nlp)
    models = [bioner.model] if transformer is None else [bioner.model, transformer.model]
    nodes: list[Any] = [node for model in models for node in model.walk()]
    for node in nodes:
        encoder = getattr(node, "transformer", None)
        if isinstance(encoder, bytes):
            raise PipelineError(
                "The pipeline's encoder is in ONNX Runtime: name the pipeline that it was made of. [B480]"
            )
        if encoder is not None:
            return encoder, node.tokenizer
    raise PipelineError(
        "The pipeline has no transformer: there is nothing that transformers could load. [B481]"
    )


def _classifier(bioner: BioNER) -> tuple[list[str], Any, Any]:
    """Labels, weights and bias of one label set."""
    classifier = bioner.model.get_ref("classifier")
    ops = bioner.model.ops
    weights, bias = (ops.to_numpy(classifier.get_param(name)) for name in ("W", "b"))
    return list(classifier.attrs["labels"]), weights, bias


def _folded(bioner: BioNER, types: Sequence[str]) -> tuple[list[str], Any, Any]:
    """Labels, weights and bias of the heads of some types in one label set."""
    heads = bioner.model.get_ref("heads")
    width = heads.get_dim("nI")
    labels, rows = ["O"], [numpy.zeros(width + 1, dtype="float32")]
    for name in types:
        own = bioner.model.ops.to_numpy(heads.get_param(name))[:, : width + 1]
        labels += [f"B-{name}", f"I-{name}"]
        rows += [own[B] - own[O], own[I] - own[O]]
    table = numpy.stack(rows)
    return labels, table[:, :width], table[:, width]


def write_classifier(classifier: Classifier, folder: Path) -> None:
    """Writes config.json, model.safetensors and the files of the tokenizer to an empty folder."""
    folder.mkdir(parents=True, exist_ok=True)
    classifier.model.save_pretrained(folder, safe_serialization=True)
    classifier.tokenizer.save_pretrained(folder)


def token_pipeline(model: Any, tokenizer: Any) -> Any:
    """transformers' own pipeline, with `aggregation_strategy="first"`."""
    return pipeline(
        "token-classification", model=model, tokenizer=tokenizer, aggregation_strategy="first", device="cpu"
    )


def predict(folder: Path, texts: Iterable[str]) -> list[Span]:
    """What transformers' own pipeline finds, see `token_pipeline`.

    White space at the ends of entities, which byte-level pieces may have, isn't counted.
    """
    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        run = token_pipeline(
            AutoModelForTokenClassification.from_pretrained(folder, **NO_CODE), load_plain_tokenizer(folder)
        )
        found = []
        for i, text in enumerate(texts):
            for entity in run(text) if text.strip() else ():
                start, end = trimmed(text, entity["start"], entity["end"])
                if start < end:
                    found.append((i, start, end, entity["entity_group"]))
        return found
    finally:
        logging.set_verbosity(level)


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """A stretch of a text without white space at its ends; an empty one if there is nothing else."""
    covered = text[start:end]
    start += len(covered) - len(covered.lstrip())
    return start, start + len(covered.strip())


def find(nlp: Language, types: Sequence[str], texts: Iterable[str]) -> list[Span]:
    """What a pipeline finds: its flat view if these are all of its types; otherwise what it has of these."""
    bioner = find_bioner(nlp)
    flat = set(types) >= set(bioner.written)
    found = []
    for i, doc in enumerate(nlp.pipe(texts)):
        spans = doc.ents if flat else [span for span, _ in scored_spans(doc, bioner.cfg["spans_key"])]
        found += [(i, s.start_char, s.end_char, s.label_) for s in spans if s.label_ in types]
    return found


def agreement(nlp: Language, folder: Path, types: Sequence[str], texts: Sequence[str]) -> Agreement:
    """Runs a pipeline and a checkpoint made of it over the same texts.

    Args:
        nlp: the pipeline.
        folder: the checkpoint.
        types: its types; see `find`.
        texts: the texts.
    """
    ours = set(find(nlp, types, texts))
    theirs = set(predict(folder, texts))
    return Agreement(len(texts), len(ours), len(theirs), len(ours & theirs))
