"""Plain text: a file is a document ("text"), or a line is one ("lines"). Neither holds mentions.

A folder of .txt files is read as one document a file, and "text" is written as such a folder. The name of a
file is the document's id (see `file_names`). Line ends are kept as they are. In "lines", documents have no
id, empty lines are skipped, and a text that isn't one line can't be written.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from spacy_bioner.documents.document import Document, Dropped, DroppedRelation
from spacy_bioner.documents.formats.base import Written, left_out
from spacy_bioner.documents.formats.file_names import FileNames, document_id, in_order
from spacy_bioner.documents.formats.unreadable import Readable, raised
from spacy_bioner.documents.metadata import LINE
from spacy_bioner.errors import ConversionError, FormatError
from spacy_bioner.files import lines_or_errors, read_text

_REASON = "plain text has none"


def read(path: Path) -> Iterator[Document]:
    """Reads a text file as a document, or all .txt files of a folder, in the order of their names.

    Raises:
        FormatError: if a file isn't UTF-8 text, or the folder has none.
    """
    return raised(each(path))


def each(path: Path, offsets: str = "") -> Iterator[Readable]:
    """Reads as `read` does, with the error in place of a document for a file that isn't UTF-8 text."""
    for file in text_files(path) if path.is_dir() else [path]:
        try:
            yield Document(read_text(file), id=document_id(file))
        except FormatError as error:
            error.document_id = document_id(file)
            yield error


def text_files(folder: Path) -> list[Path]:
    """The .txt files of a folder, packed by gzip or not, in the order of their names."""
    files = in_order(p for p in folder.iterdir() if p.name.endswith((".txt", ".txt.gz")) and p.is_file())
    if not files:
        raise FormatError(folder, None, "there is no .txt file in this folder [B083]")
    return files


def read_lines(path: Path) -> Iterator[Document]:
    """Reads a text file as a document a line.

    Raises:
        FormatError: if it isn't UTF-8 text.
    """
    return raised(each_line(path))


def each_line(path: Path, offsets: str = "") -> Iterator[Readable]:
    """Reads as `read_lines` does, with the error in place of a line that isn't UTF-8 text."""
    for number, line in lines_or_errors(path):
        if isinstance(line, FormatError):
            yield line
        elif line.strip():
            yield Document(line, meta={LINE: number})


def write(documents: Iterable[Document]) -> Iterator[Written]:
    """Writes the texts of documents, each as a file named by its id.

    Raises:
        ConversionError: if an id can't be a file's name.
    """
    names = FileNames()
    for document in documents:
        yield _written(document, document.text, f"{names.name(document.id)}.txt")


def write_lines(documents: Iterable[Document]) -> Iterator[Written]:
    """Writes the texts of documents, a line each; ids are not kept.

    Raises:
        ConversionError: if a text has line ends in it, or nothing but white space.
    """
    for document in documents:
        text = document.text
        if "\n" in text or "\r" in text or not text.strip() or text.startswith("\ufeff"):
            raise ConversionError(
                f"The text of document '{document.id}' isn't one line: use --to text. [B084]"
            )
        piece = _written(document, f"{text}\n")
        piece.others.update({"ids of documents": 1} if document.id else {})
        yield piece


def _written(document: Document, text: str, name: str = "") -> Written:
    return Written(
        text,
        dropped=[Dropped(document, mention, _REASON) for mention in document.mentions],
        relations=[DroppedRelation(document, relation, _REASON) for relation in document.relations],
        # they go with their mentions and relations
        others=left_out(document, held=("scores", "identifiers", "ids of mentions", "ids of relations")),
        name=name,
    )
