"""The interface between the transformer layer and what holds its weights (PyTorch or ONNX Runtime)."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy


class Encoder(Protocol):
    """What the layer needs of what holds the weights; see `EncoderShim` for what each does."""

    tokenizer: Any
    width: int
    longest: int
    pad: int
    special: tuple[numpy.ndarray, numpy.ndarray]
    special_strings: tuple[list[str], ...]
    largest_batch: int

    @property
    def round_to(self) -> int:
        """What number of word pieces lengths are filled up to a multiple of."""

    @property
    def suitable_batch(self) -> int:
        """How many word pieces, padding included, a batch should have."""

    @property
    def transformer(self) -> Any:
        """The weights in whatever form; None before there are some."""

    def load(self, name: str, revision: str = "") -> None:
        """Loads weights and tokenizer from a folder, or of a repository on the hub at a revision."""

    def dtype(self, precision: str) -> Any:
        """What to compute in, for the name of a precision ("auto", "float32", "bfloat16", "float16")."""

    def run(self, ids: numpy.ndarray, lengths: Sequence[int], dtype: Any, is_train: bool) -> Any:
        """Vectors of word pieces.

        Args:
            ids: the numbers of the word pieces, (sequences, pieces), padded.
            lengths: how many of each row are no padding, (sequences,).
            dtype: what to compute in, from `dtype`.
            is_train: whether `backward` will follow.

        Returns:
            (sequences, pieces, width), in whatever the encoder computes with.
        """

    def to_array(self, vectors: Any) -> Any:
        """What `run` gave, as a float32 array of thinc's."""

    def backward(self, outputs: Sequence[Any], gradients: list[Any]) -> None:
        """Adds to the gradients of the weights: those for what `run` gave, batch by batch."""

    def free_memory(self) -> None:
        """Gives back memory of a GPU that isn't in use."""

    def copy(self) -> Any:
        """Another one with the same weights, trained apart from it."""
