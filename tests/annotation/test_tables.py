"""Tables of mentions, and tables as inputs: what a curator sees in a spreadsheet."""

import csv
import gzip
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memorised import KNOWN

from spacy_bioner.annotation.annotating import annotate
from spacy_bioner.annotation.inputs import SetAside, find_inputs, read_items
from spacy_bioner.annotation.mention_summary import summary, write_summary
from spacy_bioner.annotation.mention_tables import SHEET, relations_path, write_mentions
from spacy_bioner.annotation.rows import COLUMNS, rows
from spacy_bioner.annotation.settings import Settings
from spacy_bioner.annotation.table_inputs import TableColumns
from spacy_bioner.annotation.tables import TABLES
from spacy_bioner.documents import formats
from spacy_bioner.documents.document import SENTENCE, Document, Mention, Passage, Relation
from spacy_bioner.errors import ConversionError, FormatError, OutputError

TEXT = 'β-Catenin\tis "new". =SUM(A1) binds it; TNF-α (Fig. 2)\nrises in mice. -5 °C @home +1.'
FOUND = {"β-Catenin": "Gene", "=SUM(A1)": "Chemical", "TNF-α": "Gene", "mice": "Species", "-5 °C": "Other"}
SPANS = [(TEXT.index(text), TEXT.index(text) + len(text), type) for text, type in FOUND.items()]
ODD = Document(
    TEXT,
    mentions=tuple(
        Mention(((start, end),), type, identifiers=("MESH:D1", "x") if type == "Chemical" else (), score=0.5)
        for start, end, type in SPANS
    ),
    id="=1+1",
)
WITHOUT = Document("Nothing.", id="2")


def written(path: Path, to: str, documents: list[Document], empty: bool = False) -> list[dict[str, Any]]:
    """Writes a table, and reads it back."""
    write_mentions(documents, path, to, [], empty=empty, packed=path.name.endswith(".gz"))
    return table(path, to)


def table(path: Path, to: str, sheet: str = "Sheet1") -> list[dict[str, Any]]:
    """Reads a table with another program's reader."""
    if to == "parquet":
        import pandas

        return pandas.read_parquet(path).to_dict("records")
    if to == "xlsx":
        from openpyxl import load_workbook

        header, *lines = load_workbook(path)[sheet].iter_rows(values_only=True)
        return [dict(zip(header, line, strict=True)) for line in lines]
    opened = gzip.open if path.name.endswith(".gz") else open
    with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t" if to == "tsv" else ","))


def test_a_row_is_a_mention_with_the_sentence_around_it():
    text = "Mice got sick. The p53 gene (Fig. 2) was lost, e.g. in IL-2 cells!\nTNF rose 3.5 fold."
    spans = [(0, 4), (19, 22), (55, 59), (67, 70)]
    passages = (Passage(0, 66, "title"), Passage(67, len(text), "abstract"), Passage(0, 14, SENTENCE))
    document = Document(text, passages, tuple(Mention((span,), "X") for span in spans), id="7")
    found = list(rows(document))
    assert [tuple(row) for row in found] == [COLUMNS] * 4
    assert [(row["document"], row["passage"], row["text"]) for row in found] == [
        ("7", "title", "Mice"),
        ("7", "title", "p53"),
        ("7", "title", "IL-2"),
        ("7", "abstract", "TNF"),
    ]
    assert found[0]["sentence"] == "Mice got sick."
    assert found[1]["sentence"].startswith("The p53 gene")
    assert found[3]["sentence"] == "TNF rose 3.5 fold."


@given(st.text(st.sampled_from("aB. (\n!")), st.integers(0, 8), st.integers(1, 8))
def test_a_sentence_always_holds_its_mention(text: str, start: int, length: int):
    document = Document(text + "mention here", mentions=(Mention(((start, start + length),), "X"),))
    [row] = rows(document)
    assert " ".join(row["text"].split()) in row["sentence"]


