"""`spacy bioner pretrain-text`: clean text for pretraining, without what labelled corpora test on."""

from pathlib import Path
from typing import Any

import typer

from spacy_bioner.cli import listed, verb
from spacy_bioner.terminal import msg


@verb("pretrain-text")
def pretrain_text_cli(
    inputs: list[Path] = typer.Argument(..., help="Files of text (.txt, .txt.xz), or folders of them"),
    output: Path = typer.Argument(..., help="Folder to make"),
    corpora: list[str] = typer.Option(
        [], help="Folders of corpora in any format whose development and test splits must not be in the text"
    ),
    held_out: float = typer.Option(0.005, help="Share of the documents to keep for evaluation"),
    seed: int = typer.Option(1, help="Seed that chooses them"),
) -> None:
    """Clean text (a paragraph a line, empty lines between documents) without duplicates or test sentences."""
    pretrain_text(inputs, output, list(map(Path, listed(corpora))), held_out, seed)


def pretrain_text(
    inputs: list[Path], output: Path, corpora: list[Path], held_out: float = 0.005, seed: int = 1
) -> dict[str, Any]:
    """Prepares text, and prints what was taken out; arguments, result and errors as `prepare_text`.

    Args:
        inputs: the text.
        output: the folder to make.
        corpora: folders of labelled corpora, as `load_overlap` reads them.
        held_out: the share of the documents to keep for evaluation.
        seed: the seed.
    """
    from spacy_bioner.pretraining.cleaned_text import prepare_text
    from spacy_bioner.pretraining.overlap import load_overlap

    overlap = load_overlap(corpora)
    for path in overlap.unread:
        msg.warn(f"{path}: not looked at, it is in no format that is read")
    if not corpora:
        msg.warn("No --corpora: test sentences of labelled corpora may be in the text")
    manifest = prepare_text(inputs, output, overlap, held_out, seed)
    rows = [(name, f"{count:,}") for name, count in manifest["rules"].items()]
    msg.table(rows, header=("rule", "applied"), divider=True, aligns=("l", "r"))
    shared = [
        (entry["corpus"], entry["split"], f"{entry['sentences']:,}", f"{entry['removed']:,}")
        for entry in manifest["overlap"]
    ]
    if shared:
        header = ("corpus", "split", "sentences", "paragraphs removed")
        msg.table(shared, header=header, divider=True, aligns=("l", "l", "r", "r"))
    msg.good(
        f"{output}: {manifest['documents']:,} documents, {manifest['words']:,} words; "
        f"{manifest['held_out']['documents']:,} documents of them held out"
    )
    return manifest
