"""Documents of any format through a pipeline, to any format: what `spacy bioner annotate` does.

What can't be read or annotated is set aside, with the reason, and is never an empty result. How a run is kept
in parts, so that it can go on after it was killed, is in `parts`.
"""

import contextlib
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NoReturn

from spacy.language import Language
from spacy.util import minibatch

from spacy_bioner.annotation.found_relations import sought as relations_of
from spacy_bioner.annotation.inputs import SetAside, find_inputs, read_items
from spacy_bioner.annotation.mention_summary import check_summary, summary, write_summary
from spacy_bioner.annotation.mention_tables import check_relations, relations_beside, write_mentions
from spacy_bioner.annotation.output import Summary, dressed, writable
from spacy_bioner.annotation.parts import (
    Part,
    locked,
    make_manifest,
    open_parts,
    parts_folder,
    read_parts,
    remove_parts,
    size_of_part,
    write_part,
)
from spacy_bioner.annotation.prediction import annotated
from spacy_bioner.annotation.progress import progress
from spacy_bioner.annotation.settings import BATCH_SIZE, Settings, check_settings, prepare
from spacy_bioner.annotation.tables import TABLES
from spacy_bioner.components.pipelines import entity_types, load_pipeline
from spacy_bioner.corpora.annotations import Annotation
from spacy_bioner.corpora.conversion import Tally, to_docs
from spacy_bioner.corpora.docbin import docbin
from spacy_bioner.documents.document import Document
from spacy_bioner.documents.formats import FORMATS, SPACY, check_folder, known, write_pieces
from spacy_bioner.documents.formats.base import Account, encoded
from spacy_bioner.errors import ConversionError, OutputError, PipelineError
from spacy_bioner.files import Outputs, remove
from spacy_bioner.models.devices import use_device

STANDARD = "-"
"""Stands for standard input and output."""
SHOWN = 20
"""How many of the documents that were set aside an error names."""


@dataclass(frozen=True, slots=True)
class Annotated:
    """What a run did.

    Attributes:
        account: what was written.
        counts: what else there was to count, by its name.
        set_aside: the documents that aren't in the output.
        list_file: where these are listed; None if nowhere.
        resumed: how many documents an earlier run had annotated already, and in how many parts.
    """

    account: Account
    counts: Counter[str]
    set_aside: list[SetAside]
    list_file: Path | None
    resumed: tuple[int, int] = (0, 0)

    @property
    def complete(self) -> bool:
        """Whether every input could be read to its end."""
        return not any(entry.rest for entry in self.set_aside)


def annotate(
    model: str | Path | Language,
    inputs: Iterable[str | Path],
    output: Path | BinaryIO,
    settings: Settings,
    *,
    gpu_id: int = -1,
    resume: bool = False,
    set_aside: Path | None = None,
    summaries: Sequence[Path] = (),
) -> Annotated:
    """Annotates documents and writes them; the output is there when it is complete.

    Args:
        model: the name of a package, a folder, or a pipeline that is loaded; its `bioner` get the thresholds.
        inputs: files and folders; "-" for standard input, which is read to its end first.
        output: the file or folder to write; or an open file, which gets the documents as they are ready.
        settings: how to annotate; a batch size of 0 is the pipeline's own, up to `BATCH_SIZE`.
        gpu_id: the GPU to use; -1 for the CPU.
        resume: whether to go on with a run that was stopped.
        set_aside: a file for what can't be annotated; OUTPUT.set-aside.jsonl if None.
        summaries: files for the most frequent mentions, pages or tables by their endings.

    Raises:
        BionerError: if an input isn't there, the pipeline can't do what is asked, the output can't be there,
            or not one document could be annotated. The output is as it was before then, and complete parts
            are kept.
    """
    with contextlib.ExitStack() as stack:
        names = list(map(str, inputs))
        if STANDARD in names and resume:
            raise OutputError("--resume can't go on with standard input, which can't be read again. [B357]")
        check_settings(settings)
        paths = [stack.enter_context(_spooled()) if name == STANDARD else Path(name) for name in names]
        if isinstance(output, Path):
            _check_output(output, settings.to, paths, set_aside)
        else:
            _check_stream(settings.to, resume, summaries)
        for path in summaries:
            check_summary(path)
        found = find_inputs(paths, settings.source, settings.columns)
        use_device(gpu_id)
        nlp = load_pipeline(model) if isinstance(model, str | Path) else model
        settings = replace(settings, batch_size=settings.batch_size or min(nlp.batch_size, BATCH_SIZE))
        prepare(nlp, settings)
        if isinstance(output, Path):
            list_file = set_aside or output.with_name(f"{output.name}.set-aside.jsonl")
            with locked(parts_folder(output)):
                return _to_file(nlp, found, output, settings, resume, list_file, summaries)
        return _to_stream(nlp, found, output, settings, set_aside)


@contextlib.contextmanager
def _spooled() -> Iterator[Path]:
    """Standard input in a file of its own: its format is found from its content, as with any other."""
    with tempfile.TemporaryDirectory(prefix="spacy-bioner-") as folder:
        path = Path(folder) / "standard-input"
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield path


def _check_stream(to: str, resume: bool, summaries: Sequence[Path]) -> None:
    if summaries:
        raise OutputError(
            "--summary needs an output with a name: what went to standard output is gone. [B358]"
        )
    if resume:
        raise OutputError(
            "--resume needs an output with a name: what went to standard output is gone. [B359]"
        )
    if to in (SPACY, *TABLES) or not FORMATS[to].suffix:
        raise OutputError(f"--to {to} can't go to standard output: name a file or folder. [B360]")


