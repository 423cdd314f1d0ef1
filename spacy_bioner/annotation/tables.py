"""Tables of mentions for spreadsheets and data frames: CSV, TSV, Parquet, Excel.

Text that a spreadsheet would take for a formula never becomes one: Excel's cells are texts, and in CSV and
TSV a ' stands before what begins with = + - @ or a control character (OWASP, "CSV injection"). CSV and TSV
are UTF-8 with the byte order mark that Excel needs; Parquet and Excel hold texts as they are.
"""

import csv
import gzip
import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spacy_bioner.annotation.inputs import SetAside
from spacy_bioner.annotation.output import Summary
from spacy_bioner.annotation.rows import COLUMNS, NUMBERS, Row, rows
from spacy_bioner.documents.document import Document
from spacy_bioner.documents.formats.base import Written, left_out
from spacy_bioner.errors import OutputError

if TYPE_CHECKING:
    import pyarrow

TABLES = ("csv", "tsv", "parquet", "xlsx")
"""The tables that can be written, called as their files end."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_DELIMITERS = {"csv": ",", "tsv": "\t"}
_GROUP = 20_000  # rows of a group in Parquet
_SHEET, _CELL = 1_048_576, 32_767  # Excel's most rows of a sheet, and characters of a cell

Put = Callable[[Row], None]
Numbers = Mapping[str, type]


def by_ending(name: str) -> str:
    """The table that a file of this name is; empty if none. A .tsv is one only where it is asked for."""
    found = name.lower().removesuffix(".gz").rpartition(".")[2]
    return found if found in TABLES and found != "tsv" else ""


def write_mentions(
    documents: Iterable[Document],
    path: Path,
    to: str,
    set_aside: list[SetAside],
    *,
    empty: bool,
    packed: bool,
) -> Summary:
    """Writes a table with a row a mention.

    Args:
        documents: the documents.
        path: the file.
        to: one of `TABLES`.
        set_aside: gets the documents that no table can hold.
        empty: whether documents without mentions have a row.
        packed: whether gzip packs it, for CSV and TSV.

    Raises:
        OutputError: if what writes it isn't installed.
    """
    account = Summary()
    kinds = {**dict.fromkeys(NUMBERS, int), "probability": float}
    with open_table(path, to, COLUMNS, kinds, account.others, packed=packed) as put:
        for number, document in enumerate(documents, start=1):
            found = list(rows(document, empty=empty))
            try:
                "".join(str(value) for row in found for value in row.values()).encode("utf8")
            except UnicodeEncodeError:
                reason = "it can't be written: half of a surrogate pair isn't UTF-8"
                set_aside.append(SetAside(path.name, number, document.id, reason))
                continue
            for row in found:
                put(row)
            account.add(_counted(document))
    return account


def _counted(document: Document) -> Written:
    """What of a document is in a table, and what isn't."""
    others = left_out(document, held=("scores", "identifiers", "passages", "tokens", "ids of mentions"))
    others += Counter({"relations": len(document.relations)})
    others += Counter({"mentions in parts, as one stretch": sum(len(m.spans) > 1 for m in document.mentions)})
    return Written("", 0, [mention.type for mention in document.mentions], others=others)


@contextmanager
def open_table(
    path: Path,
    to: str,
    columns: Sequence[str],
    numbers: Numbers,
    changed: Counter[str],
    *,
    packed: bool = False,
) -> Iterator[Put]:
    """Opens a table to be written row by row, in constant memory.

    Args:
        path: the file.
        to: one of `TABLES`.
        columns: its columns.
        numbers: those that hold numbers, int or float; the others are texts.
        changed: counts what had to be changed.
        packed: whether gzip packs it, for CSV and TSV.

    Yields:
        What writes a row; a value of None is an empty cell.

    Raises:
        OutputError: if what writes it isn't installed.
    """
    if to == "parquet":
        with _parquet(path, columns, numbers) as put:
            yield put
    elif to == "xlsx":
        with _excel(path, columns, numbers, changed) as put:
            yield put
    else:
        with ExitStack() as stack:
            raw: Any = stack.enter_context(path.open("wb"))
            if packed:  # without name and time: the same content gives the same bytes
                raw = stack.enter_context(gzip.GzipFile("", "wb", fileobj=raw, mtime=0))
            file = stack.enter_context(io.TextIOWrapper(raw, encoding="utf-8-sig", newline=""))
            writer = csv.writer(file, delimiter=_DELIMITERS[to], lineterminator="\r\n")
            writer.writerow(columns)
            yield lambda row: writer.writerow([_safe(row[name], changed) for name in columns])


def _safe(value: Any, changed: Counter[str]) -> Any:
    """A value that no spreadsheet takes for a formula."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        changed["cells that begin like a formula, with a ' before them"] += 1
        return f"'{value}"
    return value


@contextmanager
def _parquet(path: Path, columns: Sequence[str], numbers: Numbers) -> Iterator[Put]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise OutputError("Parquet needs pyarrow: pip install 'spacy-bioner[tables]'. [B411]") from None
    schema = pa.schema([(name, _arrow_type(numbers.get(name), pa)) for name in columns])
    group: list[Row] = []
    with parquet.ParquetWriter(path, schema) as writer:

        def put(row: Row) -> None:
            group.append(row)
            if len(group) == _GROUP:
                flush()

        def flush() -> None:
            writer.write_table(pa.Table.from_pylist(group, schema))
            group.clear()

        yield put
        flush()


def _arrow_type(kind: type | None, pa: Any) -> "pyarrow.DataType":
    kinds: dict[type | None, Any] = {None: pa.string(), int: pa.int64(), float: pa.float64()}
    return kinds[kind]


@contextmanager
def _excel(path: Path, columns: Sequence[str], numbers: Numbers, changed: Counter[str]) -> Iterator[Put]:
    try:
        import xlsxwriter
    except ImportError:
        raise OutputError(
            "Excel's files need XlsxWriter: pip install 'spacy-bioner[tables]'. [B412]"
        ) from None
    # every cell is written as the text or number that it is, so nothing becomes a formula or a link
    book = xlsxwriter.Workbook(path, {"constant_memory": True})
    book.set_size(1600, 1000)
    heading = book.add_format({"bold": True})
    sheet: Any = None
    places = iter(range(0))

    def add_sheet() -> None:
        nonlocal sheet, places
        sheet = book.add_worksheet()
        sheet.freeze_panes(1, 0)
        for column, name in enumerate(columns):
            sheet.set_column(column, column, 60 if name == "sentence" else 14)
            sheet.write_string(0, column, name, heading)
        places = iter(range(1, _SHEET))

    def put(row: Row) -> None:
        place = next(places, None)
        if place is None:
            add_sheet()
            place = next(places)
        for column, name in enumerate(columns):
            value = row[name]
            if value is None:
                continue
            if name in numbers:
                sheet.write_number(place, column, value)
                continue
            if len(value.encode("utf-16-le")) > 2 * _CELL:
                changed["cells that are longer than Excel's, cut"] += 1
                value = value.encode("utf-16-le")[: 2 * _CELL].decode("utf-16-le", errors="ignore")
            sheet.write_string(place, column, value)

    add_sheet()
    yield put
    book.close()


def write_rows(
    path: Path, to: str, columns: Sequence[str], numbers: Numbers, content: Iterable[Row]
) -> Counter[str]:
    """Writes a whole table; see `open_table`. Returns what had to be changed."""
    changed: Counter[str] = Counter()
    with open_table(path, to, columns, numbers, changed, packed=path.suffix.lower() == ".gz") as put:
        for row in content:
            put(row)
    return changed
