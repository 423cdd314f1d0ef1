"""The report of `evaluate`: scores, curves, what recall is made of, and the errors in their contexts."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from spacy_bioner.evaluation import plots
from spacy_bioner.evaluation.errors_page import instructive, section_of_errors
from spacy_bioner.evaluation.matching import ERRORS
from spacy_bioner.evaluation.page import Html, Part, Plot, Section, Table, provenance
from spacy_bioner.evaluation.pipeline_evaluation import Evaluation
from spacy_bioner.evaluation.report import corpus_names, matrix, remarks


def evaluation_sections(
    reports: Sequence[Mapping[str, Any]], results: Sequence[Evaluation], *, html: bool
) -> Iterator[Section]:
    """The sections of a report.

    Args:
        reports: the reports of one pipeline on one file or several; see `report.report`.
        results: what they were made of.
        html: whether plots and errors are wanted, as only HTML has them.
    """
    if len(reports) > 1:
        header, rows = matrix(list(map(dict, reports)))
        parts: list[Part] = ["Strict F1 in percent.", Table(header, rows)]
        if html:
            cells = [[float(cell) if cell else None for cell in row[1:]] for row in rows]
            plot = plots.heat_map([row[0] for row in rows], header[1:], cells)
            parts.append(Plot(plot, "Strict F1, a row a corpus and a column a type."))
        header, rows = matrix(list(map(dict, reports)), relaxed=True)
        parts += ["Relaxed: pairs of one type with a character in common count as well.", Table(header, rows)]
        yield Section("All corpora", parts)
    for number, (report, result) in enumerate(zip(reports, results, strict=True)):
        where = f": {_name(report)}" if len(reports) > 1 else ""
        yield Section(f"Scores{where}", list(_scores(report)))
        yield Section(f"What recall is made of{where}", list(_strata(report, html)))
        if report["curves"]:
            yield Section(f"Probabilities{where}", list(_probabilities(report, html)))
        if html:
            yield Section(f"Most instructive errors{where}", [Html(instructive(result))])
            yield Section(f"All errors{where}", [Html(section_of_errors(f"d{number}", report, result))])
    yield provenance(reports[0])


def _name(report: Mapping[str, Any]) -> str:
    named, file = corpus_names(dict(report)), report["data"]["file"]
    return file if named == file else f"{named}, {file}"


def _scores(report: Mapping[str, Any]) -> Iterator[Part]:
    yield f"{_name(report)}: {report['docs']:,} documents. Offsets and type have to be right; in percent."
    header = ("", "P", "R", "F1", "correct", "predicted", "gold", "relaxed F1")
    rows = []
    for name in (*report["types"], "all"):
        strict, relaxed = (
            made["total"] if name == "all" else made["types"][name] for made in (report, report["relaxed"])
        )
        shares = (f"{100 * strict[key]:.2f}" for key in ("precision", "recall", "f1"))
        counts = (f"{strict[key]:,}" for key in ("correct", "predicted", "gold"))
        rows.append((name, *shares, *counts, f"{100 * relaxed['f1']:.2f}"))
    yield Table(header, rows)
    types = list(report["types"])
    yield "What became of the rest:"
    counts_of = ((kind, [report["errors"][kind][name] for name in types]) for kind in ERRORS)
    rows = [(kind, *(f"{n:,}" for n in counts), f"{sum(counts):,}") for kind, counts in counts_of]
    yield Table(("", *types, "all"), rows)
    yield from (f"{remark}." for remark in remarks(dict(report)))
    yield from (
        f"{name}: {count:,} gold mentions, and the pipeline doesn't know the type: not scored."
        for name, count in report["types_not_in_pipeline"].items()
    )


def _strata(report: Mapping[str, Any], html: bool) -> Iterator[Part]:
    rows = [
        (f"{s['by']}: {s['group']}", f"{100 * s['recall']:.1f}", f"{s['found']:,}", f"{s['gold']:,}")
        for s in report["strata"]
    ]
    if not rows:
        yield "There are no gold mentions."
        return
    if html:
        values = [(f"{s['by']}: {s['group']} ({s['gold']:,})", s["recall"]) for s in report["strata"]]
        caption = "Recall of parts of the gold mentions, and how many there are."
        yield Plot(plots.bars(values, "recall"), caption)
    yield Table(("", "recall", "found", "gold"), rows)
    yield "The corpus:"
    yield Table(("", ""), [(name, f"{value:,}") for name, value in report["diagnostics"].items()])


def _probabilities(report: Mapping[str, Any], html: bool) -> Iterator[Part]:
    low, high = report["calibration_interval"] or (0.0, 0.0)
    yield (
        f"Probabilities are off by {report['calibration_error']:.3f} on average (calibration error; 95% "
        f"interval {low:.3f} to {high:.3f}, by document)."
    )
    if html:
        yield Plot(plots.reliability(report["reliability"]), "Reliability: a tenth of the predictions each.")
        yield Plot(plots.precision_recall(report["curves"]), "Precision and recall over all thresholds.")
    yield "Thresholds for a precision; choose them on development data:"
    yield Table(*thresholds_as_rows(report))


def thresholds_as_rows(report: Mapping[str, Any]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """A table: for each type and wanted precision the threshold, and what recall is left."""
    rows: list[tuple[str, ...]] = []
    for name, found in report["thresholds"].items():
        for wanted, point in found.items():
            values: tuple[str, ...] = ("none", "", "", "")
            if point is not None:
                shares = (f"{100 * point[key]:.2f}" for key in ("precision", "recall"))
                values = (f"{point['threshold']:.4f}", *shares, f"{point['kept']:,}")
            rows.append((name, f"{100 * float(wanted):g}", *values))
    return ("", "wanted precision", "threshold", "precision", "recall", "predictions left"), rows
