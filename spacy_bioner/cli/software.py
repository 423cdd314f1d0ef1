"""`spacy bioner software`: the versions that results depend on, as a file."""

from pathlib import Path

import typer

from spacy_bioner.cli import verb
from spacy_bioner.terminal import msg


@verb("software")
def software_cli(output: Path = typer.Argument(..., help="JSON file to write")) -> None:
    """Write the versions of packages, and in a source checkout a checksum of its code.

    It is what commands of a project depend on: they run again when it has changed.
    """
    from spacy_bioner.corpora.provenance import software
    from spacy_bioner.files import Outputs, write_json

    with Outputs() as outputs:
        write_json(outputs.temporary(output), software())
    msg.good(str(output))
