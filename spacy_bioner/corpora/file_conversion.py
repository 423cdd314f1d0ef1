"""Converting files from any format to any other, .spacy included (`spacy bioner convert`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from spacy_bioner.corpora.annotations import AnnotatedRelations, Annotation
from spacy_bioner.corpora.conversion import Tally, scored_at_least
from spacy_bioner.corpora.corpus_catalogue import SPLITS, Corpus, load_corpora
from spacy_bioner.corpora.sources import Source, open_source, write_columns, write_docbin, write_format
from spacy_bioner.corpora.splits import check_ending, files_by_split, is_folder_of_splits, output_files
from spacy_bioner.documents.formats import FORMAT_OF_ENDING, FORMATS, SPACY, WRITTEN_FORMATS, known
from spacy_bioner.documents.formats.columns import ColumnOptions
from spacy_bioner.documents.formats.unreadable import USUAL, MostBad
from spacy_bioner.errors import ConversionError
from spacy_bioner.files import Outputs, ending


@dataclass(frozen=True, slots=True)
class _Reading:
    """How inputs are read: columns, the format, what offsets count, and how much of them may be bad."""

    options: ColumnOptions
    format: str
    offsets: str
    most_bad: MostBad


@dataclass(frozen=True, slots=True)
class _Writing:
    """How outputs are written: their format, the mentions kept, and what columns and Docs need.

    `relations` are those that the corpus annotates, as all its files together show.
    """

    to: str
    corpus: str
    types: tuple[str, ...]
    group: int
    options: ColumnOptions
    typed: bool
    relations: AnnotatedRelations | None
    threshold: float
    labels: tuple[str, ...]


def convert(
    inputs: Sequence[str | Path],
    output: str | Path,
    *,
    corpus: str = "",
    name: str = "",
    types: Sequence[str] = (),
    threshold: float = 0.0,
    group: int = 1,
    options: ColumnOptions | None = None,
    source: str = "",
    to: str = "",
    typed: bool = True,
    dropped: Path | None = None,
    offsets: str = "",
    most_bad: MostBad = USUAL,
    folders_by_split: bool = False,
) -> dict[Path, Tally]:
    """Converts files; all outputs appear together, when every one of them is complete.

    Args:
        inputs: the files, or one folder with files named as splits usually are.
        output: the file for one input, by its ending; else the folder for one file a split.
        corpus: a corpus of the catalogue, for its name, its types and the type of untyped tags.
        name: the name of the corpus, if it isn't in the catalogue; its folder's name if empty.
        types: the types to keep; all if empty.
        threshold: the score that mentions need; those without one stay.
        group: how many sentences make a Doc.
        options: how to read columns, and the scheme to write them in.
        source: the format of the inputs; if empty the catalogue's, or found from their content.
        to: the format to write; if empty, the output's by its ending, else .spacy.
        typed: whether the columns' tags name types.
        dropped: a file to list all dropped mentions in, and those that can't be learned.
        offsets: how the inputs' offsets count, see `documents.settling`; found from their content if empty.
        most_bad: how many documents, lines and mentions of an input may be such that they can't be read.
        folders_by_split: whether a file becomes OUTPUT/SPLIT/CORPUS.spacy, and not OUTPUT/SPLIT.spacy.

    Returns:
        What was read and written, by output.

    Raises:
        BionerError: if an input isn't what it should be, the corpus or a type is unknown, or a mention
            went missing without a reason. No output is written then.
    """
    paths, output = [Path(path) for path in inputs], Path(output)
    options = options or ColumnOptions()
    entry = load_corpora()[corpus] if corpus else None
    source = source or (entry.format if entry else "")
    _check_formats(source, to)
    files = files_by_split(paths, source)
    if len(files) == 1 and not any(is_folder_of_splits(path, source) for path in paths):
        check_ending(output, to)
    to = to or FORMAT_OF_ENDING.get("" if output.is_dir() else ending(output), SPACY)
    if folders_by_split:
        targets = [output / split / f"{corpus}.spacy" for split in files]
    else:
        targets = output_files(files, output, to)
    _check_list(dropped, [*files.values(), *targets], targets if _is_folder(to) else [])
    reading = _Reading(options, source, offsets, most_bad)
    sources = _open(list(files.values()), reading, entry, to)
    kept = _kept_types(sources, entry, types)
    relations = _relations(sources, kept)
    labels = tuple(sorted({label for opened in sources for label in opened.labels}))
    tallies: dict[Path, Tally] = {}
    with Outputs() as outputs:
        for opened, target in zip(sources, targets, strict=True):
            called = entry.name if entry else name or _folder_name(opened.path)
            writing = _Writing(to, called, kept, group, options, typed, relations, threshold, labels)
            temporary = outputs.temporary(target, folder=_is_folder(to))
            tallies[target] = _write(opened, temporary, target.suffix.lower() == ".gz", writing)
        if dropped is not None:
            _list_dropped(outputs.temporary(dropped), tallies)
    return tallies


def convert_corpora(
    folder: Path,
    output: Path,
    corpora: Sequence[str],
    *,
    group: int = 1,
    options: ColumnOptions | None = None,
) -> dict[Path, Tally]:
    """Converts several corpora of the catalogue to OUTPUT/SPLIT/CORPUS.spacy, a folder to train on a split.

    Args:
        folder: a folder with a folder of each corpus in it, as `fetch` makes them.
        output: the folder.
        corpora: the names of the corpora.
        group: how many sentences make a Doc.
        options: how to read columns.

    Returns:
        What was read and written, by output.

    Raises:
        ConversionError: if the output folder has .spacy files of other corpora: they would be trained on.
        BionerError: as `convert`. The corpora before the one that failed are written then.
    """
    catalogue = load_corpora()
    names = [catalogue[name].name for name in corpora]  # as `fetch` calls its folders
    if not names:
        raise ConversionError("--corpora names no corpus. [B220]")
    if len(set(names)) < len(names):
        raise ConversionError(f"--corpora names a corpus twice: {', '.join(names)}. [B221]")
    for split in dict.fromkeys(SPLITS.values()):
        others = [path for path in sorted((output / split).glob("*.spacy")) if path.stem not in names]
        if others:
            raise ConversionError(
                f"{others[0]} is of a corpus that --corpora doesn't name, and would be trained on too: move "
                f"it away, or name another folder than {output}. [B222]"
            )
    tallies: dict[Path, Tally] = {}
    for name in names:
        tallies |= convert(
            [folder / name], output, corpus=name, group=group, options=options, folders_by_split=True
        )
    return tallies


def _check_formats(source: str, to: str) -> None:
    # all formats can be asked for: what is only read, or only written, says so itself
    for option, action, value, names in (
        ("--to", "write", to, WRITTEN_FORMATS),
        ("--from", "read", source, FORMATS),
    ):
        if value and value not in (SPACY, *names):
            raise ConversionError(
                f"Can't {action} '{value}': use {option} {SPACY}, {', '.join(names)}. [B223]"
            )


def _is_folder(to: str) -> bool:
    return to != SPACY and not known(to).suffix


def _check_list(dropped: Path | None, files: Sequence[Path], folders: Sequence[Path]) -> None:
    """Raises ConversionError if the list of dropped mentions would overwrite a file, or be in an output."""
    if dropped is None:
        return
    for path in files:
        if dropped.resolve() == path.resolve():
            raise ConversionError(f"{path} would be overwritten by the list of dropped mentions. [B224]")
    for path in folders:
        if path.resolve() in dropped.resolve().parents:
            raise ConversionError(
                f"{dropped} is in {path}, which is replaced: list dropped mentions elsewhere. [B225]"
            )


def _open(files: Sequence[Path], how: _Reading, entry: Corpus | None, to: str) -> list[Source]:
    """Takes a first look at each input."""
    for path in files:
        if ending(path) == ".spacy" and to == SPACY:
            raise ConversionError(
                f"{path} is a .spacy file already: name another format to make of it. [B226]"
            )
    options = how.options
    reading = replace(options, type=options.type or (entry.only_type if entry else None))
    sources = [open_source(path, reading, how.format, how.offsets, how.most_bad) for path in files]
    for opened in sources:
        if options.type and opened.typed and opened.types:
            raise ConversionError(
                f"{opened.path} names the types of its mentions ({', '.join(opened.types)}): leave out "
                f"--type {options.type}. [B227]"
            )
    return sources


def _kept_types(sources: Sequence[Source], entry: Corpus | None, wanted: Sequence[str]) -> tuple[str, ...]:
    """The types to keep, of those that the corpus annotates."""
    annotated = _annotated_types(sources, entry)
    unknown = [name for name in wanted if name not in annotated]
    if unknown:
        raise ConversionError(
            f"--types: there is no {', '.join(unknown)} here; it can choose from "
            f"{', '.join(annotated)}. [B228]"
        )
    return tuple(name for name in annotated if not wanted or name in wanted)


def _relations(sources: Sequence[Source], types: Sequence[str]) -> AnnotatedRelations | None:
    """The relations that any of the files has, between types that are kept."""
    found: AnnotatedRelations | None = None
    for source in sources:
        if source.relations is not None:
            found = source.relations.union(found)
    if found is None:
        return None
    pairs = tuple(pair for pair in found.pairs if set(pair) <= set(types))
    return replace(found, pairs=pairs) if pairs else None


def _annotated_types(sources: Sequence[Source], entry: Corpus | None) -> tuple[str, ...]:
    """The types that the corpus annotates: the catalogue's, or all that any of the files has."""
    found = tuple(dict.fromkeys(name for source in sources for name in source.types))
    if entry is None or not entry.types:
        return found
    annotated = tuple(entry.types)
    strange = [name for name in found if name and name not in annotated]
    if strange:
        raise ConversionError(
            f"The files have mentions of {', '.join(strange)}, which the corpus {entry.name} doesn't "
            f"annotate (it has {', '.join(annotated)}). Is it the right corpus? If it is your own, name them "
            "under its types in corpus/corpora.toml. [B229]"
        )
    return annotated


