"""What the component `bioner` asks of its model, apart from scores; each architecture has its own answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from thinc.api import Model, Optimizer

from spacy_bioner.array_types import Ints

Found = tuple[int, int, str, float]
"""An entity: first token, the one after the last, type, probability."""

Gold = tuple[Any, Any]
"""What a gold Doc says: which of O, B and I are allowed, (tokens, types, 3); which types count, (types,)."""

DECODER = "decoder"
"""Where a model's `attrs` have its decoder."""


@dataclass(frozen=True, slots=True)
class Decoder:
    """The functions of an architecture; each takes the model first.

    Attributes:
        types: the entity types that the model knows.
        add_type: makes the model know another type, or raises PipelineError if it can't.
        find: the entities of each Doc of a batch, by type, then in order, from the model's scores, the
            numbers of the tokens that count (None for all), and a temperature a type.
        loss: the loss of a batch and its gradient, from the model's scores, the numbers of the tokens that
            count, the gold of each Doc, and a number that both are multiplied by.
        finish_update: updates what the model's own `finish_update` leaves out.
        take_over: begins with the weights of another model of the same architecture; returns the types whose
            weights they are. Raises PipelineError if the two don't fit.
    """

    types: Callable[[Model], list[str]]
    add_type: Callable[[Model, str], None]
    find: Callable[[Model, Any, Sequence[Ints | None], Sequence[float]], list[list[Found]]]
    loss: Callable[[Model, Any, Sequence[Ints | None], Sequence[Gold], float], tuple[float, Any]]
    finish_update: Callable[[Model, Optimizer], None]
    take_over: Callable[[Model, Model], list[str]]
