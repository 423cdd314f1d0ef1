"""What a training needs to go on after it was stopped: weights, optimizer, random numbers, progress.

A checkpoint is a folder: `pipeline` as spaCy writes it, `optimizer.safetensors`, `state.json`. Nothing in it
is pickled. spaCy's optimizer knows weights by numbers that other processes don't share; here each has a name:
the component, the place of its layer in the component's model, and its own name.
"""

import json
import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy
import torch
from safetensors.torch import load_file, save_file
from spacy.language import Language
from thinc.api import Optimizer, get_current_ops, get_torch_default_device, xp2torch

from spacy_bioner.errors import FormatError
from spacy_bioner.files import Outputs, write_json

STATE = "state.json"
_PIPELINE, _OPTIMIZER = "pipeline", "optimizer.safetensors"
_MOMENTS = ("mom1", "mom2", "averages")
_TORCH = "random"
_Key = tuple[int, str]


@dataclass(slots=True)
class Progress:
    """Where a training stands.

    Attributes:
        step: how many updates were made.
        words, seconds: how many words were seen, and in what time.
        results: the scores so far, each with the update after which it was measured.
        losses: by component, since the last score.
    """

    step: int = 0
    words: int = 0
    seconds: float = 0.0
    results: list[tuple[float, int]] = field(default_factory=list)
    losses: dict[str, float] = field(default_factory=dict)


def save_checkpoint(
    folder: Path, nlp: Language, optimizer: Optimizer, progress: Progress, identity: Mapping[str, Any]
) -> None:
    """Writes a checkpoint, in place of the one that is there.

    Args:
        folder: where to.
        nlp: the pipeline, with the weights as they are trained (not their averages).
        optimizer: its optimizer.
        progress: where the training stands.
        identity: what must be the same where it goes on.
    """
    names = _names(nlp)
    kept = {
        f"{kind}/{names[key]}": value
        for kind in _MOMENTS
        for key, value in (getattr(optimizer, kind) or {}).items()
        if key in names
    }
    tensors = {
        name: value if isinstance(value, torch.Tensor) else xp2torch(value) for name, value in kept.items()
    }
    state = {
        "identity": identity,
        # losses may be numpy's numbers
        "progress": asdict(progress) | {"losses": {k: float(v) for k, v in progress.losses.items()}},
        "updates": {names[key]: count for key, count in optimizer.nr_update.items() if key in names},
        "tensors": [name for name, value in kept.items() if isinstance(value, torch.Tensor)],
        "random": {"python": random.getstate(), "numpy": _numpy_state()},
    }
    with Outputs() as outputs:
        temporary = outputs.temporary(folder, folder=True)
        temporary.mkdir()
        nlp.to_disk(temporary / _PIPELINE)
        torch_state = {_TORCH: torch.get_rng_state()}
        on_cpu = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
        save_file(on_cpu | torch_state, temporary / _OPTIMIZER)
        write_json(temporary / STATE, state)


def read_identity(folder: Path) -> Any:
    """What a checkpoint's training was like; None where there is no checkpoint."""
    path = folder / STATE
    return _read_state(path)["identity"] if path.is_file() else None


def load_checkpoint(folder: Path, nlp: Language, optimizer: Optimizer) -> Progress:
    """Puts a pipeline and its optimizer where they were.

    Args:
        folder: a checkpoint.
        nlp: the pipeline, initialized as the checkpoint's was.
        optimizer: a new optimizer, of the same settings; its schedules are the caller's to advance.

    Returns:
        Where the training stands.

    Raises:
        FormatError: if the folder isn't a whole checkpoint.
    """
    state = _read_state(folder / STATE)
    nlp.from_disk(folder / _PIPELINE)
    keys = {name: key for key, name in _names(nlp).items()}
    tensors = load_file(folder / _OPTIMIZER)
    torch.set_rng_state(tensors.pop(_TORCH))
    ops: Any = get_current_ops()
    for full, tensor in tensors.items():
        kind, name = full.split("/", 1)
        # the fused step of a wrapped encoder keeps tensors, thinc's own arrays
        is_tensor = full in state["tensors"]
        moment = tensor.to(get_torch_default_device()) if is_tensor else ops.asarray(tensor.numpy())
        getattr(optimizer, kind)[keys[name]] = moment
    for name, count in state["updates"].items():
        optimizer.nr_update[keys[name]] = count
    version, numbers, gauss = state["random"]["python"]
    random.setstate((version, tuple(numbers), gauss))
    kind, numbers, *rest = state["random"]["numpy"]
    numpy.random.set_state((kind, numpy.array(numbers, dtype="uint32"), *rest))
    progress = Progress(**state["progress"])
    progress.results = [(score, step) for score, step in progress.results]
    return progress


def _read_state(path: Path) -> dict[str, Any]:
    try:
        state = json.loads(path.read_text(encoding="utf8"))
        return {name: state[name] for name in ("identity", "progress", "updates", "tensors", "random")}
    except (OSError, ValueError, KeyError, TypeError):
        raise FormatError(
            path, None, "not a whole checkpoint: remove its folder to begin anew [B417]"
        ) from None


def _numpy_state() -> list[Any]:
    kind, numbers, *rest = numpy.random.get_state()
    return [kind, numpy.asarray(numbers).tolist(), *rest]


def _names(nlp: Language) -> dict[_Key, str]:
    """Names of all weights, those of layers and of what layers wrap of PyTorch's, by the optimizer's keys."""
    names: dict[_Key, str] = {}
    for component, pipe in nlp.pipeline:
        model: Any = getattr(pipe, "model", None)
        for place, node in enumerate(model.walk() if hasattr(model, "walk") else ()):
            for own in node.param_names:
                names.setdefault((node.id, own), f"{component}/{place}/{own}")
            for shim in node.shims:
                wrapped = getattr(shim, "_model", None)
                for own, _ in wrapped.named_parameters() if wrapped is not None else ():
                    names.setdefault((shim.id, own), f"{component}/{place}.wrapped/{own}")
    return names
