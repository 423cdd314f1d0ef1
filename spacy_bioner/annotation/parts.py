"""Keeping a run in parts, so that a run that was killed can go on where it stopped.

Beside the output stands, while it is being made, a folder OUTPUT.parts:

    manifest.json       what the run is made of: pipeline, versions, settings, inputs, each by checksum
    part-00000.jsonl    the annotated documents of the first `part_size` of the input, as JSON lines
    part-00000.json     what the report tells of them, and what was set aside

A part is written to another name, and renamed when it is complete; its .jsonl last. To go on is to read the
input again, to skip the documents of complete parts, and to annotate the rest. At the end the parts are
read one after the other and written in the format that was asked for, and the output is renamed. A file
OUTPUT.parts.lock keeps a second run out as long as one is at work.
"""

import contextlib
import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from spacy.language import Language

from spacy_bioner.annotation.inputs import SetAside
from spacy_bioner.annotation.settings import Settings
from spacy_bioner.corpora.provenance import versions
from spacy_bioner.documents.document import Document
from spacy_bioner.documents.formats import jsonl
from spacy_bioner.errors import OutputError
from spacy_bioner.files import Outputs, checksum, files_in, write_json

MANIFEST = "manifest.json"
_PARTS = ".parts"
_FIRST = 50  # documents of the first part; each has twice as many as the one before
_STARTED = "Go on with --resume, or delete this folder to begin again"


@dataclass(slots=True)
class Part:
    """What is known of a part beside its documents.

    Attributes:
        items: how many documents of the input it is made of.
        documents: how many are in it.
        counts: what the report tells of them.
        set_aside: the others.
    """

    items: int = 0
    documents: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    set_aside: list[SetAside] = field(default_factory=list)


def parts_folder(output: Path) -> Path:
    """Where the parts of an output are while it is being made."""
    return output.with_name(f"{output.name}{_PARTS}")


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps other runs away from the parts of an output; raises OutputError if one is at work on them."""
    path = folder.with_name(f"{folder.name}.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        output = folder.with_name(folder.name.removesuffix(_PARTS))
        raise OutputError(
            f"Another run is writing {output}: wait for it, or name another output. [B380]"
        ) from None
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # a system that doesn't remove open files
            path.unlink(missing_ok=True)
        lock.release()


def size_of_part(number: int, most: int) -> int:
    """How many documents a part has, by its number from 0.

    The first ones are small, so that a run that is stopped early has something to go on from. Sizes don't
    depend on time: what goes through the pipeline together is the same in every run.
    """
    return min(most, _FIRST << min(number, 30))


def make_manifest(nlp: Language, inputs: Iterable[tuple[Path, str]], settings: Settings) -> dict[str, Any]:
    """What a run is made of; a run goes on only where all of it is as it was."""
    return {
        "pipeline": {
            "name": f"{nlp.meta['lang']}_{nlp.meta['name']}",
            "version": nlp.meta["version"],
            "sha256": checksum(nlp.path) if nlp.path else None,
            "device": type(_ops(nlp)).__name__,
        },
        "versions": versions(),
        "settings": settings.to_json(),
        "inputs": [
            {"name": path.name, "format": format, "size": size(path), "sha256": checksum(path)}
            for path, format in inputs
        ],
    }


def _ops(nlp: Language) -> object:
    models = (getattr(pipe, "model", None) for _, pipe in nlp.pipeline)
    return next((ops for model in models if (ops := getattr(model, "ops", None))), None)


def size(path: Path) -> int:
    """The bytes of a file, or of all files in a folder."""
    return sum(file.stat().st_size for file in files_in(path))


def open_parts(folder: Path, manifest: Mapping[str, Any], *, resume: bool) -> list[Part]:
    """Makes the folder, or finds the parts in it that are complete.

    Args:
        folder: the folder.
        manifest: what the run is made of.
        resume: whether to go on with parts that are there.

    Returns:
        The complete parts, in order.

    Raises:
        OutputError: if parts are there and `resume` is False, or they are another run's.
    """
    wanted = json.loads(json.dumps(manifest))
    if not folder.exists():
        with Outputs() as outputs:
            made = outputs.temporary(folder, folder=True)
            made.mkdir()
            write_json(made / MANIFEST, wanted)
        return []
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf8"))
    except (OSError, ValueError):
        raise OutputError(f"{folder} isn't what an unfinished run leaves: move it away. [B381]") from None
    if not resume:
        raise OutputError(f"{folder}: the parts of an unfinished run. {_STARTED}. [B382]")
    if differences := list(_differences(found, wanted)):
        raise OutputError(
            "\n".join(
                (f"{folder} belongs to another run. Delete this folder to begin again. [B553]", *differences)
            )
        )
    parts: list[Part] = []
    while (folder / _name(len(parts))).exists():
        parts.append(_read_part(folder, len(parts)))
    return parts


def _differences(found: Any, wanted: Any, where: str = "") -> Iterator[str]:
    """What differs between two manifests, in words."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in dict.fromkeys((*found, *wanted)):
            yield from _differences(found.get(key), wanted.get(key), f"{where} {key}".strip())
    elif isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        for number, (one, other) in enumerate(zip(found, wanted, strict=True), start=1):
            yield from _differences(one, other, f"{where} {number}")
    elif found != wanted:
        if isinstance(found, list) and isinstance(wanted, list):
            found, wanted = len(found), len(wanted)
        yield f"{where}: it was {found}, and is {wanted}"


