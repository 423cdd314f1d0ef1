"""Notes whose text and annotation are two files, as clinical corpora have them: NAME.txt and NAME.con."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from spacy_bioner.documents.formats.file_names import document_id, in_order
from spacy_bioner.errors import FormatError
from spacy_bioner.files import read_text

ENDINGS = (".con", ".ast", ".pipe")
"""The endings of annotation files."""
_TEXTS = ("txt", "text")
"""How the folder of texts is called, where annotations have one of their own beside it."""


@dataclass(frozen=True, slots=True)
class Note:
    """A note.

    Attributes:
        id: the name of its files, without ending.
        text: its text.
        path: its annotation file; None where it has none.
        annotation: what is in that file, line ends and all.
    """

    id: str
    text: str
    path: Path | None
    annotation: str


def has_notes(path: Path, endings: tuple[str, ...]) -> bool:
    """Whether a folder, or a folder in it, has annotation files of these endings."""
    return any(entry.suffix in endings for depth in ("*", "*/*") for entry in path.glob(depth))


def notes(path: Path, endings: tuple[str, ...]) -> Iterator[Note | FormatError]:
    """The notes of an annotation file, or of a folder of them, in the order of their names.

    Texts are beside the annotations, or in a folder "txt" beside theirs, as in i2b2's releases. A text
    without annotation is a note without mentions.

    Yields:
        The notes; an error for an annotation without a text, or a file that isn't UTF-8 text.
    """
    pairs: list[tuple[Path | None, Path | None]]
    if path.is_file():
        pairs = [(path, _text_of(path))] if path.suffix in endings else [(None, path)]
    else:
        found = in_order(e for depth in ("*", "*/*") for e in path.glob(depth) if e.suffix in endings)
        pairs = [(file, _text_of(file)) for file in found]
        named = {text for _, text in pairs}
        folders = {text.parent for _, text in pairs if text is not None}
        alone = in_order(e for folder in folders for e in folder.glob("*.txt") if e not in named)
        pairs += [(None, text) for text in alone]
    for annotation, text in pairs:
        if text is None:
            yield FormatError(annotation or path, None, "there is no .txt file of this name beside it [B078]")
            continue
        try:
            content = read_text(annotation) if annotation is not None else ""
            yield Note(document_id(text), read_text(text), annotation, content)
        except FormatError as error:
            error.document_id = document_id(text)
            yield error


def _text_of(annotation: Path) -> Path | None:
    folders = [annotation.parent, *(annotation.parent.parent / name for name in _TEXTS)]
    stem = annotation.stem.removesuffix(".txt")
    return next((file for folder in folders if (file := folder / f"{stem}.txt").is_file()), None)


def split_lines(annotation: str) -> tuple[list[str], str, str]:
    """The lines of an annotation file, what ends each, and what is behind the last that isn't empty."""
    newline = "\r\n" if "\r\n" in annotation else "\n"
    body = annotation.rstrip("\r\n")
    lines = body.split(newline) if body else []
    return lines, newline, annotation[len(body) :] if annotation else newline