@pytest.mark.parametrize("to", TABLES)
def test_tables_hold_what_was_found(tmp_path: Path, to: str):
    found = written(tmp_path / f"out.{to}", to, [ODD, WITHOUT])
    guard = "'" if to in ("csv", "tsv") else ""
    assert [row["text"] for row in found] == [
        "β-Catenin",
        f"{guard}=SUM(A1)",
        "TNF-α",
        "mice",
        f"{guard}-5 °C",
    ]
    assert {row["document"] for row in found} == {f"{guard}=1+1"}
    assert [int(row["start"]) for row in found] == [start for start, _, _ in SPANS]
    assert {float(row["probability"]) for row in found} == {0.5}
    assert found[1]["identifier"] == "MESH:D1|x"
    assert found[0]["sentence"].startswith('β-Catenin is "new".')


@pytest.mark.parametrize("to", TABLES)
def test_documents_without_mentions(tmp_path: Path, to: str):
    last = written(tmp_path / f"out.{to}", to, [ODD, WITHOUT], empty=True)[-1]
    assert (last["document"], last["type"]) == ("2", "EMPTY")
    assert not last["text"] or last["text"] != last["text"]  # None, "", or pandas' NaN


TEXT_OF_PAIR = "Lithium harms. Goitre by lithium."
PAIR = Document(
    TEXT_OF_PAIR,
    mentions=(
        Mention(((25, 32),), "Drug", "T3", ("D1",)),
        Mention(((0, 7),), "Drug", "T1", ("D1",)),
        Mention(((15, 21),), "Disease", "T2", ("D9",)),
    ),
    relations=(
        Relation("CID", (("Arg1", "D1"), ("Arg2", "D9")), meta={"score": 0.75}),
        Relation("=by", (("Arg1", "T2"), ("Arg2", "T3"))),
        Relation("none", (("Arg1", "T2"), ("Arg2", "T7"))),
        Relation("event", (("trigger", "T2"),)),
    ),
    id="5",
)


@pytest.mark.parametrize("to", TABLES)
def test_relations_stand_beside_mentions(tmp_path: Path, to: str):
    """By mentions and by identifiers; what isn't between two entities is counted."""
    path = tmp_path / f"out.{to}"
    account = write_mentions([WITHOUT, PAIR], path, to, [], empty=False, packed=False)
    assert account.others["relations that aren't between two entities"] == 2
    beside = path if to == "xlsx" else relations_path(path)
    first, second = table(beside, to, SHEET)
    ends = [(row["head_text"], row["child_text"], int(row["child_start"])) for row in (first, second)]
    assert ends == [("Lithium", "Goitre", 15), ("Goitre", "lithium", 25)]
    assert (first["document"], first["type"], float(first["probability"])) == ("5", "CID", 0.75)
    assert (first["head_identifier"], first["child_type"]) == ("D1", "Disease")
    assert second["type"] == ("'=by" if to in ("csv", "tsv") else "=by")
    assert len(table(path, to)) == 3


def test_without_relations_there_is_no_table_of_them(tmp_path: Path):
    written(tmp_path / "out.csv", "csv", [WITHOUT])
    assert relations_path(Path("a/out.csv.gz")) == Path("a/out.relations.csv.gz")
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


def test_packed_csv_begins_with_a_byte_order_mark(tmp_path: Path):
    assert len(written(tmp_path / "out.csv.gz", "csv", [ODD])) == len(SPANS)
    assert gzip.decompress((tmp_path / "out.csv.gz").read_bytes()).startswith(b"\xef\xbb\xbfdocument,passage")


def test_what_no_table_holds_is_set_aside_or_counted(tmp_path: Path):
    parts = Mention(((0, 1), (2, 3)), "X")
    aside: list[Any] = []
    documents = [
        Document("a\ud800b", mentions=(Mention(((0, 2),), "X"),)),
        Document("abc", mentions=(parts,)),
    ]
    account = write_mentions(documents, tmp_path / "o.csv", "csv", aside, empty=False, packed=False)
    assert [entry.number for entry in aside] == [1]
    assert account.docs == 1
    assert account.others["mentions in parts, as one stretch"] == 1


def test_excel_cells_that_are_too_long_are_cut_and_counted(tmp_path: Path):
    text = "😀" * 20_000
    document = Document(text, mentions=(Mention(((0, len(text)),), "X"),))
    account = write_mentions([document], tmp_path / "o.xlsx", "xlsx", [], empty=False, packed=False)
    assert account.others["cells that are longer than Excel's, cut"] == 2


