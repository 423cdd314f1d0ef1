import gzip

import pytest

from spacy_bioner.documents import formats
from spacy_bioner.documents.document import Document, Mention, Passage, Relation
from spacy_bioner.documents.formats import brat, brat_writing
from spacy_bioner.errors import FormatError

TEXT = "Lung and skin\ncancer \U0001f9ec binds IL-2."
ANN = """\
T1\tDisease 0 4;14 20\tLung cancer
N1\tReference T1 MeSH:D008175\tLung Neoplasms
T2\tDisease 9 13;14 20\tskin cancer
T3\tGene 29 33\tIL-2
T4\tBinding 23 28\tbinds
#1\tAnnotatorNotes T2\tsure\tor not
E1\tBinding:T4 Theme:T3 Theme2:E2
E2\tBinding:T4
A1\tNegation E1
M2\tLevel T3 high
R1\tIs-a Arg1:T1 Arg2:T2
*\tEquiv T1 T2
*\tEquiv T3 T4
#2\tAnnotatorNotes A1\tabout an attribute
"""
DOCUMENT = Document(
    TEXT,
    (),
    (
        Mention(
            ((0, 4), (14, 20)),
            "Disease",
            "T1",
            ("MeSH:D008175",),
            None,
            {"normalizations": (("N1", "Reference", "MeSH:D008175", "Lung Neoplasms"),)},
        ),
        Mention(((9, 20),), "Disease", "T2", meta={"notes": (("#1", "AnnotatorNotes", "sure\tor not"),)}),
        Mention(((29, 33),), "Gene", "T3", meta={"attributes": (("M2", "Level", "high"),)}),
        Mention(((23, 28),), "Binding", "T4"),
    ),
    (
        Relation(
            "Binding",
            (("trigger", "T4"), ("Theme", "T3"), ("Theme2", "E2")),
            "E1",
            {"attributes": (("A1", "Negation"),)},
        ),
        Relation("Binding", (("trigger", "T4"),), "E2"),
        Relation("Is-a", (("Arg1", "T1"), ("Arg2", "T2")), "R1"),
        Relation("Equiv", (("", "T1"), ("", "T2"))),
        Relation("Equiv", (("", "T3"), ("", "T4"))),
    ),
    meta={
        "order": {
            ".ann": ("T1", "N1", "T2", "T3", "T4", "#1", "E1", "E2", "A1", "M2", "R1", "*", "*", "#2"),
        },
        "lines": ("#2\tAnnotatorNotes A1\tabout an attribute",),
        "counted": {"mentions in parts with only white space between, joined": 1},
    },
    id="7",
)


def pieces(*documents):
    return {piece.name: piece.text for piece in brat_writing.write(documents)}


@pytest.fixture
def folder(tmp_path, write):
    write(TEXT, "in/7.txt")
    write(ANN, "in/7.ann")
    return tmp_path / "in"


def test_read(folder):
    assert list(brat.read(folder)) == [DOCUMENT]
    for name in ("7.txt", "7.ann"):
        assert list(brat.read(folder / name)) == [DOCUMENT]


def test_files_come_back_byte_for_byte(folder, write):
    write("T1\tDisease 0 4\tLung\n", "in/8.a1")
    write("T2\tBinding 5 8\tand\nE1\tBinding:T2 Theme:T1\nM1\tNegation E1\n", "in/8.a2")
    write("Lung and\r\n", "in/8.txt")
    found = list(brat.read(folder))
    assert [d.id for d in found] == ["7", "8"]
    assert pieces(*found) == {
        "7.txt": TEXT,
        "7.ann": ANN.replace("sure\tor", "sure or"),
        "8.txt": "Lung and\r\n",
        "8.a1": (folder / "8.a1").read_text(),
        "8.a2": (folder / "8.a2").read_text(),
    }


def test_white_space_that_is_not_kept(folder, write):
    write(ANN.replace("\n", "\r\n").replace("E2\tBinding:T4", "\r\nE2\tBinding:T4 "), "in/7.ann")
    assert list(brat.read(folder)) == [DOCUMENT]


def test_empty_annotation(write):
    path = write("Lung", "a b%2Fc.txt")
    write("", "a b%2Fc.ann")
    [found] = brat.read(path)
    assert found == Document("Lung", meta={"order": {".ann": ()}}, id="a b/c")
    assert pieces(found) == {"a%20b%2Fc.txt": "Lung", "a%20b%2Fc.ann": ""}


def test_offsets_that_do_not_give_their_text(write):
    path = write("the skin", "x.txt")
    write("T1\tA 2 6\tskin\nT2\tA 0 3\tThe\n", "x.ann")
    [found] = brat.read(path)
    assert [(m.spans, m.meta) for m in found.mentions] == [
        (((4, 8),), {"moved": 2}),
        (((0, 3),), {"text": "The"}),
    ]
    assert pieces(found)["x.ann"] == "T1\tA 4 8\tskin\nT2\tA 0 3\tThe\n"


