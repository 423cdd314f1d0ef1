"""`spacy bioner pretrain`: a BERT from packed text."""

from pathlib import Path

import typer

from spacy_bioner.cli import verb
from spacy_bioner.terminal import msg


@verb("pretrain")
def pretrain_cli(
    packed: Path = typer.Argument(..., help="Folder made by pretrain-pack"),
    output: Path = typer.Argument(..., help="Folder of the run; the same command goes on with it"),
    minutes: float = typer.Option(0.0, min=0.0, help="Minutes that the run may take; 0: no limit"),
    steps: int = typer.Option(0, min=0, help="How many updates to make; 0: as --minutes says"),
    settings: str = typer.Option("", help="Others, with spaces between: 'layers=6 width=384 batch=16384'"),
    start_from: Path | None = typer.Option(
        None, help="Folder of weights of an earlier run, or spacy_bioner/encoders/mini, to begin with"
    ),
    device: str = typer.Option("", help="cpu or cuda; default: a GPU if there is one"),
    threads: int = typer.Option(0, min=0, help="Threads of PyTorch on the CPU; default: its own choice"),
    pause_minutes: float = typer.Option(
        0.0, min=0.0, help="Minutes to stop after, and go on later; 0: don't"
    ),
) -> None:
    """Train a BERT as a masked language model, and write its model card."""
    from spacy_bioner.pretraining.encoder_card import write_card
    from spacy_bioner.pretraining.masked_lm import pretrain
    from spacy_bioner.pretraining.pretraining_settings import parse_settings

    chosen = parse_settings(f"minutes={minutes} steps={steps} {settings}")
    model = pretrain(
        packed,
        output,
        chosen,
        start_from=start_from,
        device=device,
        threads=threads,
        pause_minutes=pause_minutes,
    )
    if model is not None:
        write_card(model)
        msg.good(str(model))
