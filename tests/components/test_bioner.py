"""The `bioner` component: learning from partial annotation, what it writes, and life in a pipeline."""

import pickle
import random
import warnings

import numpy
import pytest
import spacy
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Example
from thinc.api import Adam

from spacy_bioner.components.spans import scored_spans
from spacy_bioner.components.supervision import sentence_count, targets
from spacy_bioner.corpora.annotations import Annotation, set_annotation
from spacy_bioner.corpora.readers import joined
from spacy_bioner.errors import PipelineError
from spacy_bioner.models.heads import HeadScores

TEXTS = [
    ("BRCA1 breast cancer risk", [(0, 1, "Gene"), (0, 3, "Disease")]),
    ("aspirin treats pain in mice", [(0, 1, "Chemical"), (2, 3, "Disease"), (4, 5, "Species")]),
    ("no entity here at all", []),
    ("EGFR KRAS TP53", [(0, 1, "Gene"), (1, 2, "Gene"), (2, 3, "Gene")]),
    ("human insulin gene", [(0, 1, "Species"), (0, 2, "Gene"), (1, 2, "Chemical")]),
]
TYPES = ("Chemical", "Disease", "Gene", "Species")


def make_nlp(**config):
    nlp = spacy.blank("en")
    nlp.add_pipe("bioner", config=config)
    return nlp


def gold(nlp, text, spans, types=TYPES, corpus="made up"):
    """An example whose gold annotation is overlapping spans of some types."""
    reference = nlp.make_doc(text)
    reference.spans["bioner"] = [Span(reference, start, end, label=label) for start, end, label in spans]
    set_annotation(reference, Annotation(corpus, types))
    return Example(nlp.make_doc(text), reference)


def flat_gold(nlp, text, spans, types, corpus="made up"):
    """An example whose gold annotation is in `doc.ents`."""
    reference = nlp.make_doc(text)
    reference.set_ents([Span(reference, start, end, label=label) for start, end, label in spans])
    set_annotation(reference, Annotation(corpus, types))
    return Example(nlp.make_doc(text), reference)


def examples_of(nlp):
    return [gold(nlp, text, spans) for text, spans in TEXTS]


def targets_of(component, example):
    """Which labels of each type a gold Doc allows, and which types it annotates."""
    return targets(example, component.known(example.reference), component.naming)


def train(nlp, examples, steps=60, **kwargs):
    random.seed(0)
    optimizer = nlp.initialize(lambda: examples, **kwargs)
    optimizer.learn_rate = 0.01
    for _ in range(steps):
        losses = nlp.update(examples, sgd=optimizer)
    return losses


def found(doc):
    return [(span.start, span.end, span.label_) for span, _ in scored_spans(doc)]


@pytest.fixture(scope="module")
def trained():
    spacy.util.fix_random_seed(0)
    nlp = make_nlp()
    train(nlp, examples_of(nlp))
    return nlp


def test_it_learns_overlapping_types_by_heart(trained):
    scores = trained.evaluate(examples_of(trained))
    assert scores["spans_bioner_f"] == 1.0
    for text, spans in TEXTS:
        assert sorted(found(trained(text))) == sorted(spans)


def test_adjacent_mentions_of_one_type_stay_two(trained):
    assert found(trained("EGFR KRAS TP53")) == [(0, 1, "Gene"), (1, 2, "Gene"), (2, 3, "Gene")]


def test_the_flat_view_takes_the_most_probable_and_never_overlaps(trained):
    doc = trained("human insulin gene")
    best = max(scored_spans(doc), key=lambda pair: (pair[1], len(pair[0])))[0]
    assert (best.start, best.end, best.label_) in [(e.start, e.end, e.label_) for e in doc.ents]
    covered = [token for ent in doc.ents for token in range(ent.start, ent.end)]
    assert len(covered) == len(set(covered))


def test_probabilities_are_from_0_to_1_and_in_the_order_of_the_spans(trained):
    doc = trained("aspirin treats pain in mice")
    pairs = scored_spans(doc)
    assert [span.start for span, _ in pairs] == sorted(span.start for span, _ in pairs)
    assert all(0 < score <= 1 for _, score in pairs)
    assert doc.spans["bioner"].attrs["scores"] == [score for _, score in pairs]