def _name(number: int) -> str:
    return f"part-{number:05}.jsonl"


def write_part(folder: Path, number: int, results: Iterable[Document | SetAside], part: Part) -> None:
    """Writes a part; it is there when it is complete.

    Args:
        folder: the folder of parts.
        number: which part it is, from 0.
        results: its documents.
        part: has what is known of it already (`items`, and `counts` as the results come); gets the rest.
    """
    with Outputs() as outputs:
        record = outputs.temporary((folder / _name(number)).with_suffix(".json"))
        lines = outputs.temporary(folder / _name(number))
        with lines.open("w", encoding="utf8", newline="") as file:
            file.writelines(piece.text for piece in jsonl.write(_kept(results, part)))
        write_json(record, _to_json(part))


def _to_json(part: Part) -> dict[str, Any]:
    set_aside = [asdict(entry) for entry in part.set_aside]
    return {
        "items": part.items,
        "documents": part.documents,
        "counts": dict(+part.counts),
        "set_aside": set_aside,
    }


def _kept(results: Iterable[Document | SetAside], part: Part) -> Iterator[Document]:
    for result in results:
        if isinstance(result, SetAside):
            part.set_aside.append(result)
        else:
            part.documents += 1
            yield result


def _read_part(folder: Path, number: int) -> Part:
    path = (folder / _name(number)).with_suffix(".json")
    try:
        found = json.loads(path.read_text(encoding="utf8"))
        set_aside = [SetAside(**entry) for entry in found["set_aside"]]
        return Part(found["items"], found["documents"], Counter(found["counts"]), set_aside)
    except (OSError, ValueError, KeyError, TypeError):
        raise OutputError(f"{path}: damaged. Delete all parts from this on, and --resume. [B383]") from None


def read_parts(folder: Path, parts: Iterable[Part]) -> Iterator[Document]:
    """The documents of all parts.

    Raises:
        OutputError: if a part hasn't as many as were written.
    """
    for number, part in enumerate(parts):
        path, found = folder / _name(number), 0
        for document in jsonl.read(path):
            found += 1
            yield document
        if found != part.documents:
            raise OutputError(
                f"{path}: {found} documents, and there were {part.documents}. Delete all parts from this on, "
                "and --resume. [B384]"
            )


def remove_parts(folder: Path) -> None:
    """Removes the parts of an output that is there; nothing of them under this name is left halfway."""
    old = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(old, ignore_errors=True)
    with contextlib.suppress(FileNotFoundError):
        folder.rename(old)
    shutil.rmtree(old, ignore_errors=True)
