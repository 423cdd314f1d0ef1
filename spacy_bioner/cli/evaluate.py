"""`spacy bioner evaluate`: strict precision, recall and F1 by type, with what they depend on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from wasabi import msg

from spacy_bioner.cli import listed, renamed_types, verb

if TYPE_CHECKING:
    from spacy_bioner.evaluation.gold import GoldFile


@verb("evaluate")
def evaluate_cli(
    model: str = typer.Argument(..., help="Pipeline: the name of a package, or a folder"),
    data: list[Path] = typer.Argument(..., help="Files with gold mentions in any format, or folders of them"),
    output: Path = typer.Option(None, help="JSON file for the scores"),
    markdown: Path = typer.Option(None, help="Markdown file for the tables, a row a file"),
    errors: Path = typer.Option(None, help="HTML file that shows every error in its context"),
    gpu_id: int = typer.Option(-1, help="GPU to use; -1 for the CPU"),
    reliability: bool = typer.Option(False, help="Print how often entities of each probability are right"),
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
) -> None:
    """Evaluate a pipeline by type: strict offsets and type, each type only where it is annotated.

    The pipeline gets the raw text, or the tokens that .spacy files and columns have. Relaxed scores (same
    type, a character in common), kinds of errors, and what tokens make impossible come with it. Several files
    give a table of F1, a row a corpus and a column a type.
    """
    evaluate(
        model,
        data,
        output,
        markdown,
        gpu_id,
        retokenize,
        reliability,
        errors=errors,
        source=source,
        corpus=corpus,
        types=listed([types]),
        renamed=renamed_types(map),
    )


def evaluate(
    model: str,
    data: list[Path],
    output: Path | None = None,
    markdown: Path | None = None,
    gpu_id: int = -1,
    retokenize: bool = False,
    reliability: bool = False,
    *,
    errors: Path | None = None,
    source: str = "",
    corpus: str = "",
    types: Sequence[str] = (),
    renamed: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """Evaluates a pipeline on each file, prints the tables, and writes them if asked to.

    Args:
        model: the name of a package, or a folder.
        data: the files, or folders of them; see `evaluation.gold.gold_files`.
        output: a file for the report as JSON: of the one file, or a list.
        markdown: a file for the tables in Markdown.
        gpu_id: the GPU to use; -1 for the CPU.
        retokenize: whether the pipeline gets raw text also where the data has tokens.
        reliability: whether to print how often entities of each probability are right.
        errors: a file for a page that shows the errors; see `evaluation.errors_page`.
        source: the format of the data; found from its content, if empty.
        corpus: the corpus of the catalogue that the data is from, for its types and their common names.
        types: the types that the data annotates; if empty, the corpus's, or all that it has mentions of.
        renamed: other names for the data's types; see `evaluation.gold.read_gold`.

    Raises:
        PipelineError: if the pipeline can't be loaded, or has no type in common with the data.
        FormatError: if the data can't be read, or a folder has none.
        CorpusError: if the catalogue doesn't know the corpus, or .spacy files are said to be of one.
        OutputError: if an output would overwrite the data.
    """
    from spacy.vocab import Vocab

    from spacy_bioner.components.pipelines import load_pipeline
    from spacy_bioner.corpora.corpus_catalogue import load_corpora
    from spacy_bioner.documents.formats import known
    from spacy_bioner.errors import OutputError, PipelineError
    from spacy_bioner.evaluation import report
    from spacy_bioner.evaluation.evaluate import evaluate_gold
    from spacy_bioner.evaluation.gold import gold_files, read_gold
    from spacy_bioner.files import Outputs, write_json
    from spacy_bioner.models.devices import use_device

    use_device(gpu_id)
    if source and source != "spacy":
        known(source)
    entry = load_corpora()[corpus] if corpus else None
    annotated = tuple(types) or (tuple(entry.types) if entry else ())
    data = gold_files(data, source)
    written = [path for path in (output, markdown, errors) if path is not None]
    for path in written:
        if any(path.resolve() == file.resolve() for file in data):
            raise OutputError(f"{path} is data to evaluate on, and would be overwritten.")
    if len({path.resolve() for path in written}) < len(written):
        raise OutputError("--output, --markdown and --errors need a file each.")

    def gold(path: Path, vocab: Vocab) -> "GoldFile":
        return read_gold(
            path,
            vocab,
            format=source,
            corpus=entry.name if entry else "",
            annotated=annotated,
            renamed=renamed,
            retokenize=retokenize,
        )

    for path in data:
        if not path.exists():
            gold(path, Vocab())  # says what is wrong with it, before anything is loaded
    nlp = load_pipeline(model)
    reports, results = [], []
    for path in data:
        file = gold(path, nlp.vocab)
        try:
            result = evaluate_gold(nlp, file.golds)
        except PipelineError as error:
            raise PipelineError(f"{path}: {error}") from None
        reports.append(report.report(nlp, file, result, gpu_id))
        if errors is not None:
            results.append(result)
    _print_pipeline(reports[0])
    for made in reports:
        msg.text(f"corpus: {report.corpus_names(made)}")
        _print_scores(made)
        _print_errors(made)
        for remark in report.remarks(made):
            msg.text(remark)
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
        if errors is not None:
            from spacy_bioner.evaluation.errors_page import write_errors

            write_errors(reports, results, outputs.temporary(errors))
    for path in written:
        msg.good(str(path))
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


def _print_errors(report: dict[str, Any]) -> None:
    """Relaxed scores, and how the errors divide into kinds."""
    kinds = report["errors"]
    rows = []
    for name, score in (*report["relaxed"]["types"].items(), ("all", report["relaxed"]["total"])):
        counts = (sum(c.values()) if name == "all" else c[name] for c in kinds.values())
        rows.append((name, *_cells(score)[:3], *(f"{count:,}" for count in counts)))
    header = ("relaxed", "P", "R", "F1", *kinds)
    msg.table(rows, header=header, divider=True, aligns=("l", *("r" for _ in header[1:])))


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
