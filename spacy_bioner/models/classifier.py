"""`spacy-bioner.TokenClassifier.v1`: one label set for all types, as transformers' token classifiers have.

`spacy bioner from-hf` makes pipelines with it. `spacy-bioner.FirstPiece.v1` is the pooling that goes with it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
from spacy.tokens import Doc
from thinc.api import Dropout, Model, Ops, chain, glorot_uniform_init, with_array
from thinc.types import Floats2d, Ragged

from spacy_bioner.array_types import Ints
from spacy_bioner.errors import PipelineError
from spacy_bioner.models.crf import LABELS, B, I, O
from spacy_bioner.models.decoder import DECODER, Found, Gold, Taught
from spacy_bioner.models.labels import (
    LabelSet,
    allowed_labels,
    check_scheme,
    find_spans,
    make_label_set,
    span_probabilities,
    token_probabilities,
)


@dataclass(frozen=True, slots=True)
class LabelScores:
    """What the classifier says of a batch.

    Attributes:
        logits: for each Doc (tokens, labels).
        seen: for each Doc (tokens,), whether the encoder has seen it: white space has no word piece.
    """

    logits: list[Any]
    seen: list[Any]


def create_token_classifier(
    tok2vec: Model[list[Doc], list[Floats2d]], labels: list[str], scheme: str = ""
) -> Model[list[Doc], LabelScores]:
    """Makes `spacy-bioner.TokenClassifier.v1`.

    Args:
        tok2vec: gives a vector for each token of each Doc; for the same as transformers a listener whose
            pooling is `spacy-bioner.FirstPiece.v1`.
        labels: the labels, in the order of their scores: "O", "B-Disease", "I-Disease".
        scheme: IOB1, IOB2, IOBES or BILOU, for training on; that of the labels if empty (IOB2, not IOB1).

    Returns:
        The model, with the references "tok2vec" and "classifier".

    Raises:
        TagError: if the labels can't be a label set.
    """
    label_set = make_label_set(labels)
    attrs = {"labels": list(labels), "scheme": check_scheme(label_set, scheme)}
    classifier: Model[list[Floats2d], LabelScores] = Model(
        "token_classifier",
        _forward,
        init=_init,
        dims={"nI": None, "nO": len(labels)},
        params={"W": None, "b": None},
        attrs=attrs,
    )
    dropout: Model[list[Floats2d], list[Floats2d]] = with_array(Dropout())
    model: Model[list[Doc], LabelScores] = chain(tok2vec, dropout, classifier)
    model.set_ref("tok2vec", tok2vec)
    model.set_ref("classifier", classifier)
    model.attrs[DECODER] = LabelSetDecoder()
    return model


def create_first_piece() -> Model[Ragged, Floats2d]:
    """Makes `spacy-bioner.FirstPiece.v1`: the vector of a token is that of its first word piece.

    It is what token classifiers are commonly fine-tuned with. A token without word pieces, as white space is,
    has zeros.
    """
    return Model("first_piece", _first_piece)


def set_weights(model: Model, weights: Any, bias: Any) -> None:
    """Gives a classifier the weights, (labels, width), and bias, (labels,), of another; they are copied."""
    classifier = model.get_ref("classifier")
    classifier.set_dim("nI", weights.shape[1])
    classifier.set_param("W", classifier.ops.asarray2f(weights).copy())
    classifier.set_param("b", classifier.ops.asarray1f(bias).copy())


def _first_piece(
    model: Model[Ragged, Floats2d], pieces: Ragged, is_train: bool
) -> tuple[Floats2d, Callable[[Floats2d], Ragged]]:
    ops = model.ops
    data: Any = pieces.dataXd
    lengths: Any = ops.xp.asarray(pieces.lengths)
    has = lengths > 0
    firsts = (ops.xp.cumsum(lengths) - lengths)[has]
    vectors: Any = ops.alloc2f(len(lengths), data.shape[1])
    vectors[has] = data[firsts]

    def backprop(d_vectors: Floats2d) -> Ragged:
        d_data: Any = ops.alloc2f(*data.shape)
        d_data[firsts] = d_vectors[has]
        return Ragged(d_data, pieces.lengths)

    return vectors, backprop


def _init(classifier: Model, X: Any = None, Y: Any = None) -> None:  # noqa: N803
    if X and classifier.has_dim("nI") is None:
        classifier.set_dim("nI", X[0].shape[1])
    if not classifier.has_param("W"):
        shape = (classifier.get_dim("nO"), classifier.get_dim("nI"))
        classifier.set_param("W", glorot_uniform_init(classifier.ops, shape))
        classifier.set_param("b", classifier.ops.alloc1f(shape[0]))


def _forward(
    classifier: Model, vectors: list[Floats2d], is_train: bool
) -> tuple[LabelScores, Callable[[LabelScores], list[Floats2d]]]:
    ops: Ops = classifier.ops
    lengths = ops.asarray1i([len(v) for v in vectors])
    weights: Any = classifier.get_param("W")
    tokens = ops.flatten(vectors) if lengths.sum() else ops.alloc2f(0, weights.shape[1])
    logits = ops.gemm(tokens, weights, trans2=True) + classifier.get_param("b")

    def backprop(d_scores: LabelScores) -> list[Floats2d]:
        d_logits = ops.flatten(d_scores.logits)
        classifier.inc_grad("W", ops.gemm(d_logits, tokens, trans1=True))
        classifier.inc_grad("b", d_logits.sum(axis=0))
        d_vectors: Floats2d = ops.gemm(d_logits, weights)
        return ops.unflatten(d_vectors, lengths)

    seen: list[Any] = [v.any(axis=1) for v in vectors]
    return LabelScores(ops.unflatten(logits, lengths), seen), backprop


def _label_set(model: Model) -> LabelSet:
    return make_label_set(model.get_ref("classifier").attrs["labels"])


def _seen_words(ops: Ops, scores: LabelScores, words: Sequence[Ints | None]) -> list[Ints]:
    """The numbers of each Doc's tokens that count, and that the encoder has seen."""
    places = [numpy.flatnonzero(ops.to_numpy(seen)) for seen in scores.seen]
    return [
        seen if own is None else numpy.intersect1d(seen, own, assume_unique=True)
        for seen, own in zip(places, words, strict=True)
    ]


