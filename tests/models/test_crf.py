"""Paths, probabilities and gradients against counting every path by hand."""

from itertools import product

import numpy
import pytest
import torch

from spacy_bioner.models.crf import (
    ALL,
    LABELS,
    VALID,
    B,
    I,
    O,
    best_paths,
    find_spans,
    forward,
    lattice,
    loss_and_gradient,
    marginals,
    span_probabilities,
    taught_loss_and_gradient,
)

POSITIONS, SEQUENCES, TYPES = 5, 3, 2


def all_paths(emissions, transitions, length):
    """Every valid path of one sequence and type, with its score."""
    paths = []
    for path in product((O, B, I), repeat=length):
        pairs = list(zip((O, *path), path, strict=False))
        if all(VALID[a][b] for a, b in pairs):
            steps = sum(transitions[a][b] for a, b in pairs)
            score = steps + sum(emissions[k][y] for k, y in enumerate(path))
            paths.append((score, path))
    return paths


def spans_of(path):
    """The mentions of a path."""
    spans = []
    for k, label in enumerate(path):
        if label == B:
            spans.append([k, k + 1])
        elif label == I:
            spans[-1][1] = k + 1
    return [tuple(span) for span in spans]


@pytest.fixture(params=range(8))
def case(request):
    random = numpy.random.default_rng(request.param)
    emissions = random.normal(size=(POSITIONS, SEQUENCES, TYPES, 3)) * 2
    transitions = random.normal(size=(TYPES, 3, 3))
    lengths = [POSITIONS, *random.integers(1, POSITIONS + 1, size=SEQUENCES - 1).tolist()]
    return emissions, transitions, lengths


def each(lengths):
    return product(enumerate(lengths), range(TYPES))


def test_best_path_and_sum_over_paths_are_those_of_enumeration(case):
    emissions, transitions, lengths = case
    grid = lattice(emissions, transitions, lengths)
    labels, (_, totals) = best_paths(grid), forward(grid)
    for (n, length), t in each(lengths):
        paths = all_paths(emissions[:, n, t], transitions[t], length)
        assert tuple(labels[:length, n, t]) == max(paths)[1]
        assert (labels[length:, n, t] == O).all()
        assert totals[n, t] == pytest.approx(numpy.log(sum(numpy.exp(score) for score, _ in paths)))


def test_the_probability_of_any_span_is_the_share_of_paths_that_have_it(case):
    emissions, transitions, lengths = case
    grid = lattice(emissions, transitions, lengths)
    for (n, length), t in each(lengths):
        paths = all_paths(emissions[:, n, t], transitions[t], length)
        total = sum(numpy.exp(score) for score, _ in paths)
        spans = [(s, e) for s in range(length) for e in range(s + 1, length + 1)]
        starts, ends = map(numpy.array, zip(*spans, strict=True))
        sequences, types = numpy.full(len(spans), n), numpy.full(len(spans), t)
        found = span_probabilities(grid, sequences, types, starts, ends)
        for span, probability in zip(spans, found, strict=True):
            share = sum(numpy.exp(score) for score, path in paths if span in spans_of(path)) / total
            assert probability == pytest.approx(share)


def test_found_spans_are_those_of_the_best_paths(case):
    emissions, transitions, lengths = case
    found = find_spans(lattice(emissions, transitions, lengths))
    rows = list(zip(found.sequences, found.types, found.starts, found.ends, strict=True))
    expected = [
        (n, t, start, end)
        for (n, length), t in each(lengths)
        for start, end in spans_of(max(all_paths(emissions[:, n, t], transitions[t], length))[1])
    ]
    assert rows == expected
    assert ((found.probabilities > 0) & (found.probabilities <= 1)).all()


def test_gradient_is_the_slope_of_the_loss(case):
    emissions, transitions, lengths = case
    random = numpy.random.default_rng(1)
    allowed = numpy.ones(emissions.shape, dtype=bool)
    for (n, length), t in each(lengths):
        paths = all_paths(emissions[:, n, t], transitions[t], length)
        gold = paths[random.integers(len(paths))][1]
        for k, label in enumerate(gold):
            if random.random() < 0.7:  # the others are missing
                allowed[k, n, t] = numpy.arange(3) == label
    counts = numpy.array([[True, False], [True, True], [False, True]])

    def loss(emissions, transitions):
        return loss_and_gradient(lattice(emissions, transitions, lengths), allowed, counts)

    _, d_emissions, d_transitions = loss(emissions, transitions)
    step = 1e-5
    for array, gradient, arguments in (
        (emissions, d_emissions, lambda changed: (changed, transitions)),
        (transitions, d_transitions, lambda changed: (emissions, changed)),
    ):
        for index in numpy.ndindex(array.shape):
            up, down = array.copy(), array.copy()
            up[index] += step
            down[index] -= step
            slope = (loss(*arguments(up))[0] - loss(*arguments(down))[0]) / (2 * step)
            assert gradient[index] == pytest.approx(slope, abs=1e-6)
    assert not d_emissions[:, 0, 1].any()
    assert not d_emissions[:, 2, 0].any()


