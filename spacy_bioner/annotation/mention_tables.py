"""Tables of mentions, and of relations beside them."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from spacy_bioner.annotation.inputs import SetAside
from spacy_bioner.annotation.output import Summary
from spacy_bioner.annotation.relation_rows import RELATION_COLUMNS, RELATION_NUMBERS, relation_rows
from spacy_bioner.annotation.rows import COLUMNS, NUMBERS, Row, rows
from spacy_bioner.annotation.tables import TABLES, Put, columns_of, new_sheet, open_table, open_workbook
from spacy_bioner.documents.document import SCORE, Document
from spacy_bioner.documents.formats.base import Written, left_out
from spacy_bioner.errors import OutputError
from spacy_bioner.files import plain_name

SHEET = "relations"
"""How the sheet of relations in Excel's files is called."""
_PROBABILITY = {"probability": float}
_KINDS = {**dict.fromkeys(NUMBERS, int), **_PROBABILITY}
_RELATION_KINDS = {**dict.fromkeys(RELATION_NUMBERS, int), **_PROBABILITY}


def relations_path(path: Path) -> Path:
    """The file of the relations beside a table of mentions: mentions.relations.csv to mentions.csv."""
    plain = Path(plain_name(path))
    packed = path.name.removeprefix(plain.name)
    return path.with_name(f"{plain.stem}.relations{plain.suffix}{packed}")


def relations_beside(path: Path, to: str) -> Path | None:
    """The file that the relations of a table have beside it; None where they are in the file itself."""
    return relations_path(path) if to in TABLES and to != "xlsx" else None


def check_relations(path: Path, to: str) -> None:
    """Raises OutputError if the file of a table's relations would replace one that isn't such a table."""
    beside = relations_beside(path, to)
    if beside is None or not beside.exists() or columns_of(beside, to) == RELATION_COLUMNS:
        return
    raise OutputError(
        f"{beside} is where the relations of {path.name} would be, and isn't a table of them: move that "
        "file, or name another output. [B571]"
    )


def write_mentions(
    documents: Iterable[Document],
    path: Path,
    to: str,
    set_aside: list[SetAside],
    *,
    empty: bool,
    packed: bool,
    relations: Callable[[], Path] | None = None,
) -> Summary:
    """Writes a table with a row a mention, and one with a row a relation where there are relations.

    Args:
        documents: the documents.
        path: the file.
        to: one of `TABLES`.
        set_aside: gets the documents that no table can hold.
        empty: whether documents without mentions have a row.
        packed: whether gzip packs it, for CSV and TSV.
        relations: gives the file for the relations, when the first one comes; `relations_path(path)` if None.
            In Excel's files they have a sheet of their own instead.

    Raises:
        OutputError: if what writes it isn't installed.
    """
    account = Summary()
    beside = relations or (lambda: relations_path(path))
    with _open_both(path, to, beside, account.others, packed) as (put, open_relations):
        put_relation: Put | None = None
        for number, document in enumerate(documents, start=1):
            found = list(rows(document, empty=empty))
            related = list(relation_rows(document))
            if not _is_unicode(found) or not _is_unicode(related):
                reason = "it can't be written: half of a surrogate pair isn't UTF-8"
                set_aside.append(SetAside(path.name, number, document.id, reason))
                continue
            for row in found:
                put(row)
            for row in related:
                put_relation = put_relation or open_relations()
                put_relation(row)
            account.add(_counted(document, len(related)))
    return account


def _is_unicode(found: Iterable[Row]) -> bool:
    """Whether rows can be written as UTF-8."""
    try:
        "".join(str(value) for row in found for value in row.values()).encode("utf8")
    except UnicodeEncodeError:
        return False
    return True


def _counted(document: Document, related: int) -> Written:
    """What of a document is in the tables, and what isn't."""
    held = ("scores", "identifiers", "passages", "tokens", "ids of mentions")
    others = left_out(document, (), (SCORE,), held=held)
    others += Counter({"relations that aren't between two entities": len(document.relations) - related})
    others += Counter({"mentions in parts, as one stretch": sum(len(m.spans) > 1 for m in document.mentions)})
    return Written("", 0, [mention.type for mention in document.mentions], others=others, related=related)


@contextmanager
def _open_both(
    path: Path, to: str, relations: Callable[[], Path], changed: Counter[str], packed: bool
) -> Iterator[tuple[Put, Callable[[], Put]]]:
    """Opens the table of mentions; gives what writes its rows, and what opens that of relations."""
    with ExitStack() as stack:
        if to == "xlsx":
            book = stack.enter_context(open_workbook(path))
            yield (
                new_sheet(book, COLUMNS, _KINDS, changed),
                lambda: new_sheet(book, RELATION_COLUMNS, _RELATION_KINDS, changed, SHEET),
            )
            return

        def open_relations() -> Put:
            table = open_table(relations(), to, RELATION_COLUMNS, _RELATION_KINDS, changed, packed=packed)
            return stack.enter_context(table)

        yield (
            stack.enter_context(open_table(path, to, COLUMNS, _KINDS, changed, packed=packed)),
            open_relations,
        )
