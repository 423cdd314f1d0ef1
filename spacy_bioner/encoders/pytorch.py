"""Reading an encoder's weights from PyTorch files, under transformers' current names."""

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spacy_bioner.encoders.tensorflow import Weights
from spacy_bioner.errors import EncoderError

_HEADS = (
    "cls.",
    "lm_head.",
    "predictions.",
    "sop_classifier.",
    "classifier.",
    "qa_outputs.",
)
_BUFFERS = re.compile(r"^embeddings\.(position_ids|token_type_ids)$")  # counted up, and not learned
_OLD = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}


def read_parameters(path: Path, prefix: str, shapes: Mapping[str, tuple[int, ...]]) -> Weights:
    """Reads the parameters of an encoder from model.safetensors or pytorch_model.bin.

    A pickle is read for its numbers alone: one that would run code is refused.

    Args:
        path: the file.
        prefix: of the encoder's parameters in a model that has more than an encoder, "bert" for instance.
        shapes: of transformers' parameters, by their names.

    Raises:
        EncoderError: if a parameter is missing, has another shape or isn't known, or the file isn't whole.
    """
    stored = {_renamed(name, prefix): tensor for name, tensor in _read(path).items()}
    heads = [name for name in stored if name.startswith(_HEADS)]
    found = {name: t for name, t in stored.items() if name not in heads and not _BUFFERS.match(name)}
    missing = [name for name in shapes if name not in found and not name.startswith("pooler.")]
    surplus = [name for name in found if name not in shapes]
    wrong = [name for name in found if name in shapes and tuple(found[name].shape) != shapes[name]]
    problems = [
        f"{len(names)} {what}: {', '.join(names[:5])}{' ...' if len(names) > 5 else ''}"
        for what, names in (
            ("parameters are missing", missing),
            ("aren't known", surplus),
            (
                "have another shape",
                [f"{name} {tuple(found[name].shape)} not {shapes[name]}" for name in wrong],
            ),
        )
        if names
    ]
    if problems:
        raise EncoderError(
            f"{path.name} doesn't hold the {prefix} that its config describes. [B559]\n"
            + "\n".join(f"Of its parameters, {problem}." for problem in problems)
        )
    # some may be views of one another, which safetensors doesn't store
    parameters = {name: tensor.float().contiguous().clone() for name, tensor in found.items()}
    pooler = [name for name in shapes if name.startswith("pooler.")]
    if not all(name in parameters for name in pooler):
        parameters = {name: tensor for name, tensor in parameters.items() if name not in pooler}
    return Weights(parameters, 0, len(heads))


def _read(path: Path) -> dict[str, Any]:
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except (SafetensorError, OSError, ValueError) as error:
            raise EncoderError(f"{path}: not whole, or no safetensors file ({error}). [B190]") from None
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        said = str(error).splitlines()[0]
        raise EncoderError(
            f"{path}: refused, for it isn't whole, or holds more than weights, and to load that would run "
            f"its code ({said}). [B191]"
        ) from None
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, TypeError, IndexError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise EncoderError(f"{path}: not whole, or no file of PyTorch's ({said}). [B192]") from None
    if not isinstance(found, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in found.values()):
        raise EncoderError(f"{path}: it holds something else than weights by their names. [B193]")
    return {str(name): tensor for name, tensor in found.items()}


def _renamed(name: str, prefix: str) -> str:
    name = name.removeprefix("module.").removeprefix(f"{prefix}.")
    for old, new in _OLD.items():
        if name.endswith(old):
            name = name.removesuffix(old) + new
    return name
