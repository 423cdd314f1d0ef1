"""`spacy-bioner.EntityHeads.v1`: scores of B, I and O for every entity type, on any token vectors."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
from spacy.tokens import Doc
from thinc.api import Dropout, Model, Ops, Optimizer, Shim, chain, glorot_uniform_init, with_array
from thinc.types import Floats2d

from spacy_bioner.array_types import Ints
from spacy_bioner.errors import PipelineError
from spacy_bioner.models.crf import (
    ALL,
    LABELS,
    VALID,
    Lattice,
    O,
    find_spans,
    lattice,
    loss_and_gradient,
    marginals,
    taught_loss_and_gradient,
)
from spacy_bioner.models.decoder import DECODER, Found, Gold, Taught

# Columns of a type's array behind its weights: the bias, and the transition from each label.
_EXTRA = 1 + LABELS
_PADDED = 20_000  # tokens, with padding, that are decoded together


@dataclass(frozen=True, slots=True)
class HeadScores:
    """What the heads say of a batch.

    Attributes:
        emissions: for each Doc (tokens, types, 3), scores of O, B and I.
        transitions: (types, 3, 3), scores of going from a label (row) to another (column).
    """

    emissions: list[Any]
    transitions: Any


class TaughtHeads(Shim):
    """The gradients of heads that were taught since the last update: thinc updates these, and no others.

    A type that no Doc taught must have no gradient at all, for an optimizer moves parameters with a gradient
    of zero too (momentum, weight decay). thinc keeps the gradients of a layer's own parameters from its first
    update on, so those of heads are kept here.
    """

    def __init__(self) -> None:
        super().__init__(model=None)
        self._gradients: dict[str, tuple[Model, Any]] = {}

    def add(self, heads: Model, entity_type: str, gradient: Any) -> None:
        """Adds a gradient of a type's parameters; one of zeros leaves things as they are."""
        if not gradient.any():
            return
        before = self._gradients.get(entity_type)
        self._gradients[entity_type] = heads, gradient.copy() if before is None else before[1] + gradient

    def finish_update(self, optimizer: Optimizer) -> None:
        """Changes the parameters of the types that were taught, and forgets their gradients."""
        for entity_type, (heads, gradient) in self._gradients.items():
            parameters, _ = optimizer((heads.id, entity_type), heads.get_param(entity_type), gradient)
            heads.set_param(entity_type, parameters)
        self._gradients = {}

    def copy(self) -> "TaughtHeads":
        """An empty one: gradients belong to one model."""
        return TaughtHeads()

    def to_device(self, device_type: str, device_id: int) -> None:
        """Gradients are where they were computed."""

    def to_bytes(self) -> bytes:
        """No bytes: gradients aren't stored."""
        return b""

    def from_bytes(self, data: bytes) -> "TaughtHeads":
        """Returns it as it is: gradients aren't stored."""
        return self


def create_entity_heads(
    tok2vec: Model[list[Doc], list[Floats2d]], transitions: bool = True
) -> Model[list[Doc], HeadScores]:
    """Makes `spacy-bioner.EntityHeads.v1`.

    Each entity type has one parameter array, named as the type: 3 rows (O, B, I) of as many weights as the
    token vectors are wide, a bias, and the transitions from O, B and I. So types share nothing but the
    token vectors, and one can be added, trained or left alone without a trace in the others.

    Args:
        tok2vec: gives a vector for each token of each Doc: a listener to a shared `transformer` or `tok2vec`,
            or a layer of its own.
        transitions: whether transitions are learned, and training is on whole paths (a conditional random
            field). If not, they are zero, and each token is taught its label by itself, as transformers'
            token classifiers are: then `to-hf` keeps what the heads find. The best valid path is what is
            found either way.

    Returns:
        The model, with the references "tok2vec" and "heads".
    """
    heads: Model[list[Floats2d], HeadScores] = Model(
        "entity_heads",
        _forward,
        init=_init,
        dims={"nI": None},
        attrs={"types": [], "transitions": transitions},
        shims=[TaughtHeads()],
    )
    dropout: Model[list[Floats2d], list[Floats2d]] = with_array(Dropout())
    model: Model[list[Doc], HeadScores] = chain(tok2vec, dropout, heads)
    model.set_ref("tok2vec", tok2vec)
    model.set_ref("heads", heads)
    model.attrs[DECODER] = HeadsDecoder()
    return model


