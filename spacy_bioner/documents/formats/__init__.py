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
    ade,
    bioc_json,
    bioc_xml,
    brat,
    brat_writing,
    chemprot,
    classified,
    columns,
    con,
    conllu,
    ddi_xml,
    doccano,
    foreign,
    html,
    jats,
    jsonl,
    label_studio,
    pair_lines,
    plain_text,
    pubannotation,
    pubmed,
    pubtator,
    safe_xml,
    share_pipe,
    spacy_json,
    squad,
    text_pairs,
    token_rows,
)
from spacy_bioner.documents.formats.base import Account, Written, encoded
from spacy_bioner.documents.formats.json_kinds import is_json, json_format
from spacy_bioner.documents.formats.note_pairs import ENDINGS as NOTES
from spacy_bioner.documents.formats.note_pairs import has_notes
from spacy_bioner.documents.formats.unreadable import Readable, raised
from spacy_bioner.errors import ConversionError, FormatError, OutputError, UnknownFormatError
from spacy_bioner.files import Outputs, check_end, ending, files_in, open_input

_HEAD = 1 << 16  # bytes: what a look at a file reads of it
_SHORT = 200  # characters: an export that holds nothing is no longer


def _only_read(documents: Iterable[Document]) -> Iterator[Written]:
    """Refuses to write."""
    raise ConversionError("This format is only read here: write bioc-xml, pubtator or jsonl instead. [B016]")


@dataclass(frozen=True, slots=True)
class Format:
    """A format: how it is read and written.

    Attributes:
        each: gives the documents of a file or folder, and the error in place of one that can't be read. It
            takes how the offsets in it count as well (see `documents.settling`), "" if that is to be found
            out. None where the format is only written.
        write: gives what to write, piece by piece; `_only_read` where the format is only read.
        suffix: how its files are called; empty where it is a folder of files.
        sniff: whether a text file that begins so seems to be in it.
        why: why it isn't read, and what to do instead.
    """

    each: Callable[[Path, str], Iterator[Readable]] | None
    write: Callable[[Iterable[Document]], Iterator[Written]]
    suffix: str
    sniff: Callable[[str], bool]
    why: str = ""

    @property
    def reads(self) -> bool:
        """Whether files in it can be read here."""
        return self.each is not None

    @property
    def writes(self) -> bool:
        """Whether files in it can be written here."""
        return self.write is not _only_read


def _never(head: str) -> bool:
    """Plain text can be anything, so it has to be asked for; so has a form of JSON lines."""
    return False


def _is_xml(head: str) -> bool:
    """Whether it is XML, and neither of PubMed nor JATS nor a page."""
    told = re.match(r"<(\?xml|!DOCTYPE(?! html)|!--|collection)", head) is not None
    return told and not _is_pubmed(head) and not _is_jats(head) and not ddi_xml.is_ddi(head)


def _is_pubmed(head: str) -> bool:
    return safe_xml.root(head) in pubmed.ROOTS


def _is_jats(head: str) -> bool:
    return safe_xml.root(head) in jats.ROOTS


def _is_html(head: str) -> bool:
    """HTML isn't read, and the error says so."""
    return head[:14].lower() == "<!doctype html" and html.OURS in head


def _looks_like_columns(head: str) -> bool:
    """Whether the first line has tabs, a tag, or few words; what else a line has is for the reader to say."""
    line = head.partition("\n")[0]
    words = line.split()
    likely = "\t" in line or len(words) < 4 or any(map(_TAG.fullmatch, words))
    return likely and not is_json(head)


_TAG = re.compile(rf"[BIOLUESMW](-\S+)?|{columns.DOCSTART}")


def _is_json(name: str) -> Callable[[str], bool]:
    return lambda head: json_format(head) == name


FORMATS: dict[str, Format] = {
    "pubtator": Format(
        pubtator.each,
        pubtator.write,
        ".pubtator",
        lambda head: pubtator.FIRST_LINE.match(head) is not None,
    ),
    "bioc-xml": Format(bioc_xml.each, bioc_xml.write, ".xml", _is_xml),
    "con": Format(con.each, con.write, "", lambda head: con.FIRST_LINE.match(head) is not None),
    "share-pipe": Format(
        share_pipe.each, share_pipe.write, "", lambda head: share_pipe.FIRST_LINE.match(head) is not None
    ),
    "ddi-xml": Format(ddi_xml.each, _only_read, ".xml", ddi_xml.is_ddi),
    "masked-tsv": Format(pair_lines.each_masked, _only_read, ".tsv", pair_lines.is_masked),
    "marked-jsonl": Format(pair_lines.each_marked, _only_read, ".jsonl", pair_lines.is_marked),
    "ade": Format(ade.each, _only_read, ".rel", ade.is_ade),
    "chemprot": Format(chemprot.each, _only_read, ".tsv", _never),
    "hoc-tsv": Format(classified.each_hoc, _only_read, ".tsv", classified.is_hoc),
    "pubmed-rct": Format(classified.each_rct, _only_read, ".txt", classified.is_rct),
    "text-pairs": Format(text_pairs.each, _only_read, ".tsv", text_pairs.is_pairs),
    "squad": Format(squad.each, _only_read, ".json", squad.is_squad),
    "bioc-json": Format(bioc_json.each, bioc_json.write, ".json", _is_json("bioc-json")),
    "brat": Format(brat.each, brat_writing.write, "", lambda head: brat.FIRST_LINE.match(head) is not None),
    "jsonl": Format(jsonl.each, jsonl.write, ".jsonl", _is_json("jsonl")),
    "label-studio": Format(label_studio.each, label_studio.write, ".json", _is_json("label-studio")),
    "doccano": Format(jsonl.each, doccano.write, ".jsonl", _never),
    "doccano-relations": Format(jsonl.each, doccano.write_relations, ".jsonl", _never),
    "pubannotation": Format(pubannotation.each, pubannotation.write, ".json", _is_json("pubannotation")),
    "token-rows": Format(token_rows.each, _only_read, ".jsonl", _is_json("token-rows")),
    "spacy-json": Format(spacy_json.each, _only_read, ".json", _is_json("spacy-json")),
    "conllu": Format(
        conllu.each, _only_read, ".conllu", lambda head: conllu.FIRST_LINE.match(head) is not None
    ),
    "pubmed": Format(pubmed.each, _only_read, ".xml", _is_pubmed),
    "jats": Format(jats.each, _only_read, ".nxml", _is_jats),
    "html": Format(None, html.write, ".html", _is_html, html.NOT_READ),
    "columns": Format(columns.each, columns.lines, ".tsv", _looks_like_columns),
    "text": Format(plain_text.each, plain_text.write, "", _never),
    "lines": Format(plain_text.each_line, plain_text.write_lines, ".lines", _never),
}


