"""Whether a difference in F1 is more than chance: paired by document, and over seeds. Pure, vectorised.

- The interval is that of the paired bootstrap (Efron and Tibshirani 1993): documents are drawn with
  replacement, the same for both systems.
- p is that of paired approximate randomization (Yeh 2000, "More accurate tests for the statistical
  significance of result differences"): if the systems are alike, what they found in a document can be
  swapped, and p is how often swapping at random gives a difference as large as the one seen.

Where a system was trained with several seeds, a document's counts are their mean, and what another choice of
seeds would change is added to each draw: the error of the difference of two means over seeds, by Student's t
with the pooled spread. What runs happen to find in single documents is in that, and so is taken out of the
spread over documents (`seed_variance`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from spacy_bioner.errors import ComparisonError
from spacy_bioner.evaluation.document_counts import DocumentCounts, f1
from spacy_bioner.evaluation.seed_variance import counted_twice, seed_noise, without

DRAWS = 10_000
LEVEL = 0.95
ALPHA = 0.05
FEWEST = 6
"""With fewer documents on which two systems differ, no swapping gives p < 0.05: 2 / 2**5 = 0.06."""
POWER = 2.8
"""A difference of so many standard errors is found in four of five cases: 1.96 + 0.84 of the normal
distribution."""
WIDTH = 1.96
"""Within so many standard errors are 95% of a normal distribution."""
ALL = "all"
MEAN = "mean over corpora"
_CHUNK = 4_000_000  # numbers drawn at once: 32 MB

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Runs:
    """What a system found on one data set: once, or with several seeds.

    Attributes:
        data: the name of the data set.
        counts: the counts of each run, on the same documents.
        seeds: the seed of each run; None where it isn't known.
    """

    data: str
    counts: tuple[DocumentCounts, ...]
    seeds: tuple[int | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference between two systems, with how sure it is. F1 is from 0 to 100.

    Attributes:
        data: the data set, or `MEAN`.
        type: the entity type, or `ALL`.
        a, b: F1 of each, the mean over its runs.
        low, high: the interval of b - a.
        p: the probability of so large a difference by chance alone.
        error: the standard error of b - a if there is no difference, from where 95% of the draws are.
        documents: how many there are.
        differing: on how many the counts differ.
        runs_a, runs_b: how often each was trained.
    """

    data: str
    type: str
    a: float
    b: float
    low: float
    high: float
    p: float
    error: float
    documents: int
    differing: int
    runs_a: int
    runs_b: int

    @property
    def difference(self) -> float:
        """How much better the second system is: b - a, in F1 from 0 to 100."""
        return self.b - self.a

    def to_dict(self) -> dict[str, str | float | int]:
        """The figures and the difference as plain data, for JSON."""
        return {**asdict(self), "difference": self.difference}


def compare(
    a: Sequence[Runs], b: Sequence[Runs], *, draws: int = DRAWS, seed: int = 1, level: float = LEVEL
) -> list[Difference]:
    """Compares two systems on one or more data sets.

    Args:
        a, b: their runs, on the same data sets in the same order.
        draws: how often documents are drawn, and swapped.
        seed: of the draws; the same gives the same result.
        level: of the interval.

    Returns:
        For each data set the difference in all types together and in each type; then, of several data sets,
        in the mean of their F1 over all types.

    Raises:
        ComparisonError: if the documents, their gold mentions or all types differ, or there is one document.
    """
    found: list[Difference] = []
    means: list[tuple[Difference, Floats, Floats]] = []
    for of_a, of_b in zip(a, b, strict=True):
        for i, drawn in enumerate(_compare_on(of_a, of_b, draws, seed, level)):
            found.append(drawn[0])
            if i == 0:
                means.append(drawn)
        seed += 1
    if len(means) > 1:
        parts = [part for part, _, _ in means]
        resampled = np.mean([bootstrapped for _, bootstrapped, _ in means], axis=0)
        swapped = np.mean([randomized for _, _, randomized in means], axis=0)
        sides = (float(np.mean([part.a for part in parts])), float(np.mean([part.b for part in parts])))
        sizes = (sum(part.documents for part in parts), sum(part.differing for part in parts))
        runs = (min(part.runs_a for part in parts), min(part.runs_b for part in parts))
        found.append(_difference(MEAN, ALL, sides, resampled, swapped, level, sizes, runs))
    return found


def _compare_on(
    a: Runs, b: Runs, draws: int, seed: int, level: float
) -> Iterator[tuple[Difference, Floats, Floats]]:
    """The differences on one data set, each with its draws: of the bootstrap, and of randomization."""
    types = common_types(a, b)
    check_pairs(a, b)
    tables = [_with_total(runs, types) for runs in (a, b)]  # of shape (runs, documents, 1 + types, 3)
    scores = [100 * f1(table.sum(1)) for table in tables]  # of shape (runs, 1 + types)
    one, other = (table.mean(0) for table in tables)
    rng = np.random.default_rng(seed)
    twice = 100**2 * counted_twice(*tables)
    resampled = 100 * _bootstrap(one, other, draws, rng)
    swapped = 100 * _randomization(one, other, draws, rng)
    observed = scores[1].mean(0) - scores[0].mean(0)
    resampled += observed - 100 * (f1(other.sum(0)) - f1(one.sum(0)))  # F1 of means, and the mean of F1
    for column, name in enumerate((ALL, *types) if len(types) > 1 else (ALL,)):
        noise = seed_noise(scores[0][:, column], scores[1][:, column], twice[column], draws, rng)
        differing = int((one[:, column] != other[:, column]).any(-1).sum())
        drawn = without(resampled[:, column], twice[column]) + noise[0]
        null = without(swapped[:, column], twice[column]) + noise[1]
        sides = (float(scores[0][:, column].mean()), float(scores[1][:, column].mean()))
        runs = (len(a.counts), len(b.counts))
        sizes = (len(one), differing)
        yield _difference(a.data, name, sides, drawn, null, level, sizes, runs), drawn, null