def _init(heads: Model, X: Any = None, Y: Any = None) -> None:  # noqa: N803
    if X and heads.has_dim("nI") is None:
        heads.set_dim("nI", X[0].shape[1])
    for entity_type in heads.attrs["types"]:
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
        d_flat = ops.flatten([d.reshape((len(d), len(types) * LABELS)) for d in d_scores.emissions])
        d_parameters = ops.xp.zeros_like(parameters)
        d_parameters[:, :width] = ops.gemm(d_flat, tokens, trans1=True)
        d_parameters[:, width] = d_flat.sum(axis=0)
        if heads.attrs["transitions"]:
            d_parameters[:, width + 1 :] = d_scores.transitions.swapaxes(1, 2).reshape((-1, LABELS))
        (taught,) = heads.shims
        for i, name in enumerate(types):
            taught.add(heads, name, d_parameters[i * LABELS : (i + 1) * LABELS])  # type: ignore[attr-defined]
        d_vectors: Floats2d = ops.gemm(d_flat, weights)
        return ops.unflatten(d_vectors, lengths)

    return HeadScores(ops.unflatten(emissions, lengths), transitions), backprop


def _of_words(scores: HeadScores, words: Sequence[Ints | None]) -> HeadScores:
    """The scores of some tokens of each Doc, by their numbers; None for all."""
    emissions = [e if own is None else e[own] for e, own in zip(scores.emissions, words, strict=True)]
    return HeadScores(emissions, scores.transitions)


def _lattice(scores: HeadScores, members: Sequence[int], valid: tuple[tuple[bool, ...], ...]) -> Lattice:
    """The scores of some Docs of a batch, padded to the longest."""
    lengths = [len(scores.emissions[i]) for i in members]
    padded = numpy.zeros((max(lengths), len(members), len(scores.transitions), LABELS), dtype="float64")
    for column, i in enumerate(members):
        padded[: lengths[column], column] = scores.emissions[i]
    return lattice(padded, scores.transitions, lengths, valid)