_TABLES = ("masked-tsv", "hoc-tsv", "text-pairs")  # which are read, unlike others
_NOTES = {"con": con.ENDINGS, "share-pipe": share_pipe.ENDINGS}
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
        for name, endings in _NOTES.items():
            if has_notes(path, endings):
                return name
        for file in plain_text.text_files(path):
            if name := _by_content(file):
                raise FormatError(
                    path, None, f"not all plain text: {file.name} is {name}; name the files [B017]"
                )
        return "text"
    if brat.has_pair(path):
        return "brat"
    head = _head(path)
    text = head.decode("utf-8", errors="replace").removeprefix("\ufeff").lstrip()
    found = next((name for name, known in FORMATS.items() if known.sniff(text)), None)
    short = len(text) < _SHORT and found not in _TABLES
    if (found in (None, "columns") or short) and (what := foreign.described(head)):
        raise FormatError(path, None, what)
    if found is None:
        names = ", ".join(READ_FORMATS)
        raise UnknownFormatError(path, None, f"can't tell its format: say which with --from ({names}) [B018]")
    return found


def _head(path: Path) -> bytes:
    with open_input(path, checked_later=True) as file:
        return file.read(_HEAD)


def _by_content(path: Path) -> str:
    """The format that the content of a file shows beyond doubt; empty where it may be plain text."""
    text = _head(path).decode("utf-8", errors="replace").removeprefix("\ufeff").lstrip()
    return next((n for n, known in FORMATS.items() if n not in ("columns", "html") and known.sniff(text)), "")


def is_text_folder(folder: Path) -> bool:
    """Whether a folder holds plain text alone, a document a file, by the names and content of its files."""
    files = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    if not files or not all(file.name.endswith((".txt", ".txt.gz")) and file.is_file() for file in files):
        return False
    return not any(map(_by_content, files))


def read(path: Path, format: str = "", offsets: str = "") -> Iterator[Document]:
    """Reads the documents of a file or folder.

    Args:
        path: where it is.
        format: the name of its format; found from its content, if empty.
        offsets: how the offsets in it count, see `documents.settling`; found from the texts of mentions, if
        empty.

    Yields:
        The documents, one by one where the format allows it.

    Raises:
        FormatError: if it can't be read, isn't what it should be, has a document that can't be read, or none.
    """
    return raised(read_each(path, format, offsets))


def read_each(path: Path, format: str = "", offsets: str = "") -> Iterator[Readable]:
    """Reads as `read` does, but goes on after a document that can't be read.

    Yields:
        The documents, and in place of one that can't be read the error.

    Raises:
        FormatError: if nothing can be read from there on, or there is no document in it.
    """
    name = format or detect(path)
    wanted = known(name)
    if wanted.each is None:
        raise FormatError(path, None, wanted.why)
    documents = wanted.each(path, offsets)
    first = next(documents, None)
    if first is None:
        raise FormatError(path, None, "the file is empty: no document in it [B019]")
    yield first
    yield from documents
    for file in files_in(path):
        try:
            check_end(file)
        except FormatError as error:
            yield error


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
        raise OutputError(f"{path} would be replaced, and an input is in it: name another folder. [B020]")
    entries = list(path.iterdir())
    documents = [
        e
        for e in entries
        if e.is_file() and not e.is_symlink() and e.suffix in (".txt", *brat.SUFFIXES, *NOTES)
    ]
    strange = [entry.name for entry in entries if entry not in documents]
    if strange:
        raise OutputError(
            f"{path} would be replaced, and there is more in it ({strange[0]}): name a new folder. [B021]"
        )
    if documents and all(entry.suffix == ".txt" for entry in documents):
        raise OutputError(
            f"{path} would be replaced, and the texts in it may be yours ({documents[0].name}): name a new "
            "folder, or delete them first. [B022]"
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


def known(name: str) -> Format:
    """The format of a name; raises ConversionError if there is none."""
    if name not in FORMATS:
        raise ConversionError(f"There is no format '{name}': use {', '.join(FORMATS)}. [B025]")
    return FORMATS[name]
