import pytest

from spacy_bioner.documents.document import Document, Mention, Relation
from spacy_bioner.documents.formats import plain_text
from spacy_bioner.errors import ConversionError, FormatError


def test_file_is_a_document(write):
    assert list(plain_text.read(write("\ufeffOne.\r\n\nTwo.", "a%2Fb.x.txt"))) == [
        Document("One.\r\n\nTwo.", id="a/b.x")
    ]
    assert list(plain_text.read(write("", "empty"))) == [Document("", id="empty")]


def test_folder_is_a_document_a_file(write, tmp_path):
    for name in ("b.txt", "a.txt", "c.md"):
        write(name, name)
    assert list(plain_text.read(tmp_path)) == [Document("a.txt", id="a"), Document("b.txt", id="b")]


def test_folder_without_text(write, tmp_path):
    write("x", "c.md")
    with pytest.raises(FormatError, match=r"there is no \.txt file in this folder"):
        list(plain_text.read(tmp_path))


def test_line_is_a_document(write):
    path = write("one\r\n \n two\n")
    assert list(plain_text.read_lines(path)) == [
        Document("one", meta={"line": 1}),
        Document(" two", meta={"line": 3}),
    ]


@pytest.mark.parametrize(("content", "line"), [(b"a\nb\xff", 2), (b"a\n\nb\0", 3)])
@pytest.mark.parametrize("read", [plain_text.read, plain_text.read_lines])
def test_what_is_no_text(write, read, content, line):
    with pytest.raises(FormatError) as raised:
        list(read(write(content)))
    assert raised.value.line == line


@pytest.mark.parametrize("write_format", [plain_text.write, plain_text.write_lines])
def test_what_is_not_kept_is_told_of(write_format):
    mention, relation = Mention(((0, 1),), "X", score=0.5), Relation("R", ())
    [written] = write_format([Document("ab", (), (mention,), (relation,), id="1")])
    assert (written.text.strip(), written.mentions) == ("ab", [])
    assert [drop.mention for drop in written.dropped] == [mention]
    assert [str(drop) for drop in written.relations] == ["document 1: R () (plain text has none)"]


@pytest.mark.parametrize("content", ["a\nb", "a\rb", "", " ", "\ufeffa"])
def test_texts_that_are_no_line(content):
    with pytest.raises(ConversionError, match="document '7' isn't one line"):
        list(plain_text.write_lines([Document(content, id="7")]))