def _softmax(logits: Any) -> Any:
    powers = numpy.exp(logits - logits.max(axis=1, keepdims=True)) if len(logits) else logits
    return powers / powers.sum(axis=1, keepdims=True)


class LabelSetDecoder:
    """The `Decoder` of one label set for all types: the most probable label of each token."""

    def types(self, model: Model) -> list[str]:
        """The entity types of the label set, in their order."""
        return list(_label_set(model).types)

    def add_type(self, model: Model, entity_type: str) -> None:
        """Raises PipelineError: a label set is fixed when the model is made."""
        raise PipelineError(
            f"The type '{entity_type}' can't be added: the model has one label set for all its types, "
            f"{', '.join(self.types(model))}. Name the data's types as these with `label_map`, or train a "
            "pipeline with spacy-bioner.EntityHeads.v1, whose types have heads of their own. [B250]"
        )

    def find(
        self, model: Model, scores: LabelScores, words: Sequence[Ints | None], temperatures: Sequence[float]
    ) -> list[list[Found]]:
        """The entities in the most probable labels, with probabilities at a temperature a type.

        The arguments are those of `Decoder.find`; `scores` has (tokens, labels) for each Doc.
        """
        ops, label_set = model.ops, _label_set(model)
        found: list[list[Found]] = [[] for _ in scores.logits]
        # white space goes on or ends nothing: it is left out, and counted again in the end
        places = _seen_words(ops, scores, words)
        rows = [ops.to_numpy(doc)[own] for doc, own in zip(scores.logits, places, strict=True) if len(own)]
        if not rows:
            return found
        logits = numpy.concatenate(rows).astype("float64")
        owner = numpy.repeat(numpy.arange(len(places)), [len(own) for own in places])
        place = numpy.concatenate(places)
        first = numpy.append(True, owner[1:] != owner[:-1])
        starts, ends, types = find_spans(label_set, logits.argmax(axis=1), first)
        for kind, temperature in enumerate(temperatures):
            mine = types == kind
            if not mine.any():
                continue
            shares = _softmax(logits / temperature)
            probabilities = span_probabilities(label_set, shares, first, kind, starts[mine], ends[mine])
            docs, name = owner[starts[mine]].tolist(), label_set.types[kind]
            spans = zip(place[starts[mine]].tolist(), (place[ends[mine] - 1] + 1).tolist(), strict=True)
            for doc, (start, end), probability in zip(docs, spans, probabilities, strict=True):
                found[doc].append((start, end, name, probability))
        return found

    def loss(
        self,
        model: Model,
        scores: LabelScores,
        words: Sequence[Ints | None],
        gold: Sequence[Gold | Taught],
        weight: float,
    ) -> tuple[float, LabelScores]:
        """The negative log probability of what the gold annotation allows, times a weight, and its gradient.

        Tokens on which it allows every label teach nothing, as do those in mentions of two types, on which it
        allows none. The arguments are those of `Decoder.loss`; the gradient has the shape of the scores.

        Raises:
            PipelineError: if a Doc has a teacher, which only heads can learn from.
        """
        ops, label_set = model.ops, _label_set(model)
        scheme = model.get_ref("classifier").attrs["scheme"]
        loss = 0.0
        gradients = []
        places = _seen_words(ops, scores, words)
        for logits, own, target in zip(scores.logits, places, gold, strict=True):
            if isinstance(target, Taught):
                raise PipelineError(
                    "A model with one label set for all types can't learn from a teacher: give the student "
                    "spacy-bioner.EntityHeads.v1. [B251]"
                )
            allowed, counts = target
            labels = allowed_labels(label_set, scheme, allowed[own], counts)
            labels[~labels.any(axis=1)] = True
            rows = ops.to_numpy(logits)
            shares = _softmax(rows[own].astype("float64"))
            kept = numpy.where(labels, shares, 0.0)
            total = numpy.maximum(kept.sum(axis=1, keepdims=True), numpy.finfo("float64").tiny)
            loss -= float(numpy.log(total).sum())
            gradient = numpy.zeros_like(rows)
            gradient[own] = weight * (shares - kept / total)
            gradients.append(ops.asarray2f(gradient))
        return weight * loss, LabelScores(gradients, scores.seen)

    def marginals(
        self, model: Model, scores: LabelScores, words: Sequence[Ints | None], temperatures: Sequence[float]
    ) -> list[Any]:
        """The shares of each type's beginning and inside labels at each token, at a temperature a type.

        The arguments are those of `Decoder.find`.

        Returns:
            For each Doc the probabilities of O, B and I, (tokens, types, 3).
        """
        label_set = _label_set(model)
        made = []
        for logits, own in zip(scores.logits, _seen_words(model.ops, scores, words), strict=True):
            rows = model.ops.to_numpy(logits)[own].astype("float64")
            probabilities = numpy.zeros((len(logits), len(label_set.types), LABELS))
            first = numpy.arange(len(rows)) == 0
            for kind, temperature in enumerate(temperatures):
                shares = _softmax(rows / temperature)
                begins, goes_on = token_probabilities(label_set, shares, first, kind)
                probabilities[own, kind, B], probabilities[own, kind, I] = begins, goes_on
            probabilities[..., O] = 1.0 - probabilities.sum(axis=2)
            made.append(probabilities)
        return made

    def take_over(self, model: Model, source: Model) -> list[str]:
        """Takes over the weights of another classifier with the same labels.

        Returns:
            The types that they are for.

        Raises:
            PipelineError: if the other has other labels, or is for token vectors of another width.
        """
        ours, theirs = model.get_ref("classifier"), source.get_ref("classifier")
        if ours.attrs["labels"] != theirs.attrs["labels"]:
            raise PipelineError(
                f"The labels to begin with are {', '.join(theirs.attrs['labels'])}, and these are "
                f"{', '.join(ours.attrs['labels'])}. [B252]"
            )
        if ours.get_dim("nI") != theirs.get_dim("nI"):
            raise PipelineError(
                f"The classifier to begin with is for token vectors of {theirs.get_dim('nI')}, and these are "
                f"of {ours.get_dim('nI')}. [B253]"
            )
        set_weights(model, theirs.get_param("W"), theirs.get_param("b"))
        return self.types(model)