def test_survives_disk_bytes_pickle_and_multiprocessing(trained, tmp_path):
    texts = [text for text, _ in TEXTS]
    expected = [scored(doc) for doc in trained.pipe(texts)]
    trained.to_disk(tmp_path / "m")
    from_disk = spacy.load(tmp_path / "m")
    from_bytes = make_nlp().from_bytes(trained.to_bytes())
    unpickled = pickle.loads(pickle.dumps(trained))
    for nlp in (from_disk, from_bytes, unpickled):
        assert [scored(doc) for doc in nlp.pipe(texts)] == expected
        assert nlp.get_pipe("bioner").labels == TYPES
    assert [scored(doc) for doc in from_disk.pipe(texts, n_process=2, batch_size=2)] == expected


def scored(doc):
    ents = [(e.start, e.end, e.label_) for e in doc.ents]
    return [(s.start, s.end, s.label_, round(p, 5)) for s, p in scored_spans(doc)], ents


GENES = ("BRCA1", "EGFR", "KRAS", "TP53", "insulin")
DISEASES = ("pain", "asthma", "breast cancer", "fever")


def overlapping_sentences(nlp):
    """Twenty sentences in which genes are part of diseases, and species of genes."""
    examples = []
    for gene in GENES:
        for disease in DISEASES:
            end = 3 + len(disease.split())
            species = (0, 1, "Species") if len(examples) % 2 else None
            start = 0 if species else 1
            first = ("mouse", "the")[not species]
            text = f"{first} {gene} linked {disease} was found"
            spans = [(start, 2, "Gene"), (1, end, "Disease"), *([species] if species else [])]
            examples.append(gold(nlp, text, spans, ("Disease", "Gene", "Species")))
    return examples


def test_it_learns_twenty_sentences_with_overlapping_types_by_heart(tmp_path):
    nlp = make_nlp()
    examples = overlapping_sentences(nlp)
    assert len({example.reference.text for example in examples}) == 20
    train(nlp, examples, steps=40)
    nlp.to_disk(tmp_path / "m")
    kept = [
        spacy.load(tmp_path / "m"),
        make_nlp().from_bytes(nlp.to_bytes()),
        pickle.loads(pickle.dumps(nlp)),
    ]
    for pipeline in (nlp, *kept):
        assert pipeline.evaluate(overlapping_sentences(pipeline))["spans_bioner_f"] == 1.0


@pytest.mark.parametrize("text", ["", " ", "\n\n", "x", "🧬 e\u0301", "a" * 5000])
def test_odd_texts_work_alone_and_among_others(trained, text):
    alone = scored(trained(text))
    among = [scored(doc) for doc in trained.pipe(["BRCA1 breast cancer", text, "pain"])]
    assert among[1] == alone


# -- partial annotation ----------------------------------------------------------------------------


def parameters(nlp):
    heads = nlp.get_pipe("bioner").model.get_ref("heads")
    return {name: heads.get_param(name).copy() for name in heads.param_names}


def test_a_type_that_no_doc_of_a_batch_annotates_is_not_moved():
    nlp = make_nlp()
    examples = examples_of(nlp)
    optimizer = nlp.initialize(lambda: examples)
    optimizer = Adam(0.01, L2=0.1, L2_is_weight_decay=True)
    nlp.update(examples, sgd=optimizer)  # now all have momentum
    before = parameters(nlp)
    only_genes = [gold(nlp, text, [s for s in spans if s[2] == "Gene"], ("Gene",)) for text, spans in TEXTS]
    nlp.update(only_genes, sgd=optimizer)
    after = parameters(nlp)
    assert not numpy.array_equal(before["Gene"], after["Gene"])
    for name in ("Chemical", "Disease", "Species"):
        assert numpy.array_equal(before[name], after[name])


def test_no_mention_of_an_annotated_type_teaches_that_there_is_none():
    nlp = make_nlp()
    genes = [gold(nlp, "BRCA1 matters", [(0, 1, "Gene")], ("Gene",))]
    nothing = [gold(nlp, "aspirin matters", [], ("Gene",))]
    train(nlp, genes + nothing)
    assert found(nlp("BRCA1 matters")) == [(0, 1, "Gene")]
    assert found(nlp("aspirin matters")) == []


