"""Gold that overlaps, from a document to what training and scores make of it."""

import numpy
import pytest
import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.vocab import Vocab

from spacy_bioner.components.supervision import Known, Naming, targets
from spacy_bioner.corpora.annotations import Annotation, get_annotation, set_annotation
from spacy_bioner.corpora.conversion import Tally, to_docs, to_document
from spacy_bioner.corpora.docbin import docbin, read_docbin
from spacy_bioner.corpora.gold_annotation import gold_annotation, set_gold_spans
from spacy_bioner.corpora.joining import join_docs
from spacy_bioner.corpora.relation_records import (
    Argument,
    Related,
    get_relations,
    set_arguments,
    set_relations,
)
from spacy_bioner.documents.document import Document, Mention
from spacy_bioner.evaluation.gold import gold_of
from spacy_bioner.evaluation.scorer import create_scorer
from spacy_bioner.models.crf import B, I, O

NLP = spacy.blank("en")
TYPES = ("Disease", "Gene")
#        0     6    11     18      26
TEXT = "BRCA1 lung cancer risk of mice"


def mention(start, end, name, *more):
    return Mention(((start, end), *more), name)


def doc_of(*mentions, tally=None, text=TEXT, **document):
    made = to_docs(
        [Document(text, mentions=mentions, **document)],
        NLP.vocab,
        NLP.make_doc,
        Annotation("c", TYPES),
        Tally() if tally is None else tally,
    )
    return next(iter(made))


def allowed(doc):
    """For each type, the labels that each token may have."""
    naming = Naming(TYPES, {}, "bioner")
    example = Example(NLP.make_doc(doc.text), doc)
    found, _ = targets(example, Known("c", set(TYPES)), naming)
    names = {O: "O", B: "B", I: "I"}
    return {
        name: ["".join(names[i] for i in (O, B, I) if token[i]) for token in found[:, column]]
        for column, name in enumerate(TYPES)
    }


def test_overlapping_mentions_of_two_types_are_both_taught_after_a_file(tmp_path):
    tally = Tally()
    doc = doc_of(mention(0, 17, "Disease"), mention(0, 5, "Gene"), tally=tally)
    docbin([doc]).to_disk(tmp_path / "a.spacy")
    [doc] = read_docbin(tmp_path / "a.spacy", NLP.vocab)
    assert allowed(doc) == {"Disease": ["B", "I", "I", "O", "O", "O"], "Gene": ["B", "O", "O", "O", "O", "O"]}
    assert (tally.mentions_out, tally.dropped, tally.unaccounted()) == ({"Disease": 1, "Gene": 1}, [], {})
    assert {(m.spans, m.type) for m in to_document(doc).mentions} == {
        (((0, 17),), "Disease"),
        (((0, 5),), "Gene"),
    }


@pytest.mark.parametrize(
    ("mentions", "gene"),
    [
        (
            [mention(0, 17, "Gene"), mention(6, 10, "Gene")],
            ["B", "I", "I", "O", "O", "O"],
        ),  # nested: the outer
        ([mention(0, 10, "Gene"), mention(6, 17, "Gene")], ["OBI", "OBI", "OBI", "O", "O", "O"]),  # crossing
        ([mention(2, 10, "Gene")], ["OBI", "OBI", "O", "O", "O", "O"]),  # begins inside a token
        ([mention(0, 5, "Gene", (11, 17))], ["OBI", "O", "OBI", "O", "O", "O"]),  # has a gap
        ([Mention(((0, 5),), "Gene", meta={"text": "lung"})], ["OBI", "O", "O", "O", "O", "O"]),  # elsewhere
    ],
)
def test_what_cannot_be_learned_is_unknown_for_its_type_alone(mentions, gene):
    found = allowed(doc_of(*mentions))
    assert found == {"Disease": ["O"] * 6, "Gene": gene}


def test_a_mention_that_is_unknown_has_no_gradient():
    """Where a mention can't be represented, the weights of its type aren't moved: numbers, not labels."""
    nlp = spacy.blank("en")
    component = nlp.add_pipe("bioner")
    whole = doc_of(mention(0, 17, "Disease"), mention(0, 5, "Gene"))
    nlp.initialize(lambda: [Example(nlp.make_doc(TEXT), whole)])
    unknown = doc_of(mention(0, 17, "Disease"), mention(2, 30, "Gene"))
    examples = [Example(nlp.make_doc(TEXT), unknown)]
    scores, _ = component.model.begin_update([eg.predicted for eg in examples])
    _, gradient = component.get_loss(examples, scores)
    disease, gene = (numpy.abs(gradient.emissions[0][:, i]).sum() for i in range(2))
    assert gene < 1e-6 < disease


def test_evaluation_counts_what_training_cannot_learn():
    doc = doc_of(
        mention(0, 17, "Gene"), mention(6, 10, "Gene"), mention(2, 4, "Gene"), mention(0, 5, "Gene", (18, 22))
    )
    gold = gold_of(doc)
    assert len(gold.mentions) == 4
    assert not gold.unknown.by_type


