"""`spacy bioner annotate`: documents of any format through a pipeline, to any format."""

import contextlib
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from itertools import accumulate, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn, TypeVar

import typer
from wasabi import msg

from spacy_bioner.cli import listed, verb
from spacy_bioner.cli.convert import OUTPUTS, SHOWN
from spacy_bioner.files import ending

if TYPE_CHECKING:
    from spacy.language import Language
    from tqdm import tqdm

    from spacy_bioner.annotation.annotating import SetAside, Settings
    from spacy_bioner.documents.document import Document
    from spacy_bioner.documents.formats.base import Account

_T = TypeVar("_T")

STANDARD = "-"
"""Stands for standard input and output."""
_COUNTED = 50 << 20  # bytes of input that are read once before, on a terminal, to count documents
_EXISTING = {"replace": "replaced", "add": "kept", "fill": "kept"}
_TOLD = {
    "relations": "relations of the input left out, with its mentions",
    "not added": "mentions found where the input has some already, not added",
    "overlapping": "mentions found that overlap a better one, which this format can't hold",
    "cut": "documents cut into pieces, and joined again",
    "unread": "things in the input that aren't read",
}


@verb("annotate")
def annotate_cli(
    model: str = typer.Argument(..., help="Pipeline: the name of a package, or a folder"),
    inputs: list[str] = typer.Argument(..., help="Files and folders, in any format; - for standard input"),
    output: str = typer.Option(..., help="File to write, or folder for BRAT and text; - for standard output"),
    to: str = typer.Option("", help="Format to write; default: by OUTPUT's ending"),
    source: str = typer.Option("", "--from", help="Format of the inputs; default: found from their content"),
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
    gpu_id: int = typer.Option(-1, help="GPU to use; -1 for the CPU"),
    part_size: int = typer.Option(1000, min=1, help="Documents in a part"),
    resume: bool = typer.Option(False, help="Go on with a run that was stopped"),
    set_aside: Path = typer.Option(
        None, help="File to list in what can't be annotated; default: OUTPUT.set-aside.jsonl"
    ),
) -> None:
    """Annotate documents: any format in, any format out, with scores where it can hold them.

    A run that was killed goes on with --resume. What can't be read or annotated is listed in a file.
    """
    from spacy_bioner.annotation.annotating import Settings

    to_standard = output == STANDARD
    with contextlib.ExitStack() as stack:
        out = sys.stdout.buffer if to_standard else None
        if to_standard:
            # whatever is told, and whatever others print, goes elsewhere
            stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        settings = Settings(
            to=to or _format_by_ending(output),
            source=source,
            threshold=_thresholds(threshold),
            types=tuple(listed(types)),
            existing=existing,
            max_length=max_length,
            split_long=split_long,
            batch_size=batch_size,
            n_process=n_process,
            part_size=part_size,
        )
        lost = annotate(
            model,
            inputs,
            out if out is not None else Path(output),
            settings,
            gpu_id=gpu_id,
            resume=resume,
            set_aside=set_aside,
        )
    if lost:
        raise typer.Exit(1)


def _format_by_ending(output: str) -> str:
    from spacy_bioner.documents.formats import SPACY, WRITTEN_FORMATS
    from spacy_bioner.errors import ConversionError

    found = OUTPUTS.get(ending(Path(output)))
    if found is None:
        raise ConversionError(
            f"Which format shall '{output}' be in? Say --to {', '.join(WRITTEN_FORMATS)}, {SPACY}."
        )
    return found


def _thresholds(value: str) -> dict[str, float]:
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
                f"--threshold {part}: a score is a number from 0 to 1, as 0.5 or Disease=0.5."
            )
        found[name or "*"] = score
    return found


