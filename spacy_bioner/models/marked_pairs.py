"""`spacy-bioner.MarkedPairs.v1`: a text for each pair, in which head and child are marked."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

from spacy_bioner.array_types import Ints
from spacy_bioner.errors import PipelineError
from spacy_bioner.models.candidates import PAIR_MODEL, Candidates
from spacy_bioner.models.pair_scores import MentionPairs, create_pair_scores, distance_buckets

MARKS = ("punctuation", "anonymised")


def create_marked_pairs(
    tok2vec: Model[list[Doc], list[Floats2d]], hidden: int = 128, marks: str = "punctuation", context: int = 0
) -> Model[list[Candidates], Floats2d]:
    """Makes `spacy-bioner.MarkedPairs.v1`.

    The encoder reads a text of its own for each pair, so it can't be shared with other components, and it
    costs as many passes as there are pairs. Marks are words that every encoder knows (Zhou and Chen 2022, "An
    improved baseline for sentence-level relation extraction"): no new word pieces have to be learned.

    Args:
        tok2vec: gives a vector for each token of each Doc: a layer of its own, no listener.
        hidden: the width of the hidden layer.
        marks: "punctuation" for @ head @ and # child #; "anonymised" for @GENE$ in place of a mention, its
            type in capitals, as GAD and EU-ADR have it.
        context: how many tokens to each side of what is marked are read; 0 for all of the Doc.

    Returns:
        The model, with the references "tok2vec" and "scores".

    Raises:
        PipelineError: if there are no such marks.
    """
    if marks not in MARKS:
        raise PipelineError(f"There are no marks '{marks}': use {' or '.join(MARKS)}. [B261]")
    scores = create_pair_scores(hidden)
    model: Model[list[Candidates], Floats2d] = Model(
        "marked_pairs",
        _forward,
        init=_init,
        layers=[tok2vec, scores],
        attrs={PAIR_MODEL: MarkedTexts(), "marks": marks, "context": context},
    )
    model.set_ref("tok2vec", tok2vec)
    model.set_ref("scores", scores)
    return model


def _init(model: Model, X: list[Candidates] | None = None, Y: Any = None) -> None:  # noqa: N803
    tok2vec, scores = model.get_ref("tok2vec"), model.get_ref("scores")
    texts = [text for candidates in X or () for text in marked_texts(model, candidates, 3)]
    tok2vec.initialize(X=[text for text, _, _ in texts])
    if texts:
        scores.initialize(X=_pairs(model, texts, tok2vec.predict([text for text, _, _ in texts])))
    else:
        scores.initialize()


def _forward(
    model: Model, batch: list[Candidates], is_train: bool
) -> tuple[Floats2d, Callable[[Floats2d], list[Any]]]:
    tok2vec, scores = model.get_ref("tok2vec"), model.get_ref("scores")
    texts = [text for candidates in batch for text in marked_texts(model, candidates)]
    if not texts:
        return model.ops.alloc2f(0, scores.get_dim("nO")), lambda _: []
    vectors, back_tokens = tok2vec([text for text, _, _ in texts], is_train)
    found, back_scores = scores(_pairs(model, texts, vectors), is_train)

    def backprop(d_scores: Floats2d) -> list[Any]:
        d_vectors = back_scores(d_scores).vectors
        width = vectors[0].shape[1]
        d_tokens = [model.ops.alloc2f(*v.shape) for v in vectors]
        for number, (_, *places) in enumerate(texts):
            for side, place in enumerate(places):
                row = d_vectors[2 * number + side]
                d_tokens[number][place] += row[:width] / len(place)
                d_tokens[number][0] += row[width:]
        return list(back_tokens(d_tokens))

    return found, backprop


def _pairs(model: Model, texts: Sequence[tuple[Doc, Ints, Ints]], vectors: Sequence[Any]) -> MentionPairs:
    """A pair of mentions for each text: the mean of the vectors at the marks of head and of child."""
    xp = model.ops.xp
    rows = [
        xp.concatenate([own[place].mean(axis=0), own[0]])
        for own, (_, *places) in zip(vectors, texts, strict=True)
        for place in places
    ]
    numbers = numpy.arange(len(texts))
    firsts = numpy.array([[head[0], child[0]] for _, head, child in texts])
    return MentionPairs(
        xp.stack(rows),
        2 * numbers,
        2 * numbers + 1,
        distance_buckets(firsts[:, 0], firsts[:, 1]),
        numbers,
        len(texts),
    )


def marked_texts(
    model: Model, candidates: Candidates, most: int | None = None
) -> Iterator[tuple[Doc, Ints, Ints]]:
    """For each pair its text, and the numbers of the tokens that head and child begin with there."""
    for head, child in islice(candidates.pairs, most):
        yield _marked(candidates, (int(head), int(child)), model.attrs["marks"], model.attrs["context"])


def _marked(
    candidates: Candidates, pair: tuple[int, int], marks: str, context: int
) -> tuple[Doc, Ints, Ints]:
    doc = candidates.doc
    before: dict[int, list[tuple[int, str]]] = {}
    behind: dict[int, list[str]] = {}
    instead: dict[int, str] = {}
    touched: list[int] = []
    for side, argument in enumerate(pair):
        mark = "@#"[side]
        for mention in candidates.mentions[argument]:
            first, last = int(mention[0]), int(mention[-1])
            touched += [first, last]
            if marks == "anonymised":
                instead |= dict.fromkeys(range(first, last + 1), "")
                mark = f"@{candidates.types[argument].upper()}$"
            else:
                behind.setdefault(last, []).insert(0, mark)
            before.setdefault(first, []).append((side, mark))
    start = max(min(touched) - context, 0) if context else 0
    end = min(max(touched) + context + 1, len(doc)) if context else len(doc)
    made: list[str] = []
    made_spaces: list[bool] = []
    places: tuple[list[int], list[int]] = ([], [])
    for number in range(start, end):
        for side, mark in before.get(number, ()):
            places[side].append(len(made))
            made.append(mark)
            made_spaces.append(True)
        token = doc[number]
        if instead.get(number, token.text):
            made.append(token.text)
            made_spaces.append(bool(token.whitespace_))
        for mark in behind.get(number, ()):
            made_spaces[-1] = True
            made.append(mark)
            made_spaces.append(True)
    text = Doc(doc.vocab, words=made, spaces=made_spaces)
    return text, numpy.array(places[0]), numpy.array(places[1])


class MarkedTexts:
    """The `PairModel` of marked pairs: a block is as many texts as the encoder reads at a time."""

    block = 64
    one_pass = False

    def predict(
        self, model: Model, docs: Sequence[Doc], blocks: Sequence[Iterator[Candidates]]
    ) -> Iterator[tuple[int, Ints, Floats2d]]:
        """Scores pairs in texts of their own, with both entities marked; see `PairModel.predict`."""
        tok2vec, scores = model.get_ref("tok2vec"), model.get_ref("scores")
        for number, of_doc in enumerate(blocks):
            for candidates in of_doc:
                texts = list(marked_texts(model, candidates))
                vectors = tok2vec.predict([text for text, _, _ in texts])
                yield number, candidates.pairs, scores.predict(_pairs(model, texts, vectors))
