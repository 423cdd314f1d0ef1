"""An encoder of transformers inside thinc: its weights, what it computes in, and how it is saved."""

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy
import srsly
import torch
from safetensors.torch import load, save
from thinc.api import PyTorchGradScaler, PyTorchShim, get_torch_default_device, torch2xp
from thinc.optimizers import Optimizer
from thinc.shims.shim import Shim
from transformers import AutoModel
from transformers.utils import logging

from spacy_bioner.encoders.casing import load_tokenizer
from spacy_bioner.encoders.loading import NO_CODE, load_config, load_plain_tokenizer
from spacy_bioner.errors import EncoderError
from spacy_bioner.models.precision import has_bfloat16
from spacy_bioner.models.transformer.adam import adam_step, is_plain_adam
from spacy_bioner.models.transformer.cpu import for_prediction, no_pooler
from spacy_bioner.models.transformer.dropout import with_fast_dropout
from spacy_bioner.models.transformer.pieces import whole

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_CPU_BATCH, _GPU_BATCH = 1024, 16_384  # word pieces
_CPU_STEP = 16


_PROCESS = [os.getpid()]  # the one that imported this module


def _keep_to_one_thread_if_forked() -> None:
    """Has PyTorch use one thread in a process that was forked, as those of nlp.pipe's n_process are.

    The threads of PyTorch don't come along into such a process, which would wait for them without end.
    """
    if _PROCESS[0] != os.getpid():
        _PROCESS[0] = os.getpid()
        torch.set_num_threads(1)