def _check_output(output: Path, to: str, inputs: list[Path], set_aside: Path | None) -> None:
    if (output.suffix.lower() == ".spacy") != (to == SPACY):
        raise OutputError(f"{output} isn't named as what --to {to} writes. [B361]")
    beside = relations_beside(output, to)
    for path in inputs:
        for written in filter(None, (output, set_aside, beside)):
            if written.resolve() in (path.resolve(), path.resolve().parent):
                raise OutputError(f"{written} would be replaced, and the input {path} is there. [B362]")
            if path.is_dir() and path.resolve() == written.resolve().parent:
                raise OutputError(
                    f"{written} would be in the input folder {path}: name another place. [B363]"
                )
    if set_aside is not None and output.resolve() in (set_aside.resolve(), set_aside.resolve().parent):
        raise OutputError(f"{set_aside} would be where the output is: name another file. [B364]")
    if not _is_folder(to):
        if output.is_dir():
            raise OutputError(f"{output} is a folder, and the output would be a file. [B365]")
    elif output.is_file():
        raise OutputError(f"{output} is a file, and the output would be a folder. [B366]")
    else:
        check_folder(output, inputs)
    check_relations(output, to)


def _to_file(
    nlp: Language,
    inputs: list[tuple[Path, str]],
    output: Path,
    settings: Settings,
    resume: bool,
    list_file: Path,
    summaries: Sequence[Path],
) -> Annotated:
    """Annotates part by part, and joins the parts."""
    folder = parts_folder(output)
    parts = open_parts(folder, make_manifest(nlp, inputs, settings), resume=resume)
    done = sum(part.items for part in parts)
    resumed = done, len(parts)
    with progress(inputs, done, settings.columns) as advance:
        items = islice(read_items(inputs, settings.columns), done, None)
        while batch := list(islice(items, size_of_part(len(parts), settings.part_size))):
            part = Part(items=len(batch))
            write_part(folder, len(parts), advance(annotated(nlp, batch, settings, part.counts)), part)
            parts.append(part)
    aside = [entry for part in parts for entry in part.set_aside]
    if not any(part.documents for part in parts):
        remove_parts(folder)
        _refuse(aside)
    with Outputs() as outputs:
        temporary = outputs.temporary(output, folder=_is_folder(settings.to))
        of_relations = relations_beside(output, settings.to)
        written: list[Path] = []

        def beside() -> Path:
            assert of_relations is not None
            written.append(of_relations)
            return outputs.temporary(of_relations)

        account = _join(nlp, lambda: read_parts(folder, parts), temporary, output, settings, aside, beside)
        if aside:
            _write_list(outputs.temporary(list_file), aside)
    for path in summaries:
        write_summary(summary(read_parts(folder, parts)), path)
    if not aside:
        list_file.unlink(missing_ok=True)  # an earlier run's
    if of_relations is not None and not written:
        of_relations.unlink(missing_ok=True)
    remove_parts(folder)
    counts: Counter[str] = sum((part.counts for part in parts), Counter())
    return Annotated(account, counts, aside, list_file if aside else None, resumed)


def _join(
    nlp: Language,
    documents: Callable[[], Iterator[Document]],
    temporary: Path,
    output: Path,
    settings: Settings,
    aside: list[SetAside],
    beside: Callable[[], Path],
) -> Account:
    """Writes the documents of all parts in the format that is wanted; of tables, the relations beside."""
    to = settings.to
    if to == SPACY:
        tally = Tally()
        # what was looked for and isn't there does not occur; so the types sought, and not those found
        sought = settings.types or entity_types(nlp)
        types = tuple(sorted({*sought, *(m.type for d in documents() for m in d.mentions)}))
        annotation = Annotation(f"{nlp.meta['lang']}_{nlp.meta['name']}", types, relations=relations_of(nlp))
        docbin(to_docs(documents(), nlp.vocab, nlp.make_doc, annotation, tally)).to_disk(temporary)
        return tally
    packed = output.suffix.lower() == ".gz"
    if to in TABLES:
        empty = settings.empty if settings.empty is not None else to == "parquet"
        return write_mentions(documents(), temporary, to, aside, empty=empty, packed=packed, relations=beside)
    account = Summary()
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
    nlp: Language,
    inputs: list[tuple[Path, str]],
    output: BinaryIO,
    settings: Settings,
    list_file: Path | None,
) -> Annotated:
    """Writes documents as they are ready."""
    counts: Counter[str] = Counter()
    aside: list[SetAside] = []
    account = Summary()
    with progress(inputs, 0, settings.columns) as advance:

        def documents() -> Iterator[Document]:
            for batch in minibatch(read_items(inputs, settings.columns), settings.part_size):
                for result in advance(annotated(nlp, batch, settings, counts)):
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
    if list_file is not None:
        with Outputs() as outputs:
            _write_list(outputs.temporary(list_file), aside)
    return Annotated(account, counts, aside, list_file)


def _is_folder(to: str) -> bool:
    return to not in (SPACY, *TABLES) and not known(to).suffix


def _refuse(aside: Sequence[SetAside]) -> NoReturn:
    reasons = [*map(str, aside[:SHOWN]), *([f"and {len(aside) - SHOWN:,} more"] if aside[SHOWN:] else [])]
    told = "\n".join(("Not one document could be annotated, so nothing was written. [B567]", *reasons))
    raise PipelineError(told)


def _write_list(path: Path, aside: Iterable[SetAside]) -> None:
    lines = (json.dumps(asdict(entry), ensure_ascii=False) + "\n" for entry in aside)
    with path.open("w", encoding="utf8", errors="backslashreplace", newline="") as file:
        file.writelines(lines)
