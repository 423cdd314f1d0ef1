"""`spacy bioner experiment`: many trainings from one file, with their scores in one result."""

from pathlib import Path

import typer
from wasabi import msg

from spacy_bioner.cli import listed, verb


@verb("experiment")
def experiment_cli(
    file: Path = typer.Argument(..., help="TOML file that says what to run"),
    output: Path = typer.Argument(..., help="Folder for the runs, and results.json"),
    jobs: int = typer.Option(1, help="How many trainings run at once"),
    gpus: list[str] = typer.Option([], help="GPUs to use, with commas: one training at a time on each"),
) -> None:
    """Train every combination of systems, corpora and seeds; go on where an earlier call was stopped."""
    from spacy_bioner.errors import ExperimentError
    from spacy_bioner.training.experiment import run_experiment
    from spacy_bioner.training.experiment_plan import read_plan

    try:
        devices = [int(gpu) for gpu in listed(gpus)]
    except ValueError:
        raise ExperimentError("--gpus are numbers with commas: 0,1") from None
    plan = read_plan(file)
    folders = run_experiment(plan, output, jobs=jobs, gpus=devices)
    msg.good(f"{len(folders)} runs in {output}")