def test_the_scorer_of_training_leaves_out_what_is_unknown():
    reference = doc_of(mention(0, 17, "Disease"), mention(2, 10, "Gene"))
    predicted = NLP.make_doc(TEXT)
    predicted.spans["bioner"] = [
        Span(predicted, 0, 3, "Disease"),
        Span(predicted, 0, 1, "Gene"),
        Span(predicted, 5, 6, "Gene"),
    ]
    scores = create_scorer("bioner")([Example(predicted, reference)], labels=TYPES, label_map={})
    assert scores["spans_bioner_per_type"]["Gene"] == {"p": 0.0, "r": 0.0, "f": 0.0}  # "mice" alone
    assert (scores["spans_bioner_p"], scores["spans_bioner_r"]) == (0.5, 1.0)


def test_joined_docs_keep_overlaps_and_unknown_tokens():
    parts = [doc_of(mention(0, 17, "Disease"), mention(0, 5, "Gene")), doc_of(mention(2, 10, "Gene"))]
    joined = join_docs(parts)
    assert allowed(joined)["Gene"] == [*allowed(parts[0])["Gene"], *allowed(parts[1])["Gene"]]
    assert get_annotation(joined).types == TYPES


def test_old_predictions_do_not_beat_a_curators_entities():
    """Predict, go through JSON, put `doc.ents` right: the spans have lost their marks and aren't gold."""
    doc = NLP.make_doc(TEXT)
    doc.spans["bioner"] = [Span(doc, 0, 1, "Gene"), Span(doc, 5, 6, "Gene")]
    doc.ents = [Span(doc, 0, 1, "Gene")]
    set_annotation(doc, Annotation("c", TYPES))
    copy = Doc(NLP.vocab).from_json(doc.to_json())
    copy.ents = [Span(copy, 1, 3, "Disease")]
    gold = gold_annotation(copy, "bioner")
    assert [(s.text, name) for s, name in gold.mentions] == [("lung cancer", "Disease")]
    assert gold.untrusted == {"Gene": 2}
    predicted = NLP.make_doc(TEXT)
    with pytest.warns(UserWarning, match="2 spans under 'bioner' don't count as gold"):
        scores = create_scorer("bioner")([Example(predicted, copy)], labels=TYPES, label_map={})
    assert scores["spans_bioner_r"] == 0.0
    set_gold_spans(copy, list(copy.spans["bioner"]))
    assert len(gold_annotation(copy, "bioner").taught) == 2


def spans_alone(text=TEXT, *spans):
    doc = NLP.make_doc(text)
    set_gold_spans(doc, [Span(doc, *span) for span in spans])
    set_annotation(doc, Annotation("c", TYPES))
    return doc


def test_one_unknown_stretch_leaves_the_rest_of_gold_spans_known():
    doc = spans_alone(TEXT, (0, 1, "Gene"))
    set_annotation(doc, Annotation("c", TYPES, unknown=(("", 26, 30),)))
    assert gold_of(doc).unknown.by_type == {"": frozenset(range(26, 30))}
    assert to_document(doc).meta["unknown"] == (("", 26, 30),)


@pytest.mark.parametrize("first", [0, 1])
def test_joined_docs_with_gold_spans_and_with_entities_teach_what_each_teaches(first):
    entities = doc_of(mention(0, 17, "Disease"), mention(0, 5, "Gene"), mention(18, 24, "Gene"))
    missing = doc_of(mention(6, 17, "Disease"))
    missing.set_ents(missing.ents, missing=[missing[5:6]], default="outside")
    spans = spans_alone(TEXT, (0, 3, "Disease"), (1, 2, "Disease"), (0, 1, "Gene"))
    for others in ([entities], [missing], [entities, missing]):
        parts = [spans, *others] if first else [*others, spans]
        joined = allowed(join_docs(parts))
        for name in TYPES:
            assert joined[name] == [token for part in parts for token in allowed(part)[name]]


def test_joined_docs_of_which_one_says_nothing_teach_nothing_there():
    spans, bare = spans_alone(TEXT, (0, 1, "Gene")), NLP.make_doc(TEXT)
    set_annotation(bare, Annotation("c", TYPES))
    joined = join_docs([spans, bare])
    assert allowed(joined)["Gene"] == ["B", *["O"] * 5, *["OBI"] * 6]


def test_joined_docs_keep_relations_and_ids():
    vocab = Vocab()
    docs = []
    for number, words in enumerate((["Cisplatin", "harms"], ["IL2", "heals", "it"])):
        doc = Doc(vocab, words=words)
        set_annotation(doc, Annotation("toy", ("Gene",), str(number), {"source": "made", "n": number}))
        head, child = (
            Argument("Gene", (((doc[i].idx, doc[i].idx + len(doc[i])),),), f"D{i}") for i in (0, 1)
        )
        set_arguments(doc, [head, child])
        set_relations(doc, [Related(head, child, "does", 0.5)])
        docs.append(doc)
    whole = join_docs(docs)
    assert [r["head"]["text"] for r in whole._.relations] == ["Cisplatin", "IL2"]
    assert [(r.child.mentions, r.score) for r in get_relations(whole)] == [
        ((((10, 15),),), 0.5),
        ((((20, 25),),), 0.5),
    ]
    assert [a["text"] for a in whole._.arguments] == ["Cisplatin", "harms", "IL2", "heals"]
    annotation = get_annotation(whole)
    assert (annotation.id, annotation.meta, annotation.relations) == ("0+1", {"source": "made"}, None)
    docs[1]._.arguments = None
    docs[1].ents = [Span(docs[1], 0, 1, "Gene")]
    for parts in (docs, docs[::-1]):
        assert {a["text"] for a in join_docs(parts)._.arguments} == {"Cisplatin", "harms", "IL2"}
