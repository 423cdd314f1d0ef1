"""Text in: documents, duplicates, overlap with labelled corpora, held-out documents, sources."""

import json
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_bioner.documents import formats
from spacy_bioner.documents.document import Document, Passage
from spacy_bioner.errors import FormatError, PretrainingError
from spacy_bioner.pretraining.cleaned_text import prepare_text
from spacy_bioner.pretraining.overlap import MIN_WORDS, Overlap, load_overlap
from spacy_bioner.pretraining.text_files import read_documents, read_manifest, write_documents
from spacy_bioner.text.rough_sentences import split_sentences, words_of

SENTENCE = "Loss of BRCA1 increased the risk of ovarian cancer in carriers."
OTHERS = {"bioc-xml": "Test.BioC.xml", "bioc-json": "Test.JSON", "jsonl": "test.jsonl.gz", "brat": "Test"}
COLUMNS = "".join(f"{word}\tO\n" for word in [*SENTENCE[:-1].split(), "."])


def documents(folder: Path) -> list[list[str]]:
    """All documents of a prepared text, the held-out ones last."""
    manifest = read_manifest(folder, "text.json", "pretrain-text")
    files = [*(part["file"] for part in manifest["parts"]), manifest["held_out"]["file"]]
    return [document for file in files for document in read_documents(folder / file)]


def test_documents_of_plain_and_compressed_files(write: Callable[..., Path], tmp_path: Path):
    expected = [["One line.", "Another."], ["The next document."]]
    plain = write("\n\nOne line.\r\n Another. \n\n\nThe next document.", "a.txt")
    assert list(read_documents(plain)) == expected
    write_documents(tmp_path / "b.txt.xz", expected)
    assert list(read_documents(tmp_path / "b.txt.xz")) == expected


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"fine\n\xff\n", "a.txt", "line 2: not UTF-8"),
        (b"no xz", "a.txt.xz", "not a whole xz file"),
        (lzma.compress(b"cut short " * 1000)[:-20], "a.txt.xz", "not a whole xz file"),
    ],
)
def test_file_that_is_not_text(write: Callable[..., Path], content: bytes, name: str, message: str):
    with pytest.raises(FormatError, match=message):
        list(read_documents(write(content, name)))


def test_missing_file(tmp_path: Path):
    with pytest.raises(FormatError, match="no such file"):
        list(read_documents(tmp_path / "none.txt"))


def prepare(tmp_path: Path, content: str, **arguments: object) -> tuple[dict, list[list[str]]]:
    source = tmp_path / "in" / "a.txt"
    source.parent.mkdir(exist_ok=True)
    source.write_text(content, encoding="utf8")
    overlap = arguments.pop("overlap", Overlap())
    manifest = prepare_text([source], tmp_path / "out", overlap, **arguments)
    return manifest, documents(tmp_path / "out")


def test_a_paragraph_stays_once(tmp_path: Path):
    text = "The same words here.\nOther words are here.\n\nThe SAME words, here!\n\nNew words are here."
    manifest, found = prepare(tmp_path, text, held_out=0.0)
    assert found == [["The same words here.", "Other words are here."], ["New words are here."]]
    assert manifest["rules"] == {"duplicates": 1}
    assert (manifest["documents"], manifest["paragraphs"], manifest["words"]) == (2, 3, 12)


