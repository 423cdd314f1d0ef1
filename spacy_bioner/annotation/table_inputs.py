"""Tables as inputs: CSV, TSV, Parquet or JSON lines with the text of a document in a named column."""

import csv
import io
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spacy_bioner.documents.document import Document, Passage
from spacy_bioner.documents.formats.unreadable import Readable
from spacy_bioner.errors import FormatError
from spacy_bioner.files import checked_lines, ending, open_input

TABLE = "table"
"""What such an input is called beside the formats."""
_DELIMITERS = {".csv": ",;", ".tsv": "\t"}
_TAG = re.compile(r"[BIOLUESMW](-\S+)?|-DOCSTART-")
_LONGEST = 64 << 20  # characters of a cell


@dataclass(frozen=True, slots=True)
class TableColumns:
    """Which columns of a table hold what.

    Attributes:
        text: the text or abstract; empty where inputs are no tables.
        title: a title to stand before it, on a line of its own; empty for none.
        id: the id of the document; empty for the number of the row.
    """

    text: str = ""
    title: str = ""
    id: str = ""


NO_TABLES = TableColumns()


def check_is_no_table(path: Path) -> None:
    """Raises FormatError, which lists the columns, if a file seems to be a table and no column was named."""
    kind = ending(path)
    if path.is_dir() or kind not in (".csv", ".tsv", ".parquet"):
        return
    names = column_names(path)
    if kind == ".tsv" and (len(names) < 2 or _TAG.fullmatch(names[-1])):
        return  # words with their tags
    raise FormatError(
        path,
        None,
        f"a table: name the column that has the text, with --text, as in --text {names[-1] or 'COLUMN'}; its "
        f"columns are, by its first row, {', '.join(names)} [B399]",
    )


def check_columns(path: Path, columns: TableColumns) -> None:
    """Raises FormatError if a table lacks a column. What can't be read is told when its rows are read."""
    try:
        names = column_names(path)
    except FormatError:
        return
    _check_names(path, columns, names)


def _check_names(path: Path, columns: TableColumns, names: Collection[str]) -> None:
    wanted = filter(None, (columns.text, columns.title, columns.id))
    if missing := [name for name in wanted if name not in names]:
        raise FormatError(
            path, None, f"there is no column '{missing[0]}' in it; it has {', '.join(names)} [B400]"
        )


def column_names(path: Path) -> list[str]:
    """The columns of a table; raises FormatError if it can't be opened, or there are none."""
    if ending(path) == ".parquet":
        names = list(_parquet(path).schema_arrow.names)
    else:
        names = next((list(row) for _, row in _records(path)), []) or _header(path)
    if not names:
        raise FormatError(path, None, "there is nothing in it, not even the names of columns [B570]")
    return names


def read_table(path: Path, columns: TableColumns) -> Iterator[Readable]:
    """Reads the documents of a table row by row, in constant memory; its name's ending says how.

    Yields:
        For each row a document, with passages "title" and "abstract" where there is a column of titles; or
        why there is none: nothing in its columns, or other values than texts.

    Raises:
        FormatError: if there is no such column, and it lists those that there are; or the file can't be read.
    """
    number = 0
    for number, (line, record) in enumerate(_records(path), start=1):
        if number == 1:
            _check_names(path, columns, record)
        try:
            yield document_of(record, columns, str(number))
        except ValueError as error:
            identifier = str(record.get(columns.id) or number)
            yield FormatError(path, line, str(error), identifier)
    if not number:
        raise FormatError(path, None, "there is no row in it [B401]")


