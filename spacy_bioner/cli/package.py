"""`spacy bioner package`: a wheel of a trained pipeline, with its model card."""

from pathlib import Path

import typer

from spacy_bioner.cli import verb
from spacy_bioner.terminal import msg


@verb("package")
def package_cli(
    model: str = typer.Argument(..., help="Pipeline: a folder, or the name of a package"),
    output: Path = typer.Option(Path("packages"), help="Folder to put the package in"),
    scores: list[Path] = typer.Option([], help="Report that evaluate wrote with --output; several times too"),
    install: bool = typer.Option(False, help="Install the wheel, and check that it gives the same pipeline"),
) -> None:
    """Build a wheel that installs a pipeline, with a model card from its record and scores."""
    from spacy_bioner.training.packaging import install_wheel, package

    wheel = package(model, output, scores)
    msg.good(str(wheel))
    if install:
        msg.good(f"installed: {install_wheel(wheel)}")
