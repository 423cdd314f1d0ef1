from collections import Counter
from itertools import count

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.vocab import Vocab

from spacy_bioner.components.supervision import Known, Naming, targets
from spacy_bioner.corpora.annotations import Annotation, get_annotation, set_annotation
from spacy_bioner.corpora.conversion import (
    Tally,
    to_doc,
    to_docs,
    to_document,
)
from spacy_bioner.corpora.docbin import docbin, read_docbin
from spacy_bioner.corpora.gold_annotation import gold_annotation, set_gold_spans
from spacy_bioner.corpora.joining import join_docs
from spacy_bioner.corpora.sources import open_source, write_columns, write_docbin
from spacy_bioner.documents.document import HEADING, SENTENCE, Document, Dropped, Mention, Passage
from spacy_bioner.documents.formats import columns
from spacy_bioner.documents.formats.columns import ColumnOptions
from spacy_bioner.errors import FormatError
from spacy_bioner.models.crf import O
from spacy_bioner.text.tokenizer import create_tokenizer

ANNOTATION = Annotation("corpus", ("X", "Y"))
TOKENIZE = create_tokenizer()(spacy.blank("en"))
VOCAB = TOKENIZE.vocab


def mention(start, end, type="X"):
    return Mention(((start, end),), type)


def converted(document):
    return to_doc(document, VOCAB, TOKENIZE)


def tokens(doc):
    return [token.text for token in doc]


def ents(doc):
    return [(ent.text, ent.label_) for ent in doc.ents]


def reasons(dropped):
    return Counter((drop.text, drop.reason) for drop in dropped)


# one document


def test_tokens_of_the_document_are_kept():
    doc, dropped = converted(
        Document("IL-2Rα gene", mentions=(mention(0, 6),), tokens=((0, 2), (2, 6), (7, 11)))
    )
    assert tokens(doc) == ["IL", "-2Rα", "gene"]
    assert [bool(token.whitespace_) for token in doc] == [False, True, False]
    assert (doc.text, ents(doc), dropped) == ("IL-2Rα gene", [("IL-2Rα", "X")], [])
    assert doc.vocab is VOCAB


def test_without_tokens_the_tokenizer_makes_them():
    doc, dropped = converted(Document("IL-2Rα  gene\n", mentions=(mention(3, 6), mention(8, 12, "Y"))))
    assert tokens(doc) == ["IL", "-", "2Rα", " ", "gene", "\n"]
    assert (doc.text, ents(doc), dropped) == ("IL-2Rα  gene\n", [("2Rα", "X"), ("gene", "Y")], [])


def test_adjacent_mentions_of_one_type_stay_two():
    doc, _ = converted(
        Document("a b c", mentions=(mention(0, 1), mention(2, 5)), tokens=((0, 1), (2, 3), (4, 5)))
    )
    assert ents(doc) == [("a", "X"), ("b c", "X")]


@pytest.mark.parametrize("own", [True, False], ids=["its tokens", "the tokenizer's"])
def test_what_a_doc_cannot_hold_is_dropped_with_the_reason(own):
    document = Document(
        "breast and ovarian cancer",
        mentions=(
            Mention(((0, 6), (19, 25)), "X"),
            mention(12, 18),
            mention(11, 25, "Y"),
            mention(19, 25),
        ),
        tokens=((0, 6), (7, 10), (11, 18), (19, 25)) if own else None,
    )
    doc, dropped = converted(document)
    assert ents(doc) == [("ovarian cancer", "Y")]
    assert reasons(dropped) == {
        ("breast cancer", "discontinuous"): 1,
        ("varian", "begins or ends inside a token"): 1,
        ("cancer", "overlaps a longer mention"): 1,
    }


@pytest.mark.parametrize(
    ("text", "spans", "expected"),
    [
        ("a  b", ((0, 1), (3, 4)), ["a", " ", "b"]),
        ("a\nb", ((0, 1), (2, 3)), ["a", "\n", "b"]),
        ("a \n b", ((0, 1), (4, 5)), ["a", "\n ", "b"]),
        (" a ", ((1, 2),), [" ", "a"]),
        ("a  ", ((0, 1),), ["a", " "]),
        ("a xyz b", ((0, 1), (6, 7)), ["a", "xyz ", "b"]),
        ("  ", (), ["  "]),
        ("", (), []),
    ],
)
def test_text_between_tokens_becomes_tokens(text, spans, expected):
    doc, _ = converted(Document(text, tokens=spans))
    assert (tokens(doc), doc.text) == (expected, text)


