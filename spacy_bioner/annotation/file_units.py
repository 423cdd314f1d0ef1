"""Many input files, each a unit of work with an output of its own, one after the other or by Ray's workers.

The output is a folder. Of an input a.xml.gz come

    a.xml.gz.jsonl                   the annotated documents
    a.xml.gz.jsonl.set-aside.jsonl   what couldn't be annotated, if anything
    a.xml.gz.relations.csv           beside a table of mentions that of relations, if there are any
    units/a.xml.gz.json              what was done: digests of the input and the output, counts

A unit is written to another name, and renamed when it is complete, its record last. So a unit that is tried
again, or twice at once, leaves one whole output; and a run goes on where records are missing, or don't fit
the input.
"""

import json
import os
import platform
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from spacy.language import Language

from spacy_bioner.annotation.annotating import annotate
from spacy_bioner.annotation.inputs import Item, find_inputs, read_items
from spacy_bioner.annotation.mention_tables import relations_beside
from spacy_bioner.annotation.ray_engine import by_ray
from spacy_bioner.annotation.settings import Settings, check_settings
from spacy_bioner.annotation.table_inputs import TABLE
from spacy_bioner.annotation.tables import TABLES
from spacy_bioner.components.pipelines import load_pipeline
from spacy_bioner.documents import formats
from spacy_bioner.errors import BionerError, OutputError, PipelineError
from spacy_bioner.files import Outputs, checksum, write_json

ENGINES = ("local", "ray")
_RECORDS, _MANIFEST = "units", "manifest.json"


@dataclass(frozen=True, slots=True)
class Units:
    """What a run over many inputs did.

    Attributes:
        done: how many units were annotated.
        resumed: how many an earlier run had annotated already.
        documents, set_aside: how many documents are in all outputs, and aren't.
        failed: units that were left out, each with the last error.
    """

    done: int
    resumed: int
    documents: int
    set_aside: int
    failed: Mapping[str, str]


def annotate_units(
    model: str | Path,
    inputs: Iterable[str | Path],
    output: Path,
    settings: Settings,
    *,
    engine: str = "local",
    gpu_id: int = -1,
    resume: bool = False,
) -> Units:
    """Annotates each input to a file of its own.

    Args:
        model: the name of a package or a folder.
        inputs: files, and folders of them; no two of one name.
        output: the folder.
        settings: how to annotate.
        engine: one of `ENGINES`.
        gpu_id: the GPU to use; -1 for the CPU.
        resume: whether to go on with what is in the folder.

    Raises:
        BionerError: if the inputs or the folder can't be used so.
    """
    check_settings(settings)
    if engine not in ENGINES:
        raise OutputError(f"There is no engine '{engine}': use {', '.join(ENGINES)}. [B368]")
    if settings.to not in ("jsonl", *TABLES):
        raise OutputError(f"--engine writes a file for each input, as jsonl or {', '.join(TABLES)}. [B369]")
    units = dict(_units(inputs, settings))
    _open(output, units, settings, str(model), resume)
    left = {name: path for name, path in units.items() if not _is_done(output, name, path, settings)}
    place = str(Path(model).resolve() if Path(model).exists() else model)
    rest = (place, output.resolve(), settings)
    if engine == "ray" and left:
        failed = dict(by_ray(_annotate_unit, left, *rest, 0 if gpu_id >= 0 else -1, gpu=gpu_id >= 0))
    else:
        failed = dict(_by_this_process(left, *rest, gpu_id))
    _remove_unfinished(output)
    records = [_record(output, name) for name in units if name not in failed]
    total: Counter[str] = sum((Counter(r["counts"]) for r in records), Counter())
    if failed and len(failed) == len(units):
        raise PipelineError(f"Not one input could be annotated. [B370]\n{next(iter(failed.values()))}")
    done = len(left) - len(failed)
    return Units(done, len(units) - len(left), total["documents"], total["set_aside"], failed)


def _units(inputs: Iterable[str | Path], settings: Settings) -> Iterator[tuple[str, tuple[Path, str]]]:
    seen: dict[str, Path] = {}
    for path, format in find_inputs(map(Path, inputs), settings.source, settings.columns):
        for file in _files(Path(_name(path.name, settings)), settings):
            if file.name in seen:
                raise OutputError(
                    f"The inputs {seen[file.name]} and {path} would both be {file.name}: rename one. [B371]"
                )
            seen[file.name] = path
        yield path.name, (path.resolve(), format)


def _open(output: Path, units: Mapping[str, Any], settings: Settings, model: str, resume: bool) -> None:
    """Makes the folder, or checks that it is this run's."""
    wanted = json.loads(
        json.dumps({"pipeline": model, "settings": settings.to_json(), "inputs": sorted(units)})
    )
    path = output / _MANIFEST
    if path.is_file():
        if not resume:
            raise OutputError(
                f"{output} has a run in it: go on with --resume, or name another folder. [B372]"
            )
        found = json.loads(path.read_text(encoding="utf8"))
        if differing := [key for key in wanted if found.get(key) != wanted[key]]:
            raise OutputError(f"{output} has another run in it: other {', '.join(differing)}. [B373]")
        _remove_unfinished(output)
        return
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise OutputError(f"{output} has something else in it: name a new folder. [B374]")
    (output / _RECORDS).mkdir(parents=True, exist_ok=True)
    with Outputs() as outputs:
        write_json(outputs.temporary(path), wanted)


