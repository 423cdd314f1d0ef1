"""Reading documents from files and folders; a document that can't be read gives the reason instead."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from spacy_bioner.annotation.table_inputs import (
    NO_TABLES,
    TABLE,
    TableColumns,
    check_columns,
    check_is_no_table,
    read_table,
)
from spacy_bioner.corpora.sources import open_source
from spacy_bioner.documents.document import Document
from spacy_bioner.documents.formats import SPACY, brat, format_of, is_text_folder, read_each
from spacy_bioner.documents.formats.columns import ColumnOptions
from spacy_bioner.errors import FormatError
from spacy_bioner.files import entries


@dataclass(frozen=True, slots=True)
class SetAside:
    """A document that isn't in the output.

    Attributes:
        file: the input that it is in.
        number: which of its documents it is, from 1.
        id: its id, if it has one that could be read.
        reason: why it was set aside.
        rest: whether everything behind it in its input couldn't be read either.
        trace: where the pipeline failed on it, see `errors.trace`; empty if it is the document's own fault.
    """

    file: str
    number: int
    id: str
    reason: str
    rest: bool = False
    trace: tuple[str, ...] = field(default=(), compare=False)

    def __str__(self) -> str:
        what = f"document {self.number}" + (f" ({self.id})" if self.id else "")
        more = "; nothing from there on could be read" if self.rest else ""
        return f"{self.file}, {what}: {self.reason}{more}"


@dataclass(frozen=True, slots=True)
class Item:
    """A document of an input, or why it can't be annotated."""

    document: Document
    file: str
    number: int


def find_inputs(
    paths: Iterable[Path], source: str = "", columns: TableColumns = NO_TABLES
) -> list[tuple[Path, str]]:
    """The files and folders to read, each with its format.

    A folder of BRAT's or of plain text in .txt files alone is read as such; any other stands for the files in
    it, in the order of their names.

    Args:
        paths: what was named.
        source: the format of all of them; found from the content of each, if empty.
        columns: where the text is, where all of them are tables.

    Raises:
        FormatError: if something isn't there, can't be read, or is in a format that can't be told; or
            is a table, and no column was named, or it hasn't those that were.
    """
    found: list[tuple[Path, str]] = []
    source = TABLE if columns.text else source
    for path in paths:
        if not path.exists():
            raise FormatError(path, None, "there is no such file or folder [B376]")
        if not path.is_dir() or _is_documents(path, source):
            found.append((path, source or _format(path)))
            continue
        files = entries(path)
        if folders := [entry for entry in files if entry.is_dir()]:
            raise FormatError(
                folders[0], None, "a folder in a folder isn't read: name it as an input itself [B377]"
            )
        if not files:
            raise FormatError(path, None, "there is nothing in this folder [B378]")
        found += [(file, source or _format(file)) for file in files]
    if source == TABLE:
        for path, _ in found:
            check_columns(path, columns)
    return found


def _format(path: Path) -> str:
    check_is_no_table(path)
    return format_of(path)


def _is_documents(folder: Path, source: str) -> bool:
    """Whether a folder holds a file a document."""
    if source in ("text", "brat"):
        return True
    if source:
        return False
    return brat.is_folder(folder) or is_text_folder(folder)


def read_items(
    inputs: Iterable[tuple[Path, str]], columns: TableColumns = NO_TABLES
) -> Iterator[Item | SetAside]:
    """Reads documents from one input after the other; see `find_inputs`.

    Args:
        inputs: the inputs.
        columns: where the text is in those that are tables.
    """
    for path, format in inputs:
        number = 0
        try:
            if format == SPACY:
                documents: Iterable[Document | FormatError] = open_source(
                    path, ColumnOptions(), SPACY
                ).documents()
            elif format == TABLE:
                documents = read_table(path, columns)
            else:
                documents = read_each(path, format)
            for number, found in enumerate(documents, start=1):
                if isinstance(found, FormatError):
                    yield SetAside(path.name, number, found.document_id, _reason(found, path))
                else:
                    yield Item(found, path.name, number)
            if not number:
                yield SetAside(path.name, 1, "", "the file is empty: no document in it", rest=True)
        except FormatError as error:
            yield SetAside(path.name, number + 1, error.document_id, _reason(error, path), rest=True)


def _reason(error: FormatError, input: Path) -> str:
    """What an error says, without the input, and with the name alone of another file (of a folder)."""
    if error.path == input:
        return str(error).removeprefix(str(input)).lstrip(",: ")
    return str(error).replace(str(error.path), error.path.name)
