import re
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_bioner.documents.document import SENTENCE, Document, Mention, Passage
from spacy_bioner.documents.formats import columns, detect
from spacy_bioner.documents.formats.columns import ColumnOptions, Scan
from spacy_bioner.documents.tags import SCHEMES
from spacy_bioner.errors import ConversionError, FormatError
from spacy_bioner.text.spacing import join, natural_spaces


def words(document):
    return [document.text[start:end] for start, end in document.tokens]


def mentions(document):
    return [(document.text_of(mention), mention.type) for mention in document.mentions]


def read(path, **options):
    return list(columns.read(path, ColumnOptions(**options)))


SIMPLE = "IL\tB-DNA\n-\tI-DNA\n2\tI-DNA\ngene\tO\n\nBRCA1\tB-DNA\np53\tB-DNA\n.\tO\n"


def test_a_document_a_sentence(write):
    first, second = read(write(SIMPLE))
    assert first == Document(
        "IL-2 gene",
        mentions=(Mention(((0, 4),), "DNA"),),
        tokens=((0, 2), (2, 3), (3, 4), (5, 9)),
        meta={"line": 1},
    )
    assert second == Document(
        "BRCA1 p53.",
        mentions=(Mention(((0, 5),), "DNA"), Mention(((6, 9),), "DNA")),
        tokens=((0, 5), (6, 9), (9, 10)),
        meta={"line": 6},
    )


def test_spaces_everywhere_if_not_natural(write):
    first, second = read(write(SIMPLE), natural=False)
    assert (first.text, second.text) == ("IL - 2 gene", "BRCA1 p53 .")
    assert mentions(first) == [("IL - 2", "DNA")]


def test_scan(write):
    assert columns.scan(write(SIMPLE)) == Scan("IOB2", ("DNA",), True, 2, 7)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeff" + text,
        lambda text: "\ufeff" + text.replace("\n", "\r\n"),
        lambda text: text.removesuffix("\n"),
        lambda text: text + "\n \n\n",
        lambda text: text.replace("\t", " "),
        lambda text: text.replace("\t", "   "),
        lambda text: re.sub("(?m)(?<=.)$", "  ", text.replace("\t", " ")),
        lambda text: text.replace("\t", "\tNN\t-\t"),
        lambda text: text.replace("\t", " NN - "),
    ],
    ids=[
        "CRLF",
        "BOM",
        "BOM and CRLF",
        "no last newline",
        "empty lines at the end",
        "spaces",
        "runs of spaces",
        "spaces at the end",
        "four columns",
        "four columns and spaces",
    ],
)
def test_layouts_of_the_same(write, change):
    assert read(write(change(SIMPLE))) == read(write(SIMPLE, "plain.tsv"))


@pytest.mark.parametrize(
    "separator", ["\n\n", "\n \n", "\n\t\n", "\n \t \n", "\n\n\n", "\n\n \n\n", "\r\n\t\r\n"]
)
def test_separators(write, separator):
    found = read(write(f"{separator}a\tO{separator}b\tB-X{separator}c\tO{separator}"))
    assert [words(document) for document in found] == [["a"], ["b"], ["c"]]


@pytest.mark.parametrize(
    "word",
    [
        "#",
        "##",
        "\ufffd",
        "a\u00a0b",
        "a\u2028b",
        "a\x85b",
        "a\x1cb",
        "a\x0bb",
        "\u00a0",
        "\x1c",
        "\ufeff",
        "O",
    ],
)
@pytest.mark.parametrize("separator", ["\t", " "])
def test_everything_else_is_a_token(write, word, separator):
    lines = [("x", "O"), (word, "B-X"), (word, "I-X"), ("", ""), (word, "B-X")]
    path = write("".join(f"{first}{separator}{second}".strip(" \t") + "\n" for first, second in lines))
    assert [words(document) for document in read(path)] == [["x", word, word], [word]]
    assert [len(document.mentions) for document in read(path)] == [1, 1]


def test_tabs_separate_words_with_spaces(write):
    [document] = read(write("two words\tB-X\n \tO\n"))
    assert words(document) == ["two words", " "]


def test_types_with_hyphens(write):
    [document] = read(write("The\tB-creative-work\nRoad\tI-creative-work\nOz\tB-creative-work\n"))
    assert mentions(document) == [("The Road", "creative-work"), ("Oz", "creative-work")]


def test_comments_only_where_asked_for(write):
    path = write("# one\tO\n# two\tO\na\tO\n#\tO\n\n# three\tO\nb\tO\n")
    found = read(path, comments=True)
    assert [words(document) for document in found] == [["a", "#"], ["b"]]
    assert [document.meta["line"] for document in found] == [3, 7]
    assert [words(document) for document in read(path)] == [["# one", "# two", "a", "#"], ["# three", "b"]]


