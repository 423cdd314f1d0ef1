"""`spacy bioner annotate`: documents of any format through a pipeline, to any format."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from spacy_bioner.cli import listed, verb
from spacy_bioner.cli.convert import SHOWN
from spacy_bioner.files import ending
from spacy_bioner.terminal import msg

if TYPE_CHECKING:
    from spacy_bioner.annotation.annotating import Annotated
    from spacy_bioner.annotation.estimate import Estimate
    from spacy_bioner.annotation.file_units import Units

_EXISTING = {"replace": "replaced", "add": "kept", "fill": "kept"}
_TOLD = {
    "relations": "relations of the input left out, with its mentions",
    "not added": "mentions found where the input has some already, not added",
    "relations left out": "relations found between entities that are not written, left out",
    "overlapping": "mentions found that overlap a better one, which this format can't hold",
    "cut": "documents cut into pieces, and joined again",
    "unread": "things in the input that aren't read",
}


STOPPED = 130
"""The exit status of a run that Ctrl-C stopped."""
INCOMPLETE = 2
"""The exit status of a run that has written all it could, and set something aside."""


@verb("annotate")
def annotate_cli(
    model: str = typer.Argument(..., help="Pipeline: the name of a package, or a folder"),
    inputs: list[str] = typer.Argument(..., help="Files and folders, in any format; - for standard input"),
    output: str = typer.Option("", help="File to write, or folder for BRAT and text; - for standard output"),
    to: str = typer.Option("", help="Format to write; default: by OUTPUT's ending"),
    source: str = typer.Option("", "--from", help="Format of the inputs; default: found from their content"),
    text: str = typer.Option(
        "", help="Column of the text, where inputs are tables: .csv, .tsv, .parquet, .jsonl"
    ),
    title: str = typer.Option("", help="Column of a title that stands before the text"),
    id: str = typer.Option("", help="Column of the document's id; default: the number of the row"),
    empty: bool = typer.Option(
        None, "--empty/--no-empty", help="A row for each document without mentions; default: in Parquet alone"
    ),
    summaries: list[Path] = typer.Option(
        [], "--summary", help="File for the most frequent mentions: .html, .csv, .tsv, .parquet, .xlsx"
    ),
    threshold: str = typer.Option("", help="Score that mentions need: 0.5, or by type: 'Disease=0.8,0.5'"),
    types: list[str] = typer.Option([], help="Types to find, with commas; default: all"),
    existing: str = typer.Option(
        "replace", help="The input's own mentions: replace, add (keep them too), fill (keep; add where none)"
    ),
    max_length: int = typer.Option(
        200_000, min=100, help="Most characters of a document; longer ones are set aside"
    ),
    split_long: bool = typer.Option(False, help="Cut longer ones into pieces instead, and join them"),
    batch_size: int = typer.Option(0, min=0, help="Texts in a batch; default: the pipeline's, 128 at most"),
    n_process: int = typer.Option(1, min=1, help="Processes"),
    precision: str = typer.Option("", help="What a transformer computes in: float32, bfloat16, float16"),
    gpu_id: int = typer.Option(-1, help="GPU to use; -1 for the CPU"),
    part_size: int = typer.Option(1000, min=1, help="Most documents in a part; the first ones are smaller"),
    resume: bool = typer.Option(False, help="Go on with a run that was stopped"),
    engine: str = typer.Option(
        "",
        help="local or ray: OUTPUT is a folder, with a file for each input; ray: on all cores, or a cluster",
    ),
    estimating: bool = typer.Option(
        False, "--estimate", help="Annotate a sample only, and say what all would cost; writes nothing"
    ),
    machines: int = typer.Option(10, min=1, help="For --estimate: how many machines like this"),
    set_aside: Path = typer.Option(
        None, help="File to list in what can't be annotated; default: OUTPUT.set-aside.jsonl"
    ),
) -> None:
    """Annotate documents: any format in, any format out, with scores where it can hold them.

    A run that was killed goes on with --resume. What can't be read or annotated is listed in a file; the exit
    code is 2 then, where the rest was written, and 1 where nothing was.
    """
    from spacy_bioner.annotation.annotating import STANDARD, annotate
    from spacy_bioner.annotation.estimate import estimate
    from spacy_bioner.annotation.file_units import annotate_units
    from spacy_bioner.annotation.settings import Settings
    from spacy_bioner.annotation.table_inputs import TableColumns
    from spacy_bioner.errors import OutputError

    with contextlib.ExitStack() as stack:
        stream = sys.stdout.buffer if output == STANDARD else None
        if stream is not None:
            # whatever is told, and whatever others print, goes elsewhere
            stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        if not output and not estimating:
            raise OutputError(
                "Name the OUTPUT, with --output; or see what it would cost, with --estimate. [B534]"
            )
        settings = Settings(
            to=to or ("jsonl" if engine or (estimating and not output) else "") or format_by_ending(output),
            source=source,
            threshold=thresholds(threshold),
            types=tuple(listed(types)),
            existing=existing,
            max_length=max_length,
            split_long=split_long,
            batch_size=batch_size,
            n_process=n_process,
            part_size=part_size,
            columns=TableColumns(text, title, id),
            empty=empty,
            precision=precision,
        )
        if estimating:
            _report_estimate(estimate(model, inputs, settings, gpu_id=gpu_id), machines)
            return
        stack.enter_context(_resumable(resumes=stream is None and STANDARD not in inputs))
        if engine:
            units = annotate_units(
                model, inputs, Path(output), settings, engine=engine, gpu_id=gpu_id, resume=resume
            )
            _report_units(units, output)
            return
        done = annotate(
            model,
            inputs,
            stream or Path(output),
            settings,
            gpu_id=gpu_id,
            resume=resume,
            set_aside=set_aside,
            summaries=summaries,
        )
        _report(done, existing, all_aside=stream is not None)
        if stream is None:
            msg.good(output)
    if done.set_aside:
        raise typer.Exit(INCOMPLETE)


@contextlib.contextmanager
def _resumable(resumes: bool) -> Iterator[None]:
    """Says on Ctrl-C how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        with contextlib.redirect_stdout(sys.stderr):
            how = "the same command with --resume goes on from there" if resumes else "nothing was kept"
            msg.warn(f"Stopped: {how}.")
        raise typer.Exit(STOPPED) from None


