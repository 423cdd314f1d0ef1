"""The scorer of `bioner`: strict spans, each type only where it is annotated."""

import pytest
import spacy
from spacy.tokens import Span
from spacy.training import Example

from spacy_bioner.annotations import Annotation, set_annotation
from spacy_bioner.evaluation.scorer import create_scorer

NLP = spacy.blank("en")


def example(gold, predicted, types, corpus="c", key="bioner"):
    """Docs of four tokens with these entities, (start, end, label), on either side."""
    docs = []
    for spans in (predicted, gold):
        doc = NLP("one two three four")
        doc.set_ents([Span(doc, *span) for span in spans])
        docs.append(doc)
    docs[0].spans[key] = list(docs[0].ents)
    set_annotation(docs[1], Annotation(corpus, types))
    return Example(*docs)


def test_types_count_only_where_they_are_annotated():
    examples = [
        example([(0, 1, "Gene")], [(0, 1, "Gene"), (2, 3, "Disease")], ("Gene",)),
        example([(0, 1, "Disease")], [(0, 2, "Disease"), (3, 4, "Gene")], ("Disease",)),
    ]
    scores = create_scorer("bioner")(examples, labels=["Gene", "Disease"], label_map={})
    for attribute in ("ents", "spans_bioner"):
        assert scores[f"{attribute}_per_type"]["Gene"] == {"p": 1.0, "r": 1.0, "f": 1.0}
        assert scores[f"{attribute}_per_type"]["Disease"] == {"p": 0.0, "r": 0.0, "f": 0.0}
        assert (scores[f"{attribute}_p"], scores[f"{attribute}_r"]) == (0.5, 0.5)


def test_the_mean_is_over_corpora_and_not_over_mentions():
    examples = [example([(0, 1, "Gene")], [(0, 1, "Gene")], ("Gene",), "small")]
    examples += [example([(0, 1, "Gene")], [(1, 2, "Gene")], ("Gene",), "large")] * 9
    scores = create_scorer("bioner")(examples, labels=["Gene"], label_map={})
    assert scores["ents_f_mean"] == pytest.approx(0.5)
    assert scores["ents_f"] == pytest.approx(0.1)


def test_gold_types_have_the_names_of_the_label_map():
    examples = [example([(0, 1, "GENE")], [(0, 1, "Gene")], ("GENE",), "BC2GM")]
    scores = create_scorer("bioner")(examples, labels=["Gene"], label_map={"BC2GM/GENE": "Gene"})
    assert scores["ents_f"] == 1.0


def test_nothing_at_all_scores_nothing():
    scores = create_scorer("bioner")([], labels=["Gene"], label_map={})
    assert (scores["ents_f"], scores["ents_f_mean"]) == (0.0, 0.0)
