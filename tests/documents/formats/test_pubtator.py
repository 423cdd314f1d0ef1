import pytest

from spacy_bioner.documents.document import Document, Mention, Passage, Relation
from spacy_bioner.documents.formats import pubtator
from spacy_bioner.errors import ConversionError, FormatError

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
        ("1\t0\t16\tCancers\tDisease\tD1", "a mention from 0 to 16, in a text of 15 characters"),
        ("1\t7\t7\t\tDisease\tD1", "a mention from 7 to 7, in a text of 15 characters"),
        ("1\tCID\tD1", NEITHER),
        ("1\t0\t7\tCancers", NEITHER),
        ("1\t-1\t7\tCancers\tDisease\tD1", NEITHER),
        ("1\t0\t7.0\tCancers\tDisease\tD1", NEITHER),
        ("1\t0\t²\tCancers\tDisease\tD1", NEITHER),
        ("1|t|Again", "not a line of document 1, which it stands in"),
    ],
)
def test_bad_lines_are_set_aside_and_the_rest_is_kept(write, line, message):
    path = write(f"\n1|t|Cancers\n1|a|Of skin\n1\t0\t7\tCancers\tD\n1\tCID\tD1\tD2\n{line}\n")
    [found] = pubtator.read(path)
    assert found.meta["bad"] == (f"line 6: {message}",)
    assert [m.type for m in found.mentions] == ["D"]
    assert [r.type for r in found.relations] == ["CID"]


def test_document_of_a_title_alone(write):
    path = write("1|t|Cancers\n1\t0\t7\tCancers\tDisease\n\n2|t|Mice\n")
    first, second = pubtator.read(path)
    assert (first.text, [p.type for p in first.passages], len(first.mentions)) == ("Cancers", ["title"], 1)
    assert (second.id, second.text) == ("2", "Mice")


def test_columns_of_bconv(write):
    mention = read_line(write, "1\tT1\tDisease\t0\t7\tCancers").mentions[0]
    assert (mention.spans, mention.type, mention.id) == (((0, 7),), "Disease", "T1")


def test_a_tab_in_a_mention(write):
    path = write("1|t|Renal\tfailure seen.\n1|a|Yes.\n1\t0\t13\tRenal\tfailure\tDisease\tD2\n")
    [found] = pubtator.read(path)
    assert found.mentions == (Mention(((0, 13),), "Disease", identifiers=("D2",)),)


@pytest.mark.parametrize(
    ("column", "identifiers"),
    [
        ("p|SUB|R|97|C;HGVS:p.R97C;VariantGroup:0", ("p|SUB|R|97|C;HGVS:p.R97C;VariantGroup:0",)),
        ("tmVar:c|DEL|12|A;RS#:34", ("tmVar:c|DEL|12|A;RS#:34",)),
        ("p|DEL|439_443|", ("p|DEL|439_443|",)),
        ("MESH:D1|MESH:D2", ("MESH:D1", "MESH:D2")),
    ],
)
def test_identifiers_of_variants_keep_their_bars(write, column, identifiers):
    [mention] = read_line(write, f"1\t0\t7\tCancers\tMutation\t{column}").mentions
    assert mention.identifiers == identifiers


def test_arguments_of_pubtator_3(write):
    line = "1\tAssociation\tChemical|MESH:D001241\tDisease|MESH:D010051"
    found = read_line(write, line)
    arguments = (("Chemical", "MESH:D001241"), ("Disease", "MESH:D010051"))
    assert found.relations == (Relation("Association", arguments),)
    assert line in "".join(piece.text for piece in pubtator.write([found]))


def test_nul_costs_one_document(write):
    path = write(b"1|t|A\n1|a|\n\n2|t|A\0B\n2|a|x\n\n3|t|C\n3|a|\n")
    first, error, last = pubtator.each(path)
    assert (first.id, last.id) == ("1", "3")
    assert "line 4: a NUL byte" in str(error)


