"""`spacy bioner train`: `spacy train` with an encoder by name, whole outputs and a record of the run."""

from pathlib import Path

import typer

from spacy_bioner.cli import listed, overrides_of, verb
from spacy_bioner.terminal import msg


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
        None,
        help="Trained pipeline to go on from (folder or package): its encoder, its heads of the same types",
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
    seeds: str = typer.Option("", help="Several, with commas: a training each, and mean and deviation of F1"),
    test: list[Path] = typer.Option([], help="With --seeds: .spacy files to report on; default: --dev"),
    settings: str = typer.Option(
        "", help="Settings of the config, with spaces between: 'training.max_epochs=10 training.dropout=0.2'"
    ),
) -> None:
    """Train a pipeline. Settings of the config can be overridden: --training.max_epochs 10."""
    import spacy_bioner
    from spacy_bioner.cli.experiment import run_and_print
    from spacy_bioner.errors import ExperimentError
    from spacy_bioner.training.experiment_plan import seeds_plan

    overrides = overrides_of(context, settings)
    if seeds:
        if start_from is not None or revision or name or seed is not None:
            raise ExperimentError("--seeds goes without --seed, --start-from, --revision and --name. [B549]")
        plan = seeds_plan(config, train, dev, test, listed([seeds]), encoder, overrides, listed(own_heads))
        run_and_print(plan, output, 1, [gpu_id] if gpu_id >= 0 else [], None, "")
        return
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
        overrides=overrides,
    )
    msg.good(f"{folder}")
