from collections import Counter
from itertools import combinations
from random import Random

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, Span
from spacy.util import registry
from spacy.vocab import Vocab

from spacy_bioner.corpora.annotations import Annotation, get_annotation, set_annotation
from spacy_bioner.corpora.augmentation import with_same_tokens
from spacy_bioner.corpora.docbin import docbin, read_docbin
from spacy_bioner.corpora.readers import create_corpus, create_multi_corpus, joined, shares
from spacy_bioner.errors import FormatError, PipelineError

ANNOTATION = Annotation("NCBI-disease", ("Disease",), "7")


@pytest.fixture
def path(write):
    """Three Docs, with tokens as no tokenizer here would make them."""
    vocab = Vocab()
    docs = [
        Doc(vocab, words=["IL - 2", "Xq27"], spaces=[False, False], ents=["B-Disease", "I-Disease"]),
        Doc(vocab),
        Doc(vocab, words=["A", "b"], sent_starts=[True, True]),
    ]
    for doc in docs:
        set_annotation(doc, ANNOTATION)
    return write(docbin(docs).to_bytes(), "docs.spacy")


def test_registered():
    assert registry.readers.get("spacy-bioner.Corpus.v1") is create_corpus


def test_examples_have_the_tokens_of_the_corpus(path, nlp):
    first, second = create_corpus(path)(nlp)
    assert [token.text for token in first.predicted] == ["IL - 2", "Xq27"]
    assert [token.text for token in first.reference] == ["IL - 2", "Xq27"]
    assert first.predicted.text == first.reference.text == "IL - 2Xq27"
    assert [token.text for token in second.predicted] == ["A", "b"]
    assert first.get_aligned_ner() == ["B-Disease", "L-Disease"]


def test_only_the_reference_has_the_answers(path, nlp):
    for example in create_corpus(path)(nlp):
        assert get_annotation(example.reference) == ANNOTATION
        assert get_annotation(example.predicted) is None
        assert not example.predicted.has_annotation("ENT_IOB")
    assert not with_same_tokens(example.reference).has_annotation("SENT_START")


def test_docs_share_the_vocabulary_of_the_pipeline(path, nlp):
    assert len(nlp.vocab) == 0, "the vocabulary must be empty, or this tests nothing"
    for example in create_corpus(path)(nlp):
        for doc in (example.predicted, example.reference):
            assert doc.vocab is nlp.vocab
            assert all(token.vocab is nlp.vocab for token in doc)
    [first, *_] = create_corpus(path)(nlp)
    assert [token.shape_ for token in first.predicted] == ["XX - d", "Xxdd"]
    assert [token.norm_ for token in first.predicted] == ["il - 2", "xq27"]


@pytest.mark.parametrize(("limit", "texts"), [(0, ["IL - 2Xq27", "A b "]), (1, ["IL - 2Xq27"])])
def test_limit(path, nlp, limit, texts):
    assert [example.reference.text for example in create_corpus(path, limit)(nlp)] == texts


def test_path_may_be_a_string(path, nlp):
    assert len(list(create_corpus(str(path))(nlp))) == 2


def test_no_path():
    with pytest.raises(PipelineError, match=r"set paths\.train and paths\.dev"):
        create_corpus(None)


def test_file_is_looked_for_when_read(tmp_path, nlp):
    corpus = create_corpus(tmp_path / "missing.spacy")
    with pytest.raises(FormatError, match=r"missing\.spacy: there is no such file"):
        list(corpus(nlp))


# sentences joined


def sentences_of(lengths, types=("X",), corpus="a"):
    """Docs of so many words, "a0.0", "a0.1" and so on, of which the first is a mention."""
    docs = []
    for i, length in enumerate(lengths):
        words = [f"{corpus}{i}.{k}" for k in range(length)]
        docs.append(Doc(VOCAB, words=words, ents=["B-X", *["O"] * (length - 1)]))
        docs[-1].spans["sc"] = [Span(docs[-1], 0, length, "X")]
        set_annotation(docs[-1], Annotation(corpus, types, id=str(i)))
    return docs


VOCAB = Vocab()
LENGTHS = st.lists(st.integers(1, 60), max_size=40)


