"""`spacy-bioner.PooledSpans.v1`: pairs by the vectors of their mentions' tokens, one pass of the encoder."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from spacy_bioner.array_types import Ints
from spacy_bioner.models.candidates import PAIR_MODEL, Candidates, cut, mention_pairs, mention_table
from spacy_bioner.models.pair_scores import MentionPairs, create_pair_scores, distance_buckets


def create_pooled_spans(
    tok2vec: Model[list[Doc], list[Floats2d]], hidden: int = 128
) -> Model[list[Candidates], Floats2d]:
    """Makes `spacy-bioner.PooledSpans.v1`.

    The vector of a mention is the mean of its tokens' and that of its Doc's first token beside each other.
    All pairs of a Doc share one pass of the encoder, and of each only the last, small layer is their own.

    Args:
        tok2vec: gives a vector for each token of each Doc: a listener to a shared `transformer` or `tok2vec`,
            or a layer of its own.
        hidden: the width of the hidden layer.

    Returns:
        The model, with the references "tok2vec" and "scores".
    """
    scores = create_pair_scores(hidden)
    model: Model[list[Candidates], Floats2d] = Model(
        "pooled_spans", _forward, init=_init, layers=[tok2vec, scores], attrs={PAIR_MODEL: PooledPairs()}
    )
    model.set_ref("tok2vec", tok2vec)
    model.set_ref("scores", scores)
    return model


def _init(model: Model, X: list[Candidates] | None = None, Y: Any = None) -> None:  # noqa: N803
    tok2vec, scores = model.get_ref("tok2vec"), model.get_ref("scores")
    docs = [candidates.doc for candidates in X or ()]
    tok2vec.initialize(X=docs)
    if X:
        vectors = tok2vec.predict(docs)
        scores.initialize(X=_mention_pairs(model, X, vectors)[0])
    else:
        scores.initialize()


def _forward(
    model: Model, batch: list[Candidates], is_train: bool
) -> tuple[Floats2d, Callable[[Floats2d], list[Any]]]:
    tok2vec, scores = model.get_ref("tok2vec"), model.get_ref("scores")
    vectors, back_tokens = tok2vec([candidates.doc for candidates in batch], is_train)
    pairs, back_mentions = _mention_pairs(model, batch, vectors)
    if not pairs.count:  # the encoder waits for a gradient all the same
        nothing = model.ops.alloc2f(0, scores.get_dim("nO"))
        return nothing, lambda _: back_tokens([model.ops.alloc2f(*v.shape) for v in vectors])
    found, back_scores = scores(pairs, is_train)

    def backprop(d_scores: Floats2d) -> list[Any]:
        d_tokens: list[Any] = back_tokens(back_mentions(back_scores(d_scores).vectors))
        return d_tokens

    return found, backprop


def _mention_pairs(
    model: Model, batch: Sequence[Candidates], vectors: Sequence[Any]
) -> tuple[MentionPairs, Callable[[Any], list[Any]]]:
    """The pairs of mentions of a batch with the vectors of mentions, and how gradients go back to tokens."""
    ops, xp = model.ops, model.ops.xp
    mentions: list[Ints] = []
    firsts: list[int] = []  # the first token of each mention's Doc, among all tokens
    heads, children, owners = [], [], []
    tokens = pairs = 0
    for candidates, own in zip(batch, vectors, strict=True):
        table, begins = mention_table(candidates)
        left, right, owner = mention_pairs(candidates.pairs, begins)
        heads.append(left + len(mentions))
        children.append(right + len(mentions))
        owners.append(owner + pairs)
        mentions += [tokens + mention for mention in table]
        firsts += [tokens] * len(table)
        tokens += len(own)
        pairs += len(candidates.pairs)
    flat = xp.concatenate(list(vectors)) if tokens else ops.alloc2f(0, 0)
    pooled, backprop = _pool(ops, flat, mentions, firsts)
    left, right = (numpy.concatenate([*side, []]).astype("int64") for side in (heads, children))
    begin = numpy.array([mention[0] for mention in mentions], dtype="int64")
    made = MentionPairs(
        pooled,
        left,
        right,
        distance_buckets(begin[left], begin[right]),
        numpy.concatenate([*owners, []]).astype("int64"),
        pairs,
    )
    lengths = [len(own) for own in vectors]
    return made, lambda d_pooled: _split(ops, backprop(d_pooled), lengths)


def _pool(ops: Any, flat: Any, mentions: Sequence[Ints], firsts: Sequence[int]) -> tuple[Any, Any]:
    """The mean vector of each mention's tokens, and beside it that of its Doc's first token."""
    xp, width = ops.xp, flat.shape[1]
    lengths = numpy.array([len(mention) for mention in mentions], dtype="int64")
    rows = xp.asarray(numpy.concatenate([*mentions, []]).astype("int64"))
    owners = xp.asarray(numpy.repeat(numpy.arange(len(mentions)), lengths))
    weights = xp.asarray(1 / numpy.maximum(lengths, 1), dtype="f").reshape((-1, 1))
    whole = xp.asarray(numpy.array(firsts, dtype="int64"))
    means = ops.alloc2f(len(mentions), width)
    ops.scatter_add(means, owners, flat[rows])
    pooled = xp.concatenate([means * weights, flat[whole]], axis=1)

    def backprop(d_pooled: Any) -> Any:
        d_flat = ops.alloc2f(*flat.shape)
        ops.scatter_add(d_flat, rows, ops.as_contig((d_pooled[:, :width] * weights)[owners]))
        ops.scatter_add(d_flat, whole, ops.as_contig(d_pooled[:, width:]))
        return d_flat

    return pooled, backprop


def _split(ops: Any, flat: Any, lengths: Sequence[int]) -> list[Any]:
    ends = numpy.cumsum(lengths)
    return [ops.as_contig(flat[end - length : end]) for end, length in zip(ends, lengths, strict=True)]


class PooledPairs:
    """The `PairModel` of pooled spans: the vectors of mentions are made once, and pairs scored in blocks."""

    block = 4096  # and as many pairs of mentions
    one_pass = True

    def predict(
        self, model: Model, docs: Sequence[Doc], blocks: Sequence[Iterator[Candidates]]
    ) -> Iterator[tuple[int, Ints, Floats2d]]:
        """Scores pairs by the pooled vectors of their mentions; see `PairModel.predict`."""
        scores = model.get_ref("scores")
        for number, vectors in enumerate(model.get_ref("tok2vec").predict(list(docs))):
            for block in blocks[number]:
                for candidates in cut(block, self.block):
                    made, _ = _mention_pairs(model, [candidates], [vectors])
                    yield number, candidates.pairs, scores.predict(made)
