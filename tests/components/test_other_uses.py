"""The ways in which people use a spaCy component, where this one was wrong without a word."""

from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import Adam, fix_random_seed, registry

from spacy_bioner import Annotation, join_docs, scored_spans, set_annotation
from spacy_bioner.components.safeguards import without_markup
from spacy_bioner.corpora.annotations import get_annotation
from spacy_bioner.corpora.docbin import docbin
from spacy_bioner.corpora.readers import create_corpus, create_multi_corpus
from spacy_bioner.errors import PipelineError
from spacy_bioner.training.finishing import make_portable

TEXTS = [
    ("BRCA1 in mice", [(0, 1, "Gene"), (2, 3, "Species")]),
    ("Human insulin gene", [(0, 1, "Species"), (0, 3, "Gene")]),
    ("EGFR in rats", [(0, 1, "Gene"), (2, 3, "Species")]),
]
NEW = [("aspirin in mice", (0, 1)), ("metformin in rats", (0, 1)), ("We gave aspirin", (2, 3))]
SMALL = {"@architectures": "spacy.HashEmbedCNN.v2", "pretrained_vectors": None, "width": 32, "depth": 1}
SIZES = {"embed_size": 200, "window_size": 1, "maxout_pieces": 2, "subword_features": True}


LISTENERS = {
    "tok2vec": {"@architectures": "spacy.Tok2VecListener.v1", "width": 32},
    "transformer": {
        "@architectures": "spacy-transformers.TransformerListener.v1",
        **{"grad_factor": 1.0, "pooling": {"@layers": "reduce_mean.v1"}},
    },
}


def blank(encoder: str = "tok2vec", model: dict[str, Any] = SMALL | SIZES) -> Language:
    fix_random_seed(1)
    nlp = spacy.blank("en")
    nlp.add_pipe(encoder, config={"model": model})
    heads = {"@architectures": "spacy-bioner.EntityHeads.v1", "tok2vec": LISTENERS[encoder]}
    nlp.add_pipe("bioner", config={"model": heads})
    return nlp


