"""Importing released checkpoints of BERT, ALBERT and RoBERTa as folders that transformers loads.

The originals are TensorFlow's, as BioBERT's, BioALBERT's and SciBERT's, or PyTorch's in an archive, as
RoBERTa-large-PM's. What comes out has model.safetensors and a fast tokenizer, and a note of what it was made
of.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tarfile import is_tarfile
from typing import Any
from zipfile import is_zipfile

from spacy_bioner.encoders.archives import is_archive
from spacy_bioner.encoders.checkpoint_files import Parts, opened, read_object
from spacy_bioner.encoders.encoder_catalogue import NOTE
from spacy_bioner.encoders.pytorch import read_parameters
from spacy_bioner.encoders.tensorflow import Checkpoint, is_albert, read_variables
from spacy_bioner.encoders.tokenizers import Vocabulary, write_tokenizer
from spacy_bioner.errors import EncoderError, FormatError
from spacy_bioner.files import Outputs, holds_other, sha256, write_json

FAMILIES = ("bert", "albert", "roberta")
_SIZES = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "max_position_embeddings",
    "type_vocab_size",
)
_LARGEST = {"num_hidden_layers": 200}
# of tasks, of code that comes with a checkpoint, and of who saved it
_DROPPED = re.compile(
    r"^(_.*|auto_map|architectures|torch_dtype|id2label|label2id|finetuning_task|task_specific_params"
    r"|quantization_config|transformers_version|num_labels)$"
)


@dataclass(frozen=True, slots=True)
class Imported:
    """What was imported.

    Attributes:
        folder: where it is.
        family: one of `FAMILIES`.
        weights: the name of the checkpoint among its files.
        layers, width: its size.
        vocabulary: how many pieces its vocabulary has.
        cased: whether it tells capitals from small letters.
        parameters: how many tensors were taken.
        optimizer, heads: how many were left out, of an optimizer and of heads on top of the encoder.
        remarks: what should be looked at.
    """

    folder: Path
    family: str
    weights: str
    layers: int
    width: int
    vocabulary: int
    cased: bool
    parameters: int
    optimizer: int
    heads: int
    remarks: tuple[str, ...]


def import_encoder(
    source: Path, output: Path, *, cased: bool | None = None, origin: str = "", name: str = NOTE
) -> Imported:
    """Makes an encoder's folder of a released checkpoint.

    Args:
        source: its archive (.tar.gz, .tar, .zip) or folder.
        output: the folder to write; an encoder there is replaced.
        cased: whether to leave capitals, whatever the vocabulary says; None to go by the vocabulary.
        origin: where the source is from, for the note; its name if empty.
        name: of the file with the note.

    Raises:
        FormatError: if an archive or file isn't what it should be.
        EncoderError: if parts are missing or don't go together, the architecture isn't one of `FAMILIES`, or
            something that is needed to read it isn't installed.
        OutputError: if the output can't be there.
    """
    _check_output(source, output)
    with opened(source) as parts, Outputs() as outputs:
        folder = outputs.temporary(output, folder=True)
        folder.mkdir(parents=True)
        family, config, remarks = _config(parts)
        model = _empty_model(config, parts.config)
        shapes = {key: tuple(tensor.shape) for key, tensor in model.state_dict().items()}
        vocabulary = write_tokenizer(parts, family, config, cased, folder)
        if family == "roberta":
            remarks += _with_special_pieces(config, vocabulary)
        if parts.from_tensorflow:
            weights = read_variables(parts.weights, config, shapes)
        else:
            weights = read_parameters(parts.weights, family, shapes)
        _write_weights(weights.parameters, config, type(model).__name__, folder)
        note = {
            "source": origin or source.name,
            "sha256": _checksums(source, parts),
            "checkpoint": parts.weights.name,
            "family": family,
            "cased": vocabulary.cased,
            "left out": {"optimizer": weights.optimizer, "heads": weights.heads},
            "remarks": [*remarks, *vocabulary.remarks],
        }
        write_json(folder / name, note)
    return Imported(
        output,
        family,
        parts.weights.name,
        config.num_hidden_layers,
        config.hidden_size,
        vocabulary.size,
        vocabulary.cased,
        len(weights.parameters),
        weights.optimizer,
        weights.heads,
        (*remarks, *vocabulary.remarks),
    )


def _check_output(source: Path, output: Path) -> None:
    if not source.exists():
        raise FormatError(source, None, "there is no such file or folder [B174]")
    if source.is_file() and not (is_archive(source) or is_tarfile(source) or is_zipfile(source)):
        raise FormatError(source, None, "neither a folder nor an archive (.tar.gz, .tgz, .tar, .zip) [B175]")
    target, origin = output.resolve(), source.resolve()
    if target == origin or target in origin.parents:
        raise EncoderError(f"{output} holds what is to be imported: name another folder. [B176]")
    if holds_other(output, "config.json"):
        raise EncoderError(f"{output} holds something else than an encoder: name another folder. [B177]")


def _config(parts: Parts) -> tuple[str, Any, list[str]]:
    """The family and transformers' config of a checkpoint, and what should be looked at in it."""
    from transformers import CONFIG_MAPPING

    stored = read_object(parts.config)
    family = _family(stored, parts)
    settings = {key: value for key, value in stored.items() if not _DROPPED.match(key)}
    for key in _SIZES:
        size = settings.get(key)
        if key not in settings and key not in ("type_vocab_size", "max_position_embeddings"):
            raise FormatError(
                parts.config, None, f"it doesn't say '{key}': is it the config of a {family}? [B178]"
            )
        if size is not None and (type(size) is not int or not 0 < size <= _LARGEST.get(key, 1 << 24)):
            raise FormatError(parts.config, None, f"{key} = {size!r}, which can't be [B179]")
    remarks = []
    if family == "albert" and parts.from_tensorflow and settings.get("hidden_act") == "gelu":
        settings["hidden_act"] = "gelu_new"
        remarks.append("ALBERT's own gelu is the one by tanh, which transformers calls gelu_new.")
    try:
        return family, CONFIG_MAPPING[family].from_dict(settings), remarks
    except (TypeError, ValueError, AttributeError) as error:
        raise FormatError(parts.config, None, f"transformers can't take it ({error}) [B180]") from None


