"""`relations`: learning, storing, what counts as known, and what is asked about."""

import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from toy_relations import DOCUMENTS, examples, to_gold, train

from spacy_bioner.components.relation_arguments import Reach, pair_blocks
from spacy_bioner.components.relations_factory import DEFAULT_MODEL
from spacy_bioner.corpora.annotations import Annotation
from spacy_bioner.corpora.augmentation import with_same_tokens
from spacy_bioner.corpora.conversion import Tally, to_docs, to_document
from spacy_bioner.corpora.docbin import docbin, read_docbin
from spacy_bioner.corpora.readers import create_corpus
from spacy_bioner.corpora.relation_conversion import annotated_relations
from spacy_bioner.corpora.relation_records import (
    Argument,
    Related,
    arguments_of,
    get_relations,
    set_arguments,
    set_relations,
)
from spacy_bioner.documents.document import Document, Mention, Relation
from spacy_bioner.errors import PipelineError
from spacy_bioner.models.pair_scores import MentionPairs, create_pair_scores


@pytest.fixture(scope="module")
def trained() -> tuple[Language, list[Doc]]:
    nlp = spacy.blank("en")
    nlp.add_pipe("relations", config={"exclusive": True})
    docs = to_gold(nlp, DOCUMENTS)
    train(nlp, docs)
    return nlp, docs


def test_it_learns_twenty_examples_by_heart(trained: tuple[Language, list[Doc]]):
    nlp, docs = trained
    scores = nlp.evaluate(examples(docs))
    assert (scores["relations_f"], scores["relations_out_of_reach"]) == (1.0, 0)
    assert set(scores["relations_per_type"]) == {"INHIBITS", "ACTIVATES"}
    (found,) = nlp(with_gold(docs[0]))._.relations
    assert (found["head"]["text"], found["child"]["text"], found["label"]) == ("aspirin", "COX1", "INHIBITS")
    assert found["score"] > 0.5


def with_gold(doc: Doc) -> Doc:
    (example,) = examples([doc])
    return example.predicted


def found_by(nlp: Language, docs: Sequence[Doc], **settings: int) -> list[list[tuple[str, str, str]]]:
    predicted = nlp.pipe([with_gold(doc) for doc in docs], **settings)
    return [
        [(r["head"]["text"], r["child"]["text"], r["label"]) for r in doc._.relations] for doc in predicted
    ]


def test_it_is_the_same_from_disk_bytes_pickle_and_in_two_processes(
    trained: tuple[Language, list[Doc]], tmp_path: Path
):
    nlp, docs = trained
    expected = found_by(nlp, docs)
    assert sum(map(len, expected)) == 14
    nlp.to_disk(tmp_path / "model")
    again = spacy.load(tmp_path / "model")
    assert found_by(again, docs) == expected
    assert found_by(again, docs, n_process=2) == expected
    other = spacy.blank("en")
    other.add_pipe("relations").from_bytes(nlp.get_pipe("relations").to_bytes())
    assert found_by(other, docs) == expected
    assert found_by(pickle.loads(pickle.dumps(nlp)), docs) == expected


@pytest.mark.parametrize("marks", ["punctuation", "anonymised"])
def test_marked_pairs_learn_them_too(marks: str):
    nlp = spacy.blank("en")
    tok2vec = DEFAULT_MODEL["tok2vec"]
    model = {"@architectures": "spacy-bioner.MarkedPairs.v1", "marks": marks, "tok2vec": tok2vec}
    nlp.add_pipe("relations", config={"model": model})
    docs = to_gold(nlp, DOCUMENTS)
    train(nlp, docs)
    assert nlp.evaluate(examples(docs))["relations_f"] == 1.0


def test_entities_of_the_pipeline_are_taken_where_a_doc_carries_none(trained: tuple[Language, list[Doc]]):
    nlp, docs = trained
    doc = with_same_tokens(docs[0])
    doc.ents = [Span(doc, 0, 1, "Drug"), Span(doc, 2, 3, "Gene")]
    (found,) = nlp(doc)._.relations
    assert found["label"] == "INHIBITS"


