"""`spacy bioner pretrain-vocabulary`: the word pieces of a text."""

from pathlib import Path

import typer

from spacy_bioner.cli import verb
from spacy_bioner.terminal import msg


@verb("pretrain-vocabulary")
def pretrain_vocabulary_cli(
    text: Path = typer.Argument(..., help="Folder made by pretrain-text"),
    output: Path = typer.Argument(..., help="Folder to make, with vocab.txt"),
    size: int = typer.Option(16_000, help="Number of word pieces"),
    lowercase: bool = typer.Option(False, help="Turn capitals into small letters, and leave accents out"),
    min_frequency: int = typer.Option(5, min=1, help="How often two pieces must meet to be made one"),
    alphabet: int = typer.Option(400, min=1, help="How many characters at most"),
) -> None:
    """Find the word pieces of a text, the same ones each time."""
    from spacy_bioner.pretraining.vocabulary import train_vocabulary

    pieces = train_vocabulary(text, output, size, lowercase, min_frequency, alphabet)
    msg.good(f"{output}: {len(pieces):,} word pieces")