def _family(stored: Mapping[str, Any], parts: Parts) -> str:
    """Which of `FAMILIES` a checkpoint is, as its config says or, in older ones, its weights."""
    stated = stored.get("model_type")
    if stated is None and isinstance(stored.get("architectures"), list) and stored["architectures"]:
        stated = re.split("(Model|For[A-Z])", str(stored["architectures"][0]))[0].lower()
    if stated is None:
        if "hidden_size" not in stored:
            stated = "unknown"
        elif parts.from_tensorflow:
            stated = "albert" if is_albert(Checkpoint(parts.weights).shapes) else "bert"
        else:
            stated = "roberta" if "merges.txt" in parts.tokenizer else "bert"
            stated = "albert" if "embedding_size" in stored else stated
    if stated not in FAMILIES or (stated == "roberta" and parts.from_tensorflow):
        what = f"{stated!r} in TensorFlow" if stated in FAMILIES else f"{stated!r}"
        raise FormatError(
            parts.config,
            None,
            f"the architecture {what} can't be imported, only bert, albert and roberta (this one not from "
            "TensorFlow). A folder of transformers needs no import: name it with --encoder [B181]",
        )
    return str(stated)


def _empty_model(config: Any, path: Path) -> Any:
    """transformers' model without weights, for the names and shapes of its parameters."""
    import torch
    from transformers import AutoModel

    mapping: Any = AutoModel._model_mapping
    try:
        with torch.device("meta"):
            return mapping[type(config)](config)
    except (TypeError, ValueError, RuntimeError, KeyError, ZeroDivisionError, AssertionError) as error:
        raise FormatError(path, None, f"transformers can't make a model of it ({error}) [B182]") from None


def _with_special_pieces(config: Any, vocabulary: Vocabulary) -> list[str]:
    """Gives a config the numbers that the vocabulary has for special pieces.

    RoBERTa counts positions from behind the number of the padding, and older configs state another.
    """
    remarks = []
    names = ("pad_token_id", "bos_token_id", "eos_token_id")
    for name, number in zip(names, vocabulary.special, strict=True):
        if getattr(config, name) != number:
            remarks.append(f"{name} is {number}, as in the vocabulary, not {getattr(config, name)}.")
            setattr(config, name, number)
    return remarks


def _write_weights(parameters: Mapping[str, Any], config: Any, architecture: str, folder: Path) -> None:
    import torch
    from safetensors.torch import save_file

    config.architectures = [architecture]
    config.torch_dtype = torch.float32
    config.save_pretrained(folder)
    tensors = {name: torch.as_tensor(values) for name, values in parameters.items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def _checksums(source: Path, parts: Parts) -> str | dict[str, str]:
    if source.is_file():
        return sha256(source)
    return {path.name: sha256(path) for path in parts.files()}