def _write(opened: Source, path: Path, packed: bool, writing: _Writing) -> Tally:
    """Writes one output, and checks that every mention was written or is listed as dropped."""
    tally = Tally(unwritten=opened.unwritten, bad=list(opened.bad))
    if writing.threshold:
        read = opened.documents
        opened = replace(opened, documents=lambda: scored_at_least(writing.threshold, read(), tally))
    if writing.to == SPACY:
        types = tuple(filter(None, writing.types))
        annotation = Annotation(writing.corpus, types, relations=writing.relations, labels=writing.labels)
        write_docbin(opened, path, annotation, writing.group, tally)
    elif writing.to == "columns":
        scheme = writing.options.scheme or "IOB2"
        write_columns(opened, path, writing.types, tally, scheme, writing.typed, packed)
    else:
        write_format(opened, path, writing.types, tally, known(writing.to), packed)
    if missing := tally.unaccounted():
        raise ConversionError(f"{opened.path}: mentions went missing: {dict(missing)}. [B230]")
    return tally


def _list_dropped(path: Path, tallies: Mapping[Path, Tally]) -> None:
    lines = [
        f"{target}\t{drop}\n"
        for target, tally in tallies.items()
        for drop in (*tally.dropped, *tally.untaught, *tally.relations)
    ]
    path.write_text("".join(lines), encoding="utf8")


def _folder_name(path: Path) -> str:
    """A name for a corpus that nobody named: its folder's."""
    return path.resolve().parent.name
