"""`spacy bioner from-hf`: a pipeline from a token classifier of transformers."""

from pathlib import Path

import typer

from spacy_bioner.cli import listed, verb
from spacy_bioner.terminal import msg


@verb("from-hf")
def from_hf_cli(
    checkpoint: str = typer.Argument(..., help="Folder with a token classifier in it, or its id on the hub"),
    output: Path = typer.Argument(..., help="Folder to write the pipeline to"),
    labels: list[str] = typer.Option(
        [], help="The labels in their order, where they are LABEL_0 ...: O,B-Disease,I-Disease"
    ),
    entity_type: str = typer.Option("", "--type", help="The type, where the labels are B, I, O alone"),
    scheme: str = typer.Option(
        "", help="IOB1, IOB2, IOBES or BILOU, for training further; default: that of the labels"
    ),
    revision: str = typer.Option("", help="Commit id of the checkpoint's repository on the hub"),
    assets: Path = typer.Option(Path("assets"), help="Folder that may hold encoders/NAME"),
    precision: str = typer.Option(
        "float32", help="float32: the checkpoint's own predictions; auto: faster where there is bfloat16"
    ),
    name: str = typer.Option("", help="Name of the pipeline, without its language"),
    version: str = typer.Option("0.1.0", help="Version of the pipeline"),
) -> None:
    """Make a pipeline of a token classifier of transformers, with the same predictions."""
    import srsly

    from spacy_bioner.corpora.provenance import META_KEY
    from spacy_bioner.huggingface.checkpoint_import import import_checkpoint

    folder = import_checkpoint(
        checkpoint,
        output,
        labels=listed(labels),
        entity_type=entity_type,
        scheme=scheme,
        revision=revision,
        assets=assets,
        precision=precision,
        name=name,
        version=version,
    )
    made = srsly.read_json(folder / "meta.json")[META_KEY]["from_hf"]
    msg.text(f"{made['architecture']}, labels {', '.join(made['read_as'])}")
    msg.good(str(output))
