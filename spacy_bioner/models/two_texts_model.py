"""`spacy-bioner.TwoTexts.v1` and `spacy-bioner.AnswerScores.v1`: what two texts are to each other."""

from collections.abc import Callable
from typing import Any

from spacy.tokens import Doc
from thinc.api import Dropout, Linear, Model, chain, with_array
from thinc.types import Floats2d

from spacy_bioner.corpora.task_records import second_token


def create_two_texts(tok2vec: Model[list[Doc], list[Floats2d]]) -> Model[list[Doc], Floats2d]:
    """Makes `spacy-bioner.TwoTexts.v1`: scores for pairs of texts.

    A pair is its first token's vector, the mean vectors of both texts, and these vectors' difference and
    product (as InferSent has them: Conneau and others 2017). The encoder reads both texts together.

    Args:
        tok2vec: gives a vector for each token of each Doc: a listener, or a layer of its own.

    Returns:
        The model, with the references "tok2vec" and "output".
    """
    output: Model[Floats2d, Floats2d] = Linear()
    pooled: Model[list[Doc], Floats2d] = Model("two_texts", _forward, init=_init, layers=[tok2vec])
    dropout: Model[Floats2d, Floats2d] = Dropout()
    model: Model[list[Doc], Floats2d] = chain(pooled, dropout, output)
    model.set_ref("tok2vec", tok2vec)
    model.set_ref("output", output)
    return model


def create_answer_scores(tok2vec: Model[list[Doc], list[Floats2d]]) -> Model[list[Doc], list[Floats2d]]:
    """Makes `spacy-bioner.AnswerScores.v1`: for each token how well an answer begins, and how well it ends
    there.

    Args:
        tok2vec: gives a vector for each token of each Doc: a listener, or a layer of its own.

    Returns:
        The model, with the references "tok2vec" and "output".
    """
    output: Model[Floats2d, Floats2d] = Linear(nO=2)
    dropped: Model[list[Floats2d], list[Floats2d]] = with_array(Dropout())
    scored: Model[list[Floats2d], list[Floats2d]] = with_array(output)
    model: Model[list[Doc], list[Floats2d]] = chain(tok2vec, dropped, scored)
    model.set_ref("tok2vec", tok2vec)
    model.set_ref("output", output)
    return model


def _init(model: Model, X: list[Doc] | None = None, Y: Any = None) -> None:  # noqa: N803
    model.layers[0].initialize(X=X)


def _forward(model: Model, docs: list[Doc], is_train: bool) -> tuple[Floats2d, Callable[[Floats2d], Any]]:
    ops, xp = model.ops, model.ops.xp
    vectors, back = model.layers[0](docs, is_train)
    width = vectors[0].shape[1] if vectors else 0
    middles = [second_token(doc) for doc in docs]
    made: Any = ops.alloc2f(len(docs), 5 * width)
    for row, (own, middle) in enumerate(zip(vectors, middles, strict=True)):
        if not len(own):
            continue
        first, second = _mean(xp, own[:middle], width), _mean(xp, own[middle:], width)
        made[row] = xp.concatenate([own[0], first, second, first - second, first * second])

    def backprop(d_made: Floats2d) -> Any:
        d_vectors = [ops.alloc2f(*own.shape) for own in vectors]
        for row, (own, middle) in enumerate(zip(vectors, middles, strict=True)):
            if not len(own):
                continue
            d_cls, d_first, d_second, d_difference, d_product = xp.asarray(d_made)[row].reshape((5, width))
            first, second = _mean(xp, own[:middle], width), _mean(xp, own[middle:], width)
            d_vectors[row][0] += d_cls
            if middle:
                d_vectors[row][:middle] += (d_first + d_difference + d_product * second) / middle
            if len(own) > middle:
                d_vectors[row][middle:] += (d_second - d_difference + d_product * first) / (len(own) - middle)
        return back(d_vectors)

    return made, backprop


def _mean(xp: Any, vectors: Any, width: int) -> Any:
    return vectors.mean(axis=0) if len(vectors) else xp.zeros(width, dtype="f")
