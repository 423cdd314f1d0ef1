"""Tables for spreadsheets and data frames: CSV, TSV, Parquet, Excel.

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

from spacy_bioner.annotation.rows import Row
from spacy_bioner.errors import FormatError, OutputError
from spacy_bioner.files import open_input

if TYPE_CHECKING:
    import pyarrow
    import xlsxwriter

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
        with open_workbook(path) as book:
            yield new_sheet(book, columns, numbers, changed)
    else:
        with ExitStack() as stack:
            raw: Any = stack.enter_context(path.open("wb"))
            if packed:  # without name and time: the same content gives the same bytes
                raw = stack.enter_context(gzip.GzipFile("", "wb", fileobj=raw, mtime=0))
            file = stack.enter_context(io.TextIOWrapper(raw, encoding="utf-8-sig", newline=""))
            writer = csv.writer(file, delimiter=_DELIMITERS[to], lineterminator="\r\n")
            writer.writerow(columns)
            yield lambda row: writer.writerow([_safe(row[name], changed) for name in columns])


def columns_of(path: Path, to: str) -> tuple[str, ...]:
    """The columns of a table that `open_table` wrote; none if a file isn't such a table."""
    try:
        if to == "parquet":
            from pyarrow import ArrowException, parquet

            try:
                return tuple(parquet.read_schema(path).names)
            except (ArrowException, OSError):
                return ()
        with open_input(path, checked_later=True) as file:
            first = file.readline(_CELL).decode("utf-8-sig")
        return tuple(next(csv.reader([first], delimiter=_DELIMITERS[to]), ()))
    except (UnicodeDecodeError, csv.Error, FormatError):
        return ()


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
def open_workbook(path: Path) -> Iterator["xlsxwriter.Workbook"]:
    """Opens a workbook of Excel's, to be written row by row in constant memory.

    Raises:
        OutputError: if XlsxWriter isn't installed.
    """
    try:
        import xlsxwriter
    except ImportError:
        raise OutputError(
            "Excel's files need XlsxWriter: pip install 'spacy-bioner[tables]'. [B412]"
        ) from None
    book = xlsxwriter.Workbook(path, {"constant_memory": True})
    book.set_size(1600, 1000)
    yield book
    book.close()


def new_sheet(
    book: "xlsxwriter.Workbook",
    columns: Sequence[str],
    numbers: Numbers,
    changed: Counter[str],
    name: str | None = None,
) -> Put:
    """Adds a sheet to a workbook, and further ones when it is full.

    Args:
        book: the workbook.
        columns, numbers, changed: as of `open_table`.
        name: how the sheet is called; "Sheet1" or the like if None.

    Returns:
        What writes a row. Every cell is written as the text or number that it is: nothing becomes a formula
        or a link.
    """
    heading = book.add_format({"bold": True})
    sheet: Any = None
    places = iter(range(0))
    count = 0

    def add_sheet() -> None:
        nonlocal sheet, places, count
        count += 1
        sheet = book.add_worksheet(name if name is None or count == 1 else f"{name} {count}")
        sheet.freeze_panes(1, 0)
        for column, title in enumerate(columns):
            sheet.set_column(column, column, 60 if title == "sentence" else 14)
            sheet.write_string(0, column, title, heading)
        places = iter(range(1, _SHEET))

    def put(row: Row) -> None:
        place = next(places, None)
        if place is None:
            add_sheet()
            place = next(places)
        for column, title in enumerate(columns):
            value = row[title]
            if value is None:
                continue
            if title in numbers:
                sheet.write_number(place, column, value)
                continue
            if len(value.encode("utf-16-le")) > 2 * _CELL:
                changed["cells that are longer than Excel's, cut"] += 1
                value = value.encode("utf-16-le")[: 2 * _CELL].decode("utf-16-le", errors="ignore")
            sheet.write_string(place, column, value)

    add_sheet()
    return put


def write_rows(
    path: Path, to: str, columns: Sequence[str], numbers: Numbers, content: Iterable[Row]
) -> Counter[str]:
    """Writes a whole table; see `open_table`.

    Args:
        path: the file.
        to: the format, one of `TABLES`.
        columns: the names of the columns.
        numbers: the kinds of those columns that hold numbers.
        content: the rows, each with a value for every column.

    Returns:
        How often something had to be changed, by what it is (a cell that is too long for Excel, ...).
    """
    changed: Counter[str] = Counter()
    with open_table(path, to, columns, numbers, changed, packed=path.suffix.lower() == ".gz") as put:
        for row in content:
            put(row)
    return changed