@given(LENGTHS, st.integers(1, 100), st.integers(0, 5))
def test_joined_docs_have_every_sentence_in_order(lengths, most, seed):
    docs = sentences_of(lengths)
    found = joined(docs, most, Random(seed))
    assert [t.text for doc in found for t in doc] == [t.text for doc in docs for t in doc]
    assert [t.ent_iob_ for doc in found for t in doc] == [t.ent_iob_ for doc in docs for t in doc]
    assert [s.text for doc in found for s in doc.spans["sc"]] == [s.text.strip() for s in spans(docs)]
    assert sum(len(doc.ents) for doc in found) == len(docs)
    assert all(len(doc) <= most or doc in docs for doc in found)
    assert {(a.corpus, a.types) for a in map(get_annotation, found)} <= {("a", ("X",))}
    assert [doc.text for doc in found] == [doc.text for doc in joined(docs, most, Random(seed))]


def spans(docs):
    return [span for doc in docs for span in doc.spans["sc"]]


def test_half_of_the_docs_stay_alone_and_lengths_vary():
    docs = joined(sentences_of([10] * 5000), 200, Random(1))
    alone = [doc for doc in docs if len(doc) == 10]
    counts = Counter(len(doc) // 10 for doc in docs if len(doc) > 10)
    assert 0.45 < len(alone) / len(docs) < 0.62
    del counts[20]  # only where chance says 200 itself
    assert set(counts) == set(range(2, 20))
    assert max(counts.values()) < 3 * min(counts.values())


def test_only_docs_that_annotate_the_same_are_joined():
    docs = [doc for i in range(200) for doc in sentences_of([2], ("X", "Y") if i % 2 else ("X",))]
    assert joined(docs, 100, Random(1)) == docs
    docs = [doc for i in range(200) for doc in sentences_of([2], corpus="ab"[i % 2])]
    assert joined(docs, 100, Random(1)) == docs


def test_missing_annotation_stays_missing():
    docs = [Doc(VOCAB, words=["a", "b"], ents=["B-X", ""]) for _ in range(20)]
    found = joined(docs, 100, Random(1))
    assert len(found) < 20
    assert [t.ent_iob for doc in found for t in doc] == [3, 0] * 20
    assert all(get_annotation(doc) is None for doc in found)


def test_readers_join(corpus_file, nlp):
    path = corpus_file("a", 100)
    assert len(list(create_corpus(path)(nlp))) == 100
    runs = [list(create_corpus(path, join=20, seed=seed)(nlp)) for seed in (1, 1, 2)]
    first, again, other = ([eg.reference.text for eg in examples] for examples in runs)
    assert first == again != other
    assert len(first) < 50
    assert "".join(text + " " for text in first).split() == [f"a{i}" for i in range(100)]
    assert all(eg.predicted.text == eg.reference.text for eg in runs[0])
    several = create_multi_corpus({"a": path, "b": corpus_file("b", 100)}, join=20)
    assert max(len(eg.reference) for eg in several(nlp)) > 10


def test_gold_in_spans_and_in_entities_is_not_joined():
    """The joined Doc's gold would be in its spans, where the second's aren't."""
    docs = []
    for i in range(200):
        doc = Doc(VOCAB, words=["a", "b"], ents=["B-X", "O"])
        if i % 2:
            doc.spans["bioner"] = [Span(doc, 0, 1, "X"), Span(doc, 0, 2, "Y")]
        docs.append(doc)
    assert joined(docs, 100, Random(1)) == docs
    half = [Doc(VOCAB, words=["a", "b"], ents=["B-X", "O"] if i % 2 else None) for i in range(200)]
    for doc in half:
        doc.spans["bioner"] = [Span(doc, 0, 2, "Y")]
    assert joined(half, 100, Random(1)) == half  # of the others, nothing else is known of the tokens
    both = joined([doc for doc in docs if "bioner" in doc.spans], 100, Random(1))
    assert len(both) < 100
    assert sum(len(doc.spans["bioner"]) for doc in both) == 200


@pytest.mark.parametrize("name", ["join", "limit"])
@pytest.mark.parametrize(
    "make", [create_corpus, lambda path, **settings: create_multi_corpus({"a": path}, **settings)]
)
def test_settings_must_not_be_negative(path, make, name):
    with pytest.raises(PipelineError, match=rf"{name} is -1: it must be 0 or more"):
        make(path, **{name: -1})


# several corpora


@pytest.fixture
def corpus_file(write):
    """Writes a corpus of Docs of one word each, "NAME0" and so on, every third of them a mention."""

    def corpus_file(name, size, types=("X",)):
        docs = []
        for i in range(size):
            tag = f"B-{types[i // 3 % len(types)]}" if i % 3 == 2 else "O"
            docs.append(Doc(Vocab(), words=[f"{name}{i}"], ents=[tag]))
            set_annotation(docs[-1], Annotation(name, types))
        return write(docbin(docs).to_bytes(), f"{name}.spacy")

    return corpus_file


def epoch(corpus, nlp):
    return [example.reference[0].text for example in corpus(nlp)]


def of(name, words):
    return [word for word in words if word.startswith(name)]


@pytest.mark.parametrize(
    ("sizes", "temperature", "limit", "expected"),
    [
        ({"a": 400, "b": 4}, 1.0, 0, {"a": 400, "b": 4}),
        ({"a": 400, "b": 4}, 2.0, 0, {"a": 367, "b": 37}),
        ({"a": 400, "b": 4}, 2.0, 44, {"a": 40, "b": 4}),
        ({"a": 400, "b": 4}, 1e9, 0, {"a": 202, "b": 202}),
        ({"a": 10_000, "b": 1}, 1.0, 100, {"a": 99, "b": 1}),
        ({"a": 1000, "b": 1, "c": 1}, 1.0, 100, {"a": 98, "b": 1, "c": 1}),
        ({"a": 18, "b": 9, "c": 13}, 1.0, 4, {"a": 2, "b": 1, "c": 1}),
        ({"a": 10, "b": 10, "c": 10}, 1.0, 2, {"a": 1, "b": 1, "c": 1}),
        ({"a": 5, "b": 0}, 2.0, 100, {"a": 5}),
    ],
)
def test_shares(sizes, temperature, limit, expected):
    assert shares(sizes, temperature, limit) == expected


@given(
    st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 20) | st.integers(0, 5000)),
    st.just(1.0) | st.floats(1, 50),
    st.integers(0, 20) | st.integers(0, 10_000),
)
def test_shares_fill_an_epoch_and_no_corpus_goes_without(sizes, temperature, limit):
    found = shares(sizes, temperature, limit)
    present = {name: size for name, size in sizes.items() if size}
    assert set(found) == set(present)
    assert all(share >= 1 for share in found.values())
    whole = sum(sizes.values())
    # more than the limit only where one Doc of each is more
    assert sum(found.values()) == max(len(present), min(limit or whole, whole))
    for a, b in combinations(present, 2):  # no corpus has less than a smaller one
        assert (found[a] - found[b]) * (sizes[a] - sizes[b]) >= 0