class TokenizerShim(Shim):
    """What every form of an encoder has of its tokenizer."""

    tokenizer: Any = None

    def _take_tokenizer(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.special = special_pieces(tokenizer)
        self.special_strings = tuple(tokenizer.convert_ids_to_tokens(ids.tolist()) for ids in self.special)
        self.pad = tokenizer.pad_token_id or 0


class EncoderShim(PyTorchShim, TokenizerShim):
    """A transformer and its tokenizer.

    Weights are float32. Training computes in another precision where PyTorch's autocast has it so; for
    prediction there is a copy of the model, made when it is first needed and thrown away when the weights
    change.
    """

    def __init__(
        self,
        tokenizer_config: Mapping[str, Any],
        transformer_config: Mapping[str, Any],
        gradient_checkpointing: bool,
        scale_gradients: bool,
    ) -> None:
        super().__init__(None, grad_scaler=PyTorchGradScaler(False))
        self._scale_gradients = scale_gradients
        self._tokenizer_config = dict(tokenizer_config)
        self._transformer_config = dict(transformer_config)
        self._gradient_checkpointing = gradient_checkpointing
        self._copies: dict[torch.dtype, Any] = {}
        self.largest_batch = sys.maxsize  # word pieces; less once memory has run out
        # what was stored so is stored so again, until it is trained on
        self.stored_in_16_bits = False

    @property
    def transformer(self) -> Any:
        """transformers' model; None before it is loaded."""
        return self._model

    @property
    def width(self) -> int:
        """How wide the vectors are."""
        return int(self._model.config.hidden_size)

    @property
    def suitable_batch(self) -> int:
        """How many word pieces a batch should have: on a CPU so few that they stay in its cache."""
        return _CPU_BATCH if self.device.type == "cpu" else _GPU_BATCH

    @property
    def round_to(self) -> int:
        """What number of word pieces lengths are filled up to a multiple of.

        On a CPU oneDNN makes a kernel for every other shape of a batch, and keeps it.
        """
        return _CPU_STEP if self.device.type == "cpu" else 1

    def load(self, name: str, revision: str = "") -> None:
        """Loads weights and tokenizer from a folder or from the hub.

        Args:
            name: the folder, or the id of a repository.
            revision: the commit id of the repository.
        """
        at = {"revision": revision} if revision else {}
        tokenizer = load_tokenizer(name, **{**self._tokenizer_config, **at})
        config = load_config(name, **{**self._transformer_config, **at})
        self._install(_make(config, name, **at), tokenizer)

    def _install(self, model: Any, tokenizer: Any) -> None:
        if not tokenizer.is_fast:
            raise EncoderError(
                f"The tokenizer of '{tokenizer.name_or_path}' is not a fast one, which knows where in the "
                "text its pieces are. Convert it: AutoTokenizer.from_pretrained(NAME, use_fast=True). [B267]"
            )
        if self._gradient_checkpointing:
            if not model.supports_gradient_checkpointing:
                raise EncoderError(
                    f"{type(model).__name__} of transformers can't save memory by gradient_checkpointing: "
                    "leave it out. [B268]"
                )
            model.gradient_checkpointing_enable({"use_reentrant": False})
        self._take_tokenizer(tokenizer)
        with_fast_dropout(model)
        self._model = model.to(get_torch_default_device())
        self._grad_scaler = PyTorchGradScaler(self._scale_gradients and self.device.type == "cuda")
        self._grad_scaler.to_(self.device)
        self._copies.clear()
        self.longest = longest_sequence(model, tokenizer)

    def dtype(self, precision: str) -> torch.dtype:
        """What a precision is on this device."""
        if precision != "auto":
            return _DTYPES[precision]
        return torch.bfloat16 if has_bfloat16(self.device) else torch.float32

    def run(
        self, ids: numpy.ndarray, lengths: Sequence[int], dtype: torch.dtype, is_train: bool
    ) -> torch.Tensor:
        """Vectors of a batch of word pieces.

        Args:
            ids: (sequences, pieces), padded.
            lengths: (sequences,).
            dtype: what to compute in.
            is_train: whether gradients will be asked for, and dropout is used.

        Returns:
            (sequences, pieces, width).
        """
        _keep_to_one_thread_if_forked()
        device = self.device
        inputs = {"input_ids": torch.from_numpy(ids).to(device)}
        if min(lengths) < ids.shape[1]:
            mask = numpy.arange(ids.shape[1]) < numpy.array(lengths)[:, None]
            inputs["attention_mask"] = torch.from_numpy(mask.astype("int64")).to(device)
        if is_train:
            self._model.train()
            with torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32):
                return self._model(**inputs).last_hidden_state
        model = self._for_prediction(dtype)
        training = model.training  # of the model itself: a step that is not finished may still need it so
        if training:
            model.eval()
        try:
            with torch.inference_mode():
                return model(**inputs).last_hidden_state
        finally:
            if training:
                model.train()

    def to_array(self, vectors: torch.Tensor) -> Any:
        """Vectors as float32 in an array of thinc's."""
        return torch2xp(vectors.detach().float())

    def _for_prediction(self, dtype: torch.dtype) -> Any:
        if dtype not in self._copies:
            self._copies[dtype] = for_prediction(self._model, dtype)
        return self._copies[dtype]

    def backward(self, outputs: Sequence[torch.Tensor], gradients: list[torch.Tensor]) -> None:
        """Adds to the gradients of the weights, and lets go of what `run` has kept for it."""
        scaled = self._grad_scaler.scale(gradients, inplace=True)
        weights = list(self._model.parameters())
        # those of earlier batches are not to be unscaled a second time
        before = [weight.grad for weight in weights] if self._grad_scaler._enabled else []
        for weight, _ in zip(weights, before, strict=False):
            weight.grad = None
        for output, gradient in zip(outputs, scaled, strict=True):
            torch.autograd.backward([output], [gradient])
        self._grad_scaler.unscale([weight.grad for weight in weights if weight.grad is not None])
        for weight, earlier in zip(weights, before, strict=False):
            if earlier is not None:
                weight.grad = earlier if weight.grad is None else weight.grad.add_(earlier)

    def finish_update(self, optimizer: Optimizer) -> None:
        """Changes the weights by the gradients since the last update, and throws away copies for prediction.

        With thinc's default Adam the step is made in place (`adam_step`); others go through thinc.
        """
        self.stored_in_16_bits = False
        if is_plain_adam(optimizer):
            if self._grad_scaler.found_inf:
                self._model.zero_grad(set_to_none=False)
            else:
                adam_step(optimizer, self.id, self._model.named_parameters())
            self._grad_scaler.update()
        else:
            super().finish_update(optimizer)
        self._copies.clear()

    @contextmanager
    def use_params(self, params: Any) -> Iterator[None]:
        """Uses other weights inside `with`, such as averaged ones; `params` is as thinc gives it."""
        with super().use_params(params):
            self._copies.clear()
            yield
        self._copies.clear()

    def to_device(self, device_type: str, device_id: int) -> None:
        """Moves the weights to a device: "cpu", or "gpu" with its number."""
        super().to_device(device_type, device_id)
        self._copies.clear()

    def free_memory(self) -> None:
        """Gives back what PyTorch holds of a GPU's memory without using it."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def copy(self) -> "EncoderShim":
        """Another one with the same weights, which an optimizer tells from this one."""
        copied = deepcopy(self)
        with Shim.global_id_lock:  # an optimizer tells weights apart by it
            Shim.global_id += 1
            copied.id = Shim.global_id
        return copied

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_copies": {}}

    def to_bytes(self) -> bytes:
        """Config and tokenizer as transformers writes them, weights as safetensors."""
        if self._model is None:
            return srsly.msgpack_dumps({"files": {}, "weights": b""})
        weights = {
            name: (value.half() if self.stored_in_16_bits and value.is_floating_point() else value)
            .detach()
            .cpu()
            .contiguous()
            for name, value in self._model.state_dict().items()
        }
        files = packed(self.tokenizer, self._model.config)
        return srsly.msgpack_dumps({"files": files, "weights": save(weights)})

    def from_bytes(self, bytes_data: bytes) -> "EncoderShim":
        """Reads what `to_bytes` wrote; weights that were stored in 16 bits become float32 ones."""
        stored = srsly.msgpack_loads(bytes_data)
        if not stored["files"]:
            return self
        with unpacked(stored["files"]) as folder:
            config = load_config(folder)
            tokenizer = load_plain_tokenizer(folder)
        weights = load(stored["weights"])
        self._install(
            _make(config, None, state_dict={k: _in_32_bits(v) for k, v in weights.items()}), tokenizer
        )
        self.stored_in_16_bits = any(value.dtype == torch.float16 for value in weights.values())
        return self


def _in_32_bits(value: torch.Tensor) -> torch.Tensor:
    return value.float() if value.dtype == torch.float16 else value


def packed(*parts: Any) -> dict[str, bytes]:
    """The files that transformers writes of a tokenizer or a config, by their names."""
    with tempfile.TemporaryDirectory() as folder:
        for part in parts:
            part.save_pretrained(folder)
        return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


@contextmanager
def unpacked(files: Mapping[str, bytes]) -> Iterator[str]:
    """A folder with such files, for as long as they are read; none of them leaves it, whatever its name."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / Path(name).name).write_bytes(content)
        yield folder