@pytest.mark.slow
def test_a_spreadsheet_shows_what_was_written(tmp_path: Path):
    program = shutil.which("soffice")
    if program is None:
        pytest.skip("no LibreOffice to open a spreadsheet with")
    for to in ("xlsx", "csv"):
        written(tmp_path / f"out.{to}", to, [ODD])
        command = [program, f"-env:UserInstallation=file://{tmp_path}/profile", "--headless"]
        command += ["--infilter=CSV:44,34,76,1", "--convert-to", "csv:Text - txt - csv (StarCalc):44,34,76"]
        shown = tmp_path / "shown"
        subprocess.run([*command, "--outdir", shown, tmp_path / f"out.{to}"], check=True, capture_output=True)
        with (shown / "out.csv").open(encoding="utf-8-sig", newline="") as file:
            found = list(csv.DictReader(file))
        texts = [row["text"].removeprefix("'") for row in found]
        assert texts == ["β-Catenin", "=SUM(A1)", "TNF-α", "mice", "-5 °C"]
        assert found[0]["sentence"].startswith('β-Catenin is "new".')


# tables as inputs


def read(path: Path, **columns: str) -> list[Any]:
    named = TableColumns(**columns)
    return list(read_items(find_inputs([path], "", named), named))


RECORDS = [("1", 'A "title"', "An α\nabstract; yes"), ("2", "", "Only text"), ("3", "Only title", "")]


@pytest.mark.parametrize("kind", ["csv", "semicolons", "tsv", "parquet", "jsonl"])
def test_documents_of_a_table(tmp_path: Path, kind: str):
    path = tmp_path / f"in.{'csv' if kind == 'semicolons' else kind}"
    records = [dict(zip(("pmid", "title", "abstract"), record, strict=True)) for record in RECORDS]
    if kind == "parquet":
        import pandas

        pandas.DataFrame(records).to_parquet(path)
    elif kind == "jsonl":
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf8")
    else:
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            delimiter = {"csv": ",", "tsv": "\t", "semicolons": ";"}[kind]
            writer = csv.DictWriter(file, list(records[0]), delimiter=delimiter)
            writer.writeheader()
            writer.writerows(records)
    found = [item.document for item in read(path, text="abstract", title="title", id="pmid")]
    assert [(document.id, document.text) for document in found] == [
        ("1", 'A "title"\nAn α\nabstract; yes'),
        ("2", "\nOnly text"),
        ("3", "Only title"),
    ]
    assert [p.type for p in found[0].passages] == ["title", "abstract"]
    if kind != "jsonl":
        with pytest.raises(FormatError, match=r"name the column that .* pmid, title, abstract"):
            find_inputs([path])


def test_rows_without_text_are_set_aside_and_columns_listed(write: Callable[..., Path]):
    path = write("id,text\n1,Aspirin\n2,\n,x\n", "in.csv")
    kept, empty, nameless = read(path, text="text", id="id")
    assert kept.document.text == "Aspirin"
    assert empty.id == "2"
    assert empty.reason.startswith("line 3: there is no text in the column 'text'")
    assert "nothing in the column 'id'" in nameless.reason


def test_columns_are_looked_for_before_any_document_is_annotated(write: Callable[..., Path], tmp_path: Path):
    whole = write("id,text\n1,Aspirin\n", "1.csv")
    other = write('{"pmid": 1, "abstract": "x"}\n', "2.jsonl")
    with pytest.raises(FormatError, match="no column 'text' in it; it has pmid, abstract"):
        find_inputs([whole, other], "", TableColumns("text"))
    # what can't be read costs itself alone, when it is read
    for name, content in {
        "3.csv": "",
        "4.csv": "id,text\n1,2,3\n",
        "5.jsonl": "{\n",
        "6.md": "# Data\n",
    }.items():
        assert find_inputs([whole, write(content, name)], "", TableColumns("text"))
        [aside] = read(tmp_path / name, text="text")
        assert isinstance(aside, SetAside)
    with pytest.raises(FormatError, match="nothing in it"):
        find_inputs([tmp_path / "3.csv"])
    [aside] = read(write("id,text\n", "4.csv"), text="text")
    assert aside.reason.startswith("there is no row in it")


