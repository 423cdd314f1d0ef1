"""Whole-word masking: which pieces a model has to guess, and what it sees in their place.

As in BERT (Devlin et al. 2019) 15% are chosen, and a chosen one is replaced by [MASK] eight times in ten, by
a random piece once, and left as it is once; but words are drawn, not pieces, as in BERT's later whole-word
models, and what is done is done to all pieces of a word.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

CONTINUATION = "##"
"""What the pieces begin with that don't begin a word."""


@dataclass(frozen=True, slots=True)
class Masked:
    """Masked sequences.

    Attributes:
        inputs: what the model sees: a sequence a row.
        rows: the row of each piece that it has to guess, in order.
        columns: the column of each.
        labels: what each was.
        begins: the place at which each row begins.
    """

    inputs: Tensor
    rows: Tensor
    columns: Tensor
    labels: Tensor
    begins: Tensor

    def slice(self, start: int, end: int) -> "Masked":
        """Some rows of it."""
        ends = torch.tensor([start, end], device=self.rows.device)
        first, last = torch.searchsorted(self.rows, ends).tolist()
        rows = self.rows[first:last] - start
        columns, labels = self.columns[first:last], self.labels[first:last]
        return Masked(self.inputs[start:end], rows, columns, labels, self.begins[start:end])


class WordMasker:
    """Masks the words of sequences.

    Args:
        vocabulary: the word pieces.
        share: the share of the words that is masked, each one apart from the others.
        device: where it works: sequences, and the generator that draws, are on the same one.
    """

    def __init__(
        self, vocabulary: Sequence[str], share: float = 0.15, device: torch.device | str = "cpu"
    ) -> None:
        self._share, self._device = share, torch.device(device)
        self._mask = vocabulary.index("[MASK]")
        special = [piece.startswith("[") and piece.endswith("]") and len(piece) > 2 for piece in vocabulary]
        begins = [not piece.startswith(CONTINUATION) for piece in vocabulary]
        self._special = torch.tensor(special, device=self._device)
        self._begins = torch.tensor(begins, device=self._device)
        self._ordinary = torch.nonzero(~self._special).flatten()

    def words(self, sequences: Tensor) -> Tensor:
        """The number of the word that each piece belongs to; a special piece is a word of its own."""
        special = self._special[sequences]
        begins = self._begins[sequences]
        begins[:, 0] = True
        begins[:, 1:] |= special[:, :-1]  # a sequence may begin inside a word: the rest counts as one
        return begins.flatten().cumsum(0).view_as(sequences) - 1

    def __call__(self, sequences: Tensor, generator: torch.Generator, last_begin: int = 0) -> Masked:
        """Masks sequences.

        Args:
            sequences: numbers of pieces, a sequence a row.
            generator: what draws.
            last_begin: the last place at which a sequence may begin; where each does is drawn.
        """
        word = self.words(sequences)
        count = int(word[-1, -1]) + 1
        draws = torch.rand(2, count, generator=generator, device=self._device)
        chosen = (draws[0] < self._share)[word] & ~self._special[sequences]
        rows, columns = torch.nonzero(chosen, as_tuple=True)
        labels = sequences[rows, columns]
        kind = draws[1][word[rows, columns]]
        random = self._ordinary[self._draw(len(self._ordinary), labels.shape, generator)]
        seen = torch.where(kind < 0.8, self._mask, torch.where(kind < 0.9, random, labels))
        inputs = sequences.clone()
        inputs[rows, columns] = seen
        begins = self._draw(last_begin + 1, (len(sequences),), generator)
        return Masked(inputs, rows, columns, labels, begins)

    def _draw(self, below: int, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        return torch.randint(below, shape, generator=generator, device=self._device)