@pytest.mark.parametrize(
    "begin",
    [
        "1|a|Abstract\n1|t|Title",
        "1|t\n1|a|Abstract",
        "Title\nAbstract",
    ],
)
def test_bad_beginnings(write, begin):
    path = write(f"{TEXT}\n{begin}\n")
    with pytest.raises(FormatError) as raised:
        list(pubtator.read(path))
    assert str(raised.value).startswith(f"{path}, line 10: {BEGINS}")
    assert raised.value.line == 10


def test_bytes_that_are_no_text(write):
    with pytest.raises(FormatError, match="line 2: not UTF-8"):
        list(pubtator.read(write(b"1|t|a\n1|a|\xff\n")))


def text_of(*documents):
    return "".join(piece.text for piece in pubtator.write(documents))


def test_written_as_it_was_read(write):
    more = "1|t|a\n1|a|b\n1\t0\t1\ta\tX\tD1|D2\tc|d\n1\t2\t3\tc\tX\n1\tR\tD1\tD2\tNovel\n\n"
    text = f"{TEXT}\n{more}{more}"  # the same id twice
    assert text_of(*pubtator.read(write(text))) == text


def test_offsets_are_moved_to_the_text(write):
    [document] = pubtator.read(write("1|t|The lung\n1|a|\n1\t6\t10\tlung\tX\n1\t0\t1\tz\tX\n"))
    assert [(m.spans, m.meta) for m in document.mentions] == [
        (((4, 8),), {"moved": -2}),
        (((0, 1),), {"text": "z"}),
    ]
    assert text_of(document) == "1|t|The lung\n1|a|\n1\t4\t8\tlung\tX\n1\t0\t1\tz\tX\n\n"


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (Document("a b"), ["1|t|a b", "1|a|"]),
        (Document("a\nb\r\nc\rd"), ["1|t|a", "1|a|b  c d"]),
        (Document("a b", (Passage(0, 1, "title"), Passage(2, 3, "abstract"))), ["1|t|a", "1|a|b"]),
        (Document("a\tb", (), (Mention(((0, 3),), "X"),)), ["1|t|a\tb", "1|a|", "1\t0\t3\ta b\tX"]),
        (
            Document("a", (), (Mention(((0, 1),), "X", meta={"parts": ("a", "b")}),)),
            ["1|t|a", "1|a|", "1\t0\t1\ta\tX\t\ta|b"],
        ),
    ],
)
def test_texts_of_other_formats(write, document, expected):
    assert text_of(document).split("\n") == [*expected, "", ""]
    [found] = pubtator.read(write(text_of(document)))
    assert not any("text" in mention.meta or "moved" in mention.meta for mention in found.mentions)


def test_what_pubtator_does_not_hold():
    mentions = (
        Mention(((0, 1), (2, 3)), "X"),
        Mention(((0, 1),), "X\t", "T1"),
        Mention(((0, 1),), "X", identifiers=("a\n",)),
        Mention(((0, 1),), "X", score=0.5, meta={"note": 1, "moved": 2}),
    )
    relations = (
        Relation("R", (("a", "D1"),)),
        Relation("R", (("a", "T1"), ("b", "D1"))),
        Relation("1", (("a", "D1"), ("b", "D2"))),
        Relation("R", (("a", "D1"), ("b", "D\t2"))),
    )
    passages = (Passage(0, 3, "sentence"),)
    [written] = pubtator.write([Document("a b", passages, mentions, relations, id="7")])
    assert written.text == "7|t|a b\n7|a|\n7\t0\t1\ta\tX\n\n"
    assert [drop.reason for drop in written.dropped] == [
        "discontinuous",
        *["a tab or line end in its columns"] * 2,
    ]
    assert [drop.reason for drop in written.relations] == [
        "1 arguments",
        "between mentions",
        *["a tab or line end in its columns, or no letter before them"] * 2,
    ]
    assert written.others == {"scores": 1, "notes on mentions": 1, "passages": 1, "ids of mentions": 1}


@pytest.mark.parametrize("identifier", ["a|b", "a\tb", "a\nb", " ", "\ufeff1"])
def test_ids_that_pubtator_can_not_have(identifier):
    with pytest.raises(ConversionError, match="a PubTator id has no bar, tab or line end"):
        text_of(Document("a", id=identifier))