def test_documents_of_other_formats():
    mentions = (
        Mention(((0, 4),), "Disease", "0", ("D1", "MESH:D2", "a b")),
        Mention(((5, 8),), "Disease", "T1", score=0.5),
        Mention(((5, 8),), "two words", "x"),
        Mention(((9, 13),), ""),
    )
    relations = (
        Relation("Is", (("a", "0"), ("b", "T1")), "R7"),
        Relation("CID", (("a", "D1"), ("b", "MESH:D2"))),
        Relation("Is", (("a", "0"),)),
        Relation("Is not", (("a", "0"), ("b", "T1"))),
        Relation("Is", (("a b", "0"), ("b", "T1"))),
        Relation("Is", (("a", "x"), ("b", "T1")), "E5"),
        Relation("Of", (("trigger", "0"), ("b", "E5"))),
        Relation("Of", (("trigger", "0"), ("b", "R7"))),
        Relation("Empty", ()),
    )
    passages = (Passage(0, 13, "title"),)
    document = Document("Lung and skin", passages, mentions, relations, meta={"order": {"../x": ("T1",)}})
    text, ann = brat_writing.write([document])
    assert (text.name, text.docs, ann.name) == ("%~1.txt", 0, "%~1.ann")
    assert ann.text == (
        "T2\tDisease 0 4\tLung\nN1\tReference T2 ID:D1\nN2\tReference T2 MESH:D2\nT1\tDisease 5 8\tand\n"
        "#1\tAnnotatorNotes T1\tscore 0.5\nR7\tIs a:T2 b:T1\nE1\tOf:T2 b:R7\n"
    )
    assert [drop.reason for drop in ann.dropped] == ["no type, or one with white space"] * 2
    assert [str(drop).partition(") (")[2] for drop in ann.relations] == [
        "1 arguments)",
        "its type has white space or a colon, or is empty)",
        "its roles have white space or colons, or are empty)",
        "no arguments)",
        *["its arguments aren't all mentions or relations of the document)"] * 3,
    ]
    assert ann.others == {
        "passages": 1,
        "identifiers that are empty or have white space": 1,
        "ids that were replaced": 1,
    }


@pytest.mark.parametrize("score", [0.0, 1.0, 0.9848, 0.25, 1e-07])
def test_scores_come_back(tmp_path, score):
    notes = (("#1", "AnnotatorNotes", "a remark"), ("#2", "AnnotatorNotes", "score of 12"))
    mentions = (
        Mention(((0, 4),), "Organ", "T1", score=score, meta={"notes": notes}),
        Mention(((9, 13),), "Organ", "T2"),
    )
    formats.write([Document("Lung and skin", mentions=mentions, id="x")], tmp_path / "brat", "brat")
    [found] = formats.read(tmp_path / "brat")
    assert found.mentions == mentions


def test_notes_in_another_form_are_told_of():
    meta = {"notes": "a note", "attributes": (("A1", "two words"), ("A2",)), "more": 1}
    document = Document("ab", (), (Mention(((0, 1),), "X", meta=meta),), meta={"lines": ("x", "A1\ta\nb")})
    _, ann = brat_writing.write([document])
    assert ann.text == "T1\tX 0 1\ta\n"
    assert ann.others == {
        "notes in another form": 1,
        "attributes in another form": 1,
        "attributes with white space": 1,
        "lines on something else": 2,
        "notes on mentions": 1,
    }


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nonsense", "'nonsense' isn't T1, R1, E1, A1, M1, N1, #1, or *"),
        ("T1\tA 0 1\tL", "there is a T1 already"),
        (f"T{'9' * 30}\tA 0 1\tL", "isn't T1"),
        ("T2\tA 0\tL", "not as T1<tab>Type START END<tab>text should be"),
        ("T2\tA -1 1\tL", "not as T1"),
        ("T2\tA 0 1 2\tL", "not as T1"),
        (f"T2\tA 0 {'9' * 5000}\tL", "not as T1"),
        ("T2\tA 0 99\tL", "a mention from 0 to 99, in a text of 4 characters"),
        ("T2\tA 0 3;2 4\tLun ng", "parts of a mention that overlap, from 0 to 3, 2 to 4"),
        ("T2\tA 1 1\t", "a mention from 1 to 1"),
        ("R1\tA T1 T1", "not as R1<tab>Type Role:T1 Role:T2 should be"),
        ("E1\tA", "not as E1<tab>Type:T1 Role:T2 should be"),
        ("E1\t", "not as E1"),
        ("*\tEquiv", "not as *<tab>Equiv T1 T2 should be"),
        ("A1\tNegation", "not as A1"),
        ("M1\tNegation T1 a b", "not as M1"),
        ("N1\tReference T1", "not as N1"),
        ("#1\tNote", "not as #1"),
    ],
)
def test_bad_lines_are_set_aside_and_the_rest_is_kept(write, line, message):
    write("Lung", "x.txt")
    path = write(f"T1\tA 0 4\tLung\n\n{line}\n", "x.ann")
    [found] = brat.read(path)
    assert [(m.spans, m.id) for m in found.mentions] == [(((0, 4),), "T1")]
    [bad] = found.meta["bad"]
    assert bad.startswith("x.ann, line 3: ")
    assert message in bad


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_no_fragment_goes_over_the_end_of_a_line(line_end):
    text = f"renal{line_end}failure and breast{line_end}  cancer and heart\tfailure"
    first, second, third = text.index("failure"), text.index("breast"), text.index("heart")
    spans = [(0, first + 7), (second, text.index("cancer") + 6), (third, len(text))]
    document = Document(
        text, (), tuple(Mention((span,), "D", f"T{i}") for i, span in enumerate(spans)), id="w"
    )
    lines = pieces(document)["w.ann"].splitlines()
    assert lines[0] == f"T0\tD 0 5;{first} {first + 7}\trenal failure"
    assert lines[1].endswith("\tbreast cancer")
    assert lines[2] == f"T2\tD {third} {len(text)}\theart failure"
    for line in lines:
        for part in line.split("\t")[1][2:].split(";"):
            start, end = map(int, part.split())
            assert not set(text[start:end]) & set("\r\n")


