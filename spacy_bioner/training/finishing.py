"""Finishing a trained pipeline: fitting temperatures and thresholds, and removing this machine's paths."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.training import Example
from spacy.util import minibatch, resolve_dot_names

from spacy_bioner.components.pipelines import (
    find_transformer,
    named_bioners,
    named_multilabel,
    named_relations,
)
from spacy_bioner.components.relation_comparison import Ranking
from spacy_bioner.corpora.augmentation import with_same_tokens
from spacy_bioner.corpora.docbin import read_docbin
from spacy_bioner.encoders.encoder_catalogue import ResolvedEncoder
from spacy_bioner.training.record import without_paths

_BATCH = 64  # Docs whose vectors are in memory together


def calibrate(nlp: Language, dev: Sequence[Path]) -> dict[str, float]:
    """Fits the temperatures of a pipeline's `bioner` on the data that it was chosen on, and returns them."""
    fitted: dict[str, float] = {}
    for name, pipe in named_bioners(nlp):
        fitted |= pipe.calibrate(_read_up_to(nlp, name, dev))
    return fitted


def _read_up_to(nlp: Language, name: str, paths: Sequence[Path]) -> Iterator[Example]:
    """Gold Docs, with what the components before one make of their tokens."""
    behind = nlp.pipe_names[nlp.pipe_names.index(name) :]
    with nlp.select_pipes(disable=behind):
        for path in paths:
            docs = read_docbin(path, nlp.vocab)
            predicted = nlp.pipe(with_same_tokens(doc) for doc in docs)
            yield from map(Example, predicted, docs)


def tune(nlp: Language) -> dict[str, float]:
    """Chooses thresholds on the data that a pipeline was chosen on, by F1.

    Returns:
        The threshold of each `relations` and `textcat_multilabel`, by the name of the component; of those
        that were trained, and find something right in the data. Others keep theirs. spaCy's classifier writes
        all probabilities to `doc.cats`; its scores use the threshold.
    """
    found: dict[str, float] = {}
    kept = nlp.config["training"].get("frozen_components", ())
    for name, pipe in named_relations(nlp):
        if name not in kept and (threshold := pipe.tune(_chosen_on(nlp, name))) is not None:
            found[name] = threshold
    for name, pipe in named_multilabel(nlp):
        if name in kept:
            continue
        ranking = Ranking()
        for batch in minibatch(_chosen_on(nlp, name), _BATCH):
            scores = pipe.predict([example.predicted for example in batch])
            for example, row in zip(batch, pipe.model.ops.to_numpy(scores).tolist(), strict=True):
                gold = example.reference.cats
                pairs = zip(pipe.labels, row, strict=True)
                ranking.scored += [(value, gold[label] > 0) for label, value in pairs if label in gold]
        threshold, best = ranking.best(pipe.cfg["threshold"])
        if best:
            found[name] = pipe.cfg["threshold"] = threshold
    return found


def _chosen_on(nlp: Language, name: str) -> Iterator[Example]:
    """The data that a pipeline was chosen on, as its config reads it, up to what a component gets."""
    config = nlp.config.interpolate()
    (read,) = resolve_dot_names(config, [config["training"]["dev_corpus"]])
    behind = nlp.pipe_names[nlp.pipe_names.index(name) :]
    for batch in minibatch(read(nlp), _BATCH):
        with nlp.select_pipes(disable=behind):
            docs = list(nlp.pipe(example.predicted for example in batch))
        for doc, example in zip(docs, batch, strict=True):
            yield Example(doc, example.reference)


def make_portable(nlp: Language, resolved: ResolvedEncoder | None) -> None:
    """Takes out of a trained pipeline what holds on this machine alone: paths, and what only a GPU can do.

    Args:
        nlp: the pipeline.
        resolved: the encoder that it was trained with; its folder is replaced by its public name.
    """
    transformer = find_transformer(nlp)
    if transformer is not None:
        model = nlp.config["components"][transformer.name]["model"]
        if model.get("mixed_precision"):
            model["mixed_precision"] = False  # with it, a pipeline can't even be loaded without a GPU
    if resolved is not None:
        public = resolved.encoder.hub or resolved.encoder.name
        _rename_encoder(nlp.config["components"], public)
        for _, pipe in nlp.pipeline:
            for node in pipe.model.walk() if hasattr(pipe, "model") else ():
                _rename_layer(node, public)
    _set_rate_that_learns(nlp)
    nlp.config["paths"] = dict.fromkeys(nlp.config.get("paths", {}))
    for section in ("corpora", "initialize", "training"):
        nlp.config[section] = without_paths(nlp.config.get(section, {}))


def _set_rate_that_learns(nlp: Language) -> None:
    """Puts the highest rate of a schedule in its place: in Python nobody steps one, and most begin at 0."""
    optimizer = nlp.config.get("training", {}).get("optimizer", {})
    schedule = optimizer.get("learn_rate")
    if isinstance(schedule, dict) and "initial_rate" in schedule:
        optimizer["learn_rate"] = schedule["initial_rate"]


def _rename_encoder(config: Any, public: str) -> None:
    """Gives every transformer in the config of components the encoder's public name."""
    if not isinstance(config, dict):
        return
    architecture = str(config.get("@architectures", ""))
    if "name" in config and "Transformer" in architecture:
        config["name"] = public
    for value in config.values():
        _rename_encoder(value, public)


def _rename_layer(node: Any, public: str) -> None:
    """Gives a transformer's layer the encoder's public name, which is written with the weights."""
    encoder = getattr(getattr(node, "transformer", None), "config", None)
    if encoder is not None:
        encoder._name_or_path = public
        for inner in node.walk():
            if "name" in inner.attrs:
                inner.attrs["name"] = public
