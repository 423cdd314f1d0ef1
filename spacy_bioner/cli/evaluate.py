"""`spacy bioner evaluate`: strict precision, recall and F1 by type, with what they depend on."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from wasabi import msg

from spacy_bioner.cli import verb

if TYPE_CHECKING:
    from spacy_bioner.evaluation.evaluate import Evaluation


@verb("evaluate")
def evaluate_cli(
    model: str = typer.Argument(..., help="Pipeline: the name of a package, or a folder"),
    data: Path = typer.Argument(..., help=".spacy file with gold entities"),
    output: Path = typer.Option(None, help="JSON file for the scores"),
    gpu_id: int = typer.Option(-1, help="GPU to use; -1 for the CPU"),
    retokenize: bool = typer.Option(
        False, help="Give the pipeline raw text, as in use, and not the corpus's own tokens"
    ),
) -> None:
    """Evaluate a pipeline by type: strict offsets and type, each type only where it is annotated."""
    evaluate(model, data, output, gpu_id, retokenize)


def evaluate(
    model: str, data: Path, output: Path | None = None, gpu_id: int = -1, retokenize: bool = False
) -> dict[str, Any]:
    """Evaluates a pipeline, prints the table, and writes it as JSON if asked to.

    Raises:
        PipelineError: if the pipeline can't be loaded, or has no type in common with the data.
        FormatError: if the data isn't a .spacy file.
    """
    import json

    import spacy
    from spacy.cli._util import setup_gpu

    from spacy_bioner.docbin import read_docbin
    from spacy_bioner.errors import PipelineError
    from spacy_bioner.evaluation import evaluate as evaluation
    from spacy_bioner.files import Outputs
    from spacy_bioner.provenance import describe_data, versions

    setup_gpu(gpu_id, silent=True)
    if not data.exists():
        read_docbin(data)  # says what is wrong with it
    try:
        nlp = spacy.load(model)
    except (OSError, ValueError) as error:  # ValueError: what is there is damaged
        raise PipelineError(f"The pipeline '{model}' can't be loaded.\n{error}") from None
    docs = read_docbin(data, nlp.vocab)
    result = evaluation.evaluate(nlp, docs, retokenize=retokenize)
    about = evaluation.describe(nlp)
    total = result.counts.total()
    report = {
        **about,
        "data": describe_data(data).to_meta(),
        "corpus_variants": evaluation.corpus_variants(docs),
        "tokens_from": "pipeline" if retokenize else "corpus",
        "types_by": "common names" if result.common_names else "own names",
        "total": total.to_dict(),
        "types": {name: score.to_dict() for name, score in result.counts.by_type().items()},
        "unscored_predictions": result.unscored,
        "types_not_in_pipeline": dict(result.not_found_by_pipeline),
        "docs": result.docs,
        "tokens": result.tokens,
        "tokens_per_second": round(result.tokens / result.seconds, 1),
        "device": "GPU" if gpu_id >= 0 else "CPU",
        "windows_cut": result.cut.windows_cut,
        "tokens_cut": result.cut.tokens_lost,
        "mentions_cut": result.cut.mentions_lost,
        "versions": versions(),
    }
    _print(report, result)
    if output is not None:
        with Outputs() as outputs:
            text = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
            outputs.temporary(output).write_text(text, encoding="utf8")
        msg.good(str(output))
    return report


def _print(report: dict[str, Any], result: "Evaluation") -> None:
    encoder = report["encoder"]
    msg.text(f"{report['pipeline']} {report['version']}, seed {report['seed']}")
    msg.text(f"encoder: {encoder['name'] if encoder else 'none'}")
    for name, variant in report["corpus_variants"].items():
        msg.text(f"corpus: {name}" + (f" ({variant})" if variant else ""))
    for role, made in report["trained_on"].items():
        corpora = ", ".join(made["corpora"]) or "unnamed"
        doing = "trained on" if role == "train" else "chosen on"
        msg.text(f"{doing}: {corpora}, {made['file']}")
    rows = [(name, *_cells(score)) for name, score in (*report["types"].items(), ("all", report["total"]))]
    header = ("", "P", "R", "F1", "correct", "predicted", "gold")
    msg.table(rows, header=header, divider=True, aligns=("l", *"rrrrrr"))
    msg.text(
        f"{result.docs:,} documents, {result.tokens:,} tokens, "
        f"{result.tokens / result.seconds:,.0f} tokens/s, tokens from the {report['tokens_from']}"
    )
    if result.cut.windows:
        msg.text(f"windows: {result.cut}")
    if result.unscored:
        msg.warn(f"{result.unscored:,} predicted mentions of types that the data doesn't annotate")
    for name, count in result.not_found_by_pipeline.items():
        msg.warn(f"{name}: {count:,} gold mentions, and the pipeline doesn't know the type: not scored")


def _cells(score: dict[str, Any]) -> tuple[str, ...]:
    shares = (f"{100 * score[key]:.2f}" for key in ("precision", "recall", "f1"))
    return (*shares, *(f"{score[key]:,}" for key in ("correct", "predicted", "gold")))
