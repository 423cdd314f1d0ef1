"""`spacy bioner select`: which documents to annotate next."""

from pathlib import Path

import typer

from spacy_bioner.cli import listed, verb
from spacy_bioner.cli.annotate import INCOMPLETE, format_by_ending
from spacy_bioner.terminal import msg

SHOWN = 10


@verb("select")
def select_cli(
    model: str = typer.Argument(..., help="Trained pipeline with `bioner`: package or folder"),
    inputs: list[Path] = typer.Argument(
        ..., metavar="POOL... OUTPUT", help="Files or folders to choose from, and then the output"
    ),
    n: int = typer.Option(200, min=1, help="How many documents to choose"),
    to: str = typer.Option("", "--to", help="Format of the output; default: by its ending"),
    source: str = typer.Option("", "--from", help="Format of the files; default: found from their content"),
    annotated: list[Path] = typer.Option([], help="Annotated files: texts like theirs are worth less"),
    types: list[str] = typer.Option([], help="Entity types that matter, with commas"),
    mentions: str = typer.Option(
        "predicted", help="Mentions to write: predicted (to be corrected), own (those of the files) or none"
    ),
    diversity: float = typer.Option(
        1.0, min=0.0, help="How much it counts that a text is unlike others; 0: not at all"
    ),
    gpu_id: int = typer.Option(-1, help="GPU to use, -1 for the CPU"),
) -> None:
    """Choose the documents that are most worth annotating, for Prodigy, doccano, Label Studio or BRAT."""
    from spacy_bioner.annotation.selection import select
    from spacy_bioner.errors import ConversionError

    *pool, output = inputs
    if not pool:
        raise ConversionError("Name the files to choose from, and then the output. [B547]")
    done = select(
        model,
        pool,
        output,
        to or format_by_ending(str(output)),
        n=n,
        annotated_already=annotated,
        types=listed(types),
        mentions=mentions,
        diversity=diversity,
        source=source,
        gpu_id=gpu_id,
    )
    rows = [
        (str(rank), choice.name, f"{choice.uncertainty:.3f}", f"{choice.similarity:.2f}")
        for rank, choice in enumerate(done.choices[:SHOWN], start=1)
    ]
    header = ("", "document", "bits a word", "like an earlier one")
    msg.table(rows, header=header, divider=True, aligns=("r", "l", "r", "r"))
    mean = sum(choice.uncertainty for choice in done.choices) / max(len(done.choices), 1)
    msg.text(
        f"{len(done.choices):,} of {done.pool:,} documents: {mean:.3f} bits a word on average; all: "
        f"{done.mean:.3f}"
    )
    if len(done.choices) < min(n, done.pool):
        msg.warn("The others are the same as chosen ones, or the pipeline is sure of all of them.")
    for what, count in (+done.account.others).items():
        msg.warn(f"not kept: {what} ({count:,})")
    for entry in done.set_aside[:SHOWN]:
        msg.warn(f"set aside: {entry}")
    msg.good(str(output))
    if done.set_aside:
        raise typer.Exit(INCOMPLETE)
