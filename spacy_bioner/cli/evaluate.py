"""`spacy bioner evaluate`: strict precision, recall and F1 by type, with what they depend on."""

from pathlib import Path
from typing import Any

import typer

from spacy_bioner.cli import listed, renamed_types, verb
from spacy_bioner.terminal import msg

AT_PRECISION = 0.95


@verb("evaluate")
def evaluate_cli(
    model: str = typer.Argument(
        ..., help="Pipeline: the name of a package, or a folder; with --predictions, the gold"
    ),
    data: list[Path] = typer.Argument(
        None, help="Files with gold mentions in any format, or folders of them"
    ),
    predictions: Path = typer.Option(
        None, help="Score the mentions in this file, in any format: no pipeline"
    ),
    output: Path = typer.Option(None, help="JSON file for the scores"),
    report: Path = typer.Option(None, help="Report to look at (.html with plots and errors, .md or .json)"),
    conll: Path = typer.Option(None, help="File for token, gold tag and predicted tag, for other scorers"),
    against: list[Path] = typer.Option([], help="Training data: recall on names and concepts in it or not"),
    at_precision: float = typer.Option(
        AT_PRECISION, min=0, max=1, help="Print thresholds for this precision"
    ),
    gpu_id: int = typer.Option(-1, help="GPU to use; -1 for the CPU"),
    threshold: float = typer.Option(None, min=0, max=1, help="Score entities of at least this probability"),
    reliability: bool = typer.Option(
        False, help="Print how often entities of each probability are right, and thresholds"
    ),
    retokenize: bool = typer.Option(
        False, help="Give the pipeline raw text, as in use, also where .spacy or columns have tokens"
    ),
    source: str = typer.Option("", "--from", help="Format of the data; default: found from its content"),
    corpus: str = typer.Option(
        "", help="Corpus of the catalogue that the data is from (.spacy files say so)"
    ),
    types: str = typer.Option(
        "",
        "--types",
        "--type",
        help="Types that the data annotates, with commas; default: those that it mentions",
    ),
    map: list[str] = typer.Option(
        [], "--map", help="Other names for the data's types: OLD=NEW, with commas; * for all others"
    ),
    offsets: str = typer.Option(
        "", help="What offsets count (utf-16, utf-8, lf, passage, ...); default: found from texts"
    ),
    max_bad: str = typer.Option(
        "", help="Most bad documents, lines and mentions, as 20 or 10%; default: more than both is too much"
    ),
    strict: bool = typer.Option(False, help="Refuse files with any bad document, line or mention"),
) -> None:
    """Evaluate a pipeline by type: strict offsets and type, each type only where it is annotated.

    The pipeline gets the raw text, or the tokens that .spacy files and columns have. Relaxed scores (same
    type, a character in common), kinds of errors, and what tokens make impossible come with it. Several files
    give a table of F1, a row a corpus and a column a type.
    """
    from spacy_bioner.documents.formats.unreadable import most_bad
    from spacy_bioner.errors import ComparisonError
    from spacy_bioner.evaluation.evaluating import evaluate

    if predictions is not None:
        if data:
            raise ComparisonError(
                "With --predictions, name only the gold file: evaluate GOLD --predictions FILE. [B540]"
            )
        of_pipelines = {
            "--report": report is not None,
            "--against": bool(against),
            "--at-precision": at_precision != AT_PRECISION,
            "--gpu-id": gpu_id >= 0,
            "--reliability": reliability,
            "--retokenize": retokenize,
        }
        if unfit := [name for name, is_given in of_pipelines.items() if is_given]:
            raise ComparisonError(
                f"Only pipelines take {', '.join(unfit)}: leave it out with --predictions. [B541]"
            )
        _evaluate_predictions(
            predictions,
            Path(model),
            output,
            conll=conll,
            source=source,
            corpus=corpus,
            types=listed([types]),
            renamed=renamed_types(map),
            offsets=offsets,
            most_bad=most_bad(max_bad, strict),
            threshold=threshold,
        )
        return
    if not data:
        raise ComparisonError("Name the files to score on, behind the pipeline. [B542]")
    reports = evaluate(
        model,
        data,
        output=output,
        page=report,
        conll=conll,
        against=against,
        precision=at_precision,
        gpu_id=gpu_id,
        retokenize=retokenize,
        source=source,
        corpus=corpus,
        types=listed([types]),
        threshold=threshold,
        renamed=renamed_types(map),
        offsets=offsets,
        most_bad=most_bad(max_bad, strict),
    )
    _print(reports, reliability, bool(against))
    for path in filter(None, (output, report, conll)):
        msg.good(str(path))


def _evaluate_predictions(predictions: Path, gold: Path, output: Path | None, **options: Any) -> None:
    from spacy_bioner.evaluation.prediction_files import evaluate_predictions
    from spacy_bioner.files import Outputs, write_json

    report = evaluate_predictions(predictions, gold, **options)
    _print_table(report)
    _print_errors(report)
    for name in report["types_not_in_gold"]:
        msg.warn(f"{name}: the gold has no mention of the type: not scored; rename it with --map {name}=TYPE")
    for role, reading in report["reading"].items():
        for what in ("offsets_not_of_text", "not_read", "set_aside"):
            if reading[what]:
                msg.warn(f"{role}: {what.replace('_', ' ')}: {len(reading[what]):,}, as {reading[what][0]}")
    if output is not None:
        with Outputs() as outputs:
            write_json(outputs.temporary(output), report)
        msg.good(str(output))


