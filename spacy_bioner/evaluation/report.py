"""Evaluations as reports: with everything that the figures depend on, and as tables over several corpora."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from spacy.language import Language

from spacy_bioner.calibration import calibration_error, reliability
from spacy_bioner.docbin import read_docbin
from spacy_bioner.evaluation.evaluate import corpus_variants, describe, evaluate
from spacy_bioner.provenance import describe_data, versions

Report = dict[str, Any]


def make_report(nlp: Language, data: Path, *, retokenize: bool = False, gpu_id: int = -1) -> Report:
    """Evaluates a pipeline on a .spacy file; see `evaluate.evaluate`.

    Returns:
        The figures, ready for JSON, beside the pipeline, its encoder and data, seed, corpus and versions.

    Raises:
        PipelineError: if the pipeline has no type in common with the data.
        FormatError: if the data isn't a .spacy file.
    """
    docs = read_docbin(data, nlp.vocab)
    result = evaluate(nlp, docs, retokenize=retokenize)
    table = reliability(result.judged)
    return {
        **describe(nlp),
        "data": describe_data(data).to_meta(),
        "corpus_variants": corpus_variants(docs),
        "tokens_from": "pipeline" if retokenize else "corpus",
        "types_by": "common names" if result.common_names else "own names",
        "total": result.counts.total().to_dict(),
        "types": {name: score.to_dict() for name, score in result.counts.by_type().items()},
        "calibration_error": calibration_error(table) if table else None,
        "reliability": [asdict(part) for part in table],
        "unscored_predictions": result.unscored,
        "types_not_in_pipeline": dict(result.not_found_by_pipeline),
        "docs": result.docs,
        "tokens": result.tokens,
        "tokens_per_second": round(result.tokens / result.seconds, 1),
        "device": "GPU" if gpu_id >= 0 else "CPU",
        "windows": result.cut.windows,
        "windows_cut": result.cut.windows_cut,
        "tokens_cut": result.cut.tokens_lost,
        "mentions_cut": result.cut.mentions_lost,
        "versions": versions(),
    }


def corpus_names(report: Report) -> str:
    """The corpora that a report is about, with their variants."""
    named = (
        f"{name} ({variant})" if variant else name for name, variant in report["corpus_variants"].items()
    )
    return ", ".join(named) or report["data"]["file"]


def matrix(reports: Sequence[Report]) -> tuple[list[str], list[list[str]]]:
    """F1 of several corpora: a row a corpus, a column a type.

    Returns:
        The header, and the rows: corpus and split, F1 of each type (empty where the corpus doesn't annotate
        it), and of all mentions.
    """
    types = sorted({name for report in reports for name in report["types"]})
    rows = [
        [
            f"{', '.join(report['corpus_variants']) or '?'}, {Path(report['data']['file']).stem}",
            *(f"{100 * report['types'][t]['f1']:.2f}" if t in report["types"] else "" for t in types),
            f"{100 * report['total']['f1']:.2f}",
        ]
        for report in reports
    ]
    return ["F1", *types, "all"], rows


def markdown(reports: Sequence[Report]) -> str:
    """The matrix of `matrix` in Markdown, with what it depends on."""
    header, rows = matrix(reports)
    first = reports[0]
    encoder = first["encoder"]["name"] if first["encoder"] else "none"
    lines = [
        f"# {first['pipeline']} {first['version']}",
        "",
        f"Strict F1 in percent. Encoder: {encoder}. Seed: {first['seed']}. Tokens from the "
        f"{first['tokens_from']}.",
        "",
        f"| {' | '.join(header)} |",
        f"|---|{'---:|' * (len(header) - 1)}",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
        *(f"- {corpus_names(report)}: {report['docs']:,} documents" for report in reports),
    ]
    return "\n".join(lines) + "\n"
