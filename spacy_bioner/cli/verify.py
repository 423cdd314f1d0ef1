"""`spacy bioner verify`: whether every document of many inputs was annotated, once."""

from pathlib import Path

import typer

from spacy_bioner.cli import verb
from spacy_bioner.terminal import msg


@verb("verify")
def verify_cli(
    output: Path = typer.Argument(..., help="Folder that `annotate --engine` wrote"),
    inputs: list[str] = typer.Argument(..., help="The inputs of that run"),
) -> None:
    """Check that every document of the inputs is in the output once, or was set aside, by id and count."""
    from spacy_bioner.annotation.file_units import verify

    wrong = verify(inputs, output)
    for line in wrong:
        msg.warn(line)
    if wrong:
        msg.fail(f"{output}: {len(wrong):,} faults. Run annotate again, with --resume.")
        raise typer.Exit(1)
    msg.good(f"{output}: every document is there once")