def _by_length(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Puts Docs of like length together, so that little padding is needed; empty ones are left out."""
    members: list[int] = []
    for i in sorted((i for i, length in enumerate(lengths) if length), key=lambda i: lengths[i]):
        if members and (len(members) + 1) * lengths[i] > _PADDED:
            yield members
            members = []
        members.append(i)
    if members:
        yield members


def _on_cpu(ops: Ops, scores: HeadScores) -> HeadScores:
    """The scores in the processor's memory, where paths are followed."""
    return HeadScores(
        [ops.to_numpy(emissions) for emissions in scores.emissions], ops.to_numpy(scores.transitions)
    )


def _at_temperatures(scores: HeadScores, temperatures: Sequence[float]) -> HeadScores:
    """The scores divided by a temperature a type."""
    if all(temperature == 1 for temperature in temperatures):
        return scores
    divisors = numpy.asarray(temperatures, dtype="float32")[:, None]
    return HeadScores(
        [emissions / divisors for emissions in scores.emissions],
        scores.transitions / divisors.reshape((-1, 1, 1)),
    )


def _targets(grid: Lattice, gold: Sequence[Gold | Taught], words: Sequence[Ints | None]) -> tuple[Any, Any]:
    """What is allowed or taught at each place of a lattice, shaped as its emissions; which types count."""
    first = gold[0]
    dtype = "float64" if isinstance(first, Taught) else bool
    at = numpy.ones(grid.emissions.shape, dtype=dtype)
    counts = numpy.zeros(grid.emissions.shape[1:3], dtype=bool)
    for column, (target, own) in enumerate(zip(gold, words, strict=True)):
        values, types = (target.probabilities, target.counts) if isinstance(target, Taught) else target
        values = values if own is None else values[own]
        at[: len(values), column] = values
        counts[column] = types
    return at, counts


class HeadsDecoder:
    """The `Decoder` of heads: the best path of each type, and the loss of a conditional random field."""

    def types(self, model: Model) -> list[str]:
        """The entity types that have a head, in the order in which they were added."""
        return list(model.get_ref("heads").attrs["types"])

    def add_type(self, model: Model, entity_type: str) -> None:
        """Adds a head for a type; to an initialized model one with scores of zero, until it is trained."""
        heads = model.get_ref("heads")
        heads.attrs["types"].append(entity_type)
        if heads.has_dim("nI"):
            _allocate(heads, entity_type)

    def find(
        self, model: Model, scores: HeadScores, words: Sequence[Ints | None], temperatures: Sequence[float]
    ) -> list[list[Found]]:
        """The entities on the best path of each type (Viterbi), with probabilities at a temperature a type.

        The arguments are those of `Decoder.find`.
        """
        types = self.types(model)
        scores = _of_words(_on_cpu(model.ops, scores), words)
        found: list[list[Found]] = [[] for _ in scores.emissions]
        scores = _at_temperatures(scores, temperatures)
        for members in _by_length([len(emissions) for emissions in scores.emissions]):
            spans = find_spans(_lattice(scores, members, VALID))
            columns = (spans.sequences, spans.types, spans.starts, spans.ends, spans.probabilities)
            rows = zip(*(column.tolist() for column in columns), strict=True)
            for sequence, type_index, start, end, probability in rows:
                i = members[sequence]
                own = words[i]
                if own is not None:
                    start, end = int(own[start]), int(own[end - 1]) + 1
                found[i].append((start, end, types[type_index], probability))
        return found

    def marginals(
        self, model: Model, scores: HeadScores, words: Sequence[Ints | None], temperatures: Sequence[float]
    ) -> list[Any]:
        """The probabilities of O, B and I at each token, (tokens, types, 3), by forward-backward.

        The arguments are those of `Decoder.find`.
        """
        scores = _on_cpu(model.ops, scores)
        whole = []
        for emissions in scores.emissions:
            outside = numpy.zeros(emissions.shape, dtype="float64")
            outside[..., O] = 1.0
            whole.append(outside)
        scores = _at_temperatures(_of_words(scores, words), temperatures)
        for members in _by_length([len(emissions) for emissions in scores.emissions]):
            nodes = marginals(_lattice(scores, members, VALID))
            for column, i in enumerate(members):
                own = words[i]
                whole[i][slice(None) if own is None else own] = nodes[: len(scores.emissions[i]), column]
        return whole

    def loss(
        self,
        model: Model,
        scores: HeadScores,
        words: Sequence[Ints | None],
        gold: Sequence[Gold | Taught],
        weight: float,
    ) -> tuple[float, HeadScores]:
        """The negative log probability of the gold annotation, times a weight, and its gradient.

        Of Docs that a teacher has answered for: the cross entropy with its probabilities. The arguments are
        those of `Decoder.loss`.
        """
        scores = _on_cpu(model.ops, scores)
        valid = VALID if model.get_ref("heads").attrs["transitions"] else ALL
        whole = [numpy.zeros_like(e) for e in scores.emissions]
        scores = _of_words(scores, words)
        gradients = [numpy.zeros_like(e) for e in scores.emissions]
        d_transitions = numpy.zeros_like(scores.transitions)
        loss = 0.0
        lengths = [len(emissions) for emissions in scores.emissions]
        have = [isinstance(target, Taught) for target in gold]
        for is_taught in (False, True):
            of_kind = [n if own == is_taught else 0 for n, own in zip(lengths, have, strict=True)]
            for members in _by_length(of_kind):
                grid = _lattice(scores, members, valid)
                targets = _targets(grid, [gold[i] for i in members], [words[i] for i in members])
                if is_taught:
                    part, nodes = taught_loss_and_gradient(grid, *targets)
                else:
                    part, nodes, edges = loss_and_gradient(grid, *targets)
                    d_transitions += weight * edges.astype("float32")
                loss += part
                for column, i in enumerate(members):
                    gradients[i][:] = weight * nodes[: len(gradients[i]), column]
        for full, own, gradient in zip(whole, words, gradients, strict=True):
            full[slice(None) if own is None else own] = gradient
        on_device = [model.ops.asarray(gradient) for gradient in whole]
        return weight * loss, HeadScores(on_device, model.ops.asarray(d_transitions))

    def take_over(self, model: Model, source: Model) -> list[str]:
        """Takes over the heads of types with the same names.

        Returns:
            These types.

        Raises:
            PipelineError: if the other's heads are for token vectors of another width.
        """
        heads, theirs = model.get_ref("heads"), source.get_ref("heads")
        if theirs.get_dim("nI") != heads.get_dim("nI"):
            raise PipelineError(
                f"The heads to begin with are for token vectors of {theirs.get_dim('nI')}, and these are of "
                f"{heads.get_dim('nI')}. [B255]"
            )
        taken = [entity_type for entity_type in heads.attrs["types"] if theirs.has_param(entity_type)]
        for entity_type in taken:
            found: Any = theirs.get_param(entity_type)
            parameters: Any = heads.ops.asarray2f(found).copy()
            if not heads.attrs["transitions"]:
                parameters[:, heads.get_dim("nI") + 1 :] = 0
            heads.set_param(entity_type, parameters)
        return taken