def test_corpora_with_other_types_train_together():
    nlp = make_nlp()
    genes = [gold(nlp, "BRCA1 in pain", [(0, 1, "Gene")], ("Gene",), "genes")]
    diseases = [gold(nlp, "EGFR in fever", [(2, 3, "Disease")], ("Disease",), "diseases")]
    train(nlp, genes + diseases)
    assert found(nlp("BRCA1 in pain"))[0] == (0, 1, "Gene")
    assert (2, 3, "Disease") in found(nlp("EGFR in fever"))


def test_missing_tokens_teach_nothing():
    nlp = make_nlp()
    example = flat_gold(nlp, "BRCA1 aspirin pain", [(0, 1, "Gene")], ("Gene",))
    component = nlp.get_pipe("bioner")
    nlp.initialize(lambda: [example])
    with_all, _ = component.get_loss([example], component.model.predict([example.predicted]))
    known, _ = targets_of(component, example)
    assert known[:, 0].tolist() == [[False, True, False], [True, False, False], [True, False, False]]
    example.reference.set_ents(
        [example.reference.ents[0]], missing=[example.reference[1:3]], default="outside"
    )
    some, _ = targets_of(component, example)
    assert some[:, 0].tolist() == [[False, True, False], [True] * 3, [True] * 3]
    with_missing, _ = component.get_loss([example], component.model.predict([example.predicted]))
    assert 0 < with_missing < with_all


def test_a_batch_without_annotation_has_no_loss_and_a_gradient_of_zero():
    nlp = make_nlp()
    nlp.initialize(lambda: examples_of(nlp))
    component = nlp.get_pipe("bioner")
    example = gold(nlp, "BRCA1 breast cancer", [], ("Anatomy",))
    before = parameters(nlp)
    losses = nlp.update([example], sgd=Adam(0.1, L2=0.1, L2_is_weight_decay=True))
    assert losses["bioner"] == 0.0
    for name, value in parameters(nlp).items():
        assert numpy.array_equal(value, before[name])
    _, gradient = component.get_loss([example], component.model.predict([example.predicted]))
    assert not gradient.emissions[0].any()
    # a shared encoder waits for it: it is sent back
    sent = []
    begin = component.model._func

    def forward(model, docs, is_train):
        scores, backprop = begin(model, docs, is_train)
        return scores, lambda d_scores: sent.append(d_scores) or backprop(d_scores)

    component.model._func = forward
    nlp.update([example], sgd=Adam(0.1))
    assert len(sent) == 1
    assert not sent[0].emissions[0].any()


def test_a_doc_that_says_nothing_counts_as_annotating_all_with_one_warning():
    nlp = make_nlp()
    examples = examples_of(nlp)
    nlp.initialize(lambda: examples)
    for example in examples:
        example.reference.user_data.clear()
    with pytest.warns(UserWarning, match="counts as annotating all") as caught:
        nlp.update(examples)
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nlp.update(examples)


def test_a_mention_that_ends_inside_a_token_is_neither_right_nor_wrong():
    nlp = make_nlp()
    examples = examples_of(nlp)
    nlp.initialize(lambda: examples)
    predicted = Doc(nlp.vocab, words=["BRCA1-deficient", "mice"])
    reference = Doc(nlp.vocab, words=["BRCA1", "-", "deficient", "mice"], spaces=[False, False, True, False])
    reference.spans["bioner"] = [Span(reference, 0, 1, label="Gene"), Span(reference, 3, 4, label="Species")]
    set_annotation(reference, Annotation("made up", TYPES))
    component = nlp.get_pipe("bioner")
    allowed, counts = targets_of(component, Example(predicted, reference))
    gene, species = component.labels.index("Gene"), component.labels.index("Species")
    assert allowed[0, gene].all()
    assert allowed[1, species].tolist() == [False, True, False]
    assert counts.all()


def test_label_map_renames_types_and_can_keep_a_head_per_corpus():
    nlp = make_nlp(label_map={"GENE": "Gene", "loose/Gene": "LooseGene"})
    examples = [
        gold(nlp, "BRCA1 matters", [(0, 1, "GENE")], ("GENE",), "strict"),
        gold(nlp, "the BRCA1 gene", [(1, 3, "Gene")], ("Gene",), "loose"),
    ]
    train(nlp, examples)
    assert nlp.get_pipe("bioner").labels == ("Gene", "LooseGene")
    assert (0, 1, "Gene") in found(nlp("BRCA1 matters"))
    scores = nlp.evaluate(examples)
    assert scores["spans_bioner_per_type"]["Gene"]["f"] == 1.0
    assert scores["spans_bioner_per_type"]["LooseGene"]["f"] == 1.0


