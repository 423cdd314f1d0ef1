"""`spacy bioner optimize`: a trained pipeline with its encoder in ONNX Runtime, checked on a sample."""

from pathlib import Path

import typer

from spacy_bioner.cli import verb
from spacy_bioner.terminal import msg


@verb("optimize")
def optimize_cli(
    model: str = typer.Argument(..., help="Pipeline: the name of a package, or a folder"),
    output: Path = typer.Argument(..., help="Folder to write the new pipeline to"),
    data: Path = typer.Option(..., help=".spacy file with gold entities, to compare the two on"),
    precision: str = typer.Option("int8", help="int8, or float32"),
    tolerance: float = typer.Option(0.5, min=0.0, help="The most F1, in percent, that may be lost"),
    slower: bool = typer.Option(False, help="Write it too if it is slower on this machine"),
) -> None:
    """Make a faster pipeline for the CPU; nothing is written if it loses more than the tolerance."""
    from spacy_bioner.training.onnx_export import optimize

    result = optimize(model, output, data, precision=precision, tolerance=tolerance, slower=slower)
    rows = [("before", f"{100 * result.before:.2f}"), (precision, f"{100 * result.after:.2f}")]
    msg.table(rows, header=("", "F1"), divider=True, aligns=("l", "r"))
    msg.text(
        f"{100 * result.identical:.2f}% of the entities are the same, {result.speedup:.1f} times as fast"
    )
    msg.good(str(output))