def test_comments_need_no_columns(write):
    path = write("# sent_id = 1\n#\na\tO\n")
    assert [words(document) for document in read(path, comments=True)] == [["a"]]


def test_other_columns_can_be_chosen(write):
    path = write("1\ta\tB-X\tO\n2\tb\tI-X\tO\n")
    for word_column, tag_column in [(1, 2), (1, -2), (-3, -2)]:
        [document] = read(path, word_column=word_column, tag_column=tag_column)
        assert (words(document), mentions(document)) == (["a", "b"], [("a b", "X")])
    [document] = read(path, word_column=-4)
    assert (words(document), mentions(document)) == (["1", "2"], [])


# -DOCSTART-


def starts(path, **options):
    return [(d.meta.get("docstart"), d.id, words(d)) for d in read(path, **options)]


@pytest.mark.parametrize(
    ("line", "identifier"),
    [
        ("-DOCSTART-", ""),
        ("-DOCSTART- (123)", "123"),
        ("-DOCSTART-\t(a b)", "a b"),
        ("-DOCSTART- -X- O O", ""),
        ("-DOCSTART-\tO", ""),
        ("-DOCSTART- ()", ""),
        ("-DOCSTART- (1) O", ""),
        ("-DOCSTART- 1)", ""),
    ],
)
def test_docstart(write, line, identifier):
    path = write(f"{line}\n\na\tO\n\nb\tO\n")
    assert starts(path) == [(line, identifier, ["a"]), (None, identifier, ["b"])]


def test_docstart_needs_no_empty_lines_and_has_its_own_id(write):
    path = write("a\tO\n-DOCSTART- (1)\nb\tO\n-DOCSTART-\nc\tO\n")
    assert starts(path) == [
        (None, "", ["a"]),
        ("-DOCSTART- (1)", "1", ["b"]),
        ("-DOCSTART-", "", ["c"]),
    ]


def test_docstart_of_documents_without_a_sentence(write):
    path = write("-DOCSTART- (1)\n\n-DOCSTART- (2)\n\na\tO\n\n-DOCSTART- (3)\n")
    assert starts(path) == [("-DOCSTART- (2)", "2", ["a"])]


# schemes


def test_scheme_that_shows_late(write):
    """Read as IOB2, all but the last sentence would do; as IOBES, the first lacks its end."""
    path = write("a\tB-X\nb\tI-X\n\n" * 500 + "c\tS-X\n")
    assert columns.scan(path).scheme == "IOBES"
    assert sum(document.meta.get("repaired", 0) for document in read(path)) == 500


def test_iob1(write):
    path = write("a\tI-X\nb\tI-X\nc\tB-X\nd\tI-Y\n")
    [document] = read(path)
    assert columns.scan(path).scheme == "IOB1"
    assert mentions(document) == [("a b", "X"), ("c", "X"), ("d", "Y")]
    assert "repaired" not in document.meta


def test_repairs_are_counted_by_sentence(write):
    found = read(write("a\tB-X\n\nb\tI-X\n\nc\tO\nd\tI-X\ne\tI-Y\n"), scheme="IOB2")
    assert [document.meta.get("repaired", 0) for document in found] == [0, 1, 2]


def test_given_scheme_is_taken(write):
    path = write("a\tI-X\n\nb\tI-X\n")
    assert columns.scan(path).scheme == "IOB1"
    assert columns.scan(path, ColumnOptions(scheme="BILOU")).scheme == "BILOU"


def test_untyped_tags_take_the_given_type(write):
    path = write("a\tB\nb\tB\nc\tI\nd\tO\n")
    [document] = read(path, type="Disease")
    assert mentions(document) == [("a", "Disease"), ("b c", "Disease")]
    assert columns.scan(path, ColumnOptions(type="Disease")) == Scan("IOB2", ("Disease",), False, 1, 4)


def test_given_type_is_unused_where_tags_have_theirs(write):
    path = write("a\tB-X\n")
    assert columns.scan(path, ColumnOptions(type="Y")) == Scan("IOB2", ("X",), True, 1, 1)
    assert mentions(read(path, type="Y")[0]) == [("a", "X")]


def test_scan_of_a_file_without_mentions(write):
    assert columns.scan(write("a\tO\n")) == Scan("IOB2", (), True, 1, 1)


# errors