def annotate(
    model: "str | Path | Language",
    inputs: Iterable[str | Path],
    output: Path | BinaryIO,
    settings: "Settings",
    *,
    gpu_id: int = -1,
    resume: bool = False,
    set_aside: Path | None = None,
) -> bool:
    """Annotates documents and writes them; the output is there when it is complete.

    Args:
        model: the name of a package, a folder, or a pipeline that is loaded; its `bioner` get the thresholds.
        inputs: files and folders; "-" for standard input, which is read to its end first.
        output: the file or folder to write; or an open file, which gets the documents as they are ready.
        settings: how to annotate; a batch size of 0 is the pipeline's own, up to `BATCH_SIZE`.
        gpu_id: the GPU to use; -1 for the CPU.
        resume: whether to go on with a run that was stopped.
        set_aside: a file for what can't be annotated; OUTPUT.set-aside.jsonl if None.

    Returns:
        Whether an input couldn't be read to its end.

    Raises:
        BionerError: if an input isn't there, the pipeline can't do what is asked, the output can't be there,
            or not one document could be annotated. The output is as it was before then, and complete parts
            are kept.
    """
    from spacy_bioner.annotation.annotating import BATCH_SIZE, find_inputs, prepare
    from spacy_bioner.components.pipelines import load_pipeline
    from spacy_bioner.errors import OutputError
    from spacy_bioner.models.devices import use_device

    with contextlib.ExitStack() as stack:
        names = list(map(str, inputs))
        if STANDARD in names and resume:
            raise OutputError("--resume can't go on with standard input, which can't be read again.")
        _check_settings(settings, isinstance(output, Path), resume)
        paths = [stack.enter_context(_spooled()) if name == STANDARD else Path(name) for name in names]
        if isinstance(output, Path):
            _check_output(output, settings.to, paths, set_aside)
        found = find_inputs(paths, settings.source)
        use_device(gpu_id)
        nlp = load_pipeline(model) if isinstance(model, str | Path) else model
        settings = replace(settings, batch_size=settings.batch_size or min(nlp.batch_size, BATCH_SIZE))
        prepare(nlp, settings)
        if isinstance(output, Path):
            list_file = set_aside or output.with_name(f"{output.name}.set-aside.jsonl")
            return _to_file(nlp, found, output, settings, resume, list_file)
        return _to_stream(nlp, found, output, settings, set_aside)


@contextlib.contextmanager
def _spooled() -> Iterator[Path]:
    """Standard input in a file of its own: its format is found from its content, as with any other."""
    with tempfile.TemporaryDirectory(prefix="spacy-bioner-") as folder:
        path = Path(folder) / "standard-input"
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield path


def _check_settings(settings: "Settings", to_file: bool, resume: bool) -> None:
    from spacy_bioner.annotation.annotating import EXISTING
    from spacy_bioner.documents.formats import FORMATS, READ_FORMATS, SPACY, WRITTEN_FORMATS
    from spacy_bioner.errors import ConversionError, OutputError

    options = (("--to", settings.to, WRITTEN_FORMATS), ("--from", settings.source, READ_FORMATS))
    for option, value, names in options:
        if value not in ("", SPACY, *names):
            what = "is only read" if option == "--to" else "is only written"
            told = f"'{value}' {what}" if value in FORMATS else f"There is no format '{value}'"
            raise ConversionError(f"{told}: use {option} {', '.join(names)}, {SPACY}.")
    if settings.existing not in EXISTING:
        raise ConversionError(f"--existing {settings.existing}: use {', '.join(EXISTING)}.")
    if to_file:
        return
    if resume:
        raise OutputError("--resume needs an output with a name: what went to standard output is gone.")
    if settings.to == SPACY or not FORMATS[settings.to].suffix:
        raise OutputError(f"--to {settings.to} can't go to standard output: name a file or folder.")


def _check_output(output: Path, to: str, inputs: list[Path], set_aside: Path | None) -> None:
    from spacy_bioner.documents.formats import SPACY, check_folder, known
    from spacy_bioner.errors import OutputError

    if (output.suffix.lower() == ".spacy") != (to == SPACY):
        raise OutputError(f"{output} isn't named as what --to {to} writes.")
    for path in inputs:
        for written in filter(None, (output, set_aside)):
            if written.resolve() in (path.resolve(), path.resolve().parent):
                raise OutputError(f"{written} would be replaced, and the input {path} is there.")
            if path.is_dir() and path.resolve() == written.resolve().parent:
                raise OutputError(f"{written} would be in the input folder {path}: name another place.")
    if set_aside is not None and output.resolve() in (set_aside.resolve(), set_aside.resolve().parent):
        raise OutputError(f"{set_aside} would be where the output is: name another file.")
    if to == SPACY or known(to).suffix:
        if output.is_dir():
            raise OutputError(f"{output} is a folder, and the output would be a file.")
    elif output.is_file():
        raise OutputError(f"{output} is a file, and the output would be a folder.")
    else:
        check_folder(output, inputs)


