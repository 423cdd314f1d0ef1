"""The scorer of `bioner`: strict spans, each type only where it is annotated."""

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.scheme import IOB2
from spacy.scorer import get_ner_prf
from spacy.tokens import Span
from spacy.training import Example

from spacy_bioner.corpora.annotations import Annotation, set_annotation
from spacy_bioner.corpora.gold_annotation import set_gold_spans
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
    assert (scores["ents_f"], scores["ents_f_mean"]) == (None, None)


def test_a_doc_that_says_nothing_counts_for_all_types():
    one = example([(0, 1, "Gene")], [(0, 1, "Gene"), (2, 3, "Disease")], ())
    one.reference.user_data.clear()
    scores = create_scorer("bioner")([one], labels=["Gene", "Disease"], label_map={})
    assert (scores["ents_p"], scores["ents_r"]) == (0.5, 1.0)


def test_what_is_found_on_missing_tokens_counts_neither_way():
    """As with spaCy's scorer of `ner`."""
    one = example([(0, 1, "Gene")], [(0, 1, "Gene"), (1, 2, "Gene"), (2, 4, "Gene")], ("Gene",))
    one.reference.set_ents(
        [Span(one.reference, 0, 1, "Gene")], missing=[one.reference[3:4]], default="outside"
    )
    unknown = example([], [(0, 1, "Gene")], ("Gene",))
    unknown.reference.set_ents([], default="missing")
    scores = create_scorer("bioner")([one, unknown], labels=["Gene"], label_map={})
    assert scores["ents_p"] == get_ner_prf([one, unknown])["ents_p"] == 0.5
    for attribute in ("ents", "spans_bioner"):
        assert (scores[f"{attribute}_p"], scores[f"{attribute}_r"]) == (0.5, 1.0)
    assert scores["ents_f_mean"] == pytest.approx(2 / 3)


def test_gold_spans_on_missing_tokens_are_known():
    one = example([], [(1, 2, "Gene"), (2, 3, "Gene")], ("Gene",))
    one.reference.set_ents([], missing=[one.reference[1:4]], default="outside")
    set_gold_spans(one.reference, [Span(one.reference, 1, 2, "Gene")])
    scores = create_scorer("bioner")([one], labels=["Gene"], label_map={})
    assert (scores["spans_bioner_p"], scores["spans_bioner_r"]) == (1.0, 1.0)


def test_gold_that_is_in_spans_alone_is_that_of_the_flat_view_too():
    one = example([], [(0, 1, "Gene")], ("Gene", "Disease"))
    one.reference.set_ents([], default="missing")
    one.reference.spans["bioner"] = [Span(one.reference, 0, 1, "Gene"), Span(one.reference, 0, 2, "Disease")]
    scores = create_scorer("bioner")([one], labels=["Gene", "Disease"], label_map={})
    for attribute in ("ents", "spans_bioner"):
        assert (scores[f"{attribute}_p"], scores[f"{attribute}_r"]) == (1.0, 0.5)


MENTIONS = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3), st.sampled_from(["Gene", "Disease"])))


def apart(mentions):
    """Those that overlap none before them, as (start, end, type) within four tokens."""
    kept = []
    for start, length, label in mentions:
        end = min(start + length, 4)
        if all(end <= s or start >= e for s, e, _ in kept):
            kept.append((start, end, label))
    return sorted(kept)


def tags(mentions):
    labels = ["O"] * 4
    for start, end, label in mentions:
        labels[start:end] = [f"B-{label}", *[f"I-{label}"] * (end - start - 1)]
    return labels


@given(st.lists(st.tuples(MENTIONS, MENTIONS), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_where_everything_is_annotated_it_is_seqeval(pairs):
    sides = [(apart(gold), apart(predicted)) for gold, predicted in pairs]
    examples = [example(gold, predicted, ("Gene", "Disease")) for gold, predicted in sides]
    scores = create_scorer("bioner")(examples, labels=["Gene", "Disease"], label_map={})
    theirs, ours = ([tags(side[i]) for side in sides] for i in (0, 1))
    settings_ = {"mode": "strict", "scheme": IOB2, "zero_division": 0}
    for attribute in ("ents", "spans_bioner"):
        assert scores[f"{attribute}_p"] == pytest.approx(precision_score(theirs, ours, **settings_))
        assert scores[f"{attribute}_r"] == pytest.approx(recall_score(theirs, ours, **settings_))
        assert scores[f"{attribute}_f"] == pytest.approx(f1_score(theirs, ours, **settings_))


def test_a_corpus_without_gold_mentions_is_not_in_the_mean():
    examples = [example([(0, 1, "Gene")], [(0, 1, "Gene")], ("Gene",), "one")]
    examples.append(example([], [(0, 1, "Gene")], ("Gene",), "without"))
    assert create_scorer("bioner")(examples, labels=["Gene"], label_map={})["ents_f_mean"] == 1.0
