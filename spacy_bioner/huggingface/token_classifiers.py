"""Reading token classifiers of transformers safely: weights, labels and tokenizer."""

import pickle
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoModelForTokenClassification
from transformers.utils import logging

from spacy_bioner.encoders.loading import NO_CODE, load_config, load_plain_tokenizer
from spacy_bioner.errors import EncoderError, TagError, told
from spacy_bioner.models.labels import LabelSet, make_label_set

_NAMELESS = re.compile(r"LABEL_\d+")
_OTHER_HEADS = ("ForSequenceClassification", "ForMultipleChoice")
"""Models whose head has the name and the shape of a token classifier's."""

_PROBE = "Mutations of BRCA1 raise the risk of breast cancer (p < 0.05)."
_TOLERANCE = 1e-4


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A token classifier of transformers.

    Attributes:
        model: the model, with its encoder and its head, in float32.
        tokenizer: its fast tokenizer.
        labels: its labels as tags.
        head: the linear layer from vectors to scores of labels.
    """

    model: Any
    tokenizer: Any
    labels: LabelSet
    head: torch.nn.Linear


def read_checkpoint(folder: Path, labels: Sequence[str] = (), entity_type: str = "") -> Checkpoint:
    """Reads a token classifier: config.json, model.safetensors or pytorch_model.bin, tokenizer files.

    No code of the checkpoint runs: a pickle is read for tensors alone, and models that come with Python files
    of their own aren't known.

    Args:
        folder: the folder.
        labels: the labels, in the order of the scores, where the checkpoint doesn't name them.
        entity_type: the type, where its labels name none.

    Raises:
        EncoderError: if there is no token classifier of transformers in the folder, or it lacks something, or
            is one that isn't an encoder with a linear layer on top, or its labels can't be understood.
    """
    with _reading(folder):
        config = load_config(folder)
    heads = [name for name in config.architectures or () if name.endswith(_OTHER_HEADS)]
    if heads:
        raise EncoderError(f"{folder}: a model of another task ({heads[0]}), not a token classifier. [B482]")
    label_set = read_labels(folder, config, labels, entity_type)
    level = logging.get_verbosity()
    logging.set_verbosity_error()  # it tells of every weight that isn't needed
    try:
        with _reading(folder):
            model, info = AutoModelForTokenClassification.from_pretrained(
                folder, config=config, output_loading_info=True, torch_dtype=torch.float32, **NO_CODE
            )
            tokenizer = load_plain_tokenizer(folder)
    finally:
        logging.set_verbosity(level)
    model.eval()
    head = _head(folder, model, info["missing_keys"])
    if len(tokenizer) > config.vocab_size:
        raise EncoderError(
            f"{folder}: the tokenizer has {len(tokenizer):,} word pieces, and the model vectors for "
            f"{config.vocab_size:,}. Do they belong together? [B483]"
        )
    checkpoint = Checkpoint(model, tokenizer, label_set, head)
    _check_head(folder, checkpoint)
    return checkpoint


@contextmanager
def _reading(folder: Path) -> Iterator[None]:
    """Turns what transformers raises on a folder that it can't read into our error."""
    try:
        yield
    # unknown models, files that are damaged or missing, weights of other shapes, pickles of more than tensors
    except (
        OSError,
        ValueError,
        KeyError,
        RuntimeError,
        ImportError,
        EOFError,
        SafetensorError,
        pickle.UnpicklingError,
    ) as error:
        if _unpickling(error):
            raise EncoderError(
                f"{folder}: pytorch_model.bin holds more than tensors, or isn't whole. Loading it could run "
                "code, and it was not loaded. Ask for the weights as model.safetensors. [B484]"
            ) from None
        reason = (str(error) or type(error).__name__).strip().splitlines()
        message = "\n".join(
            [f"{folder} can't be read as a token classifier of transformers. [B562]", *reason[:4]]
        )
        raise EncoderError(message) from error