def test_an_epoch_has_a_share_of_every_corpus(corpus_file, nlp):
    corpus = create_multi_corpus({"a": corpus_file("a", 40), "b": corpus_file("b", 10), "c": None})
    words = epoch(corpus, nlp)
    assert (len(of("a", words)), len(of("b", words))) == (33, 17)


def test_corpora_go_round(corpus_file, nlp):
    """A large corpus goes on where it was cut off; no Doc comes again before all others have."""
    corpus = create_multi_corpus({"a": corpus_file("a", 40), "b": corpus_file("b", 10)})
    words = epoch(corpus, nlp) + epoch(corpus, nlp)
    counts = {name: Counter(of(name, words)) for name in "ab"}
    assert {name: len(count) for name, count in counts.items()} == {"a": 40, "b": 10}
    assert {name: max(count.values()) - min(count.values()) for name, count in counts.items()} == {
        "a": 1,
        "b": 1,
    }


def test_order_follows_from_the_seed(corpus_file, nlp):
    paths = {"a": corpus_file("a", 30), "b": corpus_file("b", 30)}
    first = create_multi_corpus(paths)
    epochs = [epoch(first, nlp), epoch(first, nlp)]
    again, other = create_multi_corpus(paths), create_multi_corpus(paths, seed=2)
    assert [epoch(again, nlp), epoch(again, nlp)] == epochs
    assert epochs[0] != epochs[1]
    assert epoch(other, nlp) not in epochs


def test_limit_of_several(corpus_file, nlp):
    corpus = create_multi_corpus({"a": corpus_file("a", 30), "b": corpus_file("b", 30)}, limit=10)
    assert len(epoch(corpus, nlp)) == 10