def test_sentences_become_sentence_starts():
    passages = (Passage(0, 4, SENTENCE), Passage(5, 7, SENTENCE))
    doc, _ = converted(Document("A b. C.", passages, tokens=((0, 1), (2, 3), (3, 4), (5, 6), (6, 7))))
    assert [sentence.text for sentence in doc.sents] == ["A b.", "C."]


def test_without_passages_no_sentences_are_made_up():
    doc, _ = converted(Document("A b.", tokens=((0, 1), (2, 3), (3, 4))))
    assert not doc.has_annotation("SENT_START")


@st.composite
def documents(draw):
    """Words with any white space around them, and mentions that don't overlap."""
    words = st.text(st.sampled_from("aB1-.(é\u0301\u00a0"), min_size=1, max_size=4).filter(
        lambda w: w.strip()
    )
    gaps = st.sampled_from(["", " ", " ", "  ", "\n", " \n\t", "\u2028"])
    text, spans = draw(gaps), []
    for word in draw(st.lists(words, max_size=8)):
        spans.append((len(text), len(text) + len(word)))
        text += word + draw(gaps)
    mentions, end = [], 0
    while end < len(spans) and draw(st.booleans()):
        start = draw(st.integers(end, len(spans) - 1))
        end = draw(st.integers(start + 1, len(spans)))
        mentions.append(mention(spans[start][0], spans[end - 1][1], draw(st.sampled_from("XY"))))
    return Document(text, mentions=tuple(mentions), tokens=tuple(spans))


@given(documents())
def test_to_doc_and_back_is_the_same(document):
    doc, dropped = converted(document)
    back = to_document(doc)
    assert dropped == []
    assert (back.text, back.mentions, back.tokens) == (document.text, document.mentions, document.tokens)