def test_the_longest_of_nested_gold_mentions_is_taught_and_the_others_counted():
    nlp = make_nlp()
    nested = [(0, 1, "Gene"), (0, 3, "Gene"), (2, 3, "Gene"), (1, 2, "Disease")]
    example = gold(nlp, "BRCA1 gene product", nested)
    others = [gold(nlp, text, spans) for text, spans in TEXTS]
    with pytest.warns(UserWarning, match=r"2 mentions .* inside another one of the same .* \(2 of Gene\)"):
        nlp.initialize(lambda: [example, *others])
    component = nlp.get_pipe("bioner")
    allowed, _ = targets_of(component, example)
    gene = component.labels.index("Gene")
    assert allowed[:, gene].tolist() == [[False, True, False], [False, False, True], [False, False, True]]


def test_mentions_that_their_doc_does_not_annotate_make_no_head():
    nlp = make_nlp()
    examples = [gold(nlp, "BRCA1 in pain", [(0, 1, "Gene"), (2, 3, "Disease")], ("Gene",))]
    with pytest.warns(UserWarning, match=r"1 mentions .* doesn't annotate the type \(1 of Disease\)"):
        nlp.initialize(lambda: examples)
    assert nlp.get_pipe("bioner").labels == ("Gene",)
    missing = [gold(nlp, "BRCA1 in pain", [(2, 3, "Disease")], ("Gene",))]
    with pytest.raises(PipelineError, match="not one mention of Gene"):
        nlp.initialize(lambda: missing)


def test_mentions_that_end_inside_a_token_make_no_head_and_are_counted():
    nlp = make_nlp()
    predicted = Doc(nlp.vocab, words=["BRCA1-deficient", "mice"])
    reference = Doc(nlp.vocab, words=["BRCA1", "-", "deficient", "mice"], spaces=[False, False, True, False])
    reference.spans["bioner"] = [Span(reference, 0, 1, label="Gene"), Span(reference, 3, 4, label="Species")]
    examples = [Example(predicted, reference)]
    with pytest.warns(UserWarning, match=r"1 mentions .* inside a token, .* \(1 of Gene\)"):
        nlp.initialize(lambda: examples)
    assert nlp.get_pipe("bioner").labels == ("Species",)


def test_a_type_added_before_training_needs_an_example():
    nlp = make_nlp()
    nlp.get_pipe("bioner").add_label("Anatomy")
    with pytest.raises(PipelineError, match="not one mention of Anatomy"):
        nlp.initialize(lambda: examples_of(nlp))
    liver = gold(nlp, "the liver", [(1, 2, "Anatomy")], ("Anatomy",))
    nlp.initialize(lambda: [*examples_of(nlp), liver])
    assert nlp.get_pipe("bioner").labels == ("Anatomy", *TYPES)


def test_initialized_again_it_knows_nothing_of_before(trained, tmp_path):
    trained.to_disk(tmp_path / "m")
    nlp = spacy.load(tmp_path / "m")
    before = parameters(nlp)
    nlp.initialize(lambda: examples_of(nlp))
    after = parameters(nlp)
    assert all(not numpy.array_equal(before[name], after[name]) for name in TYPES)
    width = after["Gene"].shape[1] - 4
    assert not after["Gene"][:, width:].any()


def test_without_the_saved_weights_it_can_be_trained_anew(trained, tmp_path):
    trained.get_pipe("bioner").to_disk(tmp_path / "c")
    nlp = make_nlp()
    component = nlp.get_pipe("bioner").from_disk(tmp_path / "c", exclude=["model"])
    assert component.labels == TYPES
    train(nlp, examples_of(nlp))
    assert sorted(found(nlp("EGFR KRAS TP53"))) == sorted(TEXTS[3][1])


@pytest.mark.parametrize("texts", [[""], ["", "BRCA1 in pain"], ["BRCA1 in pain", "", ""], ["", " \n"]])
def test_empty_docs_are_trained_on_among_others_and_alone(texts):
    nlp = make_nlp()
    nlp.initialize(lambda: examples_of(nlp))
    examples = [gold(nlp, text, [(0, 1, "Gene")] if "BRCA1" in text else []) for text in texts]
    losses = nlp.update(examples, sgd=Adam(0.01))
    assert numpy.isfinite(losses["bioner"])
    assert (losses["bioner"] > 0) is any("BRCA1" in text for text in texts)
    assert all(numpy.isfinite(value).all() for value in parameters(nlp).values())