def _print(reports: list[dict[str, Any]], reliability: bool, strata: bool) -> None:
    from spacy_bioner.evaluation.report import corpus_names, matrix, remarks

    _print_pipeline(reports[0])
    for made in reports:
        msg.text(f"corpus: {corpus_names(made)}")
        _print_scores(made)
        _print_errors(made)
        for remark in remarks(made):
            msg.text(remark)
        if strata:
            _print_strata(made)
        if reliability:
            _print_reliability(made)
    if len(reports) > 1:
        header, rows = matrix(reports)
        msg.table(rows, header=header, divider=True, aligns=("l", *("r" for _ in header[1:])))


def _print_pipeline(report: dict[str, Any]) -> None:
    encoder = report["encoder"]
    msg.text(f"{report['pipeline']} {report['version']}, seed {report['seed']}")
    msg.text(f"encoder: {encoder['name'] if encoder else 'none'}")
    for role, files in report["trained_on"].items():
        for made in files:
            corpora = ", ".join(made["corpora"]) or "unnamed"
            doing = "trained on" if role == "train" else "chosen on"
            msg.text(f"{doing}: {corpora}, {made['file']}")


def _print_table(report: dict[str, Any]) -> None:
    rows = [(name, *_cells(score)) for name, score in (*report["types"].items(), ("all", report["total"]))]
    header = ("", "P", "R", "F1", "correct", "predicted", "gold")
    msg.table(rows, header=header, divider=True, aligns=("l", *"rrrrrr"))


def _print_scores(report: dict[str, Any]) -> None:
    _print_table(report)
    if report["flat"]:
        precision, recall, f1 = _cells(report["flat"])[:3]
        msg.text(
            f"gold overlaps: all spans are scored. Flat view (doc.ents): P {precision}, R {recall}, F1 {f1}"
        )
    msg.text(
        f"{report['docs']:,} documents, {report['tokens']:,} tokens, "
        f"{report['tokens_per_second']:,.0f} tokens/s, tokens from the {report['tokens_from']}"
    )
    if report["calibration_error"] is not None:
        msg.text(f"probabilities are off by {report['calibration_error']:.3f} on average (calibration error)")
    if report["windows"]:
        msg.text(
            f"windows: {report['windows_cut']:,} of {report['windows']:,} cut, "
            f"{report['tokens_cut']:,} tokens and {report['mentions_cut']:,} mentions lost"
        )
    if report["unscored_predictions"]:
        msg.warn(f"{report['unscored_predictions']:,} predicted mentions of types that aren't annotated here")
    for name, count in report["types_not_in_pipeline"].items():
        msg.warn(f"{name}: {count:,} gold mentions, and the pipeline doesn't know the type: not scored")


def _print_errors(report: dict[str, Any]) -> None:
    """Relaxed scores, and how the errors divide into kinds."""
    kinds = report["errors"]
    rows = []
    for name, score in (*report["relaxed"]["types"].items(), ("all", report["relaxed"]["total"])):
        counts = (sum(c.values()) if name == "all" else c[name] for c in kinds.values())
        rows.append((name, *_cells(score)[:3], *(f"{count:,}" for count in counts)))
    header = ("relaxed", "P", "R", "F1", *kinds)
    msg.table(rows, header=header, divider=True, aligns=("l", *("r" for _ in header[1:])))


def _print_strata(report: dict[str, Any]) -> None:
    """Recall of the parts of the gold mentions."""
    rows = [
        (s["by"], s["group"], f"{100 * s['recall']:.1f}", f"{s['found']:,}", f"{s['gold']:,}")
        for s in report["strata"]
    ]
    header = ("recall by", "", "recall", "found", "gold")
    msg.table(rows, header=header, divider=True, aligns=("l", "l", *"rrr"))


def _print_reliability(report: dict[str, Any]) -> None:
    from spacy_bioner.evaluation.evaluation_page import thresholds_as_rows

    if not report["reliability"]:
        msg.warn("no probabilities: the pipeline has no `bioner`, or it found nothing")
        return
    rows = []
    for part in report["reliability"]:
        limits = f"{part['lowest']:.3f} to {part['highest']:.3f}"
        rows.append((limits, f"{part['probability']:.3f}", f"{part['right']:.3f}", f"{part['spans']:,}"))
    msg.table(rows, header=("probability", "mean", "right", "entities"), divider=True, aligns=("l", *"rrr"))
    header, thresholds = thresholds_as_rows(report)
    msg.table(thresholds, header=header, divider=True, aligns=("l", *("r" for _ in header[1:])))


def _cells(score: dict[str, Any]) -> tuple[str, ...]:
    shares = (f"{100 * score[key]:.2f}" for key in ("precision", "recall", "f1"))
    return (*shares, *(f"{score[key]:,}" for key in ("correct", "predicted", "gold")))
