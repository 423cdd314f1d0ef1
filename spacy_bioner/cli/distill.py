"""`spacy bioner distill`: a student that learns from gold and from other pipelines' probabilities."""

from pathlib import Path

import typer

from spacy_bioner.cli import listed, overrides_of, verb
from spacy_bioner.terminal import msg


@verb("distill")
def distill_cli(
    context: typer.Context,
    teachers: str = typer.Argument(..., help="Pipelines to learn from, with commas between"),
    config: Path = typer.Argument(..., help="Config file of the student"),
    output: Path = typer.Argument(..., help="Folder to make, with model-best and model-last"),
    text: list[Path] = typer.Option(..., help="Unlabelled text, in any format; several times too"),
    train: list[Path] = typer.Option(..., help=".spacy file of gold to train on; several times too"),
    dev: list[Path] = typer.Option(..., help="The same, to choose the best on"),
    answers: Path = typer.Option(None, help="Folder for the teachers' answers; default: OUTPUT.answers"),
    mix: float = typer.Option(0.5, help="Share of the words of an epoch that teachers answer for"),
    temperature: float = typer.Option(1.0, help="What the teachers' scores are divided by"),
    limit: int = typer.Option(0, help="How many texts to ask for; 0 for all"),
    encoder: str = typer.Option("", help="The student's encoder, as for `train`"),
    assets: Path = typer.Option(Path("assets"), help="Folder that may hold encoders/NAME"),
    name: str = typer.Option("", help="Name of the student, without its language"),
    version: str = typer.Option("0.1.0", help="Version of the student"),
    gpu_id: int = typer.Option(-1, help="GPU to use; -1 for the CPU"),
    seed: int = typer.Option(None, help="Seed; default: the config's"),
) -> None:
    """Train a student on gold and on teachers' answers. Settings can be overridden as for `train`."""
    import spacy_bioner

    folder = spacy_bioner.distill(
        listed([teachers]),
        config,
        output,
        texts=text,
        train=train,
        dev=dev,
        answers=answers,
        mix=mix,
        temperature=temperature,
        limit=limit,
        encoder=encoder,
        assets=assets,
        name=name,
        pipeline_version=version,
        gpu_id=gpu_id,
        seed=seed,
        overrides=overrides_of(context, ""),
    )
    msg.good(f"{folder}")