def test_gradients_of_several_batches_add_up():
    """As with `accumulate_gradient`: two halves, then one step, move a type as the whole does."""
    moved = []
    for batches in ([[0, 1]], [[0], [1]]):
        spacy.util.fix_random_seed(0)
        nlp = make_nlp()
        examples = [
            gold(nlp, "BRCA1 matters", [(0, 1, "Gene")]),
            gold(nlp, "of EGFR genes", [(1, 2, "Gene")]),
        ]
        others = examples_of(nlp)
        nlp.initialize(lambda others=others: others)
        component = nlp.get_pipe("bioner")
        for batch in batches:
            component.update([examples[i] for i in batch], sgd=None)
        gradients = {}

        def keep(key, parameters, gradient, gradients=gradients):
            gradients[key[1]] = gradient.copy()
            return parameters, gradient

        component.finish_update(keep)
        # the loss of a batch is a mean over its sentences
        moved.append({name: gradients[name] / len(batches) for name in TYPES})
    assert moved[0].keys() == moved[1].keys() == set(TYPES)
    for name, value in moved[0].items():
        numpy.testing.assert_allclose(moved[1][name], value, atol=1e-6)


def test_a_sentence_weighs_the_same_alone_and_in_a_doc_of_several():
    """Without transitions, where the scores of a token don't know of the next Doc."""
    nlp = make_nlp()
    nlp.initialize(lambda: examples_of(nlp))
    component = nlp.get_pipe("bioner")
    component.model.get_ref("heads").attrs["transitions"] = False
    several = examples_of(nlp)
    ends = numpy.cumsum([len(example.predicted) for example in several])
    starts = ends - [len(example.predicted) for example in several]
    shifted = [
        (start + first, end + first, label)
        for (_, spans), first in zip(TEXTS, starts.tolist(), strict=True)
        for start, end, label in spans
    ]
    one = gold(nlp, " ".join(text for text, _ in TEXTS), shifted)
    for token in one.reference:
        token.is_sent_start = token.i in starts
    scores = numpy.random.default_rng(0).normal(size=(ends[-1], len(TYPES), 3)).astype("float32")
    none = numpy.zeros((len(TYPES), 3, 3), dtype="float32")
    loss, gradient = component.get_loss([one], HeadScores([scores], none))
    parts = [scores[start:end] for start, end in zip(starts, ends, strict=True)]
    other_loss, other = component.get_loss(several, HeadScores(parts, none))
    assert other_loss == pytest.approx(loss)
    numpy.testing.assert_allclose(numpy.concatenate(other.emissions), gradient.emissions[0], atol=1e-6)
    # in a batch with others the mean is taken
    twice_loss, twice = component.get_loss([one, *several], HeadScores([scores, *parts], none))
    assert twice_loss == pytest.approx(loss)
    numpy.testing.assert_allclose(twice.emissions[0], gradient.emissions[0] / 2, atol=1e-6)


@pytest.mark.parametrize(
    ("starts", "expected"),
    [
        ([None] * 100, 1),  # unmarked
        ([None] * 101, 1.04),  # no jump
        ([True] + [False] * 99, 1),
        ([True] + [False] * 199, 5),
        ([True, False, True, True], 3),
        ([None, False, True, None], 2),  # the first token begins one anyway
        ([True] + [False] * 124 + [True, False], 3),
        ([None], 1),
    ],
)
def test_sentences_of_a_doc(starts: list[bool | None], expected: float):
    nlp = spacy.blank("en")
    doc = Doc(nlp.vocab, words=["word"] * len(starts), sent_starts=starts)
    assert sentence_count(doc) == pytest.approx(expected)


@pytest.mark.parametrize("size", [3, 120])
def test_joined_docs_have_as_many_sentences_as_apart(size: int):
    nlp = spacy.blank("en")
    docs = [Doc(nlp.vocab, words=["word"] * size) for _ in range(40)]
    together = joined(docs, 1000, random.Random(0))
    assert len(together) < 40
    assert sum(map(sentence_count, together)) == pytest.approx(sum(map(sentence_count, docs)))


