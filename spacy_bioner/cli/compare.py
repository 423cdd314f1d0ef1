"""`spacy bioner compare`: whether one system is better than another, or lucky."""

import shlex
from pathlib import Path

import typer

from spacy_bioner.cli import listed, renamed_types, verb
from spacy_bioner.terminal import msg


@verb("compare")
def compare_cli(
    a: str = typer.Argument(
        ..., help="Scores (JSON, or a folder of them, one a seed), pipeline or predictions"
    ),
    b: str = typer.Argument(..., help="The same of the other system; with commas: several runs"),
    gold: list[Path] = typer.Option([], help="Gold files, to score pipelines and predictions on"),
    map: list[str] = typer.Option([], "--map", help="Other names for types: OLD=NEW; * for all others"),
    retokenize: bool = typer.Option(False, help="Give pipelines raw text, also where the gold has tokens"),
    draws: int = typer.Option(10_000, min=1000, help="How often documents are drawn and swapped"),
    seed: int = typer.Option(1, help="Seed of the draws"),
    names: str = typer.Option("A,B", help="What to call the two"),
    output: Path = typer.Option(None, help="JSON file for the differences"),
    report: Path = typer.Option(None, help="Report to look at (.html with a plot, .md or .json)"),
) -> None:
    """Compare two systems: the difference in F1, its interval, and whether it is more than chance."""
    from spacy_bioner.errors import ComparisonError
    from spacy_bioner.evaluation.comparison import differences_as_rows, in_words, matched
    from spacy_bioner.evaluation.comparison_page import comparison_section
    from spacy_bioner.evaluation.page import check_ending, write_report
    from spacy_bioner.evaluation.significance import compare
    from spacy_bioner.evaluation.systems import GoldData, system_runs
    from spacy_bioner.files import Outputs, ending, write_json

    if report is not None:
        check_ending(report)
    called = listed([names])
    if len(called) != 2:
        raise ComparisonError("--names are two, with a comma: old,new [B537]")
    data = GoldData(tuple(gold), renamed_types(map), retokenize)
    of_a, of_b = matched(system_runs(listed([a]), data), system_runs(listed([b]), data))
    found = compare(of_a, of_b, draws=draws, seed=seed)
    header, rows = differences_as_rows(found, called[0], called[1])
    msg.table(rows, header=header, divider=True, aligns=("l", "l", *("r" for _ in header[2:])))
    for difference in found:
        if difference.type == "all":
            msg.text(in_words(difference, *called))
    with Outputs() as outputs:
        made = [difference.to_dict() for difference in found]
        if output is not None:
            write_json(outputs.temporary(output), made)
        if report is not None:
            kind, title = ending(report), f"{called[1]} and {called[0]}"
            section = comparison_section(found, called[0], called[1], "Differences", html=kind == ".html")
            options = [part for path in gold for part in ("--gold", str(path))]
            command = shlex.join(["spacy", "bioner", "compare", a, b, *options, "--names", names])
            write_report(outputs.temporary(report), title, [section], made, command, kind=kind)
    for path in filter(None, (output, report)):
        msg.good(str(path))
