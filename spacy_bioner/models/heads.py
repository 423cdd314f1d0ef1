"""`spacy-bioner.EntityHeads.v1`: scores of B, I and O for every entity type, on any token vectors."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from spacy.tokens import Doc
from thinc.api import Dropout, Model, Ops, chain, glorot_uniform_init, with_array
from thinc.types import Floats2d

from spacy_bioner.models.decoding import LABELS

# Columns of a type's array behind its weights: the bias, and the transition from each label.
_EXTRA = 1 + LABELS


@dataclass(frozen=True, slots=True)
class HeadScores:
    """What the heads say of a batch.

    Attributes:
        emissions: for each Doc (tokens, types, 3), scores of O, B and I.
        transitions: (types, 3, 3), scores of going from a label (row) to another (column).
    """

    emissions: list[Any]
    transitions: Any


def create_entity_heads(tok2vec: Model[list[Doc], list[Floats2d]]) -> Model[list[Doc], HeadScores]:
    """Makes `spacy-bioner.EntityHeads.v1`.

    Each entity type has one parameter array, named as the type: 3 rows (O, B, I) of as many weights as the
    token vectors are wide, a bias, and the transitions from O, B and I. So types share nothing but the
    token vectors, and one can be added, trained or left alone without a trace in the others.

    Args:
        tok2vec: gives a vector for each token of each Doc: a listener to a shared `transformer` or `tok2vec`,
            or a layer of its own.

    Returns:
        The model, with the references "tok2vec" and "heads".
    """
    heads: Model[list[Floats2d], HeadScores] = Model(
        "entity_heads", _forward, init=_init, dims={"nI": None}, attrs={"types": [], "gradients": {}}
    )
    dropout: Model[list[Floats2d], list[Floats2d]] = with_array(Dropout())
    model: Model[list[Doc], HeadScores] = chain(tok2vec, dropout, heads)
    model.set_ref("tok2vec", tok2vec)
    model.set_ref("heads", heads)
    return model


def add_type(heads: Model, entity_type: str) -> None:
    """Adds a head for a type; to an initialized model one with scores of zero, until it is trained."""
    heads.attrs["types"].append(entity_type)
    if heads.has_dim("nI"):
        _allocate(heads, entity_type)


def _init(heads: Model, X: Any = None, Y: Any = None) -> None:  # noqa: N803
    if X and heads.has_dim("nI") is None:
        heads.set_dim("nI", X[0].shape[1])
    for entity_type in heads.attrs["types"]:
        if not heads.has_param(entity_type):
            _allocate(heads, entity_type)
            # Weights of zero would give an encoder no gradient, and a transformer hardly any for as long
            # as its warm-up takes.
            parameters: Any = heads.get_param(entity_type)
            width = heads.get_dim("nI")
            parameters[:, :width] = glorot_uniform_init(heads.ops, (LABELS, width))


def _allocate(heads: Model, entity_type: str) -> None:
    heads.set_param(entity_type, heads.ops.alloc2f(LABELS, heads.get_dim("nI") + _EXTRA))


def _forward(
    heads: Model, vectors: list[Floats2d], is_train: bool
) -> tuple[HeadScores, Callable[[HeadScores], list[Floats2d]]]:
    ops: Ops = heads.ops
    types: list[str] = heads.attrs["types"]
    width = heads.get_dim("nI")
    lengths = ops.asarray1i([len(v) for v in vectors])
    tokens = ops.flatten(vectors) if lengths.sum() else ops.alloc2f(0, width)
    if types:
        parameters = ops.xp.concatenate([heads.get_param(name) for name in types])
    else:
        parameters = ops.alloc2f(0, width + _EXTRA)
    weights, bias = ops.as_contig(parameters[:, :width]), parameters[:, width]
    flat = ops.gemm(tokens, weights, trans2=True) + bias
    emissions = flat.reshape((-1, len(types), LABELS))
    # a column of transitions says where from: turned, its row does
    transitions = parameters[:, width + 1 :].reshape((-1, LABELS, LABELS)).swapaxes(1, 2)

    def backprop(d_scores: HeadScores) -> list[Floats2d]:
        d_flat = ops.flatten([d.reshape((len(d), -1)) for d in d_scores.emissions])
        d_parameters = ops.xp.zeros_like(parameters)
        d_parameters[:, :width] = ops.gemm(d_flat, tokens, trans1=True)
        d_parameters[:, width] = d_flat.sum(axis=0)
        d_parameters[:, width + 1 :] = d_scores.transitions.swapaxes(1, 2).reshape((-1, LABELS))
        gradients = heads.attrs["gradients"]
        for i, name in enumerate(types):
            rows = d_parameters[i * LABELS : (i + 1) * LABELS]
            # Kept here and not in the model's own gradients: a type that no Doc taught must have none at
            # all, for an optimizer moves parameters with a gradient of zero too (momentum, weight decay).
            if rows.any():
                gradients[name] = gradients[name] + rows if name in gradients else rows.copy()
        d_vectors: Floats2d = ops.gemm(d_flat, weights)
        return ops.unflatten(d_vectors, lengths)

    return HeadScores(ops.unflatten(emissions, lengths), transitions), backprop