@given(documents())
def test_the_tokenizer_keeps_the_text_and_every_mention_it_can(document):
    doc, dropped = converted(Document(document.text, mentions=document.mentions))
    assert doc.text == document.text
    begins, ends = {token.idx for token in doc}, {token.idx + len(token) for token in doc}
    fitting = [m for m in document.mentions if m.start in begins and m.end in ends]
    assert [mention(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents] == fitting
    assert [drop.mention for drop in dropped] == [m for m in document.mentions if m not in fitting]


@pytest.mark.parametrize("vocab", [VOCAB, Vocab()], ids=["a language's", "bare"])
def test_to_document_leaves_out_white_space_tokens(vocab):
    doc = Doc(vocab, words=["A", "\n", "b", "  "], spaces=[True, False, False, False])
    assert to_document(doc).tokens == ((0, 1), (3, 4))
    assert to_document(doc).text == "A \nb  "


def test_to_document_takes_what_the_doc_carries():
    doc = Doc(VOCAB, words=["A", ".", "B"], sent_starts=[True, False, True], ents=["O", "O", "B-X"])
    assert to_document(doc) == Document(
        "A . B ",
        (Passage(0, 3, SENTENCE), Passage(4, 5, SENTENCE)),
        (mention(4, 5),),
        tokens=((0, 1), (2, 3), (4, 5)),
    )
    set_annotation(doc, Annotation("corpus", ("X",), "7", {"docstart": "-DOCSTART- (7)"}))
    assert (to_document(doc).id, to_document(doc).meta) == ("7", {"docstart": "-DOCSTART- (7)"})


# a stream of documents


COLUMNS = """\
-DOCSTART- (1)

A\tB-X
.\tO

B\tI-X

C\tB-Y
D\tB-X

-DOCSTART- (2)

E\tO

F\tB-Z
"""


@pytest.fixture
def convert(write):
    """Converts columns to Docs; returns them with the tally."""

    def convert(content, annotation=ANNOTATION, group=1, **options):
        tally = Tally()
        documents = columns.read(write(content), ColumnOptions(**options))
        return list(to_docs(documents, VOCAB, TOKENIZE, annotation, tally, group)), tally

    return convert


def test_docs_carry_where_they_are_from(convert):
    docs, _ = convert(COLUMNS)
    assert [get_annotation(doc) for doc in docs] == [
        Annotation("corpus", ("X", "Y"), "1", {"docstart": "-DOCSTART- (1)"}),
        Annotation("corpus", ("X", "Y"), "1"),
        Annotation("corpus", ("X", "Y"), "1"),
        Annotation("corpus", ("X", "Y"), "2", {"docstart": "-DOCSTART- (2)"}),
        Annotation("corpus", ("X", "Y"), "2"),
    ]


def test_tally_counts_everything(convert):
    docs, tally = convert(COLUMNS, scheme="IOB2")
    assert [ents(doc) for doc in docs] == [[("A", "X")], [("B", "X")], [("C", "Y"), ("D", "X")], [], []]
    assert (tally.docs, tally.sentences, tally.tokens, tally.repaired) == (5, 5, 7, 1)
    assert tally.mentions_in == {"X": 3, "Y": 1, "Z": 1}
    assert tally.mentions_out == {"X": 3, "Y": 1}
    assert [str(drop) for drop in tally.dropped] == ["line 15: Z 'F' (type not asked for)"]
    assert tally.unaccounted() == {}


@pytest.mark.parametrize(
    ("group", "texts"),
    [
        (1, ["A.", "B", "C D", "E", "F"]),
        (2, ["A. B", "C D", "E F"]),
        (3, ["A. B C D", "E F"]),
        (9, ["A. B C D", "E F"]),
    ],
)
def test_groups_never_cross_a_document(convert, group, texts):
    docs, tally = convert(COLUMNS, group=group)
    assert [doc.text for doc in docs] == texts
    assert (tally.docs, tally.sentences, tally.tokens) == (len(texts), 5, 7)
    assert [mention for doc in docs for mention in ents(doc)] == [
        ("A", "X"),
        ("B", "X"),
        ("C", "Y"),
        ("D", "X"),
    ]


def test_groups_have_sentence_starts(convert):
    docs, _ = convert("A\tO\n.\tO\n\nB\tO\nb\tO\n\nC\tO\n\nD\tO\n\nE\tO\n", group=3)
    assert [[token.is_sent_start for token in doc] for doc in docs] == [
        [True, False, True, False, True],
        [True, True],
    ]


def test_tally_is_balanced_over_all_that_is_dropped():
    dropping = Document(
        "aa bb cc",
        mentions=(
            mention(0, 5),
            mention(0, 2),
            mention(4, 5),
            Mention(((0, 2), (6, 8)), "Y"),
            mention(6, 8, "Z"),
        ),
    )
    tally = Tally()
    [doc] = to_docs([dropping], VOCAB, TOKENIZE, ANNOTATION, tally)
    assert ents(doc) == [("aa bb", "X")]
    assert Counter(drop.reason for drop in tally.dropped) == {"type not asked for": 1}
    assert Counter(left.reason for left in tally.untaught) == {
        "begins or ends inside a token": 1,
        "discontinuous": 1,
    }
    assert (tally.overlapping, tally.nested, tally.crossing) == (1, 1, 0)
    assert tally.unaccounted() == {}


def test_tally_notices_what_is_lost_or_made_up():
    dropped = Dropped(Document("a"), mention(0, 1), "overlaps a longer mention")
    tally = Tally(mentions_in=Counter(X=3, Y=1), mentions_out=Counter(X=1, Y=2), dropped=[dropped])
    assert tally.unaccounted() == {"X": 1, "Y": -1}


def test_documents_are_converted_as_they_are_asked_for():
    endless = (Document(f"a{i}", tokens=((0, len(f"a{i}")),)) for i in count())
    docs = to_docs(endless, VOCAB, TOKENIZE, ANNOTATION, Tally())
    assert [next(docs).text for _ in range(3)] == ["a0", "a1", "a2"]


# files


PUBTATOR = """\
7|t|IL-2 gene.
7|a|An abstract
7\t0\t4\tIL-2\tX\t1
7\t1\t4\tL-2\tY\t1
"""


def test_source_of_columns(write):
    source = open_source(write(COLUMNS), ColumnOptions())
    assert (source.types, source.size, source.typed) == (("X", "Y", "Z"), 5, True)
    assert list(source.documents()) == list(source.documents())
    assert len(list(source.documents())) == source.size


def test_source_of_untyped_columns(write):
    source = open_source(write("a\tB\n"), ColumnOptions(type="X"))
    assert (source.types, source.typed) == (("X",), False)


def test_source_of_pubtator(write):
    source = open_source(write(PUBTATOR, "file.txt"), ColumnOptions())
    assert (source.types, source.size, source.typed) == (("X", "Y"), 1, True)
    assert [document.id for document in source.documents()] == ["7"]


def test_source_of_docs(write):
    first = Doc(VOCAB, words=["a", "b"], ents=["B-Z", "O"])
    second = Doc(VOCAB, words=["c"], ents=["B-W"])
    set_annotation(first, ANNOTATION)
    set_annotation(second, Annotation("corpus", ("Z",)))
    source = open_source(write(docbin([first, second]).to_bytes(), "docs.spacy"), ColumnOptions())
    assert (source.types, source.size, source.unwritten) == (("X", "Y", "Z", "W"), 2, 0)
    assert [document.text for document in source.documents()] == ["a b ", "c "]
    second.spans["bioner"] = [second[0:1]]
    spans = open_source(write(docbin([first, second]).to_bytes(), "spans.spacy"), ColumnOptions())
    assert spans.unwritten == 1


@pytest.mark.parametrize("name", ["file.tsv", "file.spacy"])
@pytest.mark.parametrize(
    ("content", "message"), [(None, "there is no such file"), ("", "(the file is empty|not a .spacy file)")]
)
def test_source_that_is_none(tmp_path, write, name, content, message):
    path = tmp_path / name if content is None else write(content, name)
    with pytest.raises(FormatError, match=message) as raised:
        open_source(path, ColumnOptions())
    assert (raised.value.path, raised.value.line) == (path, None)


def through_docbin(path, tmp_path, annotation=ANNOTATION, group=1):
    """Columns to a .spacy file and back; returns the new columns and the two tallies."""
    there, back = Tally(), Tally()
    docs, out = tmp_path / "docs.spacy", tmp_path / "out.tsv"
    write_docbin(open_source(path, ColumnOptions()), docs, annotation, group, there)
    write_columns(open_source(docs, ColumnOptions()), out, annotation.types, back)
    return out.read_bytes().decode(), there, back


@pytest.mark.parametrize("group", [1, 2, 3])
def test_columns_come_back_through_docbin(write, tmp_path, group):
    content = (
        "-DOCSTART- (1)\n\nIL\tB-X\n-\tI-X\n2\tB-X\n\n\u2028\u00a0a\tO\n#\tB-Y\n.\tO\n\n"
        "-DOCSTART-\tO\n\nb\tB-Y\n\nB-X\tO\n\ufffd\tO\n\n"
    )
    text, there, back = through_docbin(write(content), tmp_path, group=group)
    assert text == content
    assert there.mentions_in == there.mentions_out == back.mentions_in == back.mentions_out
    assert there.tokens == back.tokens == 9
    assert there.dropped == back.dropped == []


def test_docbin_keeps_what_docs_carry(write, tmp_path):
    write_docbin(open_source(write(COLUMNS), ColumnOptions()), tmp_path / "o", ANNOTATION, 3, Tally())
    assert [get_annotation(doc) for doc in read_docbin(tmp_path / "o")] == [
        Annotation("corpus", ("X", "Y"), "1", {"docstart": "-DOCSTART- (1)"}),
        Annotation("corpus", ("X", "Y"), "2", {"docstart": "-DOCSTART- (2)"}),
    ]


def test_white_space_tokens_of_a_corpus_are_kept(write, tmp_path):
    """Those of a corpus in columns are tokens, and come back."""
    text, there, back = through_docbin(write("a\tO\n\u00a0\tB-X\nb\tI-X\nc\tB-Y\n\n"), tmp_path)
    assert text == "a\tO\n\u00a0\tB-X\nb\tI-X\nc\tB-Y\n\n"
    assert (there.tokens, back.tokens) == (4, 4)
    assert there.mentions_out == back.mentions_out == {"X": 1, "Y": 1}
    assert back.dropped == []


def test_text_with_tokens_whose_annotation_is_missing_is_not_written_as_outside(write, tmp_path):
    doc, whole = (Doc(VOCAB, words=words, sent_starts=[True, False]) for words in (["A", "B"], ["C", "D"]))
    doc.set_ents([], missing=[doc[1:2]], default="outside")
    whole.set_ents([], default="outside")
    path = write(docbin([doc, whole]).to_bytes(), "docs.spacy")
    tally = Tally()
    write_columns(open_source(path, ColumnOptions()), tmp_path / "out.tsv", (), tally)
    assert (tmp_path / "out.tsv").read_text() == "C\tO\nD\tO\n\n"
    [told] = [reason for reason in tally.others if "missing" in reason and "left out" in reason]
    assert tally.others[told] == 1


def test_sentences_of_docs_with_white_space_tokens_stay_apart(write, tmp_path):
    doc = Doc(VOCAB, words=["A", "\n", "B", "."], sent_starts=[True, False, True, False])
    doc.set_ents([], default="outside")
    path = write(docbin([doc]).to_bytes(), "docs.spacy")
    write_columns(open_source(path, ColumnOptions()), tmp_path / "out.tsv", (), Tally())
    assert (tmp_path / "out.tsv").read_text() == "A\tO\n\nB\tO\n.\tO\n\n"


def test_pubtator_to_columns(write, tmp_path):
    tally = Tally()
    source = open_source(write(PUBTATOR), ColumnOptions())
    write_columns(source, tmp_path / "out.tsv", ("X", "Y"), tally, "IOBES", typed=False)
    assert (tmp_path / "out.tsv").read_text() == ("IL\tB\n-\tI\n2\tE\ngene\tO\n.\tO\nAn\tO\nabstract\tO\n\n")
    assert (tally.docs, tally.sentences, tally.tokens) == (1, 0, 7)
    assert tally.mentions_in == {"X": 1, "Y": 1}
    assert tally.mentions_out == {"X": 1}
    assert [str(drop) for drop in tally.dropped] == ["document 7: Y 'L-2' (begins or ends inside a token)"]


def test_pubtator_to_docbin(write, tmp_path):
    tally = Tally()
    write_docbin(open_source(write(PUBTATOR), ColumnOptions()), tmp_path / "o", ANNOTATION, 1, tally)
    [doc] = read_docbin(tmp_path / "o")
    assert (doc.text, ents(doc)) == ("IL-2 gene.\nAn abstract", [("IL-2", "X")])
    assert get_annotation(doc) == Annotation("corpus", ("X", "Y"), "7", more=(("Y", ((1, 4),)),))


def test_pubtator_through_docbin_to_columns(write, tmp_path):
    text, _, back = through_docbin(write(PUBTATOR), tmp_path)
    assert text == "IL\tB-X\n-\tI-X\n2\tI-X\ngene\tO\n.\tO\nAn\tO\nabstract\tO\n\n"
    assert back.mentions_out == {"X": 1}


def test_columns_without_some_types(write, tmp_path):
    tally = Tally()
    write_columns(open_source(write(COLUMNS), ColumnOptions()), tmp_path / "out.tsv", ("Y",), tally)
    assert "X" not in (tmp_path / "out.tsv").read_text()
    assert tally.mentions_out == {"Y": 1}
    assert Counter(drop.reason for drop in tally.dropped) == {"type not asked for": 4}
    assert tally.unaccounted() == {}


def test_spans_of_a_doc_are_mentions_only_if_they_are_gold():
    doc = Doc(VOCAB, words=["a"], ents=["O"])
    doc.spans["bioner"] = [Span(doc, 0, 1, "X")]  # old predictions, perhaps
    assert to_document(doc).mentions == ()
    set_gold_spans(doc, [Span(doc, 0, 1, "X")])
    assert [m.type for m in to_document(doc).mentions] == ["X"]


@pytest.mark.parametrize("tokens", [None, ((0, 1), (2, 3))])
def test_mentions_without_a_type_are_dropped(tokens):
    doc, dropped = converted(Document("a b", mentions=(mention(0, 1, ""), mention(2, 3)), tokens=tokens))
    assert ents(doc) == [("b", "X")]
    assert reasons(dropped) == {("a", "no type"): 1}
    tally = Tally()
    documents = [Document("a b", mentions=(mention(0, 1, ""),), tokens=tokens)]
    list(to_docs(documents, VOCAB, TOKENIZE, ANNOTATION, tally))
    assert [drop.reason for drop in tally.dropped] == ["no type"]
    assert not tally.unaccounted()


def test_documents_of_their_own_are_not_put_together():
    parts = [
        Document("a", tokens=((0, 1),), id="1"),
        Document("b", tokens=((0, 1),), id="2"),
        Document("c", tokens=((0, 1),), meta={"year": 1}, id="2"),
        Document("d", tokens=((0, 1),), meta={"line": 9}, id="2"),
    ]
    docs = list(to_docs(parts, VOCAB, TOKENIZE, ANNOTATION, Tally(), group=9))
    assert [doc.text for doc in docs] == ["a", "b", "c d"]


def test_what_docs_do_not_hold_is_counted_with_tokens_too():
    passages = (Passage(0, 1, SENTENCE), Passage(0, 1, "title"))
    mentions = (Mention(((0, 1),), "X", "T1", ("D1",), 0.5),)
    tally = Tally()
    document = Document("a", passages, mentions, tokens=((0, 1),), meta={"year": 1})
    list(to_docs([document], VOCAB, TOKENIZE, ANNOTATION, tally))
    lost = ("passages", "ids of mentions", "identifiers", "scores", "notes on documents")
    assert tally.others == dict.fromkeys(lost, 1)


def test_mentions_in_headings_are_not_taught_and_headings_are_no_mentions():
    """A heading that the passages name is never an entity: gold mentions there count, but are not learned."""
    text = "METHODS: Rats got aspirin. RESULTS: Rats slept."
    passages = (Passage(0, 47, "abstract"), Passage(0, 7, HEADING), Passage(27, 34, HEADING))
    mentions = (mention(0, 7), mention(9, 13), mention(36, 40))
    tally = Tally()
    document = Document(text, passages, mentions)
    (doc,) = to_docs([document], VOCAB, TOKENIZE, ANNOTATION, tally)
    assert ents(doc) == [("METHODS", "X"), ("Rats", "X"), ("Rats", "X")]  # all count as gold
    gold = gold_annotation(doc)
    assert [(span.start_char, name) for span, name in gold.taught] == [(9, "X"), (36, "X")]
    methods, results = doc[0].i, next(token.i for token in doc if token.text == "RESULTS")
    assert gold.unknown["X"] == {methods}
    naming = Naming(("X", "Y"), {}, "bioner")
    allowed, types = targets(Example(Doc(VOCAB, words=tokens(doc)), doc), Known("corpus", {"X", "Y"}), naming)
    assert types.all()
    assert allowed[methods, 0].all()  # X: nothing is known
    assert allowed[methods, 1].tolist() == allowed[results, 0].tolist() == [label == O for label in range(3)]
    assert sum(tally.counted.values()) == 1
    assert not tally.unaccounted()


def test_mentions_in_headings_stay_untaught_in_files_and_joined_docs(tmp_path):
    text = "METHODS: Rats slept."
    document = Document(text, (Passage(0, 7, HEADING),), (mention(0, 7), mention(9, 13)))
    (doc,) = to_docs([document], VOCAB, TOKENIZE, ANNOTATION, Tally())
    docbin([doc]).to_disk(tmp_path / "one.spacy")
    (read,) = read_docbin(tmp_path / "one.spacy", VOCAB)
    (again,) = to_docs([to_document(read)], VOCAB, TOKENIZE, ANNOTATION, Tally())
    for copy, starts in ((read, [9]), (again, [9]), (join_docs([doc, doc]), [9, 30])):
        gold = gold_annotation(copy)
        assert len(gold.mentions) == 2 * len(starts)
        assert [span.start_char for span, _ in gold.taught] == starts


def test_a_mention_is_taught_where_another_ones_offsets_are_wrong():
    """A file gives one place twice, once with another text: the mention whose text is there is right."""
    wrong = Mention(((9, 13),), "X", meta={"text": "mice"})
    document = Document("METHODS: Rats slept.", mentions=(mention(9, 13), wrong))
    (doc,) = to_docs([document], VOCAB, TOKENIZE, ANNOTATION, Tally())
    assert [span.text for span, _ in gold_annotation(doc).taught] == ["Rats"]
