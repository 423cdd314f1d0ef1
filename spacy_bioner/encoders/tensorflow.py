"""Reading TensorFlow checkpoints of BERT and ALBERT, under transformers' names."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy

from spacy_bioner.errors import EncoderError

# what an optimizer keeps beside each variable, and of itself
_OPTIMIZER = re.compile(
    r"(^|/)(adam_[mv]|lamb_[mv]|Adam(_1)?|AdamWeightDecayOptimizer(_1)?|LAMB(_1)?|LAMBOptimizer(_1)?"
    r"|global_step|beta[12]_power|learning_rate|(current_)?loss_scale|good_steps|bad_steps)$"
)
_HEADS = re.compile(r"^cls/(predictions|seq_relationship)/")  # of pretraining: masked words, next sentence
_POOLER = "bert/pooler/"


@dataclass(frozen=True, slots=True)
class Variable:
    """What a variable is in transformers.

    Attributes:
        name: of the parameter.
        transposed: whether rows and columns change places: TensorFlow's kernels are (inputs, outputs).
    """

    name: str
    transposed: bool = False


@dataclass(frozen=True, slots=True)
class Weights:
    """The parameters of an encoder, and what else was in its checkpoint.

    Attributes:
        parameters: by their names in transformers, as arrays or tensors.
        optimizer: how many variables of an optimizer were left out.
        heads: how many of the heads of pretraining.
    """

    parameters: dict[str, Any]
    optimizer: int = 0
    heads: int = 0


def find_checkpoints(files: Iterable[Path]) -> list[Path]:
    """The checkpoints among some files, by what their files' names begin with."""
    return sorted(path.with_suffix("") for path in files if path.suffix == ".index")


def is_albert(names: Iterable[str]) -> bool:
    """Whether variables are ALBERT's, whose layers share their weights."""
    return any(name.startswith("bert/encoder/transformer/group_") for name in names)


class Checkpoint:
    """A TensorFlow checkpoint, read by TensorFlow; of its graph, .meta, nothing is looked at.

    Args:
        prefix: what the names of its files begin with: model.ckpt-1000 for model.ckpt-1000.index.

    Raises:
        EncoderError: if TensorFlow isn't installed, or the files aren't whole.
    """

    def __init__(self, prefix: Path) -> None:
        self._prefix = prefix
        for name, value in (("TF_CPP_MIN_LOG_LEVEL", "3"), ("TF_ENABLE_ONEDNN_OPTS", "0")):
            os.environ.setdefault(name, value)  # it tells of the processor, and computes nothing here
        try:
            import tensorflow
        except ImportError:
            raise EncoderError(
                f"{prefix.name} is a TensorFlow checkpoint, and TensorFlow isn't installed, which is needed "
                "to read it: pip install 'spacy-bioner[tensorflow]'. [B194]"
            ) from None
        # TensorFlow raises IndexError for bytes that are missing
        self._errors: Any = (tensorflow.errors.OpError, RuntimeError, ValueError, LookupError)
        data = [path for path in prefix.parent.iterdir() if path.name.startswith(f"{prefix.name}.data-")]
        if not data:
            raise EncoderError(
                f"{prefix}: the checkpoint isn't whole: there is {prefix.name}.index, and no "
                f"{prefix.name}.data-00000-of-00001 beside it. Fetch it again. [B195]"
            )
        try:
            self._reader = tensorflow.train.load_checkpoint(str(prefix))
            self.shapes: dict[str, tuple[int, ...]] = {
                name: tuple(shape) for name, shape in self._reader.get_variable_to_shape_map().items()
            }
        except self._errors as error:
            raise self._not_whole(error) from None

    def array(self, name: str) -> numpy.ndarray:
        """A variable's values, in float32 and the shape that the checkpoint has.

        Raises:
            EncoderError: if the checkpoint isn't whole.
        """
        try:
            found: Any = self._reader.get_tensor(name)
        except self._errors as error:
            raise self._not_whole(error, f" at {name}") from None
        return numpy.ascontiguousarray(found, dtype="float32")

    def _not_whole(self, error: Exception, where: str = "") -> EncoderError:
        said = str(getattr(error, "message", error)).splitlines()
        return EncoderError(
            f"{self._prefix}: the checkpoint isn't whole{where} "
            f"({said[0] if said else type(error).__name__}). Fetch it again. [B196]"
        )