def test_fragments_with_a_line_end_between_are_one_mention(write):
    write("Of renal\nfailure and edema.\n", "x.txt")
    path = write("T1\tDisease 9 16;3 8\tfailure renal\nT2\tDisease 21 26\tedema\n", "x.ann")
    [found] = brat.read(path)
    assert [m.spans for m in found.mentions] == [((3, 16),), ((21, 26),)]


def test_missing_files(write, tmp_path):
    write("Lung", "a.txt")
    with pytest.raises(FormatError, match=r"a\.txt: there is no \.ann, \.a1, \.a2 file beside it"):
        list(brat.read(tmp_path))
    write("", "a.ann")
    write("", "b.ann")
    with pytest.raises(FormatError, match=r"b\.txt: there is no such file"):
        list(brat.read(tmp_path))


@pytest.mark.parametrize("packed", [("7.txt",), ("7.ann",), ("7.txt", "7.ann")])
def test_packed_files(tmp_path, packed):
    for name, content in (("7.txt", TEXT), ("7.ann", ANN)):
        data = content.encode()
        path = tmp_path / (f"{name}.gz" if name in packed else name)
        path.write_bytes(gzip.compress(data) if name in packed else data)
    for path in (tmp_path, *tmp_path.iterdir()):
        assert formats.detect(path) == "brat"
        assert list(formats.read(path)) == [DOCUMENT]


def test_packed_and_not_packed(write):
    write("a", "7.txt")
    write(gzip.compress(b"b"), "7.txt.gz")
    path = write("", "7.ann")
    with pytest.raises(FormatError, match=r"7\.txt: there is 7\.txt\.gz as well"):
        list(brat.read(path.parent))


def test_identifier_that_is_there_twice():
    notes = (("N1", "Reference", "a:1", "x"), ("N2", "Reference", "a:1", "y"), ("N3", "Reference", "b:1", ""))
    mention = Mention(((0, 1),), "X", "T1", ("a:1", "a:1"), meta={"normalizations": notes})
    _, ann = brat_writing.write([Document("a", (), (mention,))])
    assert ann.text == "T1\tX 0 1\ta\nN1\tReference T1 a:1\tx\nN2\tReference T1 a:1\ty\n"
    assert ann.others == {"normalizations of other identifiers": 1}


def test_long_chain_of_events_is_dropped_at_once():
    count = 20_000
    relations = [Relation("X", (("trigger", f"E{i + 1}"),), f"E{i}") for i in range(1, count + 1)]
    _, ann = brat_writing.write([Document("a", (), (), tuple(relations))])
    assert (len(ann.relations), ann.related, ann.text) == (count, 0, "")


def test_order_of_lines_is_no_note(write, tmp_path):
    write("Aspirin\n", "in/1.txt")
    write("T1\tChemical 0 7\tAspirin\n", "in/1.ann")
    [document] = brat.read(tmp_path / "in")
    assert document.meta["order"]
    for name in ("pubtator", "html", "bioc-xml"):
        account = formats.write([document], tmp_path / f"out.{name}", name)
        assert "notes on documents" not in account.others