def test_a_corpus_teaches_only_what_it_annotates():
    """One corpus knows INHIBITS alone, the other ACTIVATES: neither says that the other's is not there."""
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("relations")
    parts = {}
    for label, verb in (("INHIBITS", "inhibits"), ("ACTIVATES", "activates")):
        documents = [d for d in DOCUMENTS if verb in d.text]
        parts[label] = to_gold(nlp, documents, label)
    nlp.initialize(lambda: examples([*parts["INHIBITS"], *parts["ACTIVATES"]]))
    column = pipe.labels.index("ACTIVATES")
    _, known = pipe._taught(examples(parts["INHIBITS"])[0])
    assert not known.counts[:, column].any()
    assert known.counts[:, 1 - column].all()
    for doc in parts["ACTIVATES"]:
        doc.user_data["spacy_bioner"].pop("relations")  # a corpus without relations teaches none
    _, known = pipe._taught(examples(parts["ACTIVATES"])[0])
    assert not known.counts.any() or known.gold.any()


def concepts() -> Document:
    text = "Lithium and salt.\nLi harms. Goitre came. Goiter stayed."
    mentions = (
        Mention(((0, 7),), "Chemical", identifiers=("D1",)),
        Mention(((18, 20),), "Chemical", identifiers=("D1",)),
        Mention(((12, 16),), "Chemical", identifiers=("D2", "D3")),
        Mention(((28, 34),), "Disease", identifiers=("D9",)),
        Mention(((41, 47),), "Disease", identifiers=("D9",)),
        Mention(((48, 54),), "Disease", identifiers=("-1",)),
    )
    relations = (
        Relation("CID", (("a", "D1"), ("b", "D9"))),
        Relation("CID", (("a", "D1"), ("b", "D8"))),
        Relation("CID", (("a", "D1"), ("b", "D1"))),
        Relation("CID", (("a", "D1"),)),
    )
    return Document(text, mentions=mentions, relations=relations, id="1")


def test_concepts_have_all_their_mentions_and_bad_relations_are_counted(tmp_path: Path):
    nlp = spacy.blank("en")
    found = annotated_relations([concepts()])
    tally = Tally()
    annotation = Annotation("c", ("Chemical", "Disease"), relations=found)
    (doc,) = to_docs([concepts()], nlp.vocab, nlp.tokenizer, annotation, tally)
    assert [dropped.reason for dropped in tally.relations] == [
        "no mention of an entity that it holds between",
        "between an entity and itself",
        "not between two entities",
    ]
    docbin([doc]).to_disk(tmp_path / "x.spacy")
    (again,) = read_docbin(tmp_path / "x.spacy", nlp.vocab)
    (related,) = get_relations(again)
    assert related.head == Argument("Chemical", (((0, 7),), ((18, 20),)), "D1")
    back = to_document(again)
    assert [(r.type, r.arguments) for r in back.relations] == [("CID", (("Arg1", "D1"), ("Arg2", "D9")))]
    assert {(m.start, m.identifiers) for m in back.mentions if m.identifiers} == {
        (0, ("D1",)),
        (18, ("D1",)),
        (12, ("D2", "D3")),
        (28, ("D9",)),
        (41, ("D9",)),
    }


def test_concepts_that_are_found_are_matched_with_gold_ones():
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("relations", config={"level": "concept", "window": "document"})
    found = annotated_relations([concepts()])
    annotation = Annotation("c", ("Chemical", "Disease"), relations=found)
    (gold,) = to_docs([concepts()], nlp.vocab, nlp.tokenizer, annotation, Tally())
    pipe.add_label("CID")
    doc = with_same_tokens(gold)
    doc.ents = [
        doc.char_span(0, 7, "Chemical"),
        doc.char_span(18, 20, "Chemical"),
        doc.char_span(28, 34, "Disease"),
    ]
    arguments = arguments_of(doc, "concept", "bioner")
    assert [len(argument.mentions) for argument in arguments] == [1, 1, 1]  # "Lithium" and "Li" apart
    set_relations(
        doc, [Related(arguments[0], arguments[2], "CID"), Related(arguments[1], arguments[2], "CID")]
    )
    scores = pipe.score([Example(doc, gold)])
    assert (scores["relations_p"], scores["relations_r"]) == (1.0, 1.0)  # both are the one gold pair


def test_relations_beyond_the_window_are_told_and_count_as_missed():
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("relations", config={"level": "concept", "window": "sentence"})
    far = Document(
        "Lithium was given. Goitre came.",
        mentions=(
            Mention(((0, 7),), "Chemical", identifiers=("D1",)),
            Mention(((19, 25),), "Disease", identifiers=("D9",)),
        ),
        relations=(Relation("CID", (("a", "D1"), ("b", "D9"))),),
    )
    pipe.add_label("CID")
    scores = pipe.score(examples(to_gold(nlp, [far])))
    assert (scores["relations_r"], scores["relations_out_of_reach"]) == (0.0, 1)