def format_by_ending(output: str) -> str:
    """The format that an output's name tells; raises ConversionError if it tells none."""
    from spacy_bioner.annotation.tables import TABLES, by_ending
    from spacy_bioner.documents.formats import FORMAT_OF_ENDING, SPACY, WRITTEN_FORMATS
    from spacy_bioner.errors import ConversionError

    found = by_ending(output) or FORMAT_OF_ENDING.get(ending(Path(output)))
    if found is None:
        raise ConversionError(
            f"Which format shall '{output}' be in? Say --to "
            f"{', '.join((*WRITTEN_FORMATS, SPACY, *TABLES))}. [B535]"
        )
    return found


def thresholds(value: str) -> dict[str, float]:
    """The thresholds in "0.5" or "Disease=0.8,0.5", by type."""
    from spacy_bioner.errors import PipelineError

    found: dict[str, float] = {}
    for part in listed([value]):
        name, _, number = part.rpartition("=")
        try:
            score = float(number)
        except ValueError:
            score = -1.0
        if not 0 <= score <= 1:
            raise PipelineError(
                f"--threshold {part}: a score is a number from 0 to 1, as 0.5 or Disease=0.5. [B536]"
            )
        found[name or "*"] = score
    return found


def _report_units(done: "Units", output: str) -> None:
    """Prints what was done of many inputs; exits with 1 if some of them weren't."""
    rows = [
        ("inputs annotated", f"{done.done:,}"),
        ("inputs of an earlier run", f"{done.resumed:,}"),
        ("documents", f"{done.documents:,}"),
        ("set aside", f"{done.set_aside:,}"),
    ]
    msg.table(rows, divider=True, aligns=("l", "r"))
    for name, error in done.failed.items():
        msg.warn(f"not annotated: {name}: {error}")
    if done.failed:
        raise typer.Exit(1)
    msg.good(output)


def _report_estimate(found: "Estimate", machines: int) -> None:
    """Prints what a run would cost."""
    from tqdm import tqdm

    rows = [
        ("documents, about", f"{found.documents:,}"),
        ("words, about", f"{found.words:,}"),
        ("words a second, one process", f"{found.words_per_second:,.0f}"),
        ("time, [h:]mm:ss", tqdm.format_interval(found.seconds)),
        (f"time on {machines} such machines", tqdm.format_interval(found.seconds / machines)),
        ("memory, MB", "unknown" if found.memory_bytes is None else f"{found.memory_bytes / 1e6:,.0f}"),
        ("size of the output, MB", f"{found.output_bytes / 1e6:,.1f}"),
    ]
    header = ("", f"from a sample of {found.sample:,}")
    msg.table(rows, header=header, divider=True, aligns=("l", "r"))


def _report(done: "Annotated", existing: str, *, all_aside: bool) -> None:
    """Prints what was written, and what was not; all that was set aside where there may be no list of it."""
    documents, parts = done.resumed
    if parts:
        msg.info(f"{documents:,} documents were in {parts:,} parts already")
    for entry in done.set_aside if all_aside else done.set_aside[:SHOWN]:
        msg.warn(f"set aside: {entry}")
    rows = [
        ("documents", f"{done.account.docs:,}"),
        ("set aside", f"{len(done.set_aside):,}"),
        *((name, f"{count:,}") for name, count in sorted(done.account.mentions_out.items())),
        ("all mentions", f"{done.account.mentions_out.total():,}"),
    ]
    msg.table(rows, header=("", "written"), divider=True, aligns=("l", "r"))
    if done.counts["own"]:
        msg.text(f"{done.counts['own']:,} mentions of the input {_EXISTING[existing]}")
    for what, told in _TOLD.items():
        if done.counts[what]:
            msg.text(f"{done.counts[what]:,} {told}")
    for what, count in (+done.account.others).items():
        msg.warn(f"not kept: {what} ({count:,})")
    if done.list_file is not None and done.set_aside:
        msg.warn(f"{done.list_file}: what was set aside")
