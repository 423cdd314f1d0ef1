"""`spacy bioner optimize`: a trained pipeline with its encoder in ONNX Runtime, checked on a sample."""

from pathlib import Path

import typer
from wasabi import msg

from spacy_bioner.cli import verb


@verb("optimize")
def optimize_cli(
    model: str = typer.Argument(..., help="Pipeline: the name of a package, or a folder"),
    output: Path = typer.Argument(..., help="Folder to write the new pipeline to"),
    data: Path = typer.Option(..., help=".spacy file with gold entities, to compare the two on"),
    precision: str = typer.Option("int8", help="int8, or float32"),
    tolerance: float = typer.Option(0.5, min=0.0, help="The most F1, in percent, that may be lost"),
) -> None:
    """Make a faster pipeline for the CPU; nothing is written if it loses more than the tolerance."""
    optimize(model, output, data, precision, tolerance)


def optimize(model: str, output: Path, data: Path, precision: str = "int8", tolerance: float = 0.5) -> Path:
    """Turns the encoder of a pipeline into one of ONNX Runtime, and compares the two.

    Args:
        model: the name of a package, or a folder.
        output: the folder to write.
        data: a .spacy file with gold entities.
        precision: "int8" or "float32".
        tolerance: the most F1, in percent, that may be lost.

    Returns:
        The folder.

    Raises:
        BionerError: if the pipeline or the data can't be read, the pipeline has no transformer in PyTorch, or
            more is lost. Nothing is written then.
    """

    from spacy_bioner.components.pipelines import check_output, load_pipeline
    from spacy_bioner.corpora.docbin import read_docbin
    from spacy_bioner.errors import PipelineError
    from spacy_bioner.files import Outputs
    from spacy_bioner.training.onnx_export import compare
    from spacy_bioner.training.onnx_export import optimize as optimized

    check_output(output)
    docs = read_docbin(data)
    if not docs:
        raise PipelineError(f"{data}: there are no documents in it.")
    nlp = load_pipeline(model)
    made = optimized(nlp, precision)
    result = compare(nlp, made, [read_docbin(data, nlp.vocab), read_docbin(data, made.vocab)])
    rows = [("before", f"{100 * result.before:.2f}"), (precision, f"{100 * result.after:.2f}")]
    msg.table(rows, header=("", "F1"), divider=True, aligns=("l", "r"))
    msg.text(
        f"{100 * result.identical:.2f}% of the entities are the same, {result.speedup:.1f} times as fast"
    )
    lost = 100 * (result.before - result.after)
    if lost > tolerance:
        raise PipelineError(
            f"In {precision} the pipeline loses {lost:.2f} F1 on {data}, and {tolerance} may be lost: "
            "nothing was written. Try --precision float32, or a larger --tolerance."
        )
    with Outputs() as outputs:
        made.to_disk(outputs.temporary(output, folder=True))
    msg.good(str(output))
    return output
