"""`spacy bioner init`: the project, laid out in a folder."""

from pathlib import Path

import typer

from spacy_bioner.cli import verb
from spacy_bioner.terminal import msg


@verb("init")
def init_cli(folder: Path = typer.Argument(..., help="Folder to lay the project out in")) -> None:
    """Lay the spaCy project out in a folder: project.yml, configs, a catalogue of your corpora, the sample.

    In it `spacy project run all .` trains the sample's pipeline.
    """
    from spacy_bioner.training.project import lay_out_project

    written = lay_out_project(folder)
    msg.good(f"{folder}: {len(written)} files")
    msg.text("In it: python -m spacy project run all .")
