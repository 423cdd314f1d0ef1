import pytest

from spacy_bioner.document import Document, Mention, Passage, Relation
from spacy_bioner.errors import FormatError
from spacy_bioner.formats import pubtator

TEXT = """\
12|t|Ovarian cancer.
12|a|Due to aspirin | others.
12\t0\t14\tOvarian cancer\tDisease\tD010051
12\t23\t30\taspirin\tChemical\tD001241|D000082
12\tCID\tD001241\tD010051

13|t|
13|a|None
"""

FIRST = Document(
    "Ovarian cancer.\nDue to aspirin | others.",
    (Passage(0, 15, "title"), Passage(16, 40, "abstract")),
    (
        Mention(((0, 14),), "Disease", identifiers=("D010051",)),
        Mention(((23, 30),), "Chemical", identifiers=("D001241", "D000082")),
    ),
    (Relation("CID", (("Arg1", "D001241"), ("Arg2", "D010051"))),),
    id="12",
)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: f"\ufeff\n\n{text}\n\n",
        lambda text: text.replace("\n\n", "\n \n\n").rstrip("\n"),
    ],
    ids=["plain", "CRLF", "BOM and empty lines around", "two separators, no last newline"],
)
def test_read(write, change):
    second = Document("\nNone", (Passage(0, 0, "title"), Passage(1, 5, "abstract")), id="13")
    assert list(pubtator.read(write(change(TEXT)))) == [FIRST, second]


def read_line(write, line):
    [document] = pubtator.read(write(f"1|t|Cancers\n1|a|Of\u2028skin\n{line}\n"))
    return document


@pytest.mark.parametrize(
    ("line", "mention"),
    [
        ("1\t0\t7\tCancers\tDisease", Mention(((0, 7),), "Disease")),
        ("1\t0\t7\tCancers\tDisease\t", Mention(((0, 7),), "Disease")),
        (
            "1\t0\t7\tcancers\tDisease\t-1",
            Mention(((0, 7),), "Disease", "", ("-1",), None, {"text": "cancers"}),
        ),
        (
            "1\t0\t7\tCancers\tDisease\tD1|D2\tCan|cers",
            Mention(((0, 7),), "Disease", "", ("D1", "D2"), None, {"parts": ("Can", "cers")}),
        ),
        ("1\t8\t15\tOf\u2028skin\tDisease\tD1", Mention(((8, 15),), "Disease", "", ("D1",))),
    ],
    ids=["five columns", "no identifier", "other text", "composite", "offsets of characters"],
)
def test_mentions(write, line, mention):
    assert read_line(write, line).mentions == (mention,)


@pytest.mark.parametrize(
    ("line", "relation"),
    [
        ("1\tCID\tD1\tD2", Relation("CID", (("Arg1", "D1"), ("Arg2", "D2")))),
        (
            "1\tBind\t1\t2\tNovel",
            Relation("Bind", (("Arg1", "1"), ("Arg2", "2")), "", {"columns": ("Novel",)}),
        ),
    ],
)
def test_relations(write, line, relation):
    assert read_line(write, line).relations == (relation,)


def test_documents_are_read_one_by_one(write):
    reading = pubtator.read(write(f"{TEXT}\nnonsense\n"))
    assert [next(reading).id, next(reading).id] == ["12", "13"]
    with pytest.raises(FormatError, match="line 10"):
        next(reading)


BEGINS = "a document begins with its lines ID|t|title and ID|a|abstract"
NEITHER = "neither a mention (6 columns) nor a relation (4)"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2\t0\t7\tCancers\tDisease\tD1", "not a line of document 1, which it stands in"),
        ("1\t0\t16\tCancers\tDisease\tD1", "offsets 0 to 16 in a text of 15 characters"),
        ("1\t7\t7\t\tDisease\tD1", "offsets 7 to 7 in a text of 15 characters"),
        ("1\tCID\tD1", NEITHER),
        ("1\t0\t7\tCancers", NEITHER),
        ("1\t-1\t7\tCancers\tDisease\tD1", NEITHER),
        ("1\t0\t7.0\tCancers\tDisease\tD1", NEITHER),
        ("1\t0\t²\tCancers\tDisease\tD1", NEITHER),
        ("1|t|Again", "not a line of document 1, which it stands in"),
    ],
)
def test_bad_lines(write, line, message):
    path = write(f"\n1|t|Cancers\n1|a|Of skin\n\n1|t|Cancers\n1|a|Of skin\n1\tCID\tD1\tD2\n{line}\n")
    with pytest.raises(FormatError) as raised:
        list(pubtator.read(path))
    assert (raised.value.path, raised.value.line) == (path, 8)
    assert str(raised.value) == f"{path}, line 8: {message}"


@pytest.mark.parametrize(
    "begin",
    [
        "1|t|Title",
        "1|a|Abstract\n1|t|Title",
        "1|t|Title\n2|a|Abstract",
        "1|t\n1|a|Abstract",
        "Title\nAbstract",
    ],
)
def test_bad_beginnings(write, begin):
    path = write(f"{TEXT}\n{begin}\n")
    with pytest.raises(FormatError) as raised:
        list(pubtator.read(path))
    assert str(raised.value) == f"{path}, line 10: {BEGINS}"
    assert raised.value.line == 10


def test_bytes_that_are_no_text(write):
    with pytest.raises(FormatError, match="line 2: not UTF-8"):
        list(pubtator.read(write(b"1|t|a\n1|a|\xff\n")))
