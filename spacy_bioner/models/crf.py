"""Conditional random fields over B, I and O, one for each entity type: paths, probabilities, gradients.

Each type has a linear-chain conditional random field of its own (Lafferty, McCallum and Pereira 2001) over
the labels O, B and I, in which I follows only B or I. The score of a path is the sum of its emissions and
transitions; its probability is its share in the sum over all valid paths. Training, decoding and span
probabilities use that one model.

Arrays have positions first, so that every function goes through them in one step a position, for all
sequences and types together: emissions are (positions, sequences, types, 3), with `lengths` telling where
each sequence ends. All arrays are numpy's, in float64: a path goes word by word, and a GPU would spend its
time on starting small kernels.
"""

from dataclasses import dataclass

import numpy

from spacy_bioner.array_types import Array

O, B, I = 0, 1, 2  # noqa: E741
LABELS = 3

# From which label (row) which label (column) may follow. A sequence begins as if behind an O.
VALID = ((True, True, False), (True, True, True), (True, True, True))
ALL = ((True,) * LABELS,) * LABELS


@dataclass(frozen=True, slots=True)
class Lattice:
    """Scores of all labels at all positions, ready to be summed over.

    Attributes:
        emissions: (positions, sequences, types, 3).
        transitions: (types, 3, 3), from row to column; minus infinity where not valid.
        mask: (positions, sequences, 1, 1), true up to each sequence's end.
        lengths: (sequences,), each at least 1.
    """

    emissions: Array
    transitions: Array
    mask: Array
    lengths: Array


def lattice(
    emissions: Array,
    transitions: Array,
    lengths: Array,
    valid: tuple[tuple[bool, ...], ...] = VALID,
) -> Lattice:
    """Makes a lattice; see `Lattice` for the shapes. What stands beyond a sequence's end isn't read.

    Args:
        emissions: the scores of the labels, (positions, sequences, types, 3).
        transitions: the scores of one label behind another, (types, 3, 3), from row to column.
        lengths: how many positions each sequence has, (sequences,).
        valid: which label may follow which.

    With `ALL` for what is valid, and transitions of zero, each token's labels are independent of the others'.
    """
    banned = numpy.where(numpy.asarray(valid), transitions.astype("float64"), -numpy.inf)
    lengths = numpy.asarray(lengths)
    mask = numpy.arange(emissions.shape[0])[:, None] < lengths[None, :]
    return Lattice(emissions.astype("float64"), banned, mask[:, :, None, None], lengths)


def _logsumexp(values: Array, axis: int) -> Array:
    """log(sum(exp(values))) along an axis; minus infinity where all are."""
    highest = numpy.max(values, axis=axis, keepdims=True)
    highest = numpy.where(numpy.isfinite(highest), highest, 0.0)
    total = numpy.sum(numpy.exp(values - highest), axis=axis)
    # log(0) is minus infinity, without numpy's warning about it
    logs = numpy.where(total > 0, numpy.log(numpy.where(total > 0, total, 1.0)), -numpy.inf)
    return logs + numpy.squeeze(highest, axis=axis)


def forward(grid: Lattice) -> tuple[Array, Array]:
    """Sums over the beginnings of paths.

    Returns:
        Log sums over all beginnings that end in each label at each position, shaped as the emissions (kept
        as they are beyond a sequence's end); and the log sum over whole paths, (sequences, types).
    """
    emissions = grid.emissions
    sums = numpy.empty_like(emissions)
    sums[0] = emissions[0] + grid.transitions[:, O]
    for k in range(1, emissions.shape[0]):
        step = _logsumexp(sums[k - 1][..., :, None] + grid.transitions, axis=-2) + emissions[k]
        sums[k] = numpy.where(grid.mask[k], step, sums[k - 1])
    return sums, _logsumexp(sums[-1], axis=-1)


def backward(grid: Lattice) -> Array:
    """Log sums over all ends of paths behind each label at each position, shaped as the emissions."""
    emissions = grid.emissions
    sums = numpy.zeros_like(emissions)
    for k in range(emissions.shape[0] - 2, -1, -1):
        following = (emissions[k + 1] + sums[k + 1])[..., None, :]
        step = _logsumexp(grid.transitions + following, axis=-1)
        sums[k] = numpy.where(grid.mask[k + 1], step, 0.0)
    return sums


def best_paths(grid: Lattice) -> Array:
    """The most probable valid path of each sequence and type (Viterbi 1967).

    Returns:
        Labels, (positions, sequences, types); O beyond a sequence's end.
    """
    emissions = grid.emissions
    size = emissions.shape[0]
    came_from = numpy.zeros(emissions.shape, dtype="int8")
    best = emissions[0] + grid.transitions[:, O]
    stay = numpy.arange(LABELS, dtype="int8")
    for k in range(1, size):
        scores = best[..., :, None] + grid.transitions
        step = numpy.max(scores, axis=-2) + emissions[k]
        came_from[k] = numpy.where(grid.mask[k], numpy.argmax(scores, axis=-2).astype("int8"), stay)
        best = numpy.where(grid.mask[k], step, best)
    labels = numpy.empty(emissions.shape[:3], dtype="int8")
    current = numpy.argmax(best, axis=-1)
    for k in range(size - 1, -1, -1):
        labels[k] = current
        current = numpy.take_along_axis(came_from[k], current[..., None].astype("int64"), axis=-1)[..., 0]
    return numpy.where(grid.mask[..., 0], labels, numpy.int8(O))


