"""`spacy bioner train`: `spacy train` with an encoder by name, whole outputs and a record of the run."""

from pathlib import Path

import typer
from wasabi import msg

from spacy_bioner.cli import listed, overrides_of, verb


@verb("train")
def train_cli(
    context: typer.Context,
    config: Path = typer.Argument(..., help="Config file"),
    output: Path = typer.Argument(..., help="Folder to make, with model-best and model-last"),
    train: list[Path] = typer.Option(
        ..., help=".spacy file to train on, or a folder of them; several times too"
    ),
    dev: list[Path] = typer.Option(..., help="The same, to choose the best on"),
    own_heads: list[str] = typer.Option([], help="Corpora whose types get heads of their own"),
    start_from: Path = typer.Option(
        None, help="Folder of a trained pipeline to go on from: its encoder, and its heads of the same types"
    ),
    keep_types: bool = typer.Option(False, help="Keep that pipeline's other types too"),
    encoder: str = typer.Option(
        "", help="Name of an encoder, folder, or id on the hub; default: mini, or none if the config has none"
    ),
    revision: str = typer.Option("", help="Commit id of the encoder's repository on the hub"),
    assets: Path = typer.Option(Path("assets"), help="Folder that may hold encoders/NAME"),
    name: str = typer.Option("", help="Name of the pipeline, without its language"),
    version: str = typer.Option("0.1.0", help="Version of the pipeline"),
    gpu_id: int = typer.Option(-1, help="GPU to use; -1 for the CPU"),
    seed: int = typer.Option(None, help="Seed; default: the config's"),
    settings: str = typer.Option(
        "", help="Settings of the config, with spaces between: 'training.max_epochs=10 training.dropout=0.2'"
    ),
) -> None:
    """Train a pipeline. Settings of the config can be overridden: --training.max_epochs 10."""
    import spacy_bioner

    folder = spacy_bioner.train(
        config,
        output,
        train=train,
        dev=dev,
        own_heads=listed(own_heads),
        start_from=start_from,
        keep_types=keep_types,
        encoder=encoder,
        revision=revision,
        assets=assets,
        name=name,
        pipeline_version=version,
        gpu_id=gpu_id,
        seed=seed,
        overrides=overrides_of(context, settings),
    )
    msg.good(f"{folder}")
