"""File formats, one module each: from files to Documents and back. None of them imports spaCy.

`read` and `write` are for all of them; which there are, `FORMATS` says.
"""

import gzip
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from spacy_bioner.documents.document import Document
from spacy_bioner.documents.formats import (
    bioc_json,
    bioc_xml,
    brat,
    columns,
    html,
    jsonl,
    plain_text,
    pubmed,
    pubtator,
    safe_xml,
)
from spacy_bioner.documents.formats.base import Account, Written
from spacy_bioner.documents.formats.unreadable import Readable
from spacy_bioner.errors import ConversionError, FormatError, OutputError, UnknownFormatError
from spacy_bioner.files import Outputs, ending, open_input

_JSON = re.compile(r'(\{|\[\s*\{)\s*"')
_HEAD = 1 << 16  # bytes: what a look at a file reads of it


@dataclass(frozen=True, slots=True)
class Format:
    """A format: how it is read and written.

    Attributes:
        read: gives the documents of a file or folder.
        write: gives what to write, piece by piece.
        suffix: how its files are called; empty where it is a folder of files.
        sniff: whether a text file that begins so seems to be in it.
        each: as `read`, but gives the error in place of a document that can't be read and goes on; None
            where nothing can be read after an error.
        reads, writes: whether it can be read, and written.
    """

    read: Callable[[Path], Iterator[Document]]
    write: Callable[[Iterable[Document]], Iterator[Written]]
    suffix: str
    sniff: Callable[[str], bool]
    each: Callable[[Path], Iterator[Readable]] | None = None
    reads: bool = True
    writes: bool = True


def _never(head: str) -> bool:
    """Plain text can be anything, so it has to be asked for."""
    return False


def _is_xml(head: str) -> bool:
    """Whether it is XML, and neither of PubMed nor a page."""
    told = re.match(r"<(\?xml|!DOCTYPE(?! html)|!--|collection)", head) is not None
    return told and not _is_pubmed(head)


def _is_pubmed(head: str) -> bool:
    return safe_xml.root(head) in pubmed.SETS


def _is_html(head: str) -> bool:
    """HTML isn't read, and its module says so."""
    return head[:14].lower() == "<!doctype html"


def _json_key(head: str) -> str:
    """The first key of a JSON file that tells what it holds."""
    if not _JSON.match(head):
        return ""
    key = re.search(r'"(documents|passages|text|data)"\s*:', head)
    return key[1] if key else ""


def _looks_like_columns(head: str) -> bool:
    """Whether the first line has tabs, a tag, or few words; what else a line has is for the reader to say."""
    line = head.partition("\n")[0]
    words = line.split()
    likely = "\t" in line or len(words) < 4 or any(map(_TAG.fullmatch, words))
    return likely and not _JSON.match(head)


_TAG = re.compile(rf"[BIOLUESMW](-\S+)?|{columns.DOCSTART}")

FORMATS: dict[str, Format] = {
    "pubtator": Format(
        pubtator.read,
        pubtator.write,
        ".pubtator",
        lambda head: pubtator.FIRST_LINE.match(head) is not None,
        pubtator.each,
    ),
    "bioc-xml": Format(bioc_xml.read, bioc_xml.write, ".xml", _is_xml, bioc_xml.each),
    "bioc-json": Format(
        bioc_json.read,
        bioc_json.write,
        ".json",
        lambda head: _json_key(head) in ("documents", "passages"),
        bioc_json.each,
    ),
    "brat": Format(
        brat.read, brat.write, "", lambda head: brat.FIRST_LINE.match(head) is not None, brat.each
    ),
    "jsonl": Format(
        jsonl.read, jsonl.write, ".jsonl", lambda head: _json_key(head) in jsonl.TEXT_KEYS, jsonl.each
    ),
    "pubmed": Format(pubmed.read, pubmed.write, ".xml", _is_pubmed, pubmed.each, writes=False),
    "html": Format(html.read, html.write, ".html", _is_html, reads=False),
    "columns": Format(columns.read, columns.lines, ".tsv", _looks_like_columns),
    "text": Format(plain_text.read, plain_text.write, "", _never, plain_text.each),
    "lines": Format(plain_text.read_lines, plain_text.write_lines, ".lines", _never),
}


READ_FORMATS = tuple(name for name, known in FORMATS.items() if known.reads)
WRITTEN_FORMATS = tuple(name for name, known in FORMATS.items() if known.writes)
SPACY = "spacy"
"""What spaCy's own format is called beside these; `corpora.docbin` has it."""
COLUMN_ENDINGS = (".tsv", ".txt", ".conll", ".iob")
FORMAT_OF_ENDING = {
    ".spacy": SPACY,
    **dict.fromkeys(COLUMN_ENDINGS, "columns"),
    ".pubtator": "pubtator",
    ".xml": "bioc-xml",
    ".json": "bioc-json",
    ".jsonl": "jsonl",
    ".lines": "lines",
    ".html": "html",
}
"""The format to write to a file, by the ending of its name (without that of gzip)."""


def format_of(path: Path) -> str:
    """The format of a file or folder: `SPACY` by the ending of its name, others as `detect` tells them."""
    return SPACY if ending(path) == ".spacy" else detect(path)