def test_every_type_of_every_corpus_comes_first(corpus_file, nlp):
    corpus = create_multi_corpus(
        {"a": corpus_file("a", 90, ("X", "Y")), "b": corpus_file("b", 90, ("Y", "Z"))}
    )
    found = [
        (get_annotation(example.reference).corpus, ent.label_)
        for example in list(corpus(nlp))[:4]
        for ent in example.reference.ents
    ]
    assert sorted(found) == [("a", "X"), ("a", "Y"), ("b", "Y"), ("b", "Z")]


@pytest.mark.parametrize("seed", range(5))
def test_a_type_that_only_spans_have_comes_first_too(write, nlp, seed):
    docs = [Doc(Vocab(), words=["a", "b"], ents=["B-X", "O"]) for _ in range(300)]
    docs[7].spans["bioner"] = [Span(docs[7], 0, 2, "Y")]
    docs[8].spans["other"] = [Span(docs[8], 0, 2, "Y")]
    corpus = create_multi_corpus({"a": write(docbin(docs).to_bytes(), "a.spacy")}, seed=seed)
    assert any("bioner" in example.reference.spans for example in list(corpus(nlp))[:4])


@pytest.mark.parametrize("seed", range(5))
def test_mentions_that_their_doc_does_not_annotate_are_no_first_ones(write, nlp, seed):
    docs = [Doc(Vocab(), words=["a", "b"], ents=["B-X", "B-Y"]) for _ in range(300)]
    for doc in docs:
        set_annotation(doc, Annotation("a", ("X", "Y") if doc is docs[7] else ("X",)))
    corpus = create_multi_corpus({"a": write(docbin(docs).to_bytes(), "a.spacy")}, seed=seed)
    assert any("Y" in get_annotation(example.reference).types for example in list(corpus(nlp))[:4])


def test_files_are_read_once(corpus_file, nlp, monkeypatch):
    corpus = create_multi_corpus({"a": corpus_file("a", 9), "b": corpus_file("b", 9)})
    read = []
    monkeypatch.setattr(
        "spacy_bioner.corpora.readers.read_docbin", lambda *a: read.append(a) or read_docbin(*a)
    )
    for _ in range(3):
        assert len(epoch(corpus, nlp)) == 18
    assert len(read) == 2


def test_a_corpus_may_be_empty(corpus_file, nlp):
    corpus = create_multi_corpus({"a": corpus_file("a", 0), "b": corpus_file("b", 3)})
    assert [sorted(epoch(corpus, nlp)) for _ in range(2)] == [["b0", "b1", "b2"]] * 2


@pytest.mark.parametrize("times", [1, 2])
def test_corpora_that_are_all_empty_are_refused(corpus_file, nlp, times):
    """Each time: spaCy would ask for one epoch after the other, for ever."""
    corpus = create_multi_corpus({"a": corpus_file("a", 0), "b": corpus_file("b", 0), "c": None})
    for _ in range(times):
        with pytest.raises(PipelineError, match=r"there is no Doc in .*a\.spacy, .*b\.spacy\."):
            list(corpus(nlp))


def test_docs_of_several_share_the_vocabulary_of_each_pipeline(corpus_file, nlp):
    corpus = create_multi_corpus({"a": corpus_file("a", 3)})
    another = spacy.blank("de")
    for pipeline in (nlp, another, nlp):
        assert all(example.predicted.vocab is pipeline.vocab for example in corpus(pipeline))


@pytest.mark.parametrize(
    ("paths", "temperature", "message"),
    [({}, 2.0, "name at least one"), ({"a": None}, 2.0, "name at least one"), ({"a": "x"}, 0.5, "is 0.5")],
)
def test_several_corpora_refused(paths, temperature, message):
    with pytest.raises(PipelineError, match=message):
        create_multi_corpus(paths, temperature)


def test_files_of_several_are_looked_for_when_read(tmp_path, nlp):
    corpus = create_multi_corpus({"a": tmp_path / "missing.spacy"})
    with pytest.raises(FormatError, match=r"missing\.spacy: there is no such file"):
        list(corpus(nlp))


def test_the_config_of_a_pipeline_that_is_done_names_no_data():
    """Its reader can be made, as `spacy init fill-config` and `optimize` do, and refuses to read."""
    reader = create_multi_corpus(None)
    with pytest.raises(PipelineError, match="No data: name at least one"):
        next(reader(spacy.blank("en")))
