"""Two systems compared: scores from files, and what their differences say in words."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spacy_bioner.errors import ComparisonError
from spacy_bioner.evaluation.document_counts import DocumentCounts
from spacy_bioner.evaluation.significance import ALL, ALPHA, FEWEST, POWER, Difference, Runs

Reports = Sequence[Mapping[str, Any]]


def read_scores(path: Path) -> list[dict[str, Any]]:
    """Reads the reports that `evaluate --output` wrote: one, or a list.

    Raises:
        ComparisonError: if the file isn't there, isn't such a report, or lacks counts by document.
    """
    try:
        content = json.loads(path.read_text(encoding="utf8"))
    except FileNotFoundError:
        raise ComparisonError(f"There is no file {path}. [B321]") from None
    except (UnicodeDecodeError, ValueError):
        raise ComparisonError(f"{path}: not JSON, so no scores of `spacy bioner evaluate`. [B322]") from None
    reports = content if isinstance(content, list) else [content]
    if not reports or not all(isinstance(report, dict) and "total" in report for report in reports):
        raise ComparisonError(f"{path}: no scores that `spacy bioner evaluate --output` wrote. [B323]")
    if not all("documents" in report for report in reports):
        raise ComparisonError(
            f"{path}: made by a version that kept no counts by document. Run `spacy "
            "bioner evaluate` again. [B324]"
        )
    return reports


def score_files(path: Path) -> list[Path]:
    """The scores in a folder and those below, as an experiment has them, a file a seed; or the one file.

    Raises:
        ComparisonError: if the folder has none.
    """
    if not path.is_dir():
        return [path]
    found = sorted(path.rglob("scores*.json"))
    if not found:
        raise ComparisonError(f"{path}: there are no scores in this folder (scores.json). [B325]")
    return found


def runs_of(evaluations: Sequence[tuple[str, Reports]]) -> list[Runs]:
    """Puts the reports of one system together by data set.

    Args:
        evaluations: where reports are from, for errors, and the reports: of one run each, or of one data
            set of a run.

    Raises:
        ComparisonError: if a report's counts are broken.
    """
    found: dict[str, list[tuple[DocumentCounts, int | None]]] = {}
    for name, reports in evaluations:
        for report in reports:
            try:
                counts = DocumentCounts.from_dict(report["documents"])
            except ComparisonError as error:
                raise ComparisonError(f"{name}: {error}") from None
            found.setdefault(data_name(report), []).append((counts, report.get("seed")))
    return [
        Runs(data, tuple(counts for counts, _ in runs), tuple(seed for _, seed in runs))
        for data, runs in found.items()
    ]


def data_name(report: Mapping[str, Any]) -> str:
    """What the data of a report are called: the corpus and the split, or the file."""
    file = str(report["data"]["file"])
    corpora = ", ".join(report.get("corpus_variants", ()))
    return f"{corpora}, {Path(file.removesuffix('.gz')).stem}" if corpora else file


def matched(a: Sequence[Runs], b: Sequence[Runs]) -> tuple[list[Runs], list[Runs]]:
    """The data sets that both systems have, in the order of the first.

    Where each has one, they belong together whatever they are called.

    Raises:
        ComparisonError: if there are none, or one of them has more.
    """
    if len(a) == len(b) == 1:
        return list(a), list(b)
    others = {runs.data: runs for runs in b}
    both = [runs for runs in a if runs.data in others]
    only = sorted({runs.data for runs in a} ^ set(others))
    if only:
        raise ComparisonError(f"Only one of the two has scores on {', '.join(only)}: leave them out. [B326]")
    return both, [others[runs.data] for runs in both]


def differences_as_rows(
    differences: Sequence[Difference], a: str, b: str
) -> tuple[list[str], list[list[str]]]:
    """A table of differences: the header, and a row each."""
    rows = [
        [
            d.data,
            d.type,
            f"{d.a:.2f}",
            f"{d.b:.2f}",
            f"{d.difference:+.2f}",
            f"{d.low:.2f} to {d.high:.2f}",
            f"{d.p:.4f}",
        ]
        for d in differences
    ]
    return ["data", "type", a, b, "difference", "95% interval", "p"], rows


def in_words(difference: Difference, a: str, b: str) -> str:
    """What a difference says, in a sentence.

    Args:
        difference: the difference.
        a, b: the names of the systems.
    """
    d = difference
    where = f"{d.data}, {d.type}: " if d.type != ALL else f"{d.data}: "
    interval = f"95% interval {d.low:.2f} to {d.high:.2f}"
    details = f"{interval}, p {_p(d.p)}, {_runs(d)}, paired by document, {d.documents:,} documents"
    if d.differing < FEWEST:
        return (
            f"{where}too few to tell: {a} ({d.a:.2f} F1) and {b} ({d.b:.2f}) differ on {d.differing} of "
            f"{d.documents:,} documents, and no test finds a difference with fewer than {FEWEST}."
        )
    better, worse = (b, a) if d.difference > 0 else (a, b)
    size = abs(d.difference)
    if d.difference < 0:
        details = details.replace(interval, f"95% interval {-d.high:.2f} to {-d.low:.2f}")
    if d.p < ALPHA:
        return f"{where}{better} is better than {worse} by {size:.2f} F1 ({details})."
    return (
        f"{where}no difference can be told between {better} and {worse}: {size:.2f} F1 ({details}). "
        f"A difference has to be about {POWER * d.error:.1f} F1 to be found in four of five cases here."
    )


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.3f}" if p < 0.1 else f"= {p:.2f}"


def _runs(d: Difference) -> str:
    if d.runs_a == d.runs_b == 1:
        return "one seed each, so what another seed would change is not in it"
    return f"{d.runs_a} seeds each" if d.runs_a == d.runs_b else f"{d.runs_a} and {d.runs_b} seeds"
