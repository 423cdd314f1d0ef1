"""`spacy bioner experiment`: many trainings from one file, with their scores in one result."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from spacy_bioner.cli import listed, verb
from spacy_bioner.terminal import msg

if TYPE_CHECKING:
    from spacy_bioner.training.experiment_plan import Plan


@verb("experiment")
def experiment_cli(
    file: Path = typer.Argument(..., help="TOML file that says what to run"),
    output: Path = typer.Argument(..., help="Folder for the runs, and results.json"),
    jobs: int = typer.Option(1, min=1, help="How many trainings run at once"),
    gpus: list[str] = typer.Option([], help="GPUs to use, with commas: one training at a time on each"),
    report: Path = typer.Option(None, help="Report to look at (.html with plots, .md or .json)"),
) -> None:
    """Train every combination of systems, corpora and seeds; go on where an earlier call was stopped."""
    from spacy_bioner.errors import ExperimentError
    from spacy_bioner.training.experiment_plan import read_plan

    try:
        devices = [int(gpu) for gpu in listed(gpus)]
    except ValueError:
        raise ExperimentError("--gpus are numbers with commas: 0,1 [B543]") from None
    command = shlex.join(["spacy", "bioner", "experiment", str(file), str(output)])
    run_and_print(read_plan(file), output, jobs, devices, report, command)


def run_and_print(
    plan: "Plan", output: Path, jobs: int, gpus: list[int], report: Path | None, command: str
) -> None:
    """Runs what isn't done yet, prints the results, and writes them.

    Args:
        plan: what to run.
        output: the folder of the runs, in which results.json is written.
        jobs: how many trainings run at once.
        gpus: the GPUs to use.
        report: a file to look at.
        command: the command that makes it again.
    """
    from spacy_bioner.evaluation.page import check_ending, write_report
    from spacy_bioner.files import Outputs, ending, write_json
    from spacy_bioner.training.experiment import run_experiment
    from spacy_bioner.training.experiment_results import RESULTS, collect, experiment_sections, rows_as_table

    if report is not None:
        check_ending(report)
    run_experiment(plan, output, jobs=jobs, gpus=gpus)
    results = collect(plan, output)
    header, rows = rows_as_table(results.rows)
    msg.table(rows, header=header, divider=True, aligns=("l", "l", *("r" for _ in header[2:])))
    for comparison in results.comparisons:
        for words in comparison.to_dict()["words"]:
            msg.text(words)
    with Outputs() as outputs:
        write_json(outputs.temporary(output / RESULTS), results.to_dict())
        if report is not None:
            sections = list(experiment_sections(results, html=ending(report) == ".html"))
            path = outputs.temporary(report)
            write_report(path, output.name, sections, results.to_dict(), command, kind=ending(report))
    for path in filter(None, (output / RESULTS, report)):
        msg.good(str(path))