def test_held_out_documents_depend_on_text_and_seed_alone(tmp_path: Path):
    paragraphs = [f"This is the document number {i}." for i in range(300)]
    manifest, found = prepare(tmp_path, "\n\n".join(paragraphs), held_out=0.1)
    held_out = {document[0] for document in found[300 - manifest["held_out"]["documents"] :]}
    assert 15 < len(held_out) < 50
    assert sorted(document[0] for document in found) == sorted(paragraphs)
    (tmp_path / "again").mkdir()
    manifest, found = prepare(tmp_path / "again", "\n\n".join(reversed(paragraphs)), held_out=0.1)
    assert {document[0] for document in found[300 - len(held_out) :]} == held_out
    (tmp_path / "other").mkdir()
    manifest, found = prepare(tmp_path / "other", "\n\n".join(paragraphs), held_out=0.1, seed=2)
    assert {d[0] for d in found[300 - manifest["held_out"]["documents"] :]} != held_out


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """A folder of corpora in all formats, with a sentence each in a split."""
    from spacy_bioner.corpora.file_conversion import convert

    folder = tmp_path / "corpora"
    (folder / "cols").mkdir(parents=True)
    (folder / "cols" / "test.tsv").write_text(f"{COLUMNS}\n", encoding="utf8")
    (folder / "cols" / "train.tsv").write_text(COLUMNS.replace("ovarian", "breast"), encoding="utf8")
    (folder / "cols" / "README.md").write_text("Test", encoding="utf8")
    (folder / "pub").mkdir()
    abstract = SENTENCE.replace("ovarian", "gastric")
    (folder / "pub" / "CDR_DevelopmentSet.txt").write_text(
        f"1|t|A title of no interest.\n1|a|We report this. {abstract} Nothing else.\n1\t0\t1\tA\tGene\n",
        encoding="utf8",
    )
    (folder / "docs").mkdir()
    (folder / "docs" / "x.tsv").write_text(COLUMNS.replace("ovarian", "rectal"), encoding="utf8")
    convert([folder / "docs" / "x.tsv"], folder / "docs" / "test.spacy", name="docs")
    (folder / "docs" / "Test.dtd").write_text("<!ELEMENT a>", encoding="utf8")
    (folder / "docs" / "latest.csv").write_text("neither this, nor that, is known here", encoding="utf8")
    (folder / "docs" / "test_other.xml").write_text("<?xml version='1.0'?><drugs/>", encoding="utf8")
    for kind, name in OTHERS.items():
        document = Document(f"A title\n{SENTENCE.replace('ovarian', kind)}", id="test")
        formats.write([document], folder / kind / name, kind)
    return folder


def test_paragraphs_with_test_sentences_are_taken_out(labelled: Path, tmp_path: Path):
    overlap = load_overlap([labelled])
    splits = [("cols", "test"), ("pub", "devel"), ("docs", "test"), *((kind, "test") for kind in OTHERS)]
    assert overlap.sentences == dict.fromkeys(splits, 1)
    assert [path.name for path in overlap.unread] == ["latest.csv", "test_other.xml"]
    lines = [
        f"As is known, {SENTENCE.lower()} But why?",
        "Loss of BRCA1 increased the risk of gastric cancer in carriers, who are many.",
        "Loss of BRCA1 - increased the risk of (rectal) cancer in carriers.",
        *(SENTENCE.replace("ovarian", kind) for kind in OTHERS),
        "Loss of BRCA1 increased the risk of breast cancer in carriers.",
        "Loss of BRCA1 increased the risk of ovarian cancer in mice.",
    ]
    manifest, found = prepare(tmp_path, "\n".join(lines), overlap=overlap, held_out=0.0)
    assert found == [lines[-2:]]
    assert manifest["rules"] == {"overlap": len(splits)}
    removed = {(entry["corpus"], entry["split"]): entry["removed"] for entry in manifest["overlap"]}
    assert removed == dict.fromkeys(splits, 1)


def test_no_sentence_goes_on_in_the_next_passage(tmp_path: Path):
    text = f"A title{SENTENCE}"
    passages = (Passage(0, 7, "title"), Passage(7, len(text), "abstract"))
    formats.write([Document(text, passages)], tmp_path / "corpus" / "test.xml", "bioc-xml")
    for folder in (tmp_path, tmp_path / "corpus"):
        assert load_overlap([folder]).find(words_of(SENTENCE)) == {("corpus", "test")}


def test_sentences_of_a_split_in_several_formats_count_once(tmp_path: Path):
    for name, kind in (("test.xml", "bioc-xml"), ("Test.JSON", "bioc-json"), ("test", "brat")):
        formats.write([Document(f"{SENTENCE} {SENTENCE}", id="1")], tmp_path / "corpus" / name, kind)
    assert load_overlap([tmp_path]).sentences == {("corpus", "test"): 1}
    assert load_overlap([tmp_path / "corpus" / "test"]).sentences == {("test", "test"): 1}


@given(
    st.lists(st.sampled_from("abcdef"), max_size=30),
    st.lists(st.sampled_from("abcdef"), min_size=8, max_size=12),
)
def test_a_sentence_is_found_exactly_where_its_words_stand(words: list[str], sentence: list[str]):
    overlap = Overlap()
    overlap.add(" ".join(sentence), "corpus", "test")
    contained = any(words[i : i + len(sentence)] == sentence for i in range(len(words)))
    assert bool(overlap.find(words)) == contained
    assert overlap.find([*words, *sentence, *words]) == {("corpus", "test")}


def test_short_sentences_are_not_looked_for():
    overlap = Overlap()
    overlap.add("one two three four five six seven", "corpus", "test")
    assert not overlap.sentences
    assert MIN_WORDS == 8