@pytest.mark.parametrize(
    ("content", "options", "line", "message"),
    [
        ("", {}, None, "the file is empty: no sentence in it"),
        (" \n\n-DOCSTART-\n\n", {}, None, "the file is empty"),
        ("# a\n# b\n", {"comments": True}, None, "the file is empty"),
        ("a\tO\n\nb\tO\tO\n", {}, 3, "3 columns, where the lines before have 2"),
        ("a\tx\tO\n\nb\tO\n", {}, 3, "2 columns, where the lines before have 3"),
        ("a O\nb\n", {}, 2, "1 column, where the lines before have 2"),
        ("a\tO\nb O\n", {}, 2, "1 column, where the lines before have 2"),
        ("a\tO\n\u00a0\n", {}, 2, "1 column, where"),
        ("\n\na\n", {}, 3, "1 column: a word and a tag are needed"),
        ("a\tO\n", {"word_column": 2}, 1, "there is no column 2: the file has 2"),
        ("a\tO\n", {"tag_column": -3}, 1, "there is no column -3: the file has 2"),
        ("a\tO\n\tO\n", {}, 2, "the word is empty"),
        ("a\tO\nb\tB-X\nc\tX\n", {}, 3, "'X' isn't a tag"),
        ("a\tO\nb\t\n", {}, 2, "'' isn't a tag"),
        ("a\tO\nb\tO \n", {}, 2, "'O ' isn't a tag"),
        ("a\tO\n\nb\tB-X\nc\tE-X\n", {"scheme": "IOB2"}, 4, "'E-X' isn't a tag of IOB2"),
        ("a\tO\nb\tB-X\n\nc\tB\n", {"type": "X"}, 4, "'B': tags with a type and tags without are mixed"),
        ("a\tO\nb\tB\nc\tI-X\n", {"type": "X"}, 3, "'I-X': tags with a type and tags without are mixed"),
        ("a\tO\nb\tB\n", {}, 2, "'B' names no type: say which with --type"),
        ("a\tS-X\nb\tU-X\n", {}, None, "the tags mix the letters of IOBES and BILOU (S, U): give the scheme"),
        ("# a\na\tO\n\n#\nb\tO\nc\tX\n", {"comments": True}, 6, "'X' isn't a tag"),
        (b"a\tO\n\xe9\tO\n", {}, 2, "not UTF-8 (byte 1 of the line)"),
        (b"a\tO\n\0\tO\n", {}, 2, "a NUL byte"),
    ],
)
def test_errors_say_where(write, content, options, line, message):
    path = write(content)
    with pytest.raises(FormatError) as raised:
        list(columns.read(path, ColumnOptions(**options)))
    assert (raised.value.path, raised.value.line) == (path, line)
    place = f"{path}" if line is None else f"{path}, line {line}"
    assert str(raised.value).startswith(f"{place}: {message}")


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(FormatError, match="there is no such file"):
        columns.scan(tmp_path / "missing.tsv")
    with pytest.raises(FormatError, match="this is a folder, not a file"):
        columns.scan(tmp_path)


def test_an_error_costs_its_sentence_alone(write):
    path = write(
        "a\tO\n\n" * 3 + "b\nc\tO\n\n" + "d\tQ-X\n\n" + "e\tB-X|B-Y\n\n" + "f\tB-X\n" + "\0\tO\n\ng\tB-X\n"
    )
    found = list(columns.each(path))
    assert [None if isinstance(item, FormatError) else item.text for item in found] == [
        *"aaa",
        *[None] * 4,
        "g",
    ]
    assert [item.line for item in found if isinstance(item, FormatError)] == [7, 10, 12, 15]
    scanned = columns.scan(path)
    assert (scanned.sentences, scanned.types, len(scanned.bad)) == (4, ("X",), 4)


def test_reading_holds_only_a_sentence(write):
    path = write("".join(f"word{i}\tB-X\nof\tI-X\nmany\tO\n.\tO\n\n" for i in range(10_000)))
    tracemalloc.start()
    try:
        reading = columns.read(path)
        assert words(next(reading)) == ["word0", "of", "many", "."]
        assert sum(1 for _ in reading) == 9_999
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert path.stat().st_size > 300_000
    assert peak < 100_000


# writing


def text_of(*documents, **options):
    return "".join(written.text for written in columns.lines(documents, **options))


def test_writes_what_it_read(write):
    content = "-DOCSTART- (1)\n\nIL\tB-X\n-\tI-X\n2\tI-X\n\np53\tB-X\np21\tB-X\n\n"
    assert text_of(*read(write(content))) == content


@pytest.mark.parametrize(
    ("options", "tags"),
    [
        ({}, "B-X I-X B-X O"),
        ({"scheme": "IOB1"}, "I-X I-X B-X O"),
        ({"scheme": "IOBES"}, "B-X E-X S-X O"),
        ({"scheme": "BILOU", "typed": False}, "B L U O"),
        ({"typed": False}, "B I B O"),
    ],
)
def test_writes_any_scheme(options, tags):
    spans = ((0, 1), (2, 3), (4, 5), (6, 7))
    document = Document("a b c d", mentions=(Mention(((0, 3),), "X"), Mention(((4, 5),), "X")), tokens=spans)
    expected = "".join(f"{word}\t{tag}\n" for word, tag in zip("abcd", tags.split(), strict=True))
    assert text_of(document, **options) == f"{expected}\n"


