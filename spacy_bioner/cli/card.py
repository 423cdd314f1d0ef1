"""`spacy bioner card`: a pipeline with its model card, ready to be packaged and pushed to the hub."""

from pathlib import Path

import typer

from spacy_bioner.cli import verb
from spacy_bioner.terminal import msg


@verb("card")
def card_cli(
    model: str = typer.Argument(..., help="Pipeline: the name of a package, or a folder"),
    output: Path = typer.Argument(..., help="Folder to write the pipeline with its card to"),
    scores: list[Path] = typer.Option([], help="Report that evaluate wrote with --output; several times too"),
) -> None:
    """Copy a pipeline, and write down what it is: README.md and a complete meta.json."""
    from spacy_bioner.training.packaging import add_card

    msg.good(str(add_card(model, output, scores)))