def test_batches_in_several_parts_are_the_same(monkeypatch):
    """Docs are decoded in groups of like length: how many go into one changes nothing."""
    nlp = make_nlp()
    examples = examples_of(nlp)
    nlp.initialize(lambda: examples)
    component = nlp.get_pipe("bioner")
    for value in (component.model.get_ref("heads").get_param(name) for name in TYPES):
        value += numpy.random.default_rng(0).normal(size=value.shape).astype("float32")
    docs = [example.predicted for example in examples]
    scores = component.model.predict(docs)
    results = []
    for padded in (20_000, 5, 1):
        monkeypatch.setattr("spacy_bioner.models.heads._PADDED", padded)
        results.append((*component.get_loss(examples, scores), component.predict(docs)))
    loss, gradient, spans = results[0]
    assert any(spans)
    for other_loss, other_gradient, other_spans in results[1:]:
        assert other_loss == pytest.approx(loss)
        numpy.testing.assert_allclose(other_gradient.transitions, gradient.transitions, atol=1e-6)
        for ours, theirs in zip(other_gradient.emissions, gradient.emissions, strict=True):
            numpy.testing.assert_allclose(ours, theirs, atol=1e-6)
        assert [[s[:3] for s in doc] for doc in other_spans] == [[s[:3] for s in doc] for doc in spans]


def test_a_temperature_divides_all_scores(trained):
    component = trained.get_pipe("bioner")
    docs = [trained.make_doc(text) for text, _ in TEXTS]
    scores = component.model.predict(docs)
    halved = type(scores)([e / 2 for e in scores.emissions], scores.transitions / 2)
    find = component._decoder.find
    ones, twos = [1.0] * len(TYPES), [2.0] * len(TYPES)
    words = [None] * len(docs)
    expected, cooled = find(component.model, halved, words, ones), find(component.model, scores, words, twos)
    assert any(expected)
    assert [[s[:3] for s in doc] for doc in cooled] == [[s[:3] for s in doc] for doc in expected]
    for ours, theirs in zip(cooled, expected, strict=True):
        assert [s[3] for s in ours] == pytest.approx([s[3] for s in theirs], abs=1e-6)


# -- adding types ----------------------------------------------------------------------------------


def test_a_type_added_later_leaves_the_others_as_they_are_to_the_bit(trained, tmp_path):
    trained.to_disk(tmp_path / "m")
    nlp = spacy.load(tmp_path / "m")
    component = nlp.get_pipe("bioner")
    texts = [text for text, _ in TEXTS]
    before = [[p for p in scored_spans(doc)] for doc in nlp.pipe(texts)]
    expected = [[(s.start, s.end, s.label_, p) for s, p in pairs] for pairs in before]
    assert component.add_label("Anatomy") == 1
    assert component.add_label("Anatomy") == 0
    encoder = component.model.get_ref("tok2vec")
    frozen = {node.id for node in encoder.walk()}
    new = [gold(nlp, "the liver", [(1, 2, "Anatomy")], ("Anatomy",)), gold(nlp, "a gene", [], ("Anatomy",))]

    class HeadsOnly:
        """An optimizer that leaves the encoder alone."""

        def __init__(self):
            self.adam = Adam(0.05)

        def __call__(self, key, weights, gradient):
            return (weights, gradient) if key[0] in frozen else self.adam(key, weights, gradient)

    optimizer = HeadsOnly()
    for _ in range(60):
        nlp.update(new, sgd=False)
        component.finish_update(optimizer)
    assert (1, 2, "Anatomy") in found(nlp("the liver"))
    for text, old in zip(texts, expected, strict=True):
        now = [(s.start, s.end, s.label_, p) for s, p in scored_spans(nlp(text)) if s.label_ != "Anatomy"]
        assert now == old


# -- what it writes --------------------------------------------------------------------------------


def test_threshold_and_types_narrow_what_is_written(trained, tmp_path):
    trained.to_disk(tmp_path / "m")
    everything = spacy.load(tmp_path / "m")("human insulin gene")
    lowest = min(score for _, score in scored_spans(everything))
    strict = spacy.load(tmp_path / "m", config={"components.bioner.threshold": (1 + lowest) / 2})
    kept = scored_spans(strict("human insulin gene"))
    assert kept == [] or min(score for _, score in kept) >= (1 + lowest) / 2
    assert len(kept) < len(scored_spans(everything))
    by_type = spacy.load(tmp_path / "m")
    by_type.get_pipe("bioner").threshold = {"*": 0.0, "Gene": 1.0}
    no_genes = by_type("human insulin gene")
    assert {span.label_ for span, _ in scored_spans(no_genes)} == {"Species", "Chemical"}
    narrow = spacy.load(tmp_path / "m", config={"components.bioner.types": ["Species"]})("human insulin gene")
    assert {span.label_ for span, _ in scored_spans(narrow)} == {"Species"}
    assert {ent.label_ for ent in narrow.ents} == {"Species"}