def test_writes_sentences_and_says_what_it_wrote():
    document = Document(
        "A b. C.",
        (Passage(0, 4, SENTENCE), Passage(5, 7, SENTENCE)),
        (Mention(((0, 1),), "X"), Mention(((5, 6),), "Y"), Mention(((0, 1), (5, 6)), "Z")),
        tokens=((0, 1), (2, 3), (3, 4), (5, 6), (6, 7)),
    )
    [written] = columns.lines([document])
    assert written.text == "A\tB-X\nb\tO\n.\tO\n\nC\tB-Y\n.\tO\n\n"
    assert (written.tokens, written.mentions) == (5, ["X", "Y"])
    assert [(drop.mention.type, drop.reason) for drop in written.dropped] == [("Z", "discontinuous")]


def test_sentences_with_white_space_around_stay_apart():
    sentences = (Passage(0, 1, SENTENCE), Passage(1, 4, SENTENCE), Passage(4, 6, SENTENCE))
    document = Document("\nA.\nB.", sentences, tokens=((1, 2), (2, 3), (4, 5), (5, 6)))
    assert text_of(document) == "A\tO\n.\tO\n\nB\tO\n.\tO\n\n"


def test_a_document_without_tokens_cannot_be_written():
    with pytest.raises(ConversionError, match="Document '7' has no tokens"):
        text_of(Document("a", id="7"))


@pytest.mark.parametrize("char", "\t\n\r")
def test_tokens_that_columns_cannot_hold(char):
    with pytest.raises(ConversionError, match=re.escape(repr(f"a{char}"))):
        text_of(Document(f"a{char}", tokens=((0, 2),)))


word = st.text(
    st.sampled_from("aB1-.(#'é\u00a0\u2028\x85\x1c\ufffd ") | st.characters(codec="utf-8"),
    min_size=1,
    max_size=5,
).filter(lambda w: not re.search("[\0\t\n\r\ufeff]", w) and not w.startswith(columns.DOCSTART))


@st.composite
def documents(draw):
    sentence = draw(st.lists(word, min_size=1, max_size=6))
    text, tokens = join(sentence, natural_spaces(sentence))
    found, end = [], 0
    while end < len(tokens) and draw(st.booleans()):
        start = draw(st.integers(end, len(tokens) - 1))
        end = draw(st.integers(start + 1, len(tokens)))
        found.append(Mention(((tokens[start][0], tokens[end - 1][1]),), draw(st.sampled_from(["X", "a-b"]))))
    return text, tuple(found), tokens, draw(st.sampled_from([None, "-DOCSTART- (1)", "-DOCSTART-\tO"]))


@given(st.lists(documents(), min_size=1, max_size=4), st.sampled_from(SCHEMES))
def test_read_after_write_gives_the_same(drawn, scheme):
    written, identifier, line = [], "", 1
    for text, found, tokens, docstart in drawn:
        meta = {}
        if docstart:
            meta["docstart"] = docstart
            identifier = "1" if "1" in docstart else ""
            line += 2
        written.append(Document(text, (), found, tokens=tokens, meta={"line": line, **meta}, id=identifier))
        line += len(tokens) + 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.tsv"
        path.write_bytes(text_of(*written, scheme=scheme).encode())
        assert read(path, scheme=scheme) == written


# telling the formats apart


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (SIMPLE, "columns"),
        ("-DOCSTART-\n\na\tO\n", "columns"),
        ("|\tO\n", "columns"),
        ("123|t|A title\n123|a|An abstract\n", "pubtator"),
        ("\ufeff\n123|t|\n123|a|\n", "pubtator"),
        ("123|a|An abstract\n", "columns"),
    ],
)
def test_detect(write, content, expected):
    assert detect(write(content)) == expected


@pytest.mark.parametrize("type", ["", "A\nb\tB-X", "A\tB", "A\rB"])
def test_types_that_would_break_a_line_are_dropped(type):
    mentions = (Mention(((0, 1),), type), Mention(((2, 3),), "X"))
    document = Document("a b", mentions=mentions, tokens=((0, 1), (2, 3)))
    [written] = columns.lines([document])
    assert written.text == "a\tO\nb\tB-X\n\n"
    assert [dropped.reason for dropped in written.dropped] == ["no type, or one with a tab or line end"]
    [untyped] = columns.lines([document], typed=False)
    assert untyped.text == "a\tB\nb\tB\n\n"
