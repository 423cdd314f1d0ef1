"""`spacy bioner evaluate`: strict precision, recall and F1 by type, with what they depend on."""

from pathlib import Path
from typing import Any

import typer
from wasabi import msg

from spacy_bioner.cli import verb


@verb("evaluate")
def evaluate_cli(
    model: str = typer.Argument(..., help="Pipeline: the name of a package, or a folder"),
    data: list[Path] = typer.Argument(..., help=".spacy files with gold entities, or folders of them"),
    output: Path = typer.Option(None, help="JSON file for the scores"),
    markdown: Path = typer.Option(None, help="Markdown file for the table, a row a file"),
    gpu_id: int = typer.Option(-1, help="GPU to use; -1 for the CPU"),
    reliability: bool = typer.Option(False, help="Print how often entities of each probability are right"),
    retokenize: bool = typer.Option(
        False, help="Give the pipeline raw text, as in use, and not the corpus's own tokens"
    ),
) -> None:
    """Evaluate a pipeline by type: strict offsets and type, each type only where it is annotated.

    Several files give a table of F1, a row a corpus and a column a type.
    """
    evaluate(model, data, output, markdown, gpu_id, retokenize, reliability)


def evaluate(
    model: str,
    data: list[Path],
    output: Path | None = None,
    markdown: Path | None = None,
    gpu_id: int = -1,
    retokenize: bool = False,
    reliability: bool = False,
) -> list[dict[str, Any]]:
    """Evaluates a pipeline on each file, prints the tables, and writes them if asked to.

    Args:
        model: the name of a package, or a folder.
        data: the .spacy files, or folders of them.
        output: a file for the report as JSON: of the one file, or a list.
        markdown: a file for the table in Markdown.
        gpu_id: the GPU to use; -1 for the CPU.
        retokenize: whether the pipeline gets raw text.
        reliability: whether to print how often entities of each probability are right.

    Raises:
        PipelineError: if the pipeline can't be loaded, or has no type in common with the data.
        FormatError: if the data isn't a .spacy file, or a folder has none.
    """

    from spacy_bioner.devices import use_device
    from spacy_bioner.docbin import docbin_files, read_docbin
    from spacy_bioner.evaluation import report
    from spacy_bioner.files import Outputs, write_json
    from spacy_bioner.pipelines import load_pipeline

    use_device(gpu_id)
    data = docbin_files(data)
    for path in data:
        if not path.exists():
            read_docbin(path)  # says what is wrong with it, before anything is loaded
    nlp = load_pipeline(model)
    reports = [report.make_report(nlp, path, retokenize=retokenize, gpu_id=gpu_id) for path in data]
    _print_pipeline(reports[0])
    for made in reports:
        msg.text(f"corpus: {report.corpus_names(made)}")
        _print_scores(made)
        if reliability:
            _print_reliability(made)
    if len(reports) > 1:
        header, rows = report.matrix(reports)
        msg.table(rows, header=header, divider=True, aligns=("l", *("r" for _ in header[1:])))
    with Outputs() as outputs:
        if output is not None:
            content = reports if len(reports) > 1 else reports[0]
            write_json(outputs.temporary(output), content)
        if markdown is not None:
            outputs.temporary(markdown).write_text(report.markdown(reports), encoding="utf8")
    for written in filter(None, (output, markdown)):
        msg.good(str(written))
    return reports


def _print_pipeline(report: dict[str, Any]) -> None:
    encoder = report["encoder"]
    msg.text(f"{report['pipeline']} {report['version']}, seed {report['seed']}")
    msg.text(f"encoder: {encoder['name'] if encoder else 'none'}")
    for role, files in report["trained_on"].items():
        for made in files:
            corpora = ", ".join(made["corpora"]) or "unnamed"
            doing = "trained on" if role == "train" else "chosen on"
            msg.text(f"{doing}: {corpora}, {made['file']}")


def _print_scores(report: dict[str, Any]) -> None:
    rows = [(name, *_cells(score)) for name, score in (*report["types"].items(), ("all", report["total"]))]
    header = ("", "P", "R", "F1", "correct", "predicted", "gold")
    msg.table(rows, header=header, divider=True, aligns=("l", *"rrrrrr"))
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


def _print_reliability(report: dict[str, Any]) -> None:
    if not report["reliability"]:
        msg.warn("no probabilities: the pipeline has no `bioner`, or it found nothing")
        return
    rows = []
    for part in report["reliability"]:
        limits = f"{part['lowest']:.3f} to {part['highest']:.3f}"
        rows.append((limits, f"{part['probability']:.3f}", f"{part['right']:.3f}", f"{part['spans']:,}"))
    msg.table(rows, header=("probability", "mean", "right", "entities"), divider=True, aligns=("l", *"rrr"))


def _cells(score: dict[str, Any]) -> tuple[str, ...]:
    shares = (f"{100 * score[key]:.2f}" for key in ("precision", "recall", "f1"))
    return (*shares, *(f"{score[key]:,}" for key in ("correct", "predicted", "gold")))
