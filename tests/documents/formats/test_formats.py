"""What all formats share: telling them apart, gzip, files and folders."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_bioner.documents import formats
from spacy_bioner.documents.document import Document, Mention
from spacy_bioner.errors import ConversionError, FormatError, OutputError
from spacy_bioner.files import open_input, read_text

DOCUMENT = Document("Aspirin helps", (), (Mention(((0, 7),), "Chemical"),), id="1")
BOTH = [name for name, known in formats.FORMATS.items() if known.reads and known.writes]
FILES = [name for name in BOTH if formats.FORMATS[name].suffix]
ASKED = ("text", "lines", "doccano", "doccano-relations")  # that can't be told from others
DETECTED = [name for name in BOTH if name not in ("columns", *ASKED)]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", DETECTED)
def test_format_is_told_by_content(tmp_path, name, packed):
    suffix = ".gz" if packed and formats.FORMATS[name].suffix else ""
    path = tmp_path / f"out.of.any.name{suffix}"
    account = formats.write([DOCUMENT], path, name)
    assert (account.docs, account.mentions_out) == (1, {"Chemical": 1})
    assert formats.detect(path) == name
    [found] = formats.read(path)
    assert (found.id, [m.spans for m in found.mentions]) == ("1", [((0, 7),)])
    assert found.text.startswith(DOCUMENT.text)


def test_spacys_format_is_told_by_name(write):
    for name in ("a.spacy", "b.SPACY", "c.spacy.gz"):
        assert formats.format_of(write('{"text": "a"}', name)) == formats.SPACY
    assert formats.format_of(write('{"text": "a"}', "spacy")) == "jsonl"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\xef\xbb\xbf\n<?xml version='1.0'?><collection/>", "bioc-xml"),
        ("<!DOCTYPE collection SYSTEM 'BioC.dtd'>", "bioc-xml"),
        ("<collection>", "bioc-xml"),
        ("<?xml version='1.0'?><!-- <PubmedArticleSet> --><collection>", "bioc-xml"),
        ("<PubmedArticleSet>", "pubmed"),
        ("<?xml version='1.0'?>\n<!DOCTYPE PubmedArticleSet PUBLIC '-//NLM' 'https://x'>", "pubmed"),
        ("<?xml version='1.0'?><!-- ?> --><?a -->?>\n<PubmedBookArticleSet>", "pubmed"),
        ("<!DOCTYPE BookDocumentSet [ ]>", "pubmed"),
        ('{"source": "", "documents": [{"passages": []}]}', "bioc-json"),
        ('[{"id": "1", "passages": [{"text": ""}]}]', "bioc-json"),
        ('{\n "id": 1,\n "text": ""}', "jsonl"),
        ('{"data": "a", "label": []}', "jsonl"),
        ('{"text": "a", "passages": []}', "jsonl"),
        ("T1\tDisease 0 4;5 7\tLung", "brat"),
        ("<\tO\n", "columns"),
        ("{\tO\n", "columns"),
        ("# a b c d\tO\n", "columns"),
        ("EU NNP I-NP I-ORG\n", "columns"),
        ("a b c O\n", "columns"),
        ("Aspirin\n", "columns"),
        ('[{"id": 1, "annotations": [{"result": []}], "data": {"text": "a"}}]', "label-studio"),
        ('[{"data": {"text": "a"}}]', "label-studio"),
        ('[{"id": 1, "text": "a", "label": [{"start": 0}], "annotation_id": 1}]', "label-studio"),
        ('{"text": "a", "denotations": []}', "pubannotation"),
        ('{"id": "0", "tokens": ["a"], "ner_tags": [0]}', "token-rows"),
        ('{"tokens": ["a"], "labels": ["O"]}', "token-rows"),
        ('[{"id": 0, "paragraphs": [{"raw": "a", "sentences": []}]}]', "spacy-json"),
        ('["a b", {"entities": [[0, 1, "X"]]}]', "jsonl"),
        ('[["a b", {"entities": []}]]', "jsonl"),
        ('[{"text": "a", "ents": []}]', "jsonl"),
        ('{"text": "a", "spans": [], "tokens": [{"text": "a"}]}', "jsonl"),
        ("# sent_id = 1\n1\tAspirin\t_\t_\t_\t_\t_\t_\t_\tNER=B-Chemical\n", "conllu"),
        ("<PubmedArticle>", "pubmed"),
    ],
)
def test_detect(write, content, expected):
    assert formats.detect(write(content)) == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\xef\xbb\xbf\n \n", "the file is empty"),
        ("[]", "an empty export"),
        ('{"documents": []}', "an empty export"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "a pointer of Git LFS"),
        ("/annex/objects/SHA256E-s1--0\n", "a pointer of git-annex"),
        ("<html><head><title>404 Not  Found</title></head></html>", r"an HTML page \('404 Not Found'\)"),
        ("<!DOCTYPE html>\n<p>Sorry</p>", "an HTML page"),
        (b"PK\x03\x04" + b"\0" * 300, "a ZIP archive.*: unpack it, and name the file in it"),
        (b"a.txt".ljust(257, b"\0") + b"ustar" + b"\0" * 300, "a tar archive: unpack it"),
        (
            gzip.compress(b"a.txt".ljust(257, b"\0") + b"ustar" + b"\0" * 300, mtime=0),
            "a tar archive: unpack it",
        ),
        (b"BZh91AY&SY", "packed with bzip2: unpack it"),
        (b"\xfd7zXZ\0", "packed with xz"),
        (b"%PDF-1.7\n", "a PDF: export the texts"),
        (b"PAR1\x15", "a Parquet file"),
        ("a\tb".encode("utf-16"), "text in UTF-16: convert it to UTF-8"),
        ("id,text,label\n1,Aspirin helps.,Chemical\n", "a table with the columns id, text, label"),
        ("pmid\ttitle\tabstract\n1\ta\tb\n", "a table with the columns pmid, title, abstract"),
        ('"Sentence #";Word;Tag\n1;a;O\n', "a table with the columns Sentence #, Word, Tag"),
    ],
)
def test_what_is_no_file_of_documents_is_named(write, content, message):
    with pytest.raises(FormatError, match=message):
        formats.detect(write(content))


def test_folder_of_txt_files_is_read_as_each_of_them_would_be(write, tmp_path):
    write("1|t|Cisplatin.\n1|a|\n", "mixed/a.txt")
    write("Plain text of a few words.", "mixed/b.txt")
    write("Plain text of a few words.", "plain/b.txt")
    assert formats.detect(tmp_path / "mixed" / "a.txt") == "pubtator"
    assert (formats.is_text_folder(tmp_path / "mixed"), formats.is_text_folder(tmp_path / "plain")) == (
        False,
        True,
    )
    with pytest.raises(FormatError, match=r"a\.txt is pubtator; name the files"):
        formats.detect(tmp_path / "mixed")


@pytest.mark.parametrize("content", ["Aspirin helps in asthma.\n", '{"a": 1}', "[1, 2, 3, 4]"])
def test_format_that_can_not_be_told(write, content):
    path = write(content)
    with pytest.raises(
        FormatError, match=r"can't tell its format: say which with --from \(pubtator, bioc-xml"
    ):
        formats.detect(path)


def test_folders(write, tmp_path):
    write("a", "texts/a.txt")
    write("a", "brat/a.txt")
    write("", "brat/a.ann")
    write("x", "other/a.tsv")
    assert formats.detect(tmp_path / "texts") == "text"
    assert formats.detect(tmp_path / "brat") == formats.detect(tmp_path / "brat" / "a.txt") == "brat"
    with pytest.raises(FormatError, match=r"no \.txt file in this folder"):
        formats.detect(tmp_path / "other")
    with pytest.raises(FormatError, match="this is a folder"):
        list(formats.read(tmp_path / "other", "jsonl"))


@pytest.mark.parametrize("name", [name for name in FILES if name not in ("columns", "bioc-xml", "bioc-json")])
def test_file_without_a_document(write, name):
    with pytest.raises(FormatError, match="no document in it"):
        list(formats.read(write("\n\n"), name))


def test_unknown_format(write, tmp_path):
    for call in (
        lambda: list(formats.read(write("a"), "xml")),
        lambda: formats.write([], tmp_path / "x", "xml"),
    ):
        with pytest.raises(ConversionError, match="There is no format 'xml': use pubtator, bioc-xml"):
            call()


@pytest.mark.parametrize("name", [name for name in BOTH if name != "columns"])
@pytest.mark.parametrize("text", ["a\ud800", "a\0b"])
def test_characters_that_are_refused_leave_what_was_there(tmp_path, name, text):
    if text == "a\0b" and formats.FORMATS[name].suffix in (".json", ".jsonl"):
        return  # escaped in JSON
    if text == "a\ud800" and name == "bioc-xml":
        text = "a\ufffe"
    path = tmp_path / "out"
    if name != "text":  # a folder of texts isn't replaced
        formats.write([DOCUMENT], path, name)
    before = sorted((file, file.read_bytes()) for file in tmp_path.rglob("*") if file.is_file())
    with pytest.raises(ConversionError):
        formats.write([DOCUMENT, Document(text, id="2")], path, name)
    assert sorted((file, file.read_bytes()) for file in tmp_path.rglob("*") if file.is_file()) == before


def test_folder_with_something_else_is_not_replaced(tmp_path, write):
    formats.write([DOCUMENT], tmp_path / "out", "brat")
    formats.write([DOCUMENT, Document("b", id="2")], tmp_path / "out", "brat")
    assert len(list((tmp_path / "out").iterdir())) == 4
    write("mine", "out/notes.md")
    with pytest.raises(OutputError, match=r"there is more in it \(notes\.md\)"):
        formats.write([DOCUMENT], tmp_path / "out", "brat")
    assert len(list((tmp_path / "out").iterdir())) == 5


def test_folder_of_somebodys_texts_is_not_replaced(tmp_path, write):
    write("mine", "out/notes.txt")
    for name in ("brat", "text"):
        with pytest.raises(OutputError, match=r"the texts in it may be yours \(notes\.txt\)"):
            formats.write([DOCUMENT], tmp_path / "out", name)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["notes.txt"]


def test_folder_with_a_folder_is_not_replaced(tmp_path, write):
    formats.write([DOCUMENT], tmp_path / "out", "brat")
    write("mine", "out/sub.txt/thesis.docx")
    with pytest.raises(OutputError, match=r"there is more in it \(sub\.txt\)"):
        formats.write([DOCUMENT], tmp_path / "out", "brat")
    assert (tmp_path / "out/sub.txt/thesis.docx").exists()


@pytest.mark.parametrize("id", ["../../out", "/tmp/out", "a/b", "..", "", "a\\b"])
@pytest.mark.parametrize("name", ["brat", "text"])
def test_no_id_leaves_its_folder(tmp_path, name, id):
    formats.write([Document("a", id=id)], tmp_path / "deep" / "out", name)
    assert {path.parent for path in tmp_path.rglob("*") if path.is_file()} == {tmp_path / "deep" / "out"}
    assert [document.id for document in formats.read(tmp_path / "deep" / "out", name)] == [id]


def test_formats_do_without_spacy():
    code = "import sys, spacy_bioner.documents.formats; sys.exit('spacy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


# gzip


def test_packed_files_are_the_same_each_time(tmp_path):
    for name in ("a.jsonl.gz", "b.jsonl.gz"):
        formats.write([DOCUMENT], tmp_path / name, "jsonl")
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()


def test_gzip_bomb_is_refused(write):
    path = write(gzip.compress(b"\0" * (32 << 20)))
    assert path.stat().st_size < 40_000
    with pytest.raises(FormatError, match="more than 100 times as large without gzip"):
        read_text(path)
    path = write(gzip.compress(b"a" * (8 << 20)))
    assert len(read_text(path)) == 8 << 20


def test_parts_of_gzip_count_together(write):
    path = write(gzip.compress(b"a\n" * (4 << 20)) * 6)
    with pytest.raises(FormatError, match="more than 100 times"), open_input(path) as file:
        for _ in file:
            pass


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-4],
        lambda data: data[:20],
        lambda data: data[:10] + b"x" * 9 + data[19:],
        lambda data: data[:-8] + b"xxxx" + data[-4:],
    ],
    ids=["cut", "cut early", "changed", "another checksum"],
)
def test_damaged_gzip_is_refused(write, damage):
    path = write(damage(gzip.compress(os.urandom(1000).hex().encode())))
    with pytest.raises(FormatError, match="not a whole gzip file"):
        read_text(path)


@pytest.mark.parametrize("name", ["jsonl", "pubtator", "bioc-xml", "bioc-json", "label-studio", "lines"])
def test_documents_before_what_is_behind_a_gzip_file_are_kept(write, tmp_path, name):
    """As a broken download or a second file behind the first leaves it; zeros are padding."""
    documents = [Document(f"Aspirin helps {i}.", id=str(i)) for i in range(200)]
    formats.write(documents, tmp_path / "whole", name)
    packed = gzip.compress((tmp_path / "whole").read_bytes())
    *found, error = formats.read_each(write(packed + b"rest of another file" * 9, "in.gz"), name)
    assert [document.text.strip() for document in found] == [document.text for document in documents]
    assert "something that gzip didn't pack is behind its end" in str(error)
    again = list(formats.read(write(packed + b"\0" * 70_000, "in.gz"), name))
    assert [document.text for document in again] == [document.text for document in found]


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=4), st.integers(0, 3))
def test_members_of_a_gzip_file_follow_one_another(tmp_path_factory, contents, zeros):
    path = tmp_path_factory.mktemp("gzip") / "file"
    path.write_bytes((b"\0" * zeros).join(gzip.compress(content) for content in contents))
    with open_input(path) as file:
        assert file.read() == b"".join(contents)


def test_broken_inputs_give_documents_or_our_errors():
    """A little of `benchmarks.fuzz`, in a process of its own as it sets timers."""
    command = [sys.executable, "-m", "benchmarks.fuzz", "--inputs", "300"]
    root = Path(__file__).parents[3]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "300 inputs, 0 failures" in done.stdout
