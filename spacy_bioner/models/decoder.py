"""The interface between `bioner` and its model: from scores to entities, and from gold to a loss."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from thinc.api import Model

from spacy_bioner.array_types import Ints

Found = tuple[int, int, str, float]
"""An entity: first token, the one after the last, type, probability."""

Gold = tuple[Any, Any]
"""What a gold Doc says: which of O, B and I are allowed, (tokens, types, 3); which types count, (types,)."""


@dataclass(frozen=True, slots=True)
class Taught:
    """What a teacher says of a Doc, in place of gold annotation.

    Attributes:
        probabilities: of O, B and I, (tokens, types, 3).
        counts: which types the teacher knows, (types,).
    """

    probabilities: Any
    counts: Any


DECODER = "decoder"
"""Where a model's `attrs` have its decoder."""


class Decoder(Protocol):
    """From the scores of a model to entities, and from gold annotation to a loss.

    An instance belongs to an architecture and has no state; each method takes the model first.
    """

    def types(self, model: Model) -> list[str]:
        """The entity types that the model knows."""

    def add_type(self, model: Model, entity_type: str) -> None:
        """Makes the model know another type, or raises PipelineError if it can't."""

    def find(
        self, model: Model, scores: Any, words: Sequence[Ints | None], temperatures: Sequence[float]
    ) -> list[list[Found]]:
        """The entities of each Doc of a batch, by type, then in order.

        Args:
            model: the model.
            scores: what it gave for the batch.
            words: for each Doc the numbers of the tokens that count; None for all.
            temperatures: a temperature a type; scores are divided by it.
        """

    def loss(
        self,
        model: Model,
        scores: Any,
        words: Sequence[Ints | None],
        gold: Sequence[Gold | Taught],
        weight: float,
    ) -> tuple[float, Any]:
        """The loss of a batch, and its gradient for the scores.

        Args:
            model: the model.
            scores: what it gave for the batch.
            words: for each Doc the numbers of the tokens that count; None for all.
            gold: the gold annotation of each Doc, or what a teacher says of it.
            weight: a number that loss and gradient are multiplied by.

        Raises:
            PipelineError: if the architecture can't learn from a teacher, and a Doc has one.
        """

    def marginals(
        self, model: Model, scores: Any, words: Sequence[Ints | None], temperatures: Sequence[float]
    ) -> list[Any]:
        """The probabilities of O, B and I of each type at each token of each Doc, (tokens, types, 3).

        Tokens that don't count are O. The arguments are those of `find`.
        """

    def take_over(self, model: Model, source: Model) -> list[str]:
        """Begins with the weights of another model of the same architecture.

        Returns:
            The types whose weights were taken over.

        Raises:
            PipelineError: if the two don't fit.
        """


def decoder_of(model: Model) -> Decoder:
    """The decoder of a model."""
    found: Decoder = model.attrs[DECODER]
    return found
