"""The most frequent mentions of each type, with the documents that they are in and their mean probability."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

from spacy_bioner.annotation.rows import Row
from spacy_bioner.annotation.tables import TABLES, write_rows
from spacy_bioner.documents.document import Document
from spacy_bioner.documents.formats import html
from spacy_bioner.errors import OutputError
from spacy_bioner.files import Outputs, ending

MOST = 1000
"""How many mentions of a type a summary has."""
_COLUMNS = ("type", "text", "mentions", "documents", "probability")
_NUMBERS = {"mentions": int, "documents": int, "probability": float}


@dataclass(slots=True)
class _Count:
    mentions: int = 0
    documents: int = 0
    scored: int = 0
    score: float = 0.0


def summary(documents: Iterable[Document], most: int = MOST) -> list[Row]:
    """Counts mentions by type and text, white space as one space.

    Args:
        documents: annotated documents.
        most: how many texts of a type are wanted.

    Returns:
        Rows of type, text, mentions, documents and mean probability (None where there is none), by type, the
        most frequent first.
    """
    counts: dict[tuple[str, str], _Count] = {}
    for document in documents:
        here = set()
        for mention in document.mentions:
            key = (mention.type, " ".join(document.text_of(mention).split()))
            count = counts.setdefault(key, _Count())
            count.mentions += 1
            if mention.score is not None:
                count.scored += 1
                count.score += mention.score
            here.add(key)
        for key in here:
            counts[key].documents += 1
    found: list[Row] = []
    for name in sorted({name for name, _ in counts}):
        own = [(text, count) for (other, text), count in counts.items() if other == name]
        own.sort(key=lambda pair: (-pair[1].mentions, pair[0]))
        found += [_row(name, text, count) for text, count in own[:most]]
    return found


def _row(name: str, text: str, count: _Count) -> Row:
    mean = round(count.score / count.scored, 4) if count.scored else None
    values = (name, text, count.mentions, count.documents, mean)
    return dict(zip(_COLUMNS, values, strict=True))


def check_summary(path: Path) -> None:
    """Raises OutputError if a summary can't be a file of this name."""
    if ending(path)[1:] not in (*TABLES, "html"):
        raise OutputError(f"{path}: a summary is a page or a table: .html, {', .'.join(TABLES)}. [B379]")


def write_summary(found: Iterable[Row], path: Path) -> None:
    """Writes a summary as a page or a table, by the ending of its name."""
    check_summary(path)
    with Outputs() as outputs:
        temporary = outputs.temporary(path)
        if ending(path) == ".html":
            with temporary.open("w", encoding="utf8", errors="replace") as file:
                file.writelines(_page(found))
        else:
            write_rows(temporary, ending(path)[1:], _COLUMNS, _NUMBERS, found)


def _page(found: Iterable[Row]) -> Iterator[str]:
    yield html.head("The most frequent mentions")
    by_type: dict[str, list[Row]] = {}
    for row in found:
        by_type.setdefault(row["type"], []).append(row)
    yield html.legend(list(by_type))
    for name, own in by_type.items():
        yield f"<h2>{escape(name)}</h2>\n"
        yield html.table(_COLUMNS[1:], [_cells(row) for row in own])
    if not by_type:
        yield "<p>No mentions.</p>\n"
    yield html.FOOT


def _cells(row: Row) -> tuple[str, ...]:
    score = "" if row["probability"] is None else f"{row['probability']:.2f}"
    return row["text"], f"{row['mentions']:,}", f"{row['documents']:,}", score
