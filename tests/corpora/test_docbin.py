import random
import zlib

import numpy as np
import pytest
import srsly
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from spacy_bioner.corpora.annotations import Annotation, get_annotation, set_annotation
from spacy_bioner.corpora.docbin import docbin, docbin_files, read_docbin
from spacy_bioner.errors import FormatError

ANNOTATIONS = [
    Annotation("BC5CDR", ("Chemical", "Disease"), "12", {"docstart": "-DOCSTART- (12)"}),
    Annotation("BC2GM", ("GENE",)),
    None,
]


@pytest.fixture
def docs():
    vocab = Vocab()
    docs = [
        Doc(vocab, words=["IL", "-", "2", "."], spaces=[False] * 4, ents=["B-X", "I-X", "B-X", "O"]),
        Doc(vocab, words=["A", "\n", "B"], sent_starts=[True, False, True]),
        Doc(vocab, words=["a\u2028b"]),
    ]
    for doc, annotation in zip(docs, ANNOTATIONS, strict=True):
        if annotation is not None:
            set_annotation(doc, annotation)
    return docs


def test_round_trip(docs, tmp_path):
    path = tmp_path / "docs.spacy"
    docbin(docs).to_disk(path)
    read = read_docbin(path)
    assert [get_annotation(doc) for doc in read] == ANNOTATIONS
    for doc, original in zip(read, docs, strict=True):
        assert doc.text == original.text
        assert [token.text for token in doc] == [token.text for token in original]
        assert [(ent.start, ent.end, ent.label_) for ent in doc.ents] == [
            (ent.start, ent.end, ent.label_) for ent in original.ents
        ]
        assert doc.has_annotation("SENT_START") == original.has_annotation("SENT_START")
    assert [sentence.text for sentence in read[1].sents] == ["A \n", "B"]


@pytest.mark.parametrize("store_user_data", [False, True])
def test_reads_what_spacy_wrote(docs, write, store_user_data):
    path = write(DocBin(docs=docs, store_user_data=store_user_data).to_bytes())
    expected = ANNOTATIONS if store_user_data else [None] * 3
    assert [get_annotation(doc) for doc in read_docbin(path)] == expected


def test_spacy_reads_what_is_written(docs):
    read = DocBin().from_bytes(docbin(docs).to_bytes()).get_docs(Vocab())
    assert [get_annotation(doc) for doc in read] == ANNOTATIONS


def test_docs_do_not_share_what_they_carry(write):
    docs = [Doc(Vocab(), words=["a"]) for _ in range(2)]
    for doc in docs:
        set_annotation(doc, ANNOTATIONS[0])
    first, second = read_docbin(write(docbin(docs).to_bytes()))
    get_annotation(first).meta["docstart"] = "changed"
    assert get_annotation(second) == ANNOTATIONS[0]


def test_user_data_of_others_is_kept(docs, write):
    """Also where two of them look the same when they are printed."""
    for i, doc in enumerate(docs):
        doc.user_data["vector"] = np.zeros(2000)
        doc.user_data["vector"][1000] = i
    read = read_docbin(write(docbin(docs).to_bytes()))
    assert [doc.user_data["vector"][1000] for doc in read] == [0, 1, 2]


def test_no_docs(write):
    assert read_docbin(write(docbin([]).to_bytes())) == []


def test_read_into_the_given_vocab_also_if_empty(docs, write):
    path, vocab = write(docbin(docs).to_bytes()), Vocab()
    assert len(vocab) == 0
    assert all(doc.vocab is vocab for doc in read_docbin(path, vocab))
    assert "IL" in vocab.strings


def packed(change):
    """A DocBin whose message was changed before it was packed."""

    def content(docs):
        message = srsly.msgpack_loads(zlib.decompress(docbin(docs).to_bytes()))
        return zlib.compress(srsly.msgpack_dumps(change(message)))

    return content


@pytest.mark.parametrize(
    "content",
    [
        lambda docs: b"",
        lambda docs: b"IL\tB-X\n",
        lambda docs: random.Random(0).randbytes(200),
        lambda docs: docbin(docs).to_bytes()[:-20],
        lambda docs: zlib.compress(b""),
        packed(lambda message: [message]),
        packed(lambda message: "text"),
        packed(lambda message: {}),
        packed(lambda message: {name: part for name, part in message.items() if name != "lengths"}),
        packed(lambda message: {**message, "tokens": message["tokens"][:-8]}),
        packed(lambda message: {**message, "strings": [-1]}),
        packed(lambda message: {**message, "strings": []}),
    ],
    ids=[
        "empty",
        "columns",
        "noise",
        "cut short",
        "nothing packed",
        "list",
        "text",
        "no parts",
        "no lengths",
        "too few tokens",
        "a number for a string",
        "no strings",
    ],
)
def test_files_that_are_none(docs, write, content):
    path = write(content(docs), "docs.spacy")
    with pytest.raises(FormatError) as raised:
        read_docbin(path)
    assert (raised.value.path, raised.value.line) == (path, None)
    assert str(raised.value).startswith(f"{path}: not a .spacy file")


def test_missing_file(tmp_path):
    with pytest.raises(FormatError, match="there is no such file"):
        read_docbin(tmp_path / "missing.spacy")


def test_folders_stand_for_the_files_in_them_by_name(write, tmp_path):
    for name in ("b.spacy", "a.spacy", "C.spacy", "a.tsv", "notes", "deeper/d.spacy"):
        write(b"", f"folder/{name}")
    write(b"", "other/a.spacy")
    folder, other, file = tmp_path / "folder", tmp_path / "other", tmp_path / "missing.spacy"
    expected = [folder / name for name in ("C.spacy", "a.spacy", "b.spacy")]
    assert docbin_files([folder]) == expected
    assert docbin_files([file, other, folder]) == [file, other / "a.spacy", *expected]
    assert docbin_files([]) == []


def test_folder_without_files(write, tmp_path):
    write(b"", "folder/a.tsv")
    write(b"", "folder/deeper/d.spacy")
    with pytest.raises(FormatError, match=r"folder: there is no \.spacy file in this folder"):
        docbin_files([tmp_path / "folder"])


def test_a_file_that_would_fill_the_memory_is_refused(tmp_path):
    path = tmp_path / "bomb.spacy"
    path.write_bytes(zlib.compress(bytes(64 << 20)))
    with pytest.raises(FormatError, match="more than 100 times as large when unpacked"):
        read_docbin(path)
