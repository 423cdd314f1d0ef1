"""What `bioner` writes to `doc.spans`, how it is read, and whose it is."""

import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span, SpanGroup
from spacy.training import Example

from spacy_bioner.components.bioner import BioNER
from spacy_bioner.components.spans import (
    flat_view,
    ranked,
    scored_spans,
    sought_types,
    write_spans,
)
from spacy_bioner.corpora.annotations import Annotation, set_annotation
from spacy_bioner.corpora.gold_annotation import ALL_TYPES, gold_annotation, set_gold_spans
from spacy_bioner.errors import PipelineError

NLP = spacy.blank("en")
TEXT = "BRCA1 breast cancer risk"


def doc_with(*pairs, component="bioner", types=("Disease", "Gene"), doc=None):
    """A Doc in which a component found (start, end, type, probability)."""
    doc = NLP.make_doc(TEXT) if doc is None else doc
    write_spans(doc, "bioner", component, types, [(Span(doc, *pair[:3]), pair[3]) for pair in pairs])
    return doc


def found(doc):
    return [(span.start, span.end, span.label_, score) for span, score in scored_spans(doc)]


GENE, DISEASE = (0, 1, "Gene", 0.9), (0, 3, "Disease", 0.6)


def test_spans_come_back_with_their_probabilities():
    doc = doc_with(DISEASE, GENE)
    assert found(doc) == [GENE, DISEASE]
    assert doc.spans["bioner"].attrs["scores"] == [0.9, 0.6]
    assert sought_types(doc) == {"bioner": frozenset({"Disease", "Gene"})}
    stored = next(DocBin(docs=[doc]).get_docs(NLP.vocab))
    assert found(stored) == found(doc.copy()) == [GENE, DISEASE]
    assert sought_types(stored) == sought_types(doc)


def replaced(group, doc):
    group[0] = Span(doc, 3, 4, label="Gene")


def turned(group, doc):
    doc.spans["bioner"] = SpanGroup(doc, spans=list(group)[::-1], attrs=group.attrs)


def renamed(group, doc):
    group[0] = Span(doc, 0, 1, label="Protein")


def added(group, doc):
    group.append(Span(doc, 3, 4, label="Gene"))


def removed(group, doc):
    doc.spans["bioner"] = SpanGroup(doc, spans=list(group)[1:], attrs=group.attrs)


@pytest.mark.parametrize("change", [replaced, turned, renamed, added, removed])
def test_spans_that_are_no_longer_those_are_refused(change):
    doc = doc_with(GENE, DISEASE)
    change(doc.spans["bioner"], doc)
    with pytest.raises(PipelineError, match="spans were added, removed or changed"):
        scored_spans(doc)


def test_scores_that_were_cut_are_refused():
    doc = doc_with(GENE, DISEASE)
    doc.spans["bioner"].attrs["scores"] = [0.9]
    with pytest.raises(PipelineError, match="spans were added, removed or changed"):
        scored_spans(doc)


def test_merged_tokens_leave_the_spans_what_they_are():
    doc = doc_with(GENE, (1, 3, "Disease", 0.6))
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[1:3])
    assert found(doc) == [GENE, (1, 2, "Disease", 0.6)]
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[1:3])
    with pytest.raises(PipelineError, match="no tokens have characters 6 to 19 now"):
        scored_spans(doc)


def test_spans_of_others_under_the_key_are_not_taken_for_ours():
    doc = NLP.make_doc(TEXT)
    doc.spans["bioner"] = SpanGroup(doc, spans=[Span(doc, 0, 1, label="Gene")], attrs={"scores": [1.0]})
    for refused in (lambda: scored_spans(doc), lambda: doc_with(GENE, doc=doc)):
        with pytest.raises(PipelineError, match="not of `bioner`; gold annotation, perhaps"):
            refused()
    assert sought_types(doc) == {}
    doc.spans["bioner"] = []
    assert scored_spans(doc) == []
    assert found(doc_with(GENE, doc=doc)) == [GENE]