def _unpickling(error: BaseException | None) -> bool:
    """Whether an error is one of unpickling, or comes from one: transformers wraps it in another."""
    while error is not None and not isinstance(error, pickle.UnpicklingError):
        error = error.__cause__ or error.__context__
    return error is not None


def read_labels(folder: Path, config: Any, labels: Sequence[str], entity_type: str) -> LabelSet:
    """The labels of a checkpoint as tags; see `read_checkpoint`.

    Args:
        folder: the checkpoint's folder, for errors.
        config: transformers' config, whose `id2label` has the labels by their numbers.
        labels: the tags in the order of the numbers, in place of those of the config; none to take these.
        entity_type: the type of tags that have none (B, I); empty if all have one.

    Raises:
        EncoderError: if they have no meaning and none is given, there are more or fewer than given, they
            aren't tags, or have no type and none is given.
    """
    named = [config.id2label[i] for i in range(len(config.id2label))]
    if labels and len(labels) != len(named):
        raise EncoderError(f"{folder}: {len(named)} labels, and --labels names {len(labels)}. [B485]")
    if not labels and any(_NAMELESS.fullmatch(name) for name in named):
        raise EncoderError(
            f"{folder}: the labels have no names ({', '.join(named[:3])}). Give them with --labels, in their "
            "order: --labels O,B-Disease,I-Disease. [B486]"
        )
    tags = [tag.strip() for tag in labels or named]
    tags = [f"{tag}-{entity_type}" if entity_type and tag != "O" and "-" not in tag else tag for tag in tags]
    try:
        return make_label_set(tags)
    except TagError as error:
        hint = "Name its type with --type, as in --type Disease" if set("BIESLU") & set(tags) else "Name them"
        raise EncoderError(
            f"{folder}: {told(error)}. {hint}, or all of them with --labels, in their order "
            f"({', '.join(named)}): O, or one of B, I, E, S, L, U with -TYPE behind it. Labels without a "
            "meaning can be O. [B487]"
        ) from None


def _head(folder: Path, model: Any, missing: Sequence[str]) -> torch.nn.Linear:
    """The layer on top of a model's encoder; raises EncoderError if weights are missing, or there is none."""
    prefix = f"{model.base_model_prefix}."
    of_head = [name for name in missing if not name.startswith(prefix)]
    if of_head:
        raise EncoderError(
            f"{folder}: there is no token-classification head in it ({', '.join(sorted(of_head))} missing): "
            "an encoder alone. Train with it: spacy bioner train CONFIG ... --encoder FOLDER. [B488]"
        )
    if missing:
        raise EncoderError(
            f"{folder}: {len(missing)} weights are missing: {', '.join(sorted(missing)[:3])}. [B489]"
        )
    head = linear_head(model)
    if head is None:
        raise EncoderError(
            f"{folder}: {type(model).__name__} isn't an encoder with one linear layer on top; no other kind "
            "is known here. [B490]"
        )
    return head


def linear_head(model: Any) -> torch.nn.Linear | None:
    """The one linear layer beside a model's encoder; None if there is none, or more."""
    layers = [layer for name, layer in model.named_children() if name != model.base_model_prefix]
    linear = [layer for layer in layers if isinstance(layer, torch.nn.Linear)]
    return linear[0] if len(linear) == 1 else None


def _check_head(folder: Path, checkpoint: Checkpoint) -> None:
    """Raises EncoderError unless encoder and linear layer give what the whole model gives."""
    model = checkpoint.model
    inputs = {"input_ids": checkpoint.tokenizer(_PROBE, return_tensors="pt")["input_ids"]}
    with torch.inference_mode():
        expected = model(**inputs).logits
        found = checkpoint.head(model.base_model(**inputs).last_hidden_state)
    if found.shape != expected.shape or (found - expected).abs().max() > _TOLERANCE:
        raise EncoderError(
            f"{folder}: {type(model).__name__} has more between its encoder and its scores than a linear "
            "layer, and is not known here. [B491]"
        )