def _difference(
    data: str,
    entity_type: str,
    sides: tuple[float, float],
    resampled: Floats,
    swapped: Floats,
    level: float,
    sizes: tuple[int, int],
    runs: tuple[int, int],
) -> Difference:
    a, b = sides
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    as_large = np.count_nonzero(np.abs(swapped) >= abs(b - a) - 1e-9)
    p = (as_large + 1) / (len(swapped) + 1)
    error = float(np.quantile(np.abs(swapped), LEVEL)) / WIDTH
    return Difference(data, entity_type, a, b, float(low), float(high), float(p), error, *sizes, *runs)


def _with_total(runs: Runs, types: Sequence[str]) -> Floats:
    tables = np.array([counts.only(types).table for counts in runs.counts], dtype=np.float64)
    return np.concatenate([tables.sum(2, keepdims=True), tables], axis=2)


def _bootstrap(one: Floats, other: Floats, draws: int, rng: np.random.Generator) -> Floats:
    """F1 of `other` less that of `one` on documents drawn with replacement: shape (draws, columns)."""
    n = len(one)
    parts = []
    for size in _chunks(draws, n):
        picked = rng.integers(n, size=(size, n)) + n * np.arange(size)[:, None]
        weights = np.bincount(picked.ravel(), minlength=size * n).reshape(size, n).astype(np.float64)
        parts.append(f1(_sums(weights, other)) - f1(_sums(weights, one)))
    return np.concatenate(parts)


def _randomization(one: Floats, other: Floats, draws: int, rng: np.random.Generator) -> Floats:
    """F1 of `other` less that of `one` after swapping documents at random: shape (draws, columns)."""
    apart = other - one
    differ = apart.any((1, 2))  # swapping the others changes nothing
    apart = apart[differ]
    totals = one.sum(0), other.sum(0)
    if not len(apart):
        return np.zeros((draws, one.shape[1]))
    parts = []
    for size in _chunks(draws, len(apart)):
        swaps = rng.integers(2, size=(size, len(apart)), dtype=np.int8).astype(np.float64)
        moved = _sums(swaps, apart)
        parts.append(f1(totals[1] - moved) - f1(totals[0] + moved))
    return np.concatenate(parts)


def _sums(weights: Floats, table: Floats) -> Floats:
    return (weights @ table.reshape(len(table), -1)).reshape(len(weights), *table.shape[1:])


def _chunks(draws: int, width: int) -> Iterator[int]:
    size = max(_CHUNK // max(width, 1), 1)
    for start in range(0, draws, size):
        yield min(size, draws - start)


def common_types(a: Runs, b: Runs) -> list[str]:
    """The types that all runs were scored on; raises ComparisonError if there are none, or no mentions."""
    every = [set(counts.types) for runs in (a, b) for counts in runs.counts]
    types = sorted(set.intersection(*every))
    if not types:
        names = " and ".join(", ".join(sorted(runs.counts[0].types)) or "none" for runs in (a, b))
        raise ComparisonError(f"{a.data}: no type in common: the scores are of {names}. [B349]")
    if not any(counts.only(types).table.any() for runs in (a, b) for counts in runs.counts):
        raise ComparisonError(
            f"{a.data}: there is no mention of {', '.join(types)}, gold or predicted. [B350]"
        )
    return types


def check_pairs(a: Runs, b: Runs) -> None:
    """Raises ComparisonError unless all runs are on the same documents, two at least, and no seed twice."""
    first = a.counts[0]
    for counts in (*a.counts, *b.counts):
        if counts.checksums != first.checksums:
            different = _other_documents(first, counts)
            raise ComparisonError(
                f"{a.data}: scores of other documents can't be compared: {different} [B566]"
            )
    if len(first) < 2:
        raise ComparisonError(
            f"{a.data}: one document says nothing of others: at least two are "
            "needed, better a hundred. [B351]"
        )
    for runs in (a, b):
        known = [seed for seed in runs.seeds if seed is not None]
        if len(known) > len(set(known)):
            raise ComparisonError(
                f"{runs.data}: two runs of a system have the same seed ({', '.join(map(str, known))}): they "
                "say nothing of what a seed changes. Leave one out. [B352]"
            )


def _other_documents(one: DocumentCounts, other: DocumentCounts) -> str:
    """What is different about the documents of two runs, and what to do."""
    same = "Evaluate both on the same files."
    names, theirs = _names(one), _names(other)
    missing = [name for checksum, name in names.items() if checksum not in theirs]
    added = [name for checksum, name in theirs.items() if checksum not in names]
    changed = [name for name in missing if name in added]
    if changed:
        return f"text or gold mentions of document {changed[0]} aren't the same in both scores. {same}"
    if not missing and not added:
        return f"the documents are in another order, or stand there more than once. {same}"
    lacking, name = ("second", missing[0]) if missing else ("first", added[0])
    count = len(missing) + len(added)
    return f"{count:,} documents are in one of the scores only; the {lacking} lacks document {name}. {same}"


def _names(counts: DocumentCounts) -> dict[str, str]:
    """Documents by checksum: their ids, or their positions where they have none."""
    positions = range(1, len(counts) + 1)
    return {
        checksum: name or str(position)
        for checksum, name, position in zip(counts.checksums, counts.ids, positions, strict=True)
    }
