"""`spacy bioner convert`: corpora from any format to any other, .spacy among them."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from wasabi import msg

from spacy_bioner.cli import listed, verb
from spacy_bioner.files import ending, plain_name

if TYPE_CHECKING:
    from spacy_bioner.corpora.conversion import Source, Tally
    from spacy_bioner.corpora.corpus_catalogue import Corpus
    from spacy_bioner.documents.formats.columns import ColumnOptions

COLUMN_SUFFIXES = (".tsv", ".txt", ".conll", ".iob")
OUTPUTS = {  # what an output of a name is, if --to doesn't say
    ".spacy": "spacy",
    **dict.fromkeys(COLUMN_SUFFIXES, "columns"),
    ".pubtator": "pubtator",
    ".xml": "bioc-xml",
    ".json": "bioc-json",
    ".jsonl": "jsonl",
    ".lines": "lines",
    ".html": "html",
}
SHOWN = 20
"""How many dropped mentions are printed; --dropped writes them all to a file."""


@verb("convert")
def convert_cli(
    inputs: list[Path] = typer.Argument(..., help="Files, or a folder with train, devel, test files"),
    output: Path = typer.Argument(
        ..., help="A file for one input (.spacy, .tsv, .jsonl, ...); else a folder"
    ),
    corpus: str = typer.Option("", help="Corpus of the catalogue, to take its name and types from"),
    corpora: str = typer.Option(
        "", help="Several corpora, with commas: INPUT has a folder of each, OUTPUT gets SPLIT/CORPUS.spacy"
    ),
    name: str = typer.Option("", help="Name of a corpus that isn't in the catalogue"),
    type: str = typer.Option("", "--type", help="Type of all mentions, where tags are B, I, O alone"),
    types: str = typer.Option("", help="Types to keep, with commas between them; default: all"),
    group: int = typer.Option(1, min=1, help="Sentences a Doc"),
    scheme: str = typer.Option("", help="IOB1, IOB2, IOBES or BILOU; default: found from the file"),
    word_column: int = typer.Option(0, help="Column of the words, from 0"),
    tag_column: int = typer.Option(-1, help="Column of the tags; -1 is the last"),
    comments: bool = typer.Option(False, help="Lines before a sentence that begin with # are comments"),
    natural: bool = typer.Option(True, help="Rebuild the spaces that columns have lost"),
    source: str = typer.Option("", "--from", help="Format of the inputs; default: found from their content"),
    to: str = typer.Option("", help="Format to write; default: OUTPUT's by its ending, else spacy"),
    untyped: bool = typer.Option(False, help="Write columns with B, I, O alone"),
    dropped: Path = typer.Option(None, help="File to list all dropped mentions in"),
) -> None:
    """Convert corpora from any format to any other.

    Formats: spacy, columns, pubtator, bioc-xml, bioc-json, brat, jsonl, text (a file a document), lines (a
    line a document), pubmed (its XML, read only) and html (to look at, written only). Every mention that is
    read is either written or listed as dropped, with the reason.
    """
    from spacy_bioner.documents.formats import FORMATS, WRITTEN_FORMATS
    from spacy_bioner.documents.formats.columns import ColumnOptions
    from spacy_bioner.documents.tags import SCHEMES
    from spacy_bioner.errors import ConversionError

    chosen = next((known for known in SCHEMES if known == scheme.upper()), None)
    if scheme and chosen is None:
        raise ConversionError(f"'{scheme}' isn't a scheme of tags: use {', '.join(SCHEMES)}.")
    # all of them can be asked to read: html says itself that it isn't read
    given = (("--to", "write", to, WRITTEN_FORMATS), ("--from", "read", source, FORMATS))
    for option, action, value, names in given:
        if value and value not in ("spacy", *names):
            raise ConversionError(f"Can't {action} '{value}': use {option} spacy, {', '.join(names)}.")
    if corpora:
        others = {"--corpus": corpus, "--name": name, "--types": types, "--type": type, "--dropped": dropped}
        others |= {f"--to {to}": to not in ("", "spacy"), "--untyped": untyped, "--from": source}
        if wrong := [option for option, value in others.items() if value]:
            raise ConversionError(f"--corpora converts what the catalogue knows: leave out {wrong[0]}.")
        reading = ColumnOptions(None, chosen, word_column, tag_column, comments, natural)
        convert_corpora(inputs, output, listed([corpora]), group=group, options=reading)
        return
    convert(
        inputs,
        output,
        corpus=corpus,
        name=name,
        types=[part.strip() for part in types.split(",") if part.strip()],
        group=group,
        options=ColumnOptions(type or None, chosen, word_column, tag_column, comments, natural),
        source=source,
        to=to,
        typed=not untyped,
        dropped=dropped,
    )


def convert_corpora(
    inputs: list[Path],
    output: Path,
    corpora: list[str],
    *,
    group: int = 1,
    options: "ColumnOptions | None" = None,
) -> dict[Path, "Tally"]:
    """Converts several corpora of the catalogue to OUTPUT/SPLIT/CORPUS.spacy, a folder to train on a split.

    .spacy files of other corpora in these folders are removed, and named: they would be trained on too.

    Args:
        inputs: one folder, with a folder of each corpus in it, as `fetch` makes them.
        output: the folder.
        corpora: the names of the corpora.
        group: how many sentences make a Doc.
        options: how to read columns.

    Returns:
        What was read and written, by output.

    Raises:
        BionerError: as `convert`. The corpora before the one that failed are written then.
    """
    from spacy_bioner.corpora.corpus_catalogue import SPLITS, load_corpora
    from spacy_bioner.errors import ConversionError

    if len(inputs) > 1:
        raise ConversionError("--corpora takes one folder, that has a folder of each corpus in it.")
    catalogue = load_corpora()
    names = [catalogue[name].name for name in corpora]  # as `fetch` calls its folders
    if not names:
        raise ConversionError("--corpora names no corpus.")
    if len(set(names)) < len(names):
        raise ConversionError(f"--corpora names a corpus twice: {', '.join(names)}.")
    tallies: dict[Path, Tally] = {}
    for name in names:
        tallies |= convert(
            [inputs[0] / name], output, corpus=name, group=group, options=options, folders_by_split=True
        )
    for split in dict.fromkeys(SPLITS.values()):
        for path in sorted((output / split).glob("*.spacy")):
            if path not in tallies:
                path.unlink()
                msg.warn(f"{path}: removed, the corpus isn't among --corpora")
    return tallies


def convert(
    inputs: list[Path],
    output: Path,
    *,
    corpus: str = "",
    name: str = "",
    types: list[str] | None = None,
    group: int = 1,
    options: "ColumnOptions | None" = None,
    source: str = "",
    to: str = "",
    typed: bool = True,
    dropped: Path | None = None,
    folders_by_split: bool = False,
) -> dict[Path, "Tally"]:
    """Converts files; all outputs appear together, when every one of them is complete.

    Args:
        inputs: the files, or one folder with files named as splits usually are.
        output: the file for one input, by its suffix; else the folder for one file a split.
        corpus: a corpus of the catalogue, for its name, its types and the type of untyped tags.
        name: the name of the corpus, if it isn't in the catalogue; its folder's name, if empty.
        types: the types to keep; None or empty for all.
        group: how many sentences make a Doc.
        options: how to read columns, and the scheme to write them in.
        source: the format of the inputs; found from their content, if empty.
        to: the format to write; if empty, the output's by its ending, else .spacy.
        typed: whether the columns' tags name types.
        dropped: a file to list all dropped mentions in.
        folders_by_split: whether a file becomes OUTPUT/SPLIT/CORPUS.spacy, and not OUTPUT/SPLIT.spacy.

    Returns:
        What was read and written, by output.

    Raises:
        BionerError: if an input isn't what it should be, the corpus or a type is unknown, or a mention
            went missing without a reason. No output is written then.
    """
    from dataclasses import replace
    from itertools import repeat

    from spacy_bioner.corpora.annotations import Annotation
    from spacy_bioner.corpora.conversion import Tally, open_source, write_columns, write_docbin, write_format
    from spacy_bioner.corpora.corpus_catalogue import load_corpora
    from spacy_bioner.documents.formats import known
    from spacy_bioner.documents.formats.columns import ColumnOptions
    from spacy_bioner.errors import ConversionError
    from spacy_bioner.files import Outputs

    options = options or ColumnOptions()
    entry = load_corpora()[corpus] if corpus else None
    if to not in ("", "spacy") and not known(to).writes:
        raise ConversionError(f"Can't write '{to}': it is only read.")
    files = _files_by_split(inputs, source)
    if len(files) == 1 and not any(map(_is_folder_of_splits, inputs, repeat(source))):
        _check_ending(output, to)
    to = to or OUTPUTS.get("" if output.is_dir() else ending(output), "spacy")
    targets = (
        [output / split / f"{corpus}.spacy" for split in files]
        if folders_by_split
        else _targets(files, output, to)
    )
    for path in (*files.values(), *targets):
        if dropped is not None and dropped.resolve() == path.resolve():
            raise ConversionError(f"{path} would be overwritten by the list of dropped mentions.")
    if dropped is not None and to != "spacy" and not known(to).suffix:
        for path in targets:
            if path.resolve() in dropped.resolve().parents:
                raise ConversionError(
                    f"{dropped} is in {path}, which is replaced: list dropped mentions elsewhere."
                )
    only_type = entry.only_type if entry else None
    for path in files.values():
        if ending(path) == ".spacy" and to == "spacy":
            raise ConversionError(f"{path} is a .spacy file already: name another format to make of it.")
    reading = replace(options, type=options.type or only_type)
    sources = [open_source(path, reading, source) for path in files.values()]
    for opened in sources:
        if options.type and opened.typed and opened.types:
            raise ConversionError(
                f"{opened.path} names the types of its mentions ({', '.join(opened.types)}): leave out "
                f"--type {options.type}."
            )
    annotated = _annotated_types(sources, entry)
    unknown = [wanted for wanted in types or () if wanted not in annotated]
    if unknown:
        raise ConversionError(
            f"--types: there is no {', '.join(unknown)} here; it can choose from {', '.join(annotated)}."
        )
    kept = tuple(known for known in annotated if not types or known in types)
    tallies: dict[Path, Tally] = {}
    with Outputs() as outputs:
        for opened, target in zip(sources, targets, strict=True):
            tally = tallies[target] = Tally()
            packed = target.suffix.lower() == ".gz"
            if to == "spacy":
                called = entry.name if entry else name or _folder_name(opened.path)
                annotation = Annotation(called, tuple(filter(None, kept)))
                write_docbin(opened, outputs.temporary(target), annotation, group, tally)
            elif to == "columns":
                scheme, temporary = options.scheme or "IOB2", outputs.temporary(target)
                write_columns(opened, temporary, kept, tally, scheme, typed, packed)
            else:
                temporary = outputs.temporary(target, folder=not known(to).suffix)
                write_format(opened, temporary, kept, tally, known(to), packed)
            if missing := tally.unaccounted():
                raise ConversionError(f"{opened.path}: mentions went missing: {dict(missing)}.")
        if dropped is not None:
            lines = [
                f"{target}\t{drop}\n"
                for target, tally in tallies.items()
                for drop in (*tally.dropped, *tally.relations)
            ]
            outputs.temporary(dropped).write_text("".join(lines), encoding="utf8")
    for opened in sources:
        if opened.unwritten:
            msg.warn(f"{opened.path}: {opened.unwritten:,} spans in doc.spans are left out; doc.ents is read")
    _report(tallies)
    return tallies


def _files_by_split(inputs: list[Path], format: str = "") -> dict[str, Path]:
    """The files to convert, by the name that each shall have: its split's, or its own.

    A folder of documents, as BRAT's are, counts as a file.
    """
    from spacy_bioner.corpora.corpus_catalogue import SPLITS
    from spacy_bioner.errors import ConversionError, FormatError

    for path in inputs:
        if not path.exists():
            raise FormatError(path, None, "there is no such file or folder")
    folders = [path for path in inputs if path.is_dir() and not _is_corpus(path, format)]
    folder = folders[0] if folders else None
    if folder and len(inputs) > 1:
        raise ConversionError("Give one folder, or files: not both, and not several folders.")
    files: dict[str, Path] = {}
    paths = sorted(folder.iterdir()) if folder else inputs
    # a .spacy file beside a source of the same split is what an earlier conversion made of it
    sources = {SPLITS.get(_first_name(path)) for path in paths if path.suffix in COLUMN_SUFFIXES}
    for path in paths:
        split = SPLITS.get(_first_name(path))
        if folder and (split is None or (path.is_dir() and not _is_corpus(path, format))):
            continue
        if folder and path.suffix == ".spacy" and split in sources:
            continue
        key = split or Path(path.resolve().name.removesuffix(".gz")).stem
        if key in files:
            raise ConversionError(f"{files[key]} and {path} would both become '{key}'.")
        files[key] = path
    if not files:
        raise ConversionError(
            f"{folder} has no file named as splits are ({', '.join(SPLITS)}, with any ending). "
            "Name the files instead."
        )
    order = list(dict.fromkeys(SPLITS.values()))
    return dict(sorted(files.items(), key=lambda f: order.index(f[0]) if f[0] in order else len(order)))


def _is_corpus(path: Path, format: str) -> bool:
    """Whether a folder holds a file a document."""
    from spacy_bioner.documents.formats import brat

    if not path.is_dir():
        return False
    return brat.is_folder(path) or (format == "text" and any(path.glob("*.txt*")))


def _is_folder_of_splits(path: Path, format: str) -> bool:
    return path.is_dir() and not _is_corpus(path, format)


def _check_ending(output: Path, to: str) -> None:
    """Refuses a name that looks like a file's and is none that is known, for it would become a folder's."""
    from spacy_bioner.documents.formats import known
    from spacy_bioner.errors import ConversionError

    if output.is_dir() or (to not in ("", "spacy") and not known(to).suffix):
        return
    told = output.name.removeprefix(Path(plain_name(output)).stem)
    if told and ending(output) not in OUTPUTS:
        raise ConversionError(
            f"{output}: '{told}' is the ending of no format ({', '.join(OUTPUTS)}). Name the output as "
            "one, or make the folder first, if it shall be one."
        )


def _first_name(path: Path) -> str:
    """What may be a split's name in a file's: "train" of "Train.iob.tsv"."""
    return path.name.split(".")[0].lower()


def _targets(files: dict[str, Path], output: Path, to: str) -> list[Path]:
    """What each file becomes."""
    from spacy_bioner.documents.formats import check_folder, known
    from spacy_bioner.errors import ConversionError

    suffix = ".spacy" if to == "spacy" else known(to).suffix
    if suffix and ending(output) in OUTPUTS and not output.is_dir():
        if len(files) > 1:
            raise ConversionError(f"{len(files)} inputs can't all become {output}: name a folder.")
        if (ending(output) == ".spacy") != (to == "spacy") or (
            to == "spacy" and output.suffix.lower() == ".gz"
        ):
            raise ConversionError(f"{output} isn't named as what --to {to} writes.")
        targets = [output]
    elif not suffix and len(files) == 1:
        targets = [output]
    else:
        if output.is_file():
            raise ConversionError(f"{output} is a file, and should be a folder.")
        targets = [output / f"{name}{suffix}" for name in files]
    for path, target in zip(files.values(), targets, strict=True):
        if target.exists() and target.samefile(path):
            raise ConversionError(f"{path} would be overwritten by its own conversion.")
        if not suffix:
            check_folder(target, list(files.values()))
    return targets


def _annotated_types(sources: list["Source"], entry: "Corpus | None") -> tuple[str, ...]:
    """The types that the corpus annotates: the catalogue's, or all that any of the files has."""
    from spacy_bioner.errors import ConversionError

    found = tuple(dict.fromkeys(known for source in sources for known in source.types))
    if entry is None:
        return found
    annotated = tuple(entry.types)
    strange = [known for known in found if known and known not in annotated]
    if strange:
        raise ConversionError(
            f"The files have mentions of {', '.join(strange)}, which the corpus {entry.name} doesn't "
            f"annotate (it has {', '.join(annotated)}). Is it the right corpus? If it is your own, name them "
            "under its types in corpus/corpora.toml."
        )
    return annotated