def test_entities_of_others_stay_unless_they_are_to_be_overwritten(trained, tmp_path):
    trained.to_disk(tmp_path / "m")
    for overwrite, expected in ((False, "LONG"), (True, "Gene")):
        nlp = spacy.load(tmp_path / "m", config={"components.bioner.overwrite_ents": overwrite})
        doc = nlp.make_doc("EGFR KRAS TP53")
        doc.set_ents([Span(doc, 0, 2, label="LONG")])
        labels = {ent.label_ for ent in nlp.get_pipe("bioner")(doc).ents}
        assert expected in labels
        assert ("LONG" in labels) is not overwrite


def test_two_components_share_a_pipeline_and_a_key():
    first, second = make_nlp(), make_nlp()
    train(first, [gold(first, "BRCA1 in pain", [(0, 1, "Gene")], ("Gene",))])
    train(second, [gold(second, "BRCA1 in pain", [(2, 3, "Disease")], ("Disease",))])
    nlp = spacy.blank("en")
    genes = nlp.add_pipe("bioner", name="genes")
    diseases = nlp.add_pipe("bioner", name="diseases")
    genes.from_bytes(first.get_pipe("bioner").to_bytes())
    diseases.from_bytes(second.get_pipe("bioner").to_bytes())
    doc = nlp("BRCA1 in pain")
    assert found(doc) == [(0, 1, "Gene"), (2, 3, "Disease")]
    assert [ent.label_ for ent in doc.ents] == ["Gene", "Disease"]


def test_sourcing_selecting_and_freezing(trained):
    nlp = spacy.blank("en")
    nlp.add_pipe("bioner", source=trained)
    assert sorted(found(nlp("BRCA1 breast cancer risk"))) == sorted(TEXTS[0][1])
    with nlp.select_pipes(disable=["bioner"]):
        assert "bioner" not in nlp("BRCA1").spans


# -- errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("threshold", [-0.1, 1.5, {"Gene": 2.0}])
def test_a_threshold_outside_0_to_1_is_refused(threshold):
    with pytest.raises(PipelineError, match="must be from 0 to 1"):
        make_nlp(threshold=threshold)


def test_types_that_nobody_knows_are_refused(trained, tmp_path):
    trained.to_disk(tmp_path / "m")
    with pytest.raises(PipelineError, match="no entity type Planet"):
        spacy.load(tmp_path / "m", config={"components.bioner.types": ["Planet"]})("BRCA1")
    nlp = make_nlp(threshold={"Planet": 0.5})
    with pytest.raises(PipelineError, match="no entity type Planet"):
        nlp.initialize(lambda: examples_of(nlp))


def test_types_without_an_example_are_refused():
    nlp = make_nlp()
    with pytest.raises(PipelineError, match="not one mention of Anatomy"):
        nlp.initialize(lambda: [gold(nlp, "BRCA1", [(0, 1, "Gene")], ("Gene", "Anatomy"))])
    nlp = make_nlp()
    with pytest.raises(PipelineError, match="annotates no entity type"):
        nlp.initialize(lambda: [gold(nlp, "BRCA1", [], ())])


def test_labels_files_name_the_types():
    nlp = make_nlp()
    examples = examples_of(nlp)
    component = nlp.get_pipe("bioner")
    component.initialize(lambda: examples, nlp=nlp, labels=["Gene", "Species"])
    assert component.labels == ("Gene", "Species")
    assert component.label_data == ["Gene", "Species"]


def test_keys_without_spans_are_refused(trained):
    with pytest.raises(PipelineError, match="no spans under 'other'"):
        scored_spans(trained("BRCA1 breast cancer risk"), "other")


def test_scores_survive_a_copy_of_the_doc(trained):
    doc = trained("BRCA1 breast cancer risk").copy()
    assert isinstance(doc.spans["bioner"], SpanGroup)
    assert sorted(found(doc)) == sorted(TEXTS[0][1])