def _to_file(
    nlp: "Language",
    inputs: list[tuple[Path, str]],
    output: Path,
    settings: "Settings",
    resume: bool,
    list_file: Path,
) -> bool:
    """Annotates part by part, and joins the parts."""
    from spacy.util import minibatch

    from spacy_bioner.annotation.annotating import annotated, read_items
    from spacy_bioner.annotation.parts import (
        Part,
        make_manifest,
        open_parts,
        parts_folder,
        read_parts,
        remove_parts,
        write_part,
    )
    from spacy_bioner.files import Outputs

    folder = parts_folder(output)
    parts = open_parts(folder, make_manifest(nlp, inputs, settings), resume=resume)
    done = sum(part.items for part in parts)
    if parts:
        msg.info(f"{done:,} documents are in {len(parts):,} parts already")
    with _bar(inputs, done) as bar:
        for batch in minibatch(islice(read_items(inputs), done, None), settings.part_size):
            part = Part(items=len(batch))
            write_part(folder, len(parts), _moving(bar, annotated(nlp, batch, settings, part.counts)), part)
            parts.append(part)
    aside = [entry for part in parts for entry in part.set_aside]
    if not any(part.documents for part in parts):
        remove_parts(folder)
        _refuse(aside)
    with Outputs() as outputs:
        temporary = outputs.temporary(output, folder=_is_folder(settings.to))
        account = _join(nlp, lambda: read_parts(folder, parts), temporary, output, settings, aside)
        if aside:
            _write_list(outputs.temporary(list_file), aside)
    if not aside:
        list_file.unlink(missing_ok=True)  # an earlier run's
    remove_parts(folder)
    for entry in aside[:SHOWN]:
        msg.warn(f"set aside: {entry}")
    counts: Counter[str] = sum((part.counts for part in parts), Counter())
    _report(account, counts, len(aside), settings.existing)
    if aside:
        msg.warn(f"{list_file}: what was set aside")
    msg.good(str(output))
    return any(entry.rest for entry in aside)


def _join(
    nlp: "Language",
    documents: Callable[[], Iterator["Document"]],
    temporary: Path,
    output: Path,
    settings: "Settings",
    aside: list["SetAside"],
) -> "Account":
    """Writes the documents of all parts in the format that is wanted."""
    from spacy_bioner.annotation.annotating import Summary, dressed, writable
    from spacy_bioner.corpora.annotations import Annotation
    from spacy_bioner.corpora.conversion import Tally, to_docs
    from spacy_bioner.corpora.docbin import docbin
    from spacy_bioner.documents.formats import SPACY, known, write_pieces
    from spacy_bioner.errors import ConversionError
    from spacy_bioner.files import remove

    to = settings.to
    if to == SPACY:
        tally = Tally()
        types = settings.types or tuple(sorted({m.type for d in documents() for m in d.mentions}))
        annotation = Annotation(f"{nlp.meta['lang']}_{nlp.meta['name']}", types)
        docbin(to_docs(documents(), nlp.vocab, nlp.make_doc, annotation, tally)).to_disk(temporary)
        return tally
    account = Summary()
    packed = output.suffix.lower() == ".gz"
    try:
        write_pieces(known(to).write(dressed(documents(), to)), temporary, account, known(to), packed)
    except ConversionError:  # once more, without the documents that can't be written
        remove(temporary)
        account = Summary()
        kept = writable(dressed(documents(), to), to, output.name, aside)
        write_pieces(known(to).write(kept), temporary, account, known(to), packed)
        if not account.docs:
            _refuse(aside)
    return account


