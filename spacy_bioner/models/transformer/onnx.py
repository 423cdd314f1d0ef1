"""`spacy-bioner.OnnxTransformer.v1`: an encoder in ONNX Runtime, for prediction on the CPU.

`spacy bioner optimize` makes it of a trained one. It runs one sequence at a time: in eight bits the scale of
activations is that of a whole batch, so that in a batch results would depend on what else is in it.
"""

import os
from collections.abc import Sequence
from typing import Any
from weakref import WeakSet

import numpy
import srsly
from spacy.tokens import Doc
from thinc.api import Model

from spacy_bioner.encoders.loading import load_plain_tokenizer
from spacy_bioner.errors import EncoderError
from spacy_bioner.models.transformer.layer import FastTransformer, Settings
from spacy_bioner.models.transformer.shim import TokenizerShim, packed, unpacked
from spacy_bioner.models.transformer.spacy_transformers_parts import FullTransformerBatch


def create_onnx_transformer(
    name: str = "", window: int = 0, overlap: int = 64, threads: int = 0, folding: bool = True
) -> Model[list[Doc], FullTransformerBatch]:
    """Makes `spacy-bioner.OnnxTransformer.v1`.

    Args:
        name: the encoder that it was made of, for people.
        window: word pieces a window, special ones included; 0 for as many as the encoder takes.
        overlap: how many word pieces two windows of a long Doc share at least.
        threads: how many to use; 0 for one a core.
        folding: whether the encoder sees texts folded to ASCII, see `spacy_bioner.text.folding`.
    """
    settings = Settings(name, "", "float32", window, overlap, max_batch_pieces=0, folding=folding)
    return FastTransformer(settings, OnnxShim(threads))


_SHIMS: "WeakSet[OnnxShim]" = WeakSet()


def _end_sessions() -> None:
    for shim in _SHIMS:
        shim._session = None


if hasattr(os, "register_at_fork"):
    # A process that is forked while a session's threads are at work may wait for them for ever.
    os.register_at_fork(before=_end_sessions)


class OnnxShim(TokenizerShim):
    """An encoder as an ONNX graph, and its tokenizer."""

    def __init__(self, threads: int) -> None:
        super().__init__(None)
        self._threads = threads
        self._graph = b""
        self._session: Any = None
        self._process = 0
        self.suitable_batch = self.largest_batch = 1  # one sequence at a time
        self.round_to = 1
        _SHIMS.add(self)

    def install(self, graph: bytes, tokenizer: Any, longest: int, width: int) -> None:
        """Takes a graph that makes of input_ids, (1, pieces), one output, (1, pieces, width).

        Args:
            graph: the graph, as onnx writes it.
            tokenizer: transformers' fast tokenizer.
            longest: the most word pieces that the encoder takes, special ones included.
            width: how wide its vectors are.
        """
        self._graph = graph
        self._session = None
        self._take_tokenizer(tokenizer)
        self.longest = longest
        self.width = width

    @property
    def transformer(self) -> Any:
        """As of an encoder in torch: None as long as there are no weights."""
        return self._graph or None

    def load(self, name: str, revision: str = "") -> None:
        """Raises EncoderError: a graph comes with its pipeline, and none is made of a checkpoint here."""
        raise EncoderError(
            "An encoder in ONNX Runtime can't be trained or begun with: train one as usual, and turn it into "
            "this with `spacy bioner optimize`. [B265]"
        )

    def dtype(self, precision: str) -> None:
        """What it computes in is written in the graph."""

    def run(self, ids: numpy.ndarray, lengths: Sequence[int], dtype: Any, is_train: bool) -> numpy.ndarray:
        """Vectors of one sequence of word pieces; the arguments are those of `Encoder.run`.

        Returns:
            (1, pieces, width).

        Raises:
            EncoderError: if it is to be trained.
        """
        if is_train:
            raise EncoderError(
                "An encoder in ONNX Runtime can't be trained: freeze the transformer, or train the pipeline "
                "that this one was made of. [B266]"
            )
        return self._run_session().run(None, {"input_ids": ids})[0]

    def to_array(self, vectors: numpy.ndarray) -> numpy.ndarray:
        """The same: ONNX Runtime gives float32 on the CPU."""
        return vectors

    def _run_session(self) -> Any:
        # its threads don't come along into another process
        if self._session is None or self._process != os.getpid():
            import onnxruntime

            options = onnxruntime.SessionOptions()
            # a process that was forked from one with a session can't start threads, and hangs if it tries
            forked = self._process not in (0, os.getpid())
            options.intra_op_num_threads = 1 if forked else self._threads
            options.inter_op_num_threads = 1
            self._session = onnxruntime.InferenceSession(
                self._graph, options, providers=["CPUExecutionProvider"]
            )
            self._process = os.getpid()
        return self._session

    def backward(self, outputs: Sequence[Any], gradients: list[Any]) -> None:
        """There are no gradients."""

    def free_memory(self) -> None:
        """It holds no memory of a GPU."""

    def finish_update(self, optimizer: Any) -> None:
        """Nothing is ever updated."""

    def to_device(self, device_type: str, device_id: int) -> None:
        """It stays on the CPU."""

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_session": None}

    def to_bytes(self) -> bytes:
        """The graph, and the tokenizer as transformers writes it."""
        if self.tokenizer is None:
            return srsly.msgpack_dumps({"graph": b"", "files": {}})
        files = packed(self.tokenizer)
        return srsly.msgpack_dumps(
            {"graph": self._graph, "files": files, "longest": self.longest, "width": self.width}
        )

    def from_bytes(self, bytes_data: bytes) -> "OnnxShim":
        """Reads what `to_bytes` wrote: the graph and its tokenizer."""
        stored = srsly.msgpack_loads(bytes_data)
        if stored["graph"]:
            with unpacked(stored["files"]) as folder:
                tokenizer = load_plain_tokenizer(folder)
            self.install(stored["graph"], tokenizer, stored["longest"], stored["width"])
        return self
