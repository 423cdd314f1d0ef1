"""Finding the splits of a corpus among files, and naming the output of each."""

from collections.abc import Iterable
from pathlib import Path

from spacy_bioner.corpora.corpus_catalogue import SPLITS
from spacy_bioner.documents.formats import COLUMN_ENDINGS, FORMAT_OF_ENDING, SPACY, brat, check_folder, known
from spacy_bioner.documents.formats.note_pairs import ENDINGS, has_notes
from spacy_bioner.errors import ConversionError, FormatError
from spacy_bioner.files import ending, plain_name


def files_by_split(inputs: Iterable[Path], format: str = "") -> dict[str, Path]:
    """The files to convert, by the name that each shall have: its split's, or its own.

    A folder of documents, as BRAT's are, counts as a file.

    Args:
        inputs: files, or one folder with files that are named as splits usually are.
        format: the format of the files; found from their content if empty.

    Raises:
        FormatError: if there is no such file.
        ConversionError: if there is no file to convert, or two would get the same name.
    """
    inputs = list(inputs)
    for path in inputs:
        if not path.exists():
            raise FormatError(path, None, "there is no such file or folder [B241]")
    folders = [path for path in inputs if is_folder_of_splits(path, format)]
    folder = folders[0] if folders else None
    if folder and len(inputs) > 1:
        raise ConversionError("Give one folder, or files: not both, and not several folders. [B242]")
    files: dict[str, Path] = {}
    paths = sorted(folder.iterdir()) if folder else inputs
    # a .spacy file beside a source of the same split is what an earlier conversion made of it
    sources = {SPLITS.get(_first_name(path)) for path in paths if path.suffix in COLUMN_ENDINGS}
    for path in paths:
        split = SPLITS.get(_first_name(path))
        if folder and (split is None or is_folder_of_splits(path, format)):
            continue
        if folder and path.suffix == ".spacy" and split in sources:
            continue
        key = split or Path(path.resolve().name.removesuffix(".gz")).stem
        if key in files:
            raise ConversionError(f"{files[key]} and {path} would both become '{key}'. [B243]")
        files[key] = path
    if not files:
        raise ConversionError(
            f"{folder} has no file named as splits are ({', '.join(SPLITS)}, with any ending). "
            "Name the files instead. [B244]"
        )
    order = list(dict.fromkeys(SPLITS.values()))
    return dict(sorted(files.items(), key=lambda f: order.index(f[0]) if f[0] in order else len(order)))


def is_folder_of_splits(path: Path, format: str) -> bool:
    """Whether it is a folder, and not one that holds a file a document."""
    if not path.is_dir() or brat.is_folder(path):
        return False
    below = [entry for entry in path.iterdir() if entry.is_dir() and _first_name(entry) in SPLITS]
    if has_notes(path, ENDINGS):  # also in folders of it, which may be splits
        return bool(below) and not any(entry.suffix in ENDINGS for entry in path.iterdir())
    if format == "ddi-xml":
        return not any(path.rglob("*.xml")) or (bool(below) and not any(path.glob("*.xml")))
    return not (format == "text" and any(path.glob("*.txt*")))


def _first_name(path: Path) -> str:
    """What may be a split's name in a file's: "train" of "Train.iob.tsv"."""
    return path.name.split(".")[0].lower()


def check_ending(output: Path, to: str) -> None:
    """Refuses a name that looks like a file's but has no known ending: it would become a folder.

    Raises:
        ConversionError: if the output has such a name.
    """
    if output.is_dir() or (to not in ("", SPACY) and not known(to).suffix):
        return
    told = output.name.removeprefix(Path(plain_name(output)).stem)
    if told and ending(output) not in FORMAT_OF_ENDING:
        raise ConversionError(
            f"{output}: '{told}' is the ending of no format ({', '.join(FORMAT_OF_ENDING)}). Name the output "
            "as one, or make the folder first, if it shall be one. [B245]"
        )


def output_files(files: dict[str, Path], output: Path, to: str) -> list[Path]:
    """The file, or folder, that each input becomes.

    Args:
        files: the inputs by name; see `files_by_split`.
        output: the file for one input, by its ending; else the folder for all of them.
        to: the format that is written.

    Raises:
        ConversionError: if an output can't be where it should be.
    """
    suffix = ".spacy" if to == SPACY else known(to).suffix
    if suffix and ending(output) in FORMAT_OF_ENDING and not output.is_dir():
        if len(files) > 1:
            raise ConversionError(f"{len(files)} inputs can't all become {output}: name a folder. [B246]")
        packed = output.suffix.lower() == ".gz"
        if (ending(output) == ".spacy") != (to == SPACY) or (to == SPACY and packed):
            raise ConversionError(f"{output} isn't named as what --to {to} writes. [B247]")
        targets = [output]
    elif not suffix and len(files) == 1:
        targets = [output]
    else:
        if output.is_file():
            raise ConversionError(f"{output} is a file, and should be a folder. [B248]")
        targets = [output / f"{name}{suffix}" for name in files]
    for path, target in zip(files.values(), targets, strict=True):
        if target.exists() and target.samefile(path):
            raise ConversionError(f"{path} would be overwritten by its own conversion. [B249]")
        if not suffix:
            check_folder(target, list(files.values()))
    return targets