def test_sentences_of_running_text():
    text = "IL-2 rose (by 3.5%). It fell! A 2nd one? Yes.\nNew paragraph, e.g. this"
    assert list(split_sentences(text)) == [
        "IL-2 rose (by 3.5%).",
        "It fell!",
        "A 2nd one?",
        "Yes.",
        "New paragraph, e.g. this",
    ]


def test_folders_that_are_no_corpora(tmp_path: Path):
    with pytest.raises(FormatError, match="no such folder"):
        load_overlap([tmp_path / "none"])
    with pytest.raises(FormatError, match="'dev' or 'test'"):
        load_overlap([tmp_path])
    (tmp_path / "test.xml").write_text("<collection><document>", encoding="utf8")
    with pytest.raises(FormatError, match=r"test\.xml"):
        load_overlap([tmp_path])


def test_real_corpora_are_read(corpora: Path):
    overlap = load_overlap([corpora / name for name in ("mtl", "pubtator", "bioc", "brat")])
    assert overlap.unread == []
    assert overlap.sentences["NCBI-disease-IOB", "test"] > 800
    assert overlap.sentences["BC5CDR", "devel"] > 4000
    assert overlap.sentences["BioRED", "devel"] > 1000
    assert overlap.sentences["BioNLP13PC", "devel"] > 800


def test_sources_are_summed_up(tmp_path: Path):
    (tmp_path / "in").mkdir()
    table = "doc_id\tsource_repo\tlicence\twords\n1\tA\tCC BY\t10\n2\tA\tCC BY\t5\n3\tB\tCC0\t7\n"
    (tmp_path / "in" / "SOURCES.tsv.xz").write_bytes(lzma.compress(table.encode()))
    manifest, _ = prepare(tmp_path, "Some words are here.", held_out=0.0)
    assert manifest["sources"] == [
        {"source": "A", "licence": "CC BY", "documents": 2, "words": 15},
        {"source": "B", "licence": "CC0", "documents": 1, "words": 7},
    ]
    (tmp_path / "in" / "SOURCES.tsv.xz").write_bytes(lzma.compress(table.replace("5", "five").encode()))
    with pytest.raises(FormatError, match=r"line 3: columns source_repo, licence and words"):
        prepare(tmp_path, "Some words are here.")


def test_refused(tmp_path: Path, write: Callable[..., Path]):
    text = write("Some words are here.", "one/a.txt")
    out = tmp_path / "out"
    with pytest.raises(PretrainingError, match="share"):
        prepare_text([text], out, Overlap(), held_out=1.0)
    with pytest.raises(PretrainingError, match="would both become 'a'"):
        prepare_text([text, write("More words are here.", "two/a.txt")], out, Overlap())
    with pytest.raises(PretrainingError, match="name of an output"):
        prepare_text([write("Words", "held-out.txt")], out, Overlap())
    with pytest.raises(PretrainingError, match=r"Nothing is left.*too short"):
        prepare_text([write("Words", "three/a.txt")], out, Overlap())
    with pytest.raises(FormatError, match="no such file or folder"):
        prepare_text([tmp_path / "none"], out, Overlap())
    (tmp_path / "empty").mkdir()
    with pytest.raises(FormatError, match="no text in this folder"):
        prepare_text([tmp_path / "empty"], out, Overlap())
    assert not out.exists()
    with pytest.raises(PretrainingError, match="holds something else"):
        prepare_text([text], tmp_path / "one", Overlap())


def test_manifest_that_is_not_there_or_not_ours(tmp_path: Path):
    with pytest.raises(FormatError, match="spacy bioner pretrain-text"):
        read_manifest(tmp_path, "text.json", "pretrain-text")
    for content in ("{", "[]", '{"format": 2}'):
        (tmp_path / "text.json").write_text(content, encoding="utf8")
        with pytest.raises(FormatError, match="make the folder again"):
            read_manifest(tmp_path, "text.json", "pretrain-text")


def test_verb_prints_what_was_removed(run_cli: Callable[..., str], labelled: Path, tmp_path: Path):
    source = tmp_path / "a.txt"
    source.write_text(f"{SENTENCE}\nOther words are here.\n", encoding="utf8")
    arguments = [source, tmp_path / "out", "--corpora", labelled, "--held-out", 0]
    output = run_cli("bioner", "pretrain-text", *arguments)
    lines = [line.split() for line in output.splitlines()]
    assert ["cols", "test", "1", "1"] in lines
    assert ["docs", "test", "1", "0"] in lines
    assert "latest.csv: not looked at" in " ".join(output.split())
    assert json.loads((tmp_path / "out" / "text.json").read_text(encoding="utf8"))["words"] == 4
    assert "No --corpora" in run_cli("bioner", "pretrain-text", source, tmp_path / "out")