def test_components_keep_what_the_other_found_of_the_same_types():
    doc = doc_with(GENE, DISEASE, component="first")
    doc_with((3, 4, "Gene", 0.5), (0, 1, "Gene", 0.7), (0, 3, "Disease", 0.8), component="second", doc=doc)
    assert found(doc) == [GENE, (0, 3, "Disease", 0.8), (3, 4, "Gene", 0.5)]


def test_a_component_replaces_what_it_wrote_before():
    doc = doc_with(GENE, component="other", types=("Gene",))
    doc_with(DISEASE, doc=doc)
    before = write_spans(doc, "bioner", "bioner", ("Disease", "Gene"), [])
    assert [span.label_ for span in before] == ["Disease"]
    assert found(doc) == [GENE]
    assert sought_types(doc) == {"bioner": frozenset({"Disease", "Gene"})}


def test_renamed_components_have_their_new_names():
    """Or one added under the old name would take what the first found for its own."""
    nlp = spacy.blank("en")
    nlp.add_pipe("bioner")
    nlp.rename_pipe("bioner", "first")
    nlp.add_pipe("bioner")
    assert [(name, pipe.name) for name, pipe in nlp.pipeline] == [("first", "first"), ("bioner", "bioner")]


def test_the_flat_view_of_some_types_keeps_what_a_rule_found_of_them():
    doc = doc_with((1, 3, "Disease", 0.6), (3, 4, "Gene", 0.5))
    doc.set_ents([Span(doc, 0, 1, "Gene"), Span(doc, 1, 3, "Disease"), Span(doc, 3, 4, "Gene")])
    view = flat_view(doc, ["bioner"], {"Gene"})
    assert [(s.start, s.end, s.label_) for s in view] == [(0, 1, "Gene"), (3, 4, "Gene")]


def test_the_flat_view_takes_the_most_probable_then_the_longest_then_the_first():
    doc = NLP.make_doc("a b c d")
    pairs = [((2, 4, "X"), 0.5), ((0, 1, "X"), 0.5), ((0, 2, "X"), 0.5), ((3, 4, "X"), 0.9)]
    order = ranked((Span(doc, *place), score) for place, score in pairs)
    assert [(s.start, s.end) for s in order] == [(3, 4), (0, 2), (2, 4), (0, 1)]


# -- gold annotation -------------------------------------------------------------------------------


def gold_of(doc):
    gold = gold_annotation(doc, "bioner")
    return [(s.start, s.end, name) for s, name in gold.taught], gold.unknown.get(ALL_TYPES, set())


def test_gold_is_in_the_spans_or_else_the_entities():
    doc = Doc(NLP.vocab, words=["a", "b", "c"], ents=["B-X", "O", ""])
    assert gold_of(doc) == ([(0, 1, "X")], {2})
    set_gold_spans(doc, [Span(doc, 0, 2, label="Y")])
    assert gold_of(doc) == ([(0, 2, "Y")], {2})
    bare = Doc(NLP.vocab, words=["a", "b"])
    assert gold_of(bare) == ([], {0, 1})
    bare.spans["bioner"] = [Span(bare, 0, 1, label="Y")]
    assert gold_of(bare) == ([(0, 1, "Y")], set())


def test_what_a_pipeline_wrote_is_not_gold():
    """Its entities are, once somebody has put them right."""
    doc = doc_with(GENE)
    doc.ents = [Span(doc, 1, 3, label="Disease")]
    assert gold_of(doc) == ([(1, 3, "Disease")], set())


# -- through the component -------------------------------------------------------------------------


class Finds(BioNER):
    """A `bioner` that finds what it was told to."""

    answer: tuple = ()

    def predict(self, docs):
        return [list(self.answer) for _ in docs]


def finder(name, *answer, labels=("Disease", "Gene"), **settings):
    nlp = spacy.blank("en")
    made = nlp.add_pipe("bioner", name=name)
    component = Finds(nlp, made.model, name, scorer=made.scorer, **settings)
    component.cfg["labels"] = list(labels)
    component.answer = answer
    return component


def in_a_pipeline(*components):
    nlp = spacy.blank("en")
    for component in components:
        nlp.add_pipe("bioner", name=component.name)
        index = nlp.component_names.index(component.name)
        nlp._components[index] = (component.name, component)
    return nlp


