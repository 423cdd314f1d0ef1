"""Tests of difference: against scipy, on systems that differ by chance, and on planted differences."""

import numpy as np
import pytest
from scipy import stats

from spacy_bioner.errors import ComparisonError
from spacy_bioner.evaluation.comparison import in_words
from spacy_bioner.evaluation.document_counts import DocumentCounts, f1
from spacy_bioner.evaluation.significance import Difference, Runs, compare

Table = np.ndarray


def system(rng: np.random.Generator, gold: Table, recall: float, noise: float = 0.25) -> Table:
    """Counts of a system of such a recall, with wrong mentions beside."""
    correct = rng.binomial(gold, recall)
    return np.stack([correct, correct + rng.poisson(noise * gold), gold], -1)[:, None, :]


def runs(*tables: Table, data: str = "x", types: tuple[str, ...] = ("A",), seeds: bool = False) -> Runs:
    names = tuple(map(str, range(len(tables[0]))))
    counts = tuple(DocumentCounts(names, names, types, table) for table in tables)
    return Runs(data, counts, tuple(range(len(tables))) if seeds else ())


def differences(a: Runs, b: Runs, draws: int = 2000, seed: int = 1) -> Difference:
    return compare([a], [b], draws=draws, seed=seed)[0]


def f1_of(*columns: Table) -> float:
    return 100 * float(f1(np.stack(columns, -1).sum(0)))


def test_interval_and_p_are_scipys():
    """As scipy.stats.bootstrap and permutation_test on the documents have them, within Monte Carlo error."""
    rng = np.random.default_rng(3)
    gold = rng.poisson(3, 120)
    a, b = system(rng, gold, 0.78), system(rng, gold, 0.82)
    found = differences(runs(a), runs(b), 10_000)

    def statistic(documents: Table) -> float:
        rows = documents.astype(int)
        return f1_of(*b[rows, 0].T) - f1_of(*a[rows, 0].T)

    documents = (np.arange(len(gold)),)
    theirs = stats.bootstrap(
        documents, statistic, n_resamples=4000, method="percentile", vectorized=False, random_state=rng
    )
    spread = theirs.standard_error
    assert found.low == pytest.approx(theirs.confidence_interval.low, abs=0.15 * spread)
    assert found.high == pytest.approx(theirs.confidence_interval.high, abs=0.15 * spread)

    both = np.stack([a[:, 0], b[:, 0]])  # a document's counts are swapped as one

    def swapped(one: Table, other: Table) -> float:
        picked = [both[side.astype(int), np.arange(len(gold))] for side in (one, other)]
        return f1_of(*picked[1].T) - f1_of(*picked[0].T)

    sides = (np.zeros(len(gold)), np.ones(len(gold)))
    p = stats.permutation_test(
        sides, swapped, permutation_type="samples", n_resamples=4000, vectorized=False, random_state=rng
    ).pvalue
    assert 0.01 < p < 0.5
    assert found.p == pytest.approx(p, abs=4 * (p * (1 - p) / 4000) ** 0.5)


def test_systems_that_differ_by_chance_are_told_apart_as_often_as_alpha_says():
    rng, found = np.random.default_rng(77), []
    for trial in range(600):
        gold = rng.poisson(3, 80)
        a, b = system(rng, gold, 0.8), system(rng, gold, 0.8)
        swap = rng.integers(2, size=(80, 1, 1)).astype(bool)
        one, other = runs(np.where(swap, a, b)), runs(np.where(swap, b, a))
        found.append(differences(one, other, 1000, trial).p)
    assert 0.03 < np.mean(np.array(found) < 0.05) < 0.07


def test_seeds_count_too():
    """Two systems whose runs vary by seed more than by document: documents alone would tell them apart."""
    alone, together = [], []
    for trial in range(100):
        rng = np.random.default_rng(trial)
        gold = rng.poisson(6, 150)
        levels = rng.normal(0.8, 0.03, (2, 3)).clip(0.05, 0.95)
        a, b = ([system(rng, gold, level) for level in side] for side in levels)
        together.append(differences(runs(*a), runs(*b), 1000, 9000 + trial).p)
        alone.append(differences(runs(a[0]), runs(b[0]), 1000, 9000 + trial).p)
    assert np.mean(np.array(alone) < 0.05) > 0.2
    assert np.mean(np.array(together) < 0.05) < 0.09


def test_chance_in_single_documents_counts_once():
    """Runs that differ only by what they happen to find: neither more nor less careful than alpha says."""
    found = []
    for trial in range(300):
        rng = np.random.default_rng(trial)
        gold, recall = rng.poisson(6, 100), rng.normal(0.8, 0.08, 100).clip(0, 1)
        a, b = ([system(rng, gold, recall) for _ in range(3)] for _ in range(2))
        found.append(differences(runs(*a), runs(*b), 500, trial))
    assert 0.02 < np.mean([difference.p < 0.05 for difference in found]) < 0.08
    assert 0.92 < np.mean([difference.low <= 0 <= difference.high for difference in found]) < 0.98


