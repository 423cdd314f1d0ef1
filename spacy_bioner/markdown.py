"""Tables in Markdown."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any


def table(header: Sequence[str], rows: Iterable[Sequence[Any]], *, numbers: bool = False) -> str:
    """A table; rows whose last cell is None are left out.

    Args:
        header: the names of the columns.
        rows: the cells. A bar in one becomes a slash, and a line end a space: they would end the cell.
        numbers: whether all columns but the first are numbers, which are aligned on the right.
    """
    rule = ["---", *(["---:" if numbers else "---"] * (len(header) - 1))]
    kept = (row for row in rows if row[-1] is not None)
    return "\n".join(_line(row) for row in chain((header, rule), kept))


def _line(cells: Sequence[Any]) -> str:
    texts = (str(cell).replace("|", "/").replace("\n", " ") for cell in cells)
    return f"| {' | '.join(texts)} |"