def test_narrowed_components_leave_each_other_their_types():
    nlp = in_a_pipeline(
        finder("diseases", DISEASE, (3, 4, "Gene", 0.4), types=["Disease"]),
        finder("genes", GENE, (1, 3, "Disease", 0.4), types=["Gene"]),
    )
    doc = nlp(TEXT)
    assert found(doc) == [GENE, DISEASE]
    assert [ent.label_ for ent in doc.ents] == ["Disease"]
    assert sought_types(doc) == {"bioner": frozenset({"Disease", "Gene"})}


@pytest.mark.parametrize("keys", [("bioner", "bioner"), ("bioner", "more")])
def test_scores_of_a_pipeline_are_those_of_both_components(keys):
    diseases = [(1, 3, "Disease", 0.6), (3, 4, "Disease", 0.6)]
    components = [
        finder("genes", GENE, labels=["Gene"], spans_key=keys[0]),
        finder("diseases", *diseases, labels=["Disease"], spans_key=keys[1]),
    ]
    nlp = in_a_pipeline(*components)
    reference = nlp.make_doc(TEXT)
    reference.ents = [Span(reference, 0, 1, label="Gene"), Span(reference, 1, 3, label="Disease")]
    set_annotation(reference, Annotation("c", ("Disease", "Gene")))
    scores = nlp.evaluate([Example(nlp.make_doc(TEXT), reference)])
    assert set(scores["ents_per_type"]) == {"Gene", "Disease"}
    assert (scores["ents_p"], scores["ents_r"]) == (pytest.approx(2 / 3), 1.0)
    assert scores["ents_f_mean"] == pytest.approx(0.8)
    if keys[0] == keys[1]:
        assert (scores["spans_bioner_p"], scores["spans_bioner_r"]) == (pytest.approx(2 / 3), 1.0)


def test_narrowed_types_are_not_missed():
    nlp = in_a_pipeline(finder("bioner", GENE, types=["Gene"]))
    reference = nlp.make_doc(TEXT)
    reference.ents = [Span(reference, 0, 1, label="Gene"), Span(reference, 1, 3, label="Disease")]
    set_annotation(reference, Annotation("c", ("Disease", "Gene")))
    scores = nlp.evaluate([Example(nlp.make_doc(TEXT), reference)])
    assert (scores["ents_r"], scores["spans_bioner_r"]) == (1.0, 1.0)


def test_a_doc_again_at_a_higher_threshold_loses_what_is_below_it():
    component = finder("bioner", GENE, (1, 3, "Disease", 0.6))
    doc = NLP.make_doc(TEXT)
    doc.set_ents([Span(doc, 3, 4, label="RULE")])
    doc = component(doc)
    assert [ent.label_ for ent in doc.ents] == ["Gene", "Disease", "RULE"]
    component.threshold = 0.7
    assert component.threshold == {"*": 0.7}
    doc = component(doc)
    assert found(doc) == [GENE]
    assert [ent.label_ for ent in doc.ents] == ["Gene", "RULE"]
    assert doc[1].ent_iob_ == "O"
    with pytest.raises(PipelineError, match=r"threshold of Gene is 1\.5"):
        component.threshold = {"Gene": 1.5}


def test_entities_that_another_component_changed_go_too():
    """As an entity linker does, which gives them an id."""
    component = finder("bioner", (1, 3, "Disease", 0.6))
    doc = component(NLP.make_doc(TEXT))
    doc.ents = [Span(doc, ent.start, ent.end, label=ent.label_, kb_id="D1") for ent in doc.ents]
    component.threshold = 0.7
    assert component(doc).ents == ()


def test_other_types_than_before_leave_nothing_of_before():
    component = finder("bioner", GENE)
    doc = component(NLP.make_doc(TEXT))
    component.types, component.answer = ["Disease"], [DISEASE]
    assert found(component(doc)) == [DISEASE]
    assert [ent.label_ for ent in doc.ents] == ["Disease"]


def test_gold_in_the_input_is_not_overwritten():
    doc = NLP.make_doc(TEXT)
    doc.spans["bioner"] = [Span(doc, 0, 1, label="Gene")]
    with pytest.raises(PipelineError, match="gold annotation, perhaps"):
        finder("bioner", GENE)(doc)
