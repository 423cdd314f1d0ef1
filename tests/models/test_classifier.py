"""`spacy-bioner.TokenClassifier.v1` in the component, on a layer of its own and in the life of a pipeline."""

import pickle
import random
from pathlib import Path

import numpy
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import NumpyOps
from thinc.types import Ragged

from spacy_bioner.components.spans import scored_spans
from spacy_bioner.corpora.annotations import Annotation, set_annotation
from spacy_bioner.errors import PipelineError, TagError
from spacy_bioner.models.classifier import LabelScores, create_first_piece, create_token_classifier
from spacy_bioner.models.decoder import DECODER

LABELS = {
    "IOB1": ["O", "B-Gene", "I-Gene", "B-Species", "I-Species"],
    "IOB2": ["O", "B-Gene", "I-Gene", "B-Species", "I-Species"],
    "IOBES": ["O", *(f"{letter}-{name}" for name in ("Gene", "Species") for letter in "BIES")],
    "BILOU": ["O", *(f"{letter}-{name}" for name in ("Gene", "Species") for letter in "BILU")],
}
TEXTS = [
    ("EGFR KRAS in mice", [(0, 1, "Gene"), (1, 2, "Gene"), (3, 4, "Species")]),
    ("tumor necrosis factor of Mus musculus", [(0, 3, "Gene"), (4, 6, "Species")]),
    ("nothing here at all", []),
]
TOK2VEC = {
    "@architectures": "spacy.HashEmbedCNN.v2",
    "pretrained_vectors": None,
    "width": 32,
    "depth": 2,
    "embed_size": 200,
    "window_size": 1,
    "maxout_pieces": 2,
    "subword_features": True,
}


def make_nlp(scheme: str = "IOB2", **settings: object) -> Language:
    nlp = spacy.blank("en")
    model = {
        "@architectures": "spacy-bioner.TokenClassifier.v1",
        "labels": LABELS[scheme],
        "scheme": scheme,
        "tok2vec": TOK2VEC,
    }
    nlp.add_pipe("bioner", config={"model": model, **settings})
    return nlp


def examples_of(nlp: Language, types: tuple[str, ...] = ("Gene", "Species")) -> list[Example]:
    made = []
    for text, spans in TEXTS:
        reference = nlp.make_doc(text)
        kept = [(start, end, name) for start, end, name in spans if name in types]
        reference.set_ents([Span(reference, start, end, label=name) for start, end, name in kept])
        set_annotation(reference, Annotation("made up", types))
        made.append(Example(nlp.make_doc(text), reference))
    return made


def train(nlp: Language, examples: list[Example], steps: int = 60) -> None:
    spacy.util.fix_random_seed(0)
    random.seed(0)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    for _ in range(steps):
        nlp.update(examples, sgd=optimizer)


def found(doc: Doc) -> list[tuple[int, int, str]]:
    return [(span.start, span.end, span.label_) for span, _ in scored_spans(doc)]


@pytest.fixture(scope="module", params=list(LABELS))
def trained(request: pytest.FixtureRequest) -> Language:
    nlp = make_nlp(request.param)
    train(nlp, examples_of(nlp))
    return nlp


def test_it_learns_by_heart_in_every_scheme(trained: Language):
    for text, spans in TEXTS:
        assert found(trained(text)) == spans
        assert [(e.start, e.end, e.label_) for e in trained(text).ents] == spans
        assert all(0.5 < score <= 1 for _, score in scored_spans(trained(text)))


def test_it_survives_disk_bytes_and_pickle(trained: Language, tmp_path: Path):
    texts = [text for text, _ in TEXTS]
    expected = [scored_texts(doc) for doc in trained.pipe(texts)]
    trained.to_disk(tmp_path / "m")
    scheme = trained.config["components"]["bioner"]["model"]["scheme"]
    copies = (
        spacy.load(tmp_path / "m"),
        make_nlp(scheme).from_bytes(trained.to_bytes()),
        pickle.loads(pickle.dumps(trained)),
    )
    for nlp in copies:
        assert [scored_texts(doc) for doc in nlp.pipe(texts)] == expected
        assert nlp.get_pipe("bioner").labels == ("Gene", "Species")


