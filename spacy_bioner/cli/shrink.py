"""`spacy bioner shrink`: a pipeline of half the size."""

from pathlib import Path

import typer

from spacy_bioner.cli import verb
from spacy_bioner.terminal import msg


@verb("shrink")
def shrink_cli(
    model: str = typer.Argument(..., help="Pipeline: a folder, or the name of a package"),
    output: Path = typer.Argument(..., help="Folder to write"),
) -> None:
    """Store the weights of a pipeline's encoder in 16 bits: half the size, computed with as before."""
    from spacy_bioner.training.shrinking import shrink

    msg.good(f"{shrink(model, output)}")