def document_of(record: Mapping[str, Any], columns: TableColumns, number: str) -> Document:
    """The document of a row.

    Args:
        record: the row, a value by column.
        columns: which of them hold what.
        number: the id, where no column has it.

    Raises:
        ValueError: if it has no text or id, or other values than texts.
    """
    text = _cell(record, columns.text)
    title = _cell(record, columns.title) if columns.title else ""
    if not text.strip() and not title.strip():
        raise ValueError(f"there is no text in the column '{columns.text}' of this row [B556]")
    value = record.get(columns.id) if columns.id else number
    identifier = "" if _is_missing(value) else str(value).strip()
    if not identifier:
        raise ValueError(f"there is nothing in the column '{columns.id}' of this row [B557]")
    if not columns.title:
        return Document(text, id=identifier)
    if not text.strip():
        return Document(title, (Passage(0, len(title), "title"),), id=identifier)
    whole = f"{title}\n{text}"
    passages = (Passage(0, len(title), "title"), Passage(len(title) + 1, len(whole), "abstract"))
    return Document(whole, passages, id=identifier)


def _is_missing(value: Any) -> bool:
    """Whether a cell is empty: None, or the not-a-number that pandas has for it."""
    return value is None or (isinstance(value, float) and value != value)


def _cell(record: Mapping[str, Any], name: str) -> str:
    value = record.get(name)
    if _is_missing(value):
        return ""
    if not isinstance(value, str):
        raise ValueError(f"in the column '{name}' there is a {type(value).__name__} and no text [B558]")
    return value


def _records(path: Path) -> Iterator[tuple[int | None, Mapping[str, Any]]]:
    """The rows of a table, each with its line and a value by column."""
    kind = ending(path)
    if kind == ".parquet":
        for batch in _parquet(path).iter_batches(batch_size=1000):
            for record in batch.to_pylist():
                yield None, record
    elif kind in (".jsonl", ".ndjson"):
        yield from _json_records(path)
    elif kind in _DELIMITERS:
        yield from _separated(path)
    else:
        raise FormatError(
            path, None, "--text is for tables, whose names end in .csv, .tsv, .parquet or .jsonl [B402]"
        )


def _json_records(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in checked_lines(path):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            raise FormatError(path, number, "not a line of JSON [B403]") from None
        if not isinstance(found, dict):
            raise FormatError(path, number, "a line of JSON lines is one object: {...} [B404]")
        yield number, found


def _separated(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    csv.field_size_limit(_LONGEST)
    with open_input(path) as file, io.TextIOWrapper(file, "utf-8-sig", newline="") as text:
        try:
            first = text.readline()
            delimiter = max(_DELIMITERS[ending(path)], key=first.count)
            names = next(csv.reader([first], delimiter=delimiter, strict=True), [])
            if len(set(names)) < len(names):
                raise FormatError(path, 1, f"two columns have one name: {', '.join(names)} [B405]")
            reader = csv.reader(text, delimiter=delimiter, strict=True)
            for row in reader:
                if len(row) > len(names):
                    raise FormatError(
                        path, reader.line_num + 1, f"{len(row)} cells, and {len(names)} columns [B406]"
                    )
                if row:
                    cells = (*row, *[None] * (len(names) - len(row)))
                    yield reader.line_num + 1, dict(zip(names, cells, strict=True))
        except csv.Error as error:
            raise FormatError(path, None, f"not a table ({error}) [B407]") from None
        except UnicodeDecodeError:
            raise FormatError(path, None, "not UTF-8; save it as CSV in UTF-8 [B408]") from None


def _header(path: Path) -> list[str]:
    if ending(path) not in _DELIMITERS:
        return []
    with open_input(path) as file:
        first = file.readline(1 << 20).decode("utf-8-sig", errors="replace")
    delimiter = max(_DELIMITERS[ending(path)], key=first.count)
    return next(csv.reader([first], delimiter=delimiter), [])


def _parquet(path: Path) -> Any:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise FormatError(
            path, None, "Parquet needs pyarrow: pip install 'spacy-bioner[tables]' [B409]"
        ) from None
    try:
        return parquet.ParquetFile(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise FormatError(path, None, f"not a Parquet file ({error}) [B410]") from None