def detect(path: Path) -> str:
    """Tells the format of a file from how it begins, that of a folder from the files in it.

    Raises:
        UnknownFormatError: if its format can't be told.
        FormatError: if there is no such file, or it can't be read.
    """
    if path.is_dir():
        if brat.is_folder(path):
            return "brat"
        plain_text.text_files(path)
        return "text"
    if brat.has_pair(path):
        return "brat"
    with open_input(path) as file:
        head = file.read(_HEAD).decode("utf-8", errors="replace").removeprefix("\ufeff").lstrip()
    found = next((name for name, known in FORMATS.items() if known.sniff(head)), None)
    if found is None:
        names = ", ".join(READ_FORMATS)
        raise UnknownFormatError(path, None, f"can't tell its format: say which with --from ({names})")
    return found


def read(path: Path, format: str = "") -> Iterator[Document]:
    """Reads the documents of a file or folder.

    Args:
        path: where it is.
        format: the name of its format; found from its content, if empty.

    Yields:
        The documents, one by one where the format allows it.

    Raises:
        FormatError: if it can't be read, isn't what it should be, or has no document in it.
    """
    documents = known(format or detect(path)).read(path)
    first = next(documents, None)
    if first is None:
        raise FormatError(path, None, "the file is empty: no document in it")
    yield first
    yield from documents


def read_each(path: Path, format: str = "") -> Iterator[Readable]:
    """Reads as `read` does, but goes on after a document that can't be read, where its format allows it.

    Yields:
        The documents, and in place of one that can't be read the error.

    Raises:
        FormatError: if nothing can be read from there on.
    """
    wanted = known(format or detect(path))
    yield from (wanted.each or wanted.read)(path)


def write(documents: Iterable[Document], path: Path, format: str) -> Account:
    """Writes documents to a file, or a folder where the format is one; packed, if its name ends in ".gz".

    Args:
        documents: the documents.
        path: the file or folder; what stood there is replaced when all is written.
        format: the name of the format.

    Returns:
        What was written, and what the format can't hold.

    Raises:
        ConversionError: if a document can't be written at all, or the format is only read.
        OutputError: if the output can't be there.
    """
    wanted = known(format)
    if not wanted.writes:
        wanted.write(())
    if not wanted.suffix:
        check_folder(path)
    with Outputs() as outputs:
        temporary = outputs.temporary(path, folder=not wanted.suffix)
        account = Account()
        write_pieces(wanted.write(documents), temporary, account, wanted, packed=path.suffix.lower() == ".gz")
    return account


def check_folder(path: Path, inputs: Iterable[Path] = ()) -> None:
    """Makes sure that a folder can be replaced by one of documents.

    Raises:
        OutputError: if something else than documents is in it, or one of the inputs.
    """
    if not path.is_dir():
        return
    if any(input.resolve().parent == path.resolve() for input in inputs):
        raise OutputError(f"{path} would be replaced, and an input is in it: name another folder.")
    entries = list(path.iterdir())
    documents = [
        e for e in entries if e.is_file() and not e.is_symlink() and e.suffix in (".txt", *brat.SUFFIXES)
    ]
    strange = [entry.name for entry in entries if entry not in documents]
    if strange:
        raise OutputError(
            f"{path} would be replaced, and there is more in it ({strange[0]}): name a new folder."
        )
    if documents and all(entry.suffix == ".txt" for entry in documents):
        raise OutputError(
            f"{path} would be replaced, and the texts in it may be yours ({documents[0].name}): name a new "
            "folder, or delete them first."
        )


def write_pieces(
    pieces: Iterable[Written], path: Path, account: Account, format: Format, packed: bool = False
) -> None:
    """Writes what a writer gives to a file or folder that isn't there yet, and counts it.

    Args:
        pieces: what to write.
        path: the file or folder.
        account: counts what is written and what isn't.
        format: the format, for whether it is a folder.
        packed: whether to pack the file with gzip.

    Raises:
        ConversionError: if a piece has characters that no text file can have.
    """
    if not format.suffix:
        path.mkdir()
        for piece in pieces:
            with (path / piece.name).open("xb") as file:
                file.write(encoded(piece))
            account.add(piece)
        return
    with ExitStack() as stack:
        file = stack.enter_context(path.open("wb"))
        put = file.write
        if packed:  # without name and time: the same content gives the same bytes
            put = stack.enter_context(gzip.GzipFile("", "wb", fileobj=file, mtime=0)).write
        for piece in pieces:
            put(encoded(piece))
            account.add(piece)


def encoded(piece: Written) -> bytes:
    """A piece as it is in a file; raises ConversionError if it has characters that no text file can have."""
    if "\0" in piece.text:
        raise ConversionError(f"A NUL character can't be in a text file: {_around(piece.text, chr(0))}.")
    try:
        return piece.text.encode("utf-8")
    except UnicodeEncodeError as error:
        around = _around(piece.text, error.object[error.start])
        raise ConversionError(f"Half of a surrogate pair can't be written as UTF-8: {around}.") from None


def _around(text: str, char: str) -> str:
    place = text.index(char)
    return ascii(text[max(place - 20, 0) : place + 20])


def known(name: str) -> Format:
    """The format of a name; raises ConversionError if there is none."""
    if name not in FORMATS:
        raise ConversionError(f"There is no format '{name}': use {', '.join(FORMATS)}.")
    return FORMATS[name]