def test_runs_that_score_alike_by_chance_make_nothing_certain():
    """Two runs each with the same F1, from other documents: each pair alone can't be told apart."""
    smallest = []
    for trial in range(40):
        rng = np.random.default_rng(trial)
        gold = np.full(40, 6)
        a, b = ([run, run[rng.permutation(40)]] for run in (system(rng, gold, 0.8) for _ in range(2)))
        apart = [differences(runs(one), runs(other), 500, trial).p for one in a for other in b]
        if min(apart) > 0.2:
            smallest.append(differences(runs(*a), runs(*b), 500, trial).p)
    assert len(smallest) > 10
    assert (
        min(smallest) > 0.005
    )  # 0.002, the least that 500 draws can say, where the spread over runs is taken as seen


def test_planted_difference_is_found():
    rng = np.random.default_rng(0)
    gold = rng.poisson(3, 400)
    found = differences(runs(system(rng, gold, 0.75)), runs(system(rng, gold, 0.85)))
    assert found.p < 0.001
    assert found.low > 0
    assert "B is better than A by" in in_words(found, "A", "B")
    assert "one seed each" in in_words(found, "A", "B")


def test_sides_exchanged_give_the_same():
    rng = np.random.default_rng(1)
    gold = rng.poisson(3, 100)
    a, b = runs(system(rng, gold, 0.65)), runs(system(rng, gold, 0.85))
    one, other = differences(a, b), differences(b, a)
    assert one.difference == -other.difference
    assert one.p == pytest.approx(other.p, abs=0.02)
    assert "B is better than A" in in_words(one, "A", "B")
    assert "B is better than A" in in_words(other, "B", "A")


def test_types_and_mean_over_corpora():
    rng = np.random.default_rng(2)
    gold = rng.poisson(3, 50)
    types = ("A", "B")

    def two(recall: float) -> Table:
        return np.concatenate([system(rng, gold, recall), system(rng, gold, recall)], axis=1)

    one = [runs(two(0.7), types=types, data=name) for name in ("x", "y")]
    other = [runs(two(0.8), types=types, data=name) for name in ("x", "y")]
    found = compare(one, other, draws=1000)
    assert [(d.data, d.type) for d in found] == [
        *(("x", name) for name in ("all", "A", "B")),
        *(("y", name) for name in ("all", "A", "B")),
        ("mean over corpora", "all"),
    ]
    mean = found[-1]
    assert mean.b == pytest.approx((found[0].b + found[3].b) / 2)
    assert mean.high - mean.low < min(d.high - d.low for d in (found[0], found[3]))
    assert mean.documents == 100


def test_too_few_documents_that_differ():
    table = np.tile([3, 4, 5], (20, 1, 1))
    other = table.copy()
    other[:5, 0, 0] += 1
    found = differences(runs(table), runs(other))
    assert found.p > 0.05
    assert "too few to tell" in in_words(found, "A", "B")
    assert "differ on 5 of 20 documents" in in_words(found, "A", "B")


def test_what_is_not_comparable_is_an_error():
    table = np.tile([3, 4, 5], (3, 1, 1))
    a = runs(table)
    names = a.counts[0].ids
    with pytest.raises(ComparisonError, match="one document says nothing"):
        differences(runs(table[:1]), runs(table[:1]))
    with pytest.raises(ComparisonError, match="no type in common: the scores are of A and B"):
        differences(a, runs(table, types=("B",)))
    with pytest.raises(ComparisonError, match="no mention of A"):
        differences(runs(table * 0), runs(table * 0))
    with pytest.raises(ComparisonError, match="have the same seed"):
        differences(Runs("x", a.counts * 2, (1, 1)), a)
    fewer = Runs("x", (a.counts[0].without([2]),))
    with pytest.raises(ComparisonError, match=r"1 documents .* the second lacks document 2"):
        differences(a, fewer)
    changed = Runs("x", (DocumentCounts(names, ("0", "other", "2"), ("A",), table),))
    with pytest.raises(ComparisonError, match="gold mentions of document 1 aren't the same"):
        differences(a, changed)


def test_counts_survive_json():
    rng = np.random.default_rng(0)
    counts = runs(system(rng, rng.poisson(3, 5), 0.5)).counts[0]
    again = DocumentCounts.from_dict(counts.to_dict())
    assert (again.ids, again.checksums, again.types) == (counts.ids, counts.checksums, counts.types)
    assert (again.table == counts.table).all()
    for broken in ({}, {"ids": [], "checksums": [], "counts": {"A": {}}}, {"counts": 3}):
        with pytest.raises(ComparisonError):
            DocumentCounts.from_dict(broken)