def scored_texts(doc: Doc) -> list[tuple[str, float]]:
    return [(span.text, round(score, 5)) for span, score in scored_spans(doc)]


@pytest.mark.parametrize("text", ["", " ", "\n\n", "x", "🧬 e\u0301"])
def test_odd_texts_work_alone_and_among_others(trained: Language, text: str):
    alone = scored_texts(trained(text))
    assert scored_texts(list(trained.pipe(["EGFR KRAS in mice", text, "mice"]))[1]) == alone


def test_thresholds_and_types_are_those_of_the_component():
    nlp = make_nlp()
    train(nlp, examples_of(nlp), steps=60)
    data = nlp.to_bytes()
    strict = make_nlp(threshold={"Gene": 1.0}).from_bytes(data)
    assert {name for _, _, name in found(strict(TEXTS[0][0]))} == {"Species"}
    only = make_nlp(types=["Gene"]).from_bytes(data)
    assert {name for _, _, name in found(only(TEXTS[0][0]))} == {"Gene"}


def test_a_temperature_changes_probabilities_and_no_entity():
    nlp = make_nlp()
    train(nlp, examples_of(nlp), steps=60)
    before = nlp(TEXTS[1][0])
    nlp.get_pipe("bioner").cfg["temperature"] = {"Gene": 3.0}
    after = nlp(TEXTS[1][0])
    assert found(after) == found(before)
    scores = [{s.label_: p for s, p in scored_spans(doc)} for doc in (before, after)]
    assert scores[1]["Gene"] < scores[0]["Gene"]
    assert scores[1]["Species"] == scores[0]["Species"]


def test_a_sentence_weighs_the_same_alone_and_in_a_doc_of_several():
    nlp = make_nlp()
    nlp.initialize(lambda: examples_of(nlp))
    component = nlp.get_pipe("bioner")
    several = examples_of(nlp)
    together = nlp.make_doc(" ".join(text for text, _ in TEXTS))
    spans = [
        Span(together, s, e, label=name) for s, e, name in [*TEXTS[0][1], (4, 7, "Gene"), (8, 10, "Species")]
    ]
    together.set_ents(spans)
    set_annotation(together, Annotation("made up", ("Gene", "Species")))
    for token in together:
        token.is_sent_start = token.i in (0, 4, 10)
    one = Example(nlp.make_doc(together.text), together)
    logits = numpy.random.default_rng(0).normal(size=(14, 5)).astype("float32")
    seen = numpy.ones(14, dtype=bool)
    loss, gradient = component.get_loss([one], LabelScores([logits], [seen]))
    parts = [logits[:4], logits[4:10], logits[10:]]
    other_loss, other = component.get_loss(several, LabelScores(parts, [seen[:4], seen[4:10], seen[10:]]))
    assert other_loss == pytest.approx(loss)
    numpy.testing.assert_allclose(numpy.concatenate(other.logits), gradient.logits[0], atol=1e-6)


def test_gradient_is_that_of_the_loss():
    nlp = make_nlp()
    examples = examples_of(nlp)
    nlp.initialize(lambda: examples)
    component = nlp.get_pipe("bioner")
    predicted = [example.predicted for example in examples]
    scores = component.model.predict(predicted)
    loss, gradient = component.get_loss(examples, scores)
    random_ = numpy.random.default_rng(0)
    for _ in range(20):
        doc = random_.integers(len(predicted))
        token = random_.integers(len(predicted[doc]))
        label = random_.integers(len(LABELS["IOB2"]))
        changed = [logits.copy() for logits in scores.logits]
        changed[doc][token, label] += 1e-2
        up, _ = component.get_loss(examples, LabelScores(changed, scores.seen))
        changed[doc][token, label] -= 2e-2
        down, _ = component.get_loss(examples, LabelScores(changed, scores.seen))
        assert (up - down) / 2e-2 == pytest.approx(gradient.logits[doc][token, label], abs=1e-3)
    assert loss > 0