@given(
    st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 3)), max_size=12),
    st.booleans(),
    st.integers(1, 7),
)
def test_pairs_are_those_of_a_plain_loop(entities: list[tuple[str, int]], directed: bool, size: int):
    """Sentences are of eight characters."""
    doc = Doc(spacy.blank("en").vocab, words=["a"] * 16, sent_starts=[n % 4 == 0 for n in range(16)])
    arguments = sorted(
        {
            Argument(type, (((8 * place, 8 * place + 1),),), str(n))
            for n, (type, place) in enumerate(entities)
        },
        key=lambda a: a.start,
    )
    reach = Reach({("A", "B"), ("B", "B"), ("C", "A")}, "sentence", directed)
    expected = set()
    for i, head in enumerate(arguments):
        for j, child in enumerate(arguments):
            wanted = (head.type, child.type) in reach.pairs or (
                not directed and (child.type, head.type) in reach.pairs
            )
            near = head.start // 8 == child.start // 8 and head.mentions != child.mentions
            if i != j and wanted and near and (directed or i < j):
                expected.add((i, j))
    blocks = list(pair_blocks(doc, arguments, reach, size))
    assert all(len(block) <= size for block in blocks)
    assert {tuple(pair) for block in blocks for pair in block.tolist()} == expected


def test_two_hundred_entities_are_asked_about_in_blocks(trained: tuple[Language, list[Doc]]):
    nlp, _ = trained
    doc = nlp.make_doc(" ".join(f"aspirin inhibits COX{n}" for n in range(100)))
    ends = [(t.idx, t.idx + len(t)) for t in doc]
    set_arguments(
        doc,
        [Argument("Drug", ((ends[3 * n],),), f"d{n}") for n in range(100)]
        + [Argument("Gene", ((ends[3 * n + 2],),), f"g{n}") for n in range(100)],
    )
    pipe = nlp.get_pipe("relations")
    sizes = [len(scored.pairs) for _, scored in pipe.scored_pairs([doc])]
    assert sum(sizes) == 10_000
    assert max(sizes) <= 4096


def test_a_gradient_goes_back_where_it_came_from():
    """Against differences, on a few numbers."""
    random = numpy.random.RandomState(0)
    vectors = random.rand(5, 3).astype("f")
    heads, children, owners = numpy.array([0, 1, 2, 0]), numpy.array([3, 3, 4, 4]), numpy.array([0, 0, 0, 1])

    def pairs(values: numpy.ndarray) -> MentionPairs:
        return MentionPairs(values, heads, children, numpy.array([0, 1, 13, 2]), owners, 2)

    model = create_pair_scores(4)
    model.set_dim("nO", 2)
    model.initialize(X=pairs(vectors))
    scores, backprop = model(pairs(vectors), is_train=True)
    gradient = backprop(numpy.ones_like(scores)).vectors
    for row, column in ((0, 0), (3, 2), (4, 1)):
        moved = vectors.copy()
        moved[row, column] += 1e-2
        back = vectors.copy()
        back[row, column] -= 1e-2
        slope = (model.predict(pairs(moved)).sum() - model.predict(pairs(back)).sum()) / 2e-2
        assert gradient[row, column] == pytest.approx(slope, abs=2e-2)


def test_what_is_wrong_is_said():
    nlp = spacy.blank("en")
    for setting, value in (("level", "x"), ("window", "x"), ("threshold", 2.0)):
        with pytest.raises(PipelineError):
            nlp.add_pipe("relations", config={setting: value})
    nlp.add_pipe("relations")
    plain = Example(nlp.make_doc("a b"), nlp.make_doc("a b"))
    with pytest.raises(PipelineError, match="no relation in the training data"):
        nlp.initialize(lambda: [plain])


def test_the_threshold_is_chosen_on_other_data(trained: tuple[Language, list[Doc]]):
    nlp, docs = trained
    pipe = nlp.get_pipe("relations")
    before = pipe.cfg["threshold"]
    assert 0 < pipe.tune(examples(docs)) < 1
    assert nlp.evaluate(examples(docs))["relations_f"] == 1.0
    pipe.cfg["threshold"] = before


def test_the_reader_gives_gold_entities_where_it_is_asked(
    trained: tuple[Language, list[Doc]], tmp_path: Path
):
    nlp, docs = trained
    docbin(docs).to_disk(tmp_path / "x.spacy")
    for asked in (True, False):
        found = list(create_corpus(str(tmp_path / "x.spacy"), gold_entities=asked)(nlp))
        assert (found[0].predicted._.arguments is not None) is asked
    with pytest.raises(PipelineError, match="can't be joined"):
        create_corpus("x", join=3, gold_entities=True)
