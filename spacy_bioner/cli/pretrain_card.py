"""`spacy bioner pretrain-card`: the model card of a pretrained encoder."""

from pathlib import Path

import typer

from spacy_bioner.cli import verb
from spacy_bioner.terminal import msg


@verb("pretrain-card")
def pretrain_card_cli(
    model: Path = typer.Argument(..., help="Folder of weights that pretrain wrote"),
    name: str = typer.Option("", help="Name of the encoder; default: its folder's"),
) -> None:
    """Write README.md beside weights: what they were made of and how, and what they don't do."""
    from spacy_bioner.pretraining.encoder_card import write_card

    msg.good(str(write_card(model, name)))