def _folder_name(path: Path) -> str:
    """A name for a corpus that nobody named: its folder's."""
    return path.resolve().parent.name


def _report(tallies: dict[Path, "Tally"]) -> None:
    """Prints the table of what was read and written, and the dropped mentions."""
    types = dict.fromkeys(name for tally in tallies.values() for name in tally.mentions_in)
    rows: list[tuple[str, ...]] = [
        ("documents", *(f"{tally.docs:,}" for tally in tallies.values())),
        *_row("sentences", [tally.sentences for tally in tallies.values()]),
        *_row("tokens", [tally.tokens for tally in tallies.values()]),
        *(
            (name or "(no type)", *(f"{tally.mentions_out[name]:,}" for tally in tallies.values()))
            for name in types
        ),
        ("all mentions", *(f"{tally.mentions_out.total():,}" for tally in tallies.values())),
        *_row("relations", [tally.relations_out for tally in tallies.values()]),
        ("moved mentions", *(f"{tally.moved:,}" for tally in tallies.values())),
        ("repaired tags", *(f"{tally.repaired:,}" for tally in tallies.values())),
        ("dropped mentions", *(f"{len(tally.dropped):,}" for tally in tallies.values())),
        ("dropped relations", *(f"{len(tally.relations):,}" for tally in tallies.values())),
    ]
    twins = len({target.name for target in tallies}) < len(tallies)
    names = {target: f"{target.parent.name}/{target.name}" if twins else target.name for target in tallies}
    header = ("", *names.values())
    msg.table(rows, header=header, divider=True, aligns=("l", *("r" for _ in tallies)))
    for target, tally in tallies.items():
        if tally.mismatches:
            msg.warn(
                f"{names[target]}: {len(tally.mismatches):,} mentions have offsets that don't give their text"
            )
            _list(tally.mismatches)
        for what, count in tally.counted.items():
            msg.info(f"{names[target]}: {what} ({count:,})")
        if tally.unread:
            msg.warn(f"{names[target]}: {len(tally.unread):,} things in the file aren't read")
            _list(tally.unread)
        for reason, count in Counter(drop.reason for drop in tally.dropped).items():
            msg.warn(f"{names[target]}: {count:,} mentions dropped: {reason}")
        _list(tally.dropped, " with --dropped FILE")
        for reason, count in Counter(drop.reason for drop in tally.relations).items():
            msg.warn(f"{names[target]}: {count:,} relations dropped: {reason}")
        for what, count in tally.others.items():
            msg.warn(f"{names[target]}: not kept: {what} ({count:,})")
        msg.good(str(target))


def _row(name: str, counts: list[int]) -> list[tuple[str, ...]]:
    """A row of the table, where there is something to count in any of the columns."""
    return [(name, *(f"{count:,}" for count in counts))] if any(counts) else []


def _list(things: Sequence[object], how: str = "") -> None:
    """Prints some of what was dropped, and how many more there are."""
    for thing in things[:SHOWN]:
        msg.text(f"  {thing}")
    if len(things) > SHOWN:
        msg.text(f"  and {len(things) - SHOWN:,} more" + (f": list them all{how}" if how else ""))