def test_without_transitions_each_token_has_a_softmax_of_its_own(case):
    emissions, _, lengths = case
    random = numpy.random.default_rng(2)
    gold = random.integers(3, size=emissions.shape[:3])  # I behind O too
    allowed = numpy.arange(3) == gold[..., None]
    counts = numpy.ones(emissions.shape[1:3], dtype=bool)
    grid = lattice(emissions, numpy.zeros((emissions.shape[2], 3, 3)), lengths, ALL)
    loss, d_emissions, _ = loss_and_gradient(grid, allowed, counts)
    expected = 0.0
    for n, length in enumerate(lengths):
        scores = torch.tensor(emissions[:length, n].reshape(-1, 3), requires_grad=True)
        labels = torch.tensor(gold[:length, n].reshape(-1))
        own = torch.nn.functional.cross_entropy(scores, labels, reduction="sum")
        own.backward()
        expected += own.item()
        numpy.testing.assert_allclose(
            d_emissions[:length, n].reshape(-1, 3), scores.grad.numpy(), rtol=1e-9, atol=1e-12
        )
        assert not d_emissions[length:, n].any()
    assert loss == pytest.approx(expected)


def test_loss_is_minus_the_log_probability_of_the_gold_path(case):
    emissions, transitions, lengths = case
    allowed = numpy.zeros(emissions.shape, dtype=bool)
    allowed[..., O] = True
    expected = 0.0
    for (n, length), t in each(lengths):
        paths = all_paths(emissions[:, n, t], transitions[t], length)
        total = numpy.log(sum(numpy.exp(score) for score, _ in paths))
        expected += total - next(score for score, path in paths if set(path) == {O})
    grid = lattice(emissions, transitions, lengths)
    loss, _, _ = loss_and_gradient(grid, allowed, numpy.ones((SEQUENCES, TYPES), dtype=bool))
    assert loss == pytest.approx(expected)


def test_scores_far_apart_make_no_nonsense():
    emissions = numpy.zeros((4, 1, 1, 3))
    emissions[:, 0, 0, I] = 5000.0  # an I that can't begin
    grid = lattice(emissions, numpy.zeros((1, 3, 3)), [4])
    found = find_spans(grid)
    assert (found.starts.tolist(), found.ends.tolist()) == ([0], [4])
    assert found.probabilities.tolist() == pytest.approx([1.0])


def test_nothing_found_gives_empty_arrays():
    emissions = numpy.zeros((2, 1, 1, 3))
    emissions[..., O] = 9.0
    found = find_spans(lattice(emissions, numpy.zeros((1, 3, 3)), [2]))
    assert len(found.starts) == len(found.probabilities) == 0


def test_marginals_and_what_a_teacher_teaches() -> None:
    random = numpy.random.default_rng(3)
    emissions = random.normal(size=(4, 2, 2, LABELS))
    transitions = random.normal(size=(2, LABELS, LABELS))
    lengths, counts = [4, 3], numpy.array([[True, True], [True, False]])
    grid = lattice(emissions, transitions, lengths)
    nodes = marginals(grid)
    taught = random.dirichlet(numpy.ones(LABELS), size=(4, 2, 2))
    _, gradient = taught_loss_and_gradient(grid, taught, counts)
    for sequence, length in enumerate(lengths):
        for kind in range(2):
            numpy.testing.assert_allclose(nodes[:length, sequence, kind].sum(axis=-1), 1.0)
            # I never begins a sequence
            assert nodes[0, sequence, kind, I] == 0
            wanted = nodes - taught if counts[sequence, kind] else numpy.zeros_like(nodes)
            got = gradient[:length, sequence, kind]
            numpy.testing.assert_allclose(got, wanted[:length, sequence, kind], atol=1e-12)
    # nothing beyond an end, and nothing to learn from a teacher who thinks the same
    assert not gradient[3, 1].any()
    loss, gradient = taught_loss_and_gradient(grid, nodes, counts)
    numpy.testing.assert_allclose(gradient, 0.0, atol=1e-12)
    # then the loss is the entropy of the paths, which is not negative
    assert loss > 0