def test_columns_of_words_and_tags_are_no_table(write: Callable[..., Path]):
    assert find_inputs([write("EU\tB-ORG\nrejects\tO\n", "in.tsv")])[0][1] == "columns"


# through a pipeline


@pytest.mark.parametrize("to", TABLES)
def test_annotate_writes_tables_of_tables(knowing_pipeline: Path, tmp_path: Path, to: str):
    with (tmp_path / "in.csv").open("w", encoding="utf8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["title", "abstract"])
        writer.writerows(text.split("\n") for text, _ in KNOWN)
    settings = Settings(to, columns=TableColumns("abstract", "title"))
    page, table = tmp_path / "top.html", tmp_path / "top.csv"
    beside = tmp_path / f"o.relations.{to}"
    if to != "xlsx":
        write_mentions([PAIR], tmp_path / f"o.{to}", to, [], empty=False, packed=False)
    done = annotate(
        knowing_pipeline, [tmp_path / "in.csv"], tmp_path / f"o.{to}", settings, summaries=[page, table]
    )
    assert not beside.exists()  # it was an earlier run's
    assert done.account.docs == 4
    assert done.account.mentions_out.total() == sum(len(mentions) for _, mentions in KNOWN)
    assert "<td>1</td>" in page.read_text(encoding="utf8")
    with table.open(encoding="utf-8-sig", newline="") as file:
        counts = {(row["type"], row["text"]): row["mentions"] for row in csv.DictReader(file)}
    assert counts["Disease", "BRCA1 breast cancer"] == "1"
    if to == "parquet":
        import pandas

        found = pandas.read_parquet(tmp_path / "o.parquet")
        expected = [(str(i + 1), *m) for i, (_, known) in enumerate(KNOWN) for m in sorted(known)]
        assert list(found[["document", "start", "end", "type"]].itertuples(index=False, name=None))[:-1] == [
            *expected
        ]
        assert found.iloc[-1].type == "EMPTY"


@pytest.mark.parametrize("to", TABLES)
def test_a_table_of_others_is_never_taken_for_relations(knowing_pipeline: Path, tmp_path: Path, to: str):
    formats.write([Document("Aspirin helps.")], tmp_path / "in.jsonl", "jsonl")
    other = tmp_path / f"o.relations.{to}"
    other.write_text("my,own,notes\n", encoding="utf8")
    arguments = (knowing_pipeline, [tmp_path / "in.jsonl"], tmp_path / f"o.{to}", Settings(to))
    if to == "xlsx":  # whose relations are a sheet
        annotate(*arguments)
    else:
        with pytest.raises(OutputError, match="isn't a table of them"):
            annotate(*arguments)
        assert not (tmp_path / f"o.{to}").exists()
    assert other.read_text(encoding="utf8") == "my,own,notes\n"


def test_summary_counts_mentions_and_documents(tmp_path: Path):
    mention = Mention(((0, 3),), "Gene", score=0.9)
    other = Mention(((4, 7),), "Gene", score=0.5)
    documents = [Document("p53 p53", mentions=(mention, other)), Document("p53 x", mentions=(mention,))]
    [row] = summary(documents)
    assert row == {"type": "Gene", "text": "p53", "mentions": 3, "documents": 2, "probability": 0.7667}
    injected = Document("<script>", mentions=(Mention(((0, 8),), "<b>"),))
    write_summary(summary([injected]), tmp_path / "a.html")
    assert "<script>" not in (tmp_path / "a.html").read_text(encoding="utf8")


def test_what_makes_no_sense_is_refused(knowing_pipeline: Path, tmp_path: Path):
    formats.write([Document("Aspirin", id="1")], tmp_path / "in.jsonl", "jsonl")
    arguments = (knowing_pipeline, [tmp_path / "in.jsonl"])
    with pytest.raises(OutputError, match="a summary is a page or a table"):
        annotate(*arguments, tmp_path / "o.csv", Settings("csv"), summaries=[tmp_path / "a.txt"])
    with pytest.raises(ConversionError, match="name that of its text"):
        annotate(*arguments, tmp_path / "o.csv", Settings("csv", columns=TableColumns(id="pmid")))
