"""`spacy bioner pretrain-pack`: text as packed word pieces."""

from pathlib import Path

import typer

from spacy_bioner.cli import verb
from spacy_bioner.terminal import msg


@verb("pretrain-pack")
def pretrain_pack_cli(
    text: Path = typer.Argument(..., help="Folder made by pretrain-text"),
    vocabulary: Path = typer.Argument(..., help="Folder made by pretrain-vocabulary, or one with vocab.txt"),
    output: Path = typer.Argument(..., help="Folder to make"),
) -> None:
    """Turn text into word pieces, in compressed parts that training reads."""
    from spacy_bioner.pretraining.packing import pack

    manifest = pack(text, vocabulary, output)
    held_out, unknown = manifest["held_out"]["pieces"], manifest["unknown"] / max(1, manifest["pieces"])
    msg.good(f"{output}: {manifest['pieces']:,} word pieces, {held_out:,} held out, {unknown:.4%} unknown")
