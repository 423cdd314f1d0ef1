"""Scores of labels for pairs of arguments, from the vectors of their mentions.

Each pair of a head's and a child's mention is scored; the score of the pair is the log of the sum of their
exponentials, so that one telling sentence is enough (Verga, Strubell and McCallum 2018, "Simultaneously
self-attending to all mentions for full-abstract biological relation extraction").
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy
from thinc.api import Dropout, Model, glorot_uniform_init
from thinc.types import Floats2d

from spacy_bioner.array_types import Ints

DISTANCES = 12
"""Buckets of how far two mentions are apart; as many again where the child comes first."""
_MOST = 30.0  # a score beyond it is as good as certain


@dataclass(frozen=True, slots=True)
class MentionPairs:
    """Pairs of mentions, those of one pair of arguments together.

    Attributes:
        vectors: (mentions, width).
        heads, children: (mention pairs,), rows of `vectors`.
        distances: (mention pairs,), see `distance_buckets`.
        owners: (mention pairs,), the pair of arguments of each, from 0 on and in order.
        count: how many pairs of arguments there are.
    """

    vectors: Any
    heads: Ints
    children: Ints
    distances: Ints
    owners: Ints
    count: int


def distance_buckets(heads: Ints, children: Ints) -> Ints:
    """Buckets of the distances between mentions, from the numbers of their first tokens."""
    far = numpy.abs(children - heads)
    bucket = numpy.minimum(numpy.ceil(numpy.log2(far + 1)).astype("int32"), DISTANCES - 1)
    return numpy.where(children < heads, bucket + DISTANCES, bucket)


def create_pair_scores(hidden: int) -> Model[MentionPairs, Floats2d]:
    """Makes the layer. Set its dimension `nO`, the number of labels, before it is initialized."""
    return Model(
        "pair_scores",
        _forward,
        init=_init,
        dims={"nI": None, "nO": None, "nH": hidden},
        params={"W": None, "b": None, "D": None, "V": None, "c": None},
        layers=[Dropout(), Dropout()],
    )


def _init(model: Model, X: MentionPairs | None = None, Y: Any = None) -> None:  # noqa: N803
    if X is not None and model.has_dim("nI") is None:
        model.set_dim("nI", X.vectors.shape[1])
    hidden, width, labels = model.get_dim("nH"), model.get_dim("nI"), model.get_dim("nO")
    ops = model.ops
    model.set_param("W", glorot_uniform_init(ops, (2 * hidden, width)))
    model.set_param("b", ops.alloc1f(2 * hidden))
    model.set_param("D", ops.alloc2f(2 * DISTANCES, hidden))
    model.set_param("V", glorot_uniform_init(ops, (labels, hidden)))
    model.set_param("c", ops.alloc1f(labels))
    for layer in model.layers:
        layer.initialize()


def _forward(
    model: Model, pairs: MentionPairs, is_train: bool
) -> tuple[Floats2d, Callable[[Floats2d], MentionPairs]]:
    ops, xp = model.ops, model.ops.xp
    drop_vectors, drop_hidden = model.layers
    hidden = model.get_dim("nH")
    weights, distances, out = _matrices(model)
    heads, children = xp.asarray(pairs.heads), xp.asarray(pairs.children)
    owners, buckets = xp.asarray(pairs.owners), xp.asarray(pairs.distances)
    vectors, back_vectors = drop_vectors(pairs.vectors, is_train)
    projected = ops.gemm(vectors, weights, trans2=True) + model.get_param("b")
    # what a mention is as a head, and as a child
    left, right = projected[heads, :hidden], projected[children, hidden:]
    summed = left + right + left * right + distances[buckets]
    active, back_active = drop_hidden(xp.maximum(summed, 0), is_train)
    scores = ops.gemm(active, out, trans2=True) + model.get_param("c")
    pooled, shares = _log_sum_exp(ops, scores, owners, pairs.count)

    def backprop(d_pooled: Floats2d) -> MentionPairs:
        d_scores = ops.as_contig(xp.asarray(d_pooled)[owners] * shares)
        model.inc_grad("V", ops.gemm(d_scores, active, trans1=True))
        model.inc_grad("c", d_scores.sum(axis=0))
        d_summed = back_active(ops.gemm(d_scores, out)) * (summed > 0)
        d_distances = xp.zeros_like(distances)
        ops.scatter_add(d_distances, buckets, d_summed)
        model.inc_grad("D", d_distances)
        d_projected = xp.zeros_like(projected)
        _scatter(ops, d_projected[:, :hidden], heads, d_summed * (1 + right))
        _scatter(ops, d_projected[:, hidden:], children, d_summed * (1 + left))
        model.inc_grad("W", ops.gemm(d_projected, vectors, trans1=True))
        model.inc_grad("b", d_projected.sum(axis=0))
        d_vectors = back_vectors(ops.gemm(d_projected, weights))
        return MentionPairs(
            d_vectors, pairs.heads, pairs.children, pairs.distances, pairs.owners, pairs.count
        )

    return pooled, backprop


def _matrices(model: Model) -> tuple[Any, ...]:
    return tuple(model.get_param(name) for name in ("W", "D", "V"))


def _scatter(ops: Any, into: Any, rows: Any, values: Any) -> None:
    """Adds rows of values to rows of a part of an array."""
    added = ops.xp.zeros(into.shape, dtype="f")
    ops.scatter_add(added, rows, ops.as_contig(values))
    into += added


def _log_sum_exp(ops: Any, scores: Any, owners: Any, count: int) -> tuple[Any, Any]:
    """The log of the sum of the exponentials of each owner's scores, and each score's share of it."""
    xp = ops.xp
    if len(scores) == count:  # one each
        return scores, xp.ones_like(scores)
    weights = xp.exp(xp.clip(scores, -_MOST, _MOST))
    sums = ops.alloc2f(count, scores.shape[1])
    ops.scatter_add(sums, owners, weights)
    return xp.log(sums), weights / sums[owners]