def special_pieces(tokenizer: Any) -> tuple[numpy.ndarray, numpy.ndarray]:
    """What a tokenizer puts before and behind the pieces of one sequence."""
    encoding = whole(tokenizer).encode("a", add_special_tokens=True)
    own = [i for i, special in enumerate(encoding.special_tokens_mask) if not special]
    ids = numpy.array(encoding.ids, dtype="int64")
    return ids[: own[0]], ids[own[-1] + 1 :]


def _make(config: Any, name: str | None, **arguments: Any) -> Any:
    """Makes a model of transformers with the weights of a checkpoint, all of which must be there."""
    kind: Any = AutoModel._model_mapping[type(config)]
    level = logging.get_verbosity()
    logging.set_verbosity_error()  # it tells of every weight that isn't needed
    try:
        model, info = kind.from_pretrained(
            name,
            config=config,
            output_loading_info=True,
            **no_pooler(kind),
            **_attention(),
            **NO_CODE,
            **arguments,
        )
    finally:
        logging.set_verbosity(level)
    if info["missing_keys"]:
        missing = sorted(info["missing_keys"])
        raise EncoderError(
            f"The encoder '{name or config.name_or_path}' lacks {len(missing)} of its weights: "
            f"{', '.join(missing[:3])}. Is it a checkpoint of {kind.__name__}? [B269]"
        )
    return model.float()  # transformers 5 keeps the precision that the weights are stored in


def _attention() -> dict[str, str]:
    """On a CPU attention in matrix products: with dropout PyTorch's fused one takes several times as long."""
    return {"attn_implementation": "eager"} if get_torch_default_device().type == "cpu" else {}


def longest_sequence(model: Any, tokenizer: Any) -> int:
    """The most word pieces that an encoder takes, special ones included."""
    longest = int(min(tokenizer.model_max_length, 1 << 20))
    positions = getattr(model.config, "max_position_embeddings", None)
    if positions:
        table = getattr(getattr(model, "embeddings", None), "position_embeddings", None)
        padding = getattr(table, "padding_idx", None)
        # RoBERTa counts positions from behind that of the padding
        longest = min(longest, positions - (padding + 1 if padding is not None else 0))
    return longest