def _remove_unfinished(output: Path) -> None:
    """Removes what is left of units that failed, or whose process was killed."""
    for old in output.glob(".work-*"):
        shutil.rmtree(old, ignore_errors=True)


def _name(name: str, settings: Settings) -> str:
    return f"{name}.{settings.to}"


def _record(output: Path, name: str) -> Any:
    return json.loads((output / _RECORDS / f"{name}.json").read_text(encoding="utf8"))


def _is_done(output: Path, name: str, unit: tuple[Path, str], settings: Settings) -> bool:
    """Whether a unit has a record that fits its input and its output."""
    if not (output / _RECORDS / f"{name}.json").is_file() or not (output / _name(name, settings)).is_file():
        return False
    record = _record(output, name)
    files = _files(output / _name(name, settings), settings)
    return bool(record["input"] == checksum(unit[0]) and record.get("files") == _checksums(files))


def _files(made: Path, settings: Settings) -> list[Path]:
    """The output of a unit, and what may stand beside it."""
    files = (made, made.with_name(f"{made.name}.set-aside.jsonl"), relations_beside(made, settings.to))
    return [file for file in files if file is not None]


def _checksums(files: Iterable[Path]) -> dict[str, str]:
    """The checksums of those files that are there."""
    return {path.name: checksum(path) for path in files if path.is_file()}


def _annotate_unit(
    name: str, unit: tuple[Path, str], model: str, output: Path, settings: Settings, gpu_id: int
) -> None:
    """Annotates a unit in a folder of its own, and moves what it gave to its place."""
    path, format = unit
    work = output / f".work-{platform.node()}-{os.getpid()}-{name}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    made = work / _name(name, settings)
    chosen = replace(settings, source="" if format == TABLE else format)
    done = annotate(_pipeline(model), [path], made, chosen, gpu_id=gpu_id)
    record = {
        "input": checksum(path),
        "files": _checksums(_files(made, settings)),
        "counts": {"documents": done.account.docs, "set_aside": len(done.set_aside)},
        "mentions": dict(done.account.mentions_out),
        "complete": done.complete,
        "set_aside": [asdict(entry) for entry in done.set_aside],
    }
    write_json(work / "record.json", record)
    for file in reversed(_files(made, settings)):  # the output last
        if file.exists():
            os.replace(file, output / file.name)
        else:
            (output / file.name).unlink(missing_ok=True)  # of an earlier try
    os.replace(work / "record.json", output / _RECORDS / f"{name}.json")
    shutil.rmtree(work)


@cache
def _pipeline(model: str) -> Language:
    """The pipeline, once a process."""
    return load_pipeline(model)


def _by_this_process(
    units: Mapping[str, tuple[Path, str]], model: str, output: Path, settings: Settings, gpu_id: int
) -> Iterator[tuple[str, str]]:
    """Annotates one unit after the other; gives those that fail, each with the error."""
    for name, unit in units.items():
        try:
            _annotate_unit(name, unit, model, output, settings, gpu_id)
        except BionerError as error:
            yield name, str(error)


def verify(inputs: Iterable[str | Path], output: Path) -> list[str]:
    """Proves that every document of the inputs is in the output once, or among what was set aside.

    Args:
        inputs: what was annotated.
        output: the folder of `annotate_units`.

    Returns:
        What is wrong, a line each; empty if nothing is.

    Raises:
        BionerError: if the folder isn't such an output, or an input can't be read.
    """
    try:
        manifest = json.loads((output / _MANIFEST).read_text(encoding="utf8"))
        saved = manifest["settings"]
    except (OSError, ValueError, KeyError):
        raise OutputError(
            f"{output} isn't what annotating with --engine leaves: no {_MANIFEST}. [B375]"
        ) from None
    columns = type(Settings("jsonl").columns)(**saved["columns"])
    settings = Settings(saved["to"], source=saved["source"], columns=columns)
    found = dict(_units(inputs, settings))
    wrong = [
        f"{name}: an input of the run that wasn't named" for name in manifest["inputs"] if name not in found
    ]
    for name, unit in found.items():
        if not _is_done(output, name, unit, settings):
            wrong.append(f"{name}: not annotated, or its input or output has changed since")
        else:
            wrong += [f"{name}: {what}" for what in _differences(output, name, unit, settings)]
    return wrong


def _differences(output: Path, name: str, unit: tuple[Path, str], settings: Settings) -> Iterator[str]:
    """What differs between the documents of an input and those of its output."""
    record = _record(output, name)
    aside = {entry["number"] for entry in record["set_aside"]}
    numbered = enumerate(read_items([unit], settings.columns), start=1)
    wanted = Counter(
        item.document.id for number, item in numbered if isinstance(item, Item) and number not in aside
    )
    if wanted.total() != record["counts"]["documents"]:
        yield f"{wanted.total():,} documents in it, {record['counts']['documents']:,} were written"
    if settings.to == "jsonl":
        have = Counter(document.id for document in formats.read(output / _name(name, settings), "jsonl"))
        if missing := wanted - have:
            yield f"missing: {', '.join(sorted(missing)[:5])} ({missing.total():,})"
        if more := have - wanted:
            yield f"doubled or strange: {', '.join(sorted(more)[:5])} ({more.total():,})"
