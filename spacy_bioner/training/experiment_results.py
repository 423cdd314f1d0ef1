"""What an experiment found: means over seeds, differences from the baseline, and a report."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from spacy_bioner.errors import ComparisonError
from spacy_bioner.evaluation import plots
from spacy_bioner.evaluation.comparison import in_words, matched, read_scores, runs_of
from spacy_bioner.evaluation.comparison_page import comparison_section
from spacy_bioner.evaluation.page import Part, Plot, Section, Table
from spacy_bioner.evaluation.significance import ALL, Difference, Runs, compare
from spacy_bioner.training.experiment import DONE, SCORES, Cell, cells
from spacy_bioner.training.experiment_plan import Plan

RESULTS = "results.json"
"""The result of an experiment, in its folder."""

_Key = tuple[str, str, float]
_Finished = tuple[Cell, Mapping[str, Any], list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Row:
    """A system on a corpus with a share of its training data, over all seeds. F1 is from 0 to 100.

    Attributes:
        system, corpus, share: which.
        seeds: the seeds.
        f1: strict F1 over all types of each run, in the order of the seeds.
        types: the same by type.
        cpu_seconds, peak_mb: processor time and memory of each training.
    """

    system: str
    corpus: str
    share: float
    seeds: tuple[int, ...]
    f1: tuple[float, ...]
    types: Mapping[str, tuple[float, ...]]
    cpu_seconds: tuple[float, ...]
    peak_mb: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean F1 over seeds, from 0 to 100."""
        return mean(self.f1)

    @property
    def deviation(self) -> float | None:
        """The standard deviation over seeds; None of one seed."""
        return stdev(self.f1) if len(self.f1) > 1 else None

    def to_dict(self) -> dict[str, Any]:
        """The row as plain data, for results.json."""
        f1 = {"mean": self.mean, "sd": self.deviation, "values": list(self.f1)}
        types = {name: {"mean": mean(v), "values": list(v)} for name, v in self.types.items()}
        named = {"system": self.system, "corpus": self.corpus, "share": self.share, "seeds": list(self.seeds)}
        used = {"train_cpu_seconds": list(self.cpu_seconds), "train_peak_mb": list(self.peak_mb)}
        return {**named, "f1": f1, "types": types, **used}


@dataclass(frozen=True, slots=True)
class Comparison:
    """The differences between the baseline and another system, with one share of the training data."""

    baseline: str
    system: str
    share: float
    differences: tuple[Difference, ...]

    def to_dict(self) -> dict[str, Any]:
        """The differences as plain data and in a sentence, for results.json."""
        said = [in_words(d, self.baseline, self.system) for d in self.differences if d.type == ALL]
        found = [difference.to_dict() for difference in self.differences]
        names = {"baseline": self.baseline, "system": self.system, "share": self.share}
        return {**names, "words": said, "differences": found}