def test_corpora_with_other_types_train_together():
    """What a corpus doesn't annotate counts neither for nor against it."""
    nlp = make_nlp()
    genes = examples_of(nlp, ("Gene",))
    species = examples_of(nlp, ("Species",))
    train(nlp, [genes[0], species[1], species[2]])
    assert found(nlp("EGFR KRAS in mice"))[:2] == [(0, 1, "Gene"), (1, 2, "Gene")]
    component = nlp.get_pipe("bioner")
    strange = examples_of(nlp, ("Chemical",))
    loss, gradient = component.get_loss(strange, component.model.predict([e.predicted for e in strange]))
    assert loss == pytest.approx(0.0, abs=1e-6)
    assert not any(abs(part).max() > 1e-6 for part in gradient.logits)


def test_other_types_are_refused():
    nlp = make_nlp()
    component = nlp.get_pipe("bioner")
    assert component.labels == ("Gene", "Species")
    assert component.add_label("Gene") == 0
    with pytest.raises(PipelineError, match=r"'Chemical' can't be added: .* one label set .* Gene, Species"):
        component.add_label("Chemical")
    assert component.labels == ("Gene", "Species")


def test_it_begins_with_the_weights_of_another(tmp_path: Path):
    nlp = make_nlp()
    train(nlp, examples_of(nlp))
    nlp.get_pipe("bioner").cfg["temperature"] = {"Gene": 2.0}
    nlp.to_disk(tmp_path / "first")
    second = make_nlp()
    component = second.get_pipe("bioner")
    component.initialize(lambda: examples_of(second), heads_from=str(tmp_path / "first"))
    ours, theirs = (p.model.get_ref("classifier") for p in (component, nlp.get_pipe("bioner")))
    numpy.testing.assert_array_equal(ours.get_param("W"), theirs.get_param("W"))
    assert component.cfg["temperature"] == {"Gene": 2.0}
    for other, message in (
        (make_nlp("IOBES"), "The labels to begin with are O, B-Gene, I-Gene"),
        (spacy.blank("en"), "of another architecture"),
    ):
        if "bioner" not in other.pipe_names:
            other.add_pipe("bioner")
        with pytest.raises(PipelineError, match=message):
            other.get_pipe("bioner").initialize(
                lambda other=other: examples_of(other), heads_from=str(tmp_path / "first")
            )


def test_tokens_that_the_encoder_has_not_seen_are_passed_over():
    """White space has no word piece, and so zeros for a vector: entities go on across it."""
    nlp = make_nlp()
    model = nlp.get_pipe("bioner").model
    nlp.initialize(lambda: examples_of(nlp))
    logits = numpy.full((4, 5), -9.0, dtype="float32")
    logits[[0, 1, 2, 3], [1, 0, 2, 0]] = 9.0  # B-Gene, white space, I-Gene, O
    for seen, expected in (([1, 0, 1, 1], [(0, 3)]), ([1, 1, 1, 1], [(0, 1), (2, 3)]), ([0, 0, 0, 0], [])):
        scores = LabelScores([logits, logits[:0]], [numpy.array(seen, dtype=bool), numpy.zeros(0, bool)])
        doc, empty = model.attrs[DECODER].find(model, scores, [None, None], [1.0, 1.0])
        assert [(start, end) for start, end, _, _ in doc] == expected
        assert empty == []


def test_first_piece():
    ops = NumpyOps()
    pooling = create_first_piece()
    data = ops.asarray2f([[1, 2], [3, 4], [5, 6]])
    lengths = ops.asarray1i([0, 2, 0, 1])
    vectors, backprop = pooling(Ragged(data, lengths), is_train=True)
    assert vectors.tolist() == [[0, 0], [1, 2], [0, 0], [5, 6]]
    back = backprop(ops.asarray2f([[9, 9], [1, 1], [9, 9], [2, 2]]))
    assert back.dataXd.tolist() == [[1, 1], [0, 0], [2, 2]]
    assert back.lengths.tolist() == lengths.tolist()


@pytest.mark.parametrize(("labels", "scheme"), [(["O"], ""), (["O", "S-Gene"], "BILOU")])
def test_labels_are_checked(labels: list[str], scheme: str):
    tok2vec = spacy.blank("en").add_pipe("tok2vec").model
    with pytest.raises(TagError):
        create_token_classifier(tok2vec, labels, scheme)