def gold(nlp: Language, text: str, spans, types=("Gene", "Species")) -> Example:
    doc = nlp.make_doc(text)
    doc.spans["bioner"] = [Span(doc, *span) for span in spans]
    set_annotation(doc, Annotation("c", tuple(types)))
    return Example(nlp.make_doc(text), doc)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained pipeline on disk, with the schedule that transformers are trained with in its config."""
    nlp = blank()
    examples = [gold(nlp, text, spans) for text, spans in TEXTS]
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    for _ in range(60):
        nlp.update(examples, sgd=optimizer)
    schedule = {"@schedules": "warmup_linear.v1", "initial_rate": 0.01, "warmup_steps": 9, "total_steps": 99}
    nlp.config["training"]["optimizer"] = {"@optimizers": "Adam.v1", "learn_rate": schedule}
    make_portable(nlp, None)
    path = tmp_path_factory.mktemp("trained") / "pipeline"
    nlp.to_disk(path)
    return path


def found(nlp: Language, text: str):
    return sorted((s.start, s.end, s.label_) for s, _ in scored_spans(nlp(text)))


def weights(nlp: Language) -> list:
    pipe = nlp.get_pipe("bioner")
    return [
        node.get_param(name).copy()
        for node in pipe.model.walk()
        for name in node.param_names
        if node.has_param(name)
    ]


def test_a_new_type_is_learned_in_python_and_the_old_ones_stay(folder: Path):
    nlp = spacy.load(folder)
    before = [scored_spans(nlp(text)) for text, _ in TEXTS]
    old = [[(s.start, s.end, s.label_, score) for s, score in pairs] for pairs in before]
    nlp.get_pipe("bioner").add_label("Chemical")
    start = weights(nlp)
    optimizer = nlp.resume_training()
    assert optimizer.learn_rate == 0.01
    examples = [gold(nlp, text, [(*span, "Chemical")], ["Chemical"]) for text, span in NEW]
    for _ in range(30):
        nlp.update(examples, sgd=optimizer, exclude=["tok2vec"], annotates=["tok2vec"])
    assert any(not numpy.array_equal(a, b) for a, b in zip(start, weights(nlp), strict=True))
    for text, span in NEW:
        assert [f for f in found(nlp, text) if f[2] == "Chemical"] == [(*span, "Chemical")]
    now = [scored_spans(nlp(text)) for text, _ in TEXTS]
    kept = [[(s.start, s.end, s.label_, p) for s, p in pairs if s.label_ != "Chemical"] for pairs in now]
    assert kept == old


def test_updates_at_a_rate_of_0_say_so(folder: Path):
    nlp = spacy.load(folder)
    sgd = Adam(registry.schedules.get("warmup_linear.v1")(0.01, 5, 20))
    examples = [gold(nlp, text, spans) for text, spans in TEXTS]
    nlp.update(examples, sgd=sgd)
    with pytest.warns(UserWarning, match="learning rate is 0, and nothing is learned"):
        nlp.update(examples, sgd=sgd)


ENCODERS = ("tok2vec", "spacy-bioner.TransformerModel.v1", "spacy-transformers.TransformerModel.v3")


@pytest.fixture(scope="module", params=ENCODERS)
def shared(request: pytest.FixtureRequest, folder: Path, tiny_encoder: Path, tmp_path_factory) -> Path:
    """A pipeline on disk whose `bioner` listens to each kind of encoder."""
    if request.param == "tok2vec":
        return folder
    nlp = blank("transformer", {"@architectures": request.param, "name": str(tiny_encoder)})
    nlp.initialize(lambda: [gold(nlp, text, spans) for text, spans in TEXTS])
    path = tmp_path_factory.mktemp("shared") / "pipeline"
    nlp.to_disk(path)
    return path


def assert_it_says_what_is_missing(nlp: Language, encoder: str, told: str = "") -> None:
    for use in (nlp, lambda text: list(nlp.pipe([text]))):
        with pytest.raises(PipelineError, match=f"'bioner' gets no vectors: '{encoder}', which .*{told}"):
            use("BRCA1 in mice")


def test_without_its_encoder_it_finds_nothing_and_says_why(shared: Path):
    whole = spacy.load(shared)
    whole("BRCA1 in mice")
    encoder, _ = whole.pipe_names
    for how in ({"disable": [encoder]}, {"exclude": [encoder]}, {"enable": ["bioner"]}):
        nlp = spacy.load(shared, **how)
        assert_it_says_what_is_missing(nlp, encoder, "Enable .* source=.*replace_listeners")
    alone = spacy.blank("en")
    alone.add_pipe("bioner", source=spacy.load(shared))
    assert_it_says_what_is_missing(alone, encoder)
    with whole.select_pipes(disable=[encoder]):
        assert_it_says_what_is_missing(whole, encoder)
    whole("BRCA1 in mice")


def test_behind_a_cleaner_it_says_that_the_vectors_are_gone(shared: Path):
    for cleaner in ("doc_cleaner", "trf_cleaner"):
        nlp = spacy.load(shared)
        encoder, _ = nlp.pipe_names
        if (encoder, cleaner) == ("tok2vec", "trf_cleaner"):
            continue  # it takes only what a transformer gives
        nlp.add_pipe(cleaner, before="bioner")
        assert_it_says_what_is_missing(nlp, encoder, "they were removed.*`doc_cleaner` behind both")


def test_the_ways_out_that_the_error_names_lead_out(shared: Path):
    whole = spacy.load(shared)
    encoder, _ = whole.pipe_names
    expected = found(whole, "BRCA1 in mice")
    sourced = spacy.blank("en")
    for name in (encoder, "bioner"):
        sourced.add_pipe(name, source=spacy.load(shared))
    assert found(sourced, "BRCA1 in mice") == expected
    whole.replace_listeners(encoder, "bioner", ["model.tok2vec"])
    alone = spacy.blank("en")
    alone.add_pipe("bioner", source=whole)
    assert found(alone, "BRCA1 in mice") == expected


def test_a_component_without_weights_says_so():
    nlp = spacy.blank("en")
    nlp.add_pipe("bioner").add_label("Gene")
    with pytest.raises(ValueError, match="forget to call `initialize"):
        nlp("BRCA1 in mice")


def test_rehearse_is_refused(folder: Path):
    nlp = spacy.load(folder)
    with pytest.raises(PipelineError, match="doesn't support rehearse"):
        nlp.rehearse([gold(nlp, *TEXTS[0])])


def test_initialize_on_a_trained_pipeline_says_that_it_starts_anew(folder: Path):
    nlp = spacy.load(folder)
    with pytest.warns(UserWarning, match="is trained, and `initialize` starts anew"):
        nlp.initialize(lambda: [gold(nlp, text, spans) for text, spans in TEXTS])


def test_added_labels_initialize_without_examples():
    nlp = blank()
    nlp.get_pipe("bioner").add_label("Gene")
    nlp.initialize()
    assert nlp.get_pipe("bioner").labels == ("Gene",)
    nlp("BRCA1 in mice")


def test_gold_under_another_key_is_named():
    nlp = blank()
    example = gold(nlp, *TEXTS[0])
    example.reference.spans["sc"] = example.reference.spans["bioner"]
    del example.reference.spans["bioner"]
    example.reference.ents = []
    with pytest.raises(PipelineError, match=r"spans under 'sc' \(2\)"):
        nlp.initialize(lambda: [example])


def test_without_types_it_says_so():
    nlp = spacy.blank("en")
    nlp.add_pipe("bioner")
    with pytest.raises(PipelineError, match="knows no entity type"):
        nlp("BRCA1 in mice")


@pytest.mark.parametrize(("setting", "value"), [("spans_key", "other"), ("label_map", {"Gene": "Protein"})])
def test_settings_of_the_training_cannot_change_at_load(folder: Path, setting: str, value: object):
    with pytest.raises(PipelineError, match=f"was trained with {setting}"):
        spacy.load(folder, config={"components": {"bioner": {setting: value}}})


def test_joined_docs_keep_their_scores(folder: Path):
    nlp = spacy.load(folder)
    docs = [nlp(text) for text, _ in TEXTS]
    joined = scored_spans(join_docs(docs))
    assert [(s.text, s.label_, p) for s, p in joined] == [
        (s.text, s.label_, p) for doc in docs for s, p in scored_spans(doc)
    ]


def test_headings_and_html_entities_are_never_mentions():
    nlp = spacy.blank("en")
    doc = nlp.make_doc("METHODS: TP53 &nbsp; was measured.")
    everything = [(i, i + 1, "Gene", 0.9) for i in range(len(doc))]
    kept = {doc[start].text for start, *_ in without_markup(doc, everything)}
    assert "TP53" in kept
    assert kept.isdisjoint({"METHODS", "nbsp", "&", "&nbsp", "&nbsp;"})


def test_the_cleaner_leaves_vectors_and_parts_usable():
    nlp = spacy.blank("en")
    nlp.add_pipe("trf_cleaner")
    Doc.set_extension("trf_data", default=None, force=True)
    doc = nlp("BRCA1 in mice")
    doc.ents = [Span(doc, 0, 1, "Gene")]
    assert doc.ents[0].as_doc().text.strip() == "BRCA1"
    assert not doc[0].has_vector
    assert doc._.trf_data is None


def test_augmented_examples_keep_what_their_corpus_annotates(tmp_path: Path):
    nlp = blank()
    doc = nlp.make_doc("BRCA1 in mice")
    doc.ents = [Span(doc, 0, 1, "Gene")]
    set_annotation(doc, Annotation("c", ("Gene",), more=(("Gene", ((0, 8),)),)))
    docbin([doc]).to_disk(tmp_path / "a.spacy")
    lower = spacy.registry.augmenters.get("spacy.lower_case.v1")(level=1.0)
    [example] = create_corpus(str(tmp_path / "a.spacy"), augmenter=lower)(nlp)
    assert example.text == "brca1 in mice"
    annotation = get_annotation(example.reference)
    assert (annotation.types, annotation.more) == (("Gene",), (("Gene", ((0, 8),)),))
    reader = create_multi_corpus({"a": str(tmp_path / "a.spacy")}, augmenter=lower)
    [example] = reader(nlp)
    assert example.text == "brca1 in mice"
    assert get_annotation(example.reference).types == ("Gene",)