@dataclass(frozen=True, slots=True)
class Spans:
    """Spans found in a lattice, in the order of sequences, types and positions.

    Attributes:
        sequences, types, starts, ends: (spans,), integers; `ends` are exclusive.
        probabilities: (spans,), of each being a mention.
    """

    sequences: Array
    types: Array
    starts: Array
    ends: Array
    probabilities: Array


def find_spans(grid: Lattice) -> Spans:
    """The mentions on the best paths, each with its probability."""
    labels = numpy.moveaxis(best_paths(grid), 0, -1)
    inside = labels != O
    goes_on = numpy.zeros_like(inside)
    goes_on[..., :-1] = labels[..., 1:] == I
    # begins and ends come in the same order, so that they belong together one by one
    sequences, types, starts = numpy.nonzero(labels == B)
    ends = numpy.nonzero(inside & ~goes_on)[2] + 1
    return Spans(sequences, types, starts, ends, span_probabilities(grid, sequences, types, starts, ends))


def span_probabilities(grid: Lattice, sequences: Array, types: Array, starts: Array, ends: Array) -> Array:
    """The probability of each span: the share of the paths that have exactly this mention.

    Args:
        grid: the lattice.
        sequences, types, starts, ends: (spans,), which spans; `ends` exclusive and within the sequence.

    Returns:
        Probabilities, (spans,).
    """
    emissions, transitions = grid.emissions, grid.transitions
    if len(starts) == 0:
        return numpy.zeros(0)
    before, total = forward(grid)
    after = backward(grid)
    # running sums of what each further I adds
    running = numpy.cumsum(emissions[..., I] + transitions[:, I, I], axis=0)
    last, long = ends - 1, ends - starts > 1
    second = numpy.minimum(starts + 1, last)
    body = (
        transitions[types, B, I]
        + emissions[second, sequences, types, I]
        + running[last, sequences, types]
        - running[second, sequences, types]
    )
    label = numpy.where(long, I, B)
    following = numpy.minimum(ends, grid.emissions.shape[0] - 1)
    leaving = (
        transitions[types, label]
        + emissions[following, sequences, types]
        + after[following, sequences, types]
    )[:, [O, B]]  # an I behind the span would make it a longer one
    leaving = numpy.where(ends < grid.lengths[sequences], _logsumexp(leaving, axis=-1), 0.0)
    log = before[starts, sequences, types, B] + numpy.where(long, body, 0.0) + leaving
    return numpy.exp(numpy.minimum(log - total[sequences, types], 0.0))


def loss_and_gradient(grid: Lattice, allowed: Array, counts: Array) -> tuple[float, Array, Array]:
    """The negative log probability of what is known, and its gradient.

    Args:
        grid: the lattice.
        allowed: which labels the annotation allows at each position, shaped as the emissions: one where it
            is known, all where it is missing. At least one valid path must be left.
        counts: (sequences, types), true where the sequence's corpus annotates the type. The others have
            neither loss nor gradient.

    Returns:
        The loss, summed over sequences and types; its gradient with respect to the emissions; and with
        respect to the transitions.
    """
    constrained = Lattice(
        numpy.where(allowed, grid.emissions, -numpy.inf), grid.transitions, grid.mask, grid.lengths
    )
    total, nodes, edges = _expectations(grid, counts)
    gold_total, gold_nodes, gold_edges = _expectations(constrained, counts)
    loss = float(numpy.where(counts, total - gold_total, 0.0).sum())
    return loss, nodes - gold_nodes, edges - gold_edges


def marginals(grid: Lattice) -> Array:
    """The probability of each label at each position, shaped as the emissions; zero beyond an end."""
    before, total = forward(grid)
    nodes = numpy.exp(before + backward(grid) - total[..., None])
    return numpy.where(grid.mask, nodes, 0.0)


def taught_loss_and_gradient(grid: Lattice, taught: Array, counts: Array) -> tuple[float, Array]:
    """The cross entropy of paths between a teacher's and ours, and its gradient.

    The teacher gives the probability of each label at each position, and none of transitions. For these our
    own expected counts stand in, so they have no gradient. The gradient is our probabilities less the
    teacher's (structure-level distillation by posteriors: Wang et al. 2020, arXiv 2004.03846).

    Args:
        grid: the lattice.
        taught: the teacher's probabilities, shaped as the emissions.
        counts: (sequences, types), true where the teacher knows the type.

    Returns:
        The loss, summed over sequences and types; and its gradient with respect to the emissions.
    """
    total, nodes, edges = _expectations(grid, counts)
    taught = numpy.where(grid.mask & counts[..., None], taught, 0.0)
    finite = numpy.where(numpy.isfinite(grid.transitions), grid.transitions, 0.0)
    scored = (taught * grid.emissions).sum() + (edges * finite).sum()
    return float(numpy.where(counts, total, 0.0).sum() - scored), nodes - taught


def _expectations(grid: Lattice, counts: Array) -> tuple[Array, Array, Array]:
    """Log sums over paths, and how often each label and each transition is expected in them."""
    emissions = grid.emissions
    before, total = forward(grid)
    after = backward(grid)
    nodes = numpy.exp(before + after - total[..., None])
    nodes = numpy.where(grid.mask & counts[..., None], nodes, 0.0)
    edges = numpy.zeros_like(grid.transitions)
    edges[:, O] += nodes[0].sum(axis=0)
    if emissions.shape[0] > 1:
        pairs = (
            before[:-1, ..., :, None]
            + grid.transitions
            + (emissions + after)[1:, ..., None, :]
            - total[..., None, None]
        )
        seen = grid.mask[1:, ..., None] & counts[..., None, None]
        edges += numpy.where(seen, numpy.exp(pairs), 0.0).sum(axis=(0, 1))
    return total, nodes, edges