def _to_stream(
    nlp: "Language",
    inputs: list[tuple[Path, str]],
    output: BinaryIO,
    settings: "Settings",
    list_file: Path | None,
) -> bool:
    """Writes documents as they are ready."""
    from spacy.util import minibatch

    from spacy_bioner.annotation.annotating import SetAside, Summary, annotated, dressed, read_items, writable
    from spacy_bioner.documents.formats import encoded, known
    from spacy_bioner.files import Outputs

    counts: Counter[str] = Counter()
    aside: list[SetAside] = []
    account = Summary()
    with _bar(inputs, 0) as bar:

        def documents() -> Iterator["Document"]:
            for batch in minibatch(read_items(inputs), settings.part_size):
                for result in _moving(bar, annotated(nlp, batch, settings, counts)):
                    if isinstance(result, SetAside):
                        aside.append(result)
                    else:
                        yield result

        kept = writable(dressed(documents(), settings.to), settings.to, "standard output", aside)
        for piece in known(settings.to).write(kept):
            output.write(encoded(piece))
            account.add(piece)
    output.flush()
    if not account.docs:
        _refuse(aside)
    for entry in aside:  # all of them: there may be no list
        msg.warn(f"set aside: {entry}")
    if list_file is not None:
        with Outputs() as outputs:
            _write_list(outputs.temporary(list_file), aside)
    _report(account, counts, len(aside), settings.existing)
    return any(entry.rest for entry in aside)


def _is_folder(to: str) -> bool:
    from spacy_bioner.documents.formats import SPACY, known

    return to != SPACY and not known(to).suffix


def _refuse(aside: Sequence["SetAside"]) -> NoReturn:
    from spacy_bioner.errors import PipelineError

    reasons = [*map(str, aside[:SHOWN]), *([f"and {len(aside) - SHOWN:,} more"] if aside[SHOWN:] else [])]
    told = "\n".join(("Not one document could be annotated, so nothing was written.", *reasons))
    raise PipelineError(told)


def _write_list(path: Path, aside: Iterable["SetAside"]) -> None:
    lines = (json.dumps(asdict(entry), ensure_ascii=False) + "\n" for entry in aside)
    with path.open("w", encoding="utf8", errors="backslashreplace", newline="") as file:
        file.writelines(lines)


@contextlib.contextmanager
def _bar(inputs: list[tuple[Path, str]], done: int) -> Iterator["tqdm[Any]"]:
    """A progress bar on standard error if that is a terminal, with the documents there will be."""
    from tqdm import tqdm

    total = _about(inputs) if sys.stderr.isatty() else None
    with tqdm(
        desc="annotating", total=total, initial=done, unit=" documents", leave=False, disable=None
    ) as bar:
        yield bar


def _moving(bar: "tqdm[Any]", results: Iterable[_T]) -> Iterator[_T]:
    for result in results:
        bar.update()
        yield result


def _about(inputs: list[tuple[Path, str]]) -> int:
    """How many documents there are: those of the first inputs are counted, the others go by their size."""
    from spacy_bioner.annotation.annotating import read_items
    from spacy_bioner.annotation.parts import size

    sizes = [size(path) for path, _ in inputs]
    seen = 1 + next((i for i, total in enumerate(accumulate(sizes)) if total >= _COUNTED), len(sizes) - 1)
    counted = sum(1 for _ in read_items(inputs[:seen]))
    return round(counted * sum(sizes) / max(sum(sizes[:seen]), 1))


def _report(account: "Account", counts: Counter[str], aside: int, existing: str) -> None:
    """Prints what was written, and what was not."""
    rows = [
        ("documents", f"{account.docs:,}"),
        ("set aside", f"{aside:,}"),
        *((name, f"{count:,}") for name, count in sorted(account.mentions_out.items())),
        ("all mentions", f"{account.mentions_out.total():,}"),
    ]
    msg.table(rows, header=("", "written"), divider=True, aligns=("l", "r"))
    if counts["own"]:
        msg.text(f"{counts['own']:,} mentions of the input {_EXISTING[existing]}")
    for what, told in _TOLD.items():
        if counts[what]:
            msg.text(f"{counts[what]:,} {told}")
    for what, count in (+account.others).items():
        msg.warn(f"not kept: {what} ({count:,})")