def read_variables(prefix: Path, config: Any, shapes: Mapping[str, tuple[int, ...]]) -> Weights:
    """Reads the parameters of an encoder from a TensorFlow checkpoint.

    Args:
        prefix: see `Checkpoint`.
        config: transformers' config, of a BERT or an ALBERT.
        shapes: of transformers' parameters, by their names.

    Returns:
        The parameters. The layer on top of the first piece is among them if the checkpoint has all of it.

    Raises:
        EncoderError: if a variable is missing, has another shape, or isn't known.
    """
    checkpoint = Checkpoint(prefix)
    known = bert_variables(config) if config.model_type == "bert" else albert_variables(config)
    wanted = dict(known)
    if not all(name in checkpoint.shapes for name in known if name.startswith(_POOLER)):
        wanted = {name: to for name, to in known.items() if not name.startswith(_POOLER)}
    others = [name for name in checkpoint.shapes if name not in known]
    optimizer = [name for name in others if _OPTIMIZER.search(name)]
    heads = [name for name in others if _HEADS.search(name) and not _OPTIMIZER.search(name)]
    surplus = sorted(set(others) - set(optimizer) - set(heads))
    missing = [name for name in wanted if name not in checkpoint.shapes]
    wrong = []
    for name, to in wanted.items():
        found = checkpoint.shapes.get(name)
        if found is not None and found != (expected := shapes[to.name][:: -1 if to.transposed else 1]):
            wrong.append(f"{name} is {_shape(found)} and should be {_shape(expected)}")
    problems = [
        f"{len(names)} {what}: {_some(names)}"
        for what, names in (
            ("variables are missing", missing),
            ("aren't known", surplus),
            ("have another shape", wrong),
        )
        if names
    ]
    if problems:
        raise EncoderError(
            f"{prefix.name} isn't the {config.model_type} that its config describes. [B560]\n"
            + "\n".join(f"Of its variables, {problem}." for problem in problems)
        )
    parameters = {}
    for name, to in wanted.items():
        array = checkpoint.array(name)
        parameters[to.name] = numpy.ascontiguousarray(array.T) if to.transposed else array
    return Weights(parameters, len(optimizer), len(heads))


def _some(names: list[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "a number"


def _dense(old: str, new: str) -> dict[str, Variable]:
    return {f"{old}/kernel": Variable(f"{new}.weight", True), f"{old}/bias": Variable(f"{new}.bias")}


def _norm(old: str, new: str) -> dict[str, Variable]:
    return {f"{old}/gamma": Variable(f"{new}.weight"), f"{old}/beta": Variable(f"{new}.bias")}


def _embeddings() -> dict[str, Variable]:
    tables = {
        f"bert/embeddings/{table}_embeddings": Variable(f"embeddings.{table}_embeddings.weight")
        for table in ("word", "position", "token_type")
    }
    return {**tables, **_norm("bert/embeddings/LayerNorm", "embeddings.LayerNorm")}


def bert_variables(config: Any) -> dict[str, Variable]:
    """The variables of google-research/bert, from which BioBERT and SciBERT were made."""
    found = _embeddings()
    for i in range(config.num_hidden_layers):
        old, new = f"bert/encoder/layer_{i}", f"encoder.layer.{i}"
        for part in ("query", "key", "value"):
            found |= _dense(f"{old}/attention/self/{part}", f"{new}.attention.self.{part}")
        found |= _dense(f"{old}/attention/output/dense", f"{new}.attention.output.dense")
        found |= _norm(f"{old}/attention/output/LayerNorm", f"{new}.attention.output.LayerNorm")
        found |= _dense(f"{old}/intermediate/dense", f"{new}.intermediate.dense")
        found |= _dense(f"{old}/output/dense", f"{new}.output.dense")
        found |= _norm(f"{old}/output/LayerNorm", f"{new}.output.LayerNorm")
    return {**found, **_dense("bert/pooler/dense", "pooler.dense")}


def albert_variables(config: Any) -> dict[str, Variable]:
    """The variables of google-research/albert, from which BioALBERT was made."""
    found = _embeddings()
    found |= _dense("bert/encoder/embedding_hidden_mapping_in", "encoder.embedding_hidden_mapping_in")
    for group in range(config.num_hidden_groups):
        for inner in range(config.inner_group_num):
            old = f"bert/encoder/transformer/group_{group}/inner_group_{inner}"
            new = f"encoder.albert_layer_groups.{group}.albert_layers.{inner}"
            for part in ("query", "key", "value"):
                found |= _dense(f"{old}/attention_1/self/{part}", f"{new}.attention.{part}")
            found |= _dense(f"{old}/attention_1/output/dense", f"{new}.attention.dense")
            found |= _norm(f"{old}/LayerNorm", f"{new}.attention.LayerNorm")
            found |= _dense(f"{old}/ffn_1/intermediate/dense", f"{new}.ffn")
            found |= _dense(f"{old}/ffn_1/intermediate/output/dense", f"{new}.ffn_output")
            found |= _norm(f"{old}/LayerNorm_1", f"{new}.full_layer_layer_norm")
    return {**found, **_dense("bert/pooler/dense", "pooler")}