@dataclass(frozen=True, slots=True)
class Results:
    """What an experiment found.

    Attributes:
        rows: the systems on the corpora.
        comparisons: each system against the baseline.
        runs: what each run was made of, and how long it took.
    """

    rows: tuple[Row, ...]
    comparisons: tuple[Comparison, ...]
    runs: tuple[Mapping[str, Any], ...]

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data, for results.json."""
        return {
            "rows": [row.to_dict() for row in self.rows],
            "comparisons": [comparison.to_dict() for comparison in self.comparisons],
            "runs": [dict(run) for run in self.runs],
        }


def collect(plan: Plan, output: Path) -> Results:
    """Reads what the finished runs of an experiment wrote.

    Raises:
        ComparisonError: if a run isn't finished, or its scores are broken.
    """
    finished = [(cell, *_read(cell, output)) for cell in cells(plan)]
    groups: dict[_Key, list[_Finished]] = {}
    for cell, run, reports in finished:
        key = (cell.system.name, cell.corpus.name, cell.share)
        groups.setdefault(key, []).append((cell, run, reports))
    rows = [_row(key, members) for key, members in sorted(groups.items(), key=lambda g: _order(plan, g[0]))]
    baseline = plan.baseline or plan.systems[0].name
    comparisons = [
        Comparison(baseline, system.name, share, tuple(_compare(groups, plan, baseline, system.name, share)))
        for share in plan.shares
        for system in plan.systems
        if system.name != baseline
    ]
    return Results(tuple(rows), tuple(comparisons), tuple(run for _, run, _ in finished))


def _read(cell: Cell, output: Path) -> tuple[Mapping[str, Any], list[dict[str, Any]]]:
    try:
        run = json.loads((output / cell.folder / DONE).read_text(encoding="utf8"))
    except (FileNotFoundError, ValueError):
        raise ComparisonError(f"{output / cell.folder}: this run isn't finished. [B444]") from None
    return run, read_scores(output / cell.folder / SCORES)


def _order(plan: Plan, key: _Key) -> tuple[int, float, int]:
    systems, corpora = [s.name for s in plan.systems], [c.name for c in plan.corpora]
    return corpora.index(key[1]), key[2], systems.index(key[0])


def _row(
    key: tuple[str, str, float],
    members: Sequence[tuple[Cell, Mapping[str, Any], Sequence[Mapping[str, Any]]]],
) -> Row:
    """One row; where a corpus has several test files, F1 is the mean over them."""
    reports = [found for _, _, found in members]
    types = sorted({name for found in reports for report in found for name in report["types"]})
    return Row(
        *key,
        tuple(cell.seed for cell, _, _ in members),
        tuple(100 * mean(report["total"]["f1"] for report in found) for found in reports),
        {name: tuple(_type_f1(found, name) for found in reports) for name in types},
        tuple(run["train_cpu_seconds"] for _, run, _ in members),
        tuple(run["train_peak_mb"] for _, run, _ in members),
    )


def _type_f1(reports: Sequence[Mapping[str, Any]], name: str) -> float:
    """F1 of a type, the mean over the test files that have it; 0 where none has."""
    found = [report["types"][name]["f1"] for report in reports if name in report["types"]]
    return 100 * mean(found) if found else 0.0


def _compare(
    groups: Mapping[tuple[str, str, float], Sequence[Any]],
    plan: Plan,
    baseline: str,
    system: str,
    share: float,
) -> Iterator[Difference]:
    """The differences on all corpora, by the names that the experiment gives them."""

    def runs(name: str) -> list[Runs]:
        found = []
        for corpus in plan.corpora:
            members = groups[name, corpus.name, share]
            reports = [(str(cell.folder), reports) for cell, _, reports in members]
            several = runs_of(reports)
            names = [corpus.name if len(several) == 1 else f"{corpus.name}, {r.data}" for r in several]
            found += [Runs(n, r.counts, r.seeds) for n, r in zip(names, several, strict=True)]
        return found

    yield from compare(*matched(runs(baseline), runs(system)))


def rows_as_table(rows: Iterable[Row]) -> tuple[list[str], list[list[str]]]:
    """A table: the header, and a row a system, corpus and share."""
    table = [
        [
            row.corpus,
            row.system,
            f"{100 * row.share:g}%",
            f"{row.mean:.2f}",
            "" if row.deviation is None else f"{row.deviation:.2f}",
            str(len(row.seeds)),
            f"{mean(row.cpu_seconds):,.0f}",
            f"{max(row.peak_mb):,.0f}",
        ]
        for row in rows
    ]
    header = ["corpus", "system", "share", "F1", "sd", "seeds", "CPU seconds", "peak MB"]
    return header, table


def experiment_sections(results: Results, *, html: bool) -> Iterator[Section]:
    """The sections of an experiment's report; plots where they are wanted."""
    said = "Strict F1 in percent on the reported split, mean and standard deviation over seeds."
    yield Section("Results", [said, Table(*rows_as_table(results.rows))])
    by_type = [
        [row.corpus, row.system, f"{100 * row.share:g}%", name, f"{mean(values):.2f}"]
        for row in results.rows
        for name, values in row.types.items()
    ]
    yield Section("By type", [Table(["corpus", "system", "share", "type", "F1"], by_type)])
    shares = sorted({row.share for row in results.rows})
    if len(shares) > 1 and html:
        yield Section("Learning curves", list(_curves(results.rows)))
    if html and len({row.corpus for row in results.rows}) > 1:
        yield Section("Heat map", [_heat_map([row for row in results.rows if row.share == shares[-1]])])
    for comparison in results.comparisons:
        yield _comparison(comparison, html)
    runs = [
        (
            f"{run['made_of']['corpus']}, {run['made_of']['system']}, {100 * run['made_of']['share']:g}%",
            str(run["made_of"]["seed"]),
            run["device"],
            f"{run['train_seconds']:,.0f}",
            run["made_of"]["config"]["sha256"][:12],
            run["made_of"]["data"]["train"][0]["sha256"][:12],
        )
        for run in results.runs
    ]
    versions = results.runs[0]["made_of"]["versions"].items()
    header = ["run", "seed", "device", "seconds", "config", "training data"]
    yield Section("Provenance", [Table(header, runs), Table(["", ""], list(versions))])


def _comparison(comparison: Comparison, html: bool) -> Section:
    a, b = comparison.baseline, comparison.system
    share = "" if comparison.share == 1 else f", {100 * comparison.share:g}% of the training data"
    return comparison_section(comparison.differences, a, b, f"{b} and {a}{share}", html=html)


def _curves(rows: Sequence[Row]) -> Iterator[Part]:
    for corpus in dict.fromkeys(row.corpus for row in rows):
        series: dict[str, list[plots.Interval]] = {}
        for row in rows:
            if row.corpus == corpus:
                spread = row.deviation or 0.0
                point = (f"{100 * row.share:g}", row.mean, row.mean - spread, row.mean + spread)
                series.setdefault(row.system, []).append(point)
        plot = plots.lines(series, "percent of the training documents", "F1")
        yield Plot(plot, f"{corpus}: F1 by the size of the training data, and its deviation over seeds.")


def _heat_map(rows: Sequence[Row]) -> Plot:
    systems = list(dict.fromkeys(row.system for row in rows))
    corpora = list(dict.fromkeys(row.corpus for row in rows))
    values = {(row.corpus, row.system): row.mean for row in rows}
    cells = [[values.get((corpus, system)) for system in systems] for corpus in corpora]
    return Plot(plots.heat_map(corpora, systems, cells), "F1, a row a corpus and a column a system.")
