"""`bioner` as an ordinary citizen of spaCy: its commands, other encoders, other components around it."""

import contextlib
import json
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import numpy
import pytest
import spacy
from spacy.tokens import Span
from spacy.training import Example
from spacy.util import load_config

from spacy_bioner.components.spans import scored_spans
from spacy_bioner.corpora.annotations import Annotation, set_annotation
from spacy_bioner.errors import PipelineError
from spacy_bioner.evaluation.pipeline_evaluation import evaluate_docs

TEXTS = [
    ("BRCA1 breast cancer risk", [(0, 1, "Gene"), (0, 3, "Disease")]),
    ("aspirin treats pain in mice", [(0, 1, "Chemical"), (2, 3, "Disease"), (4, 5, "Species")]),
    ("no entity here at all", []),
    ("EGFR KRAS TP53", [(0, 1, "Gene"), (1, 2, "Gene"), (2, 3, "Gene")]),
    ("human insulin gene", [(0, 1, "Species"), (0, 2, "Gene"), (1, 2, "Chemical")]),
]
TYPES = ("Chemical", "Disease", "Gene", "Species")


def examples_of(nlp: spacy.Language) -> list[Example]:
    examples = []
    for text, spans in TEXTS:
        reference = nlp.make_doc(text)
        reference.spans["bioner"] = [Span(reference, start, end, label=label) for start, end, label in spans]
        set_annotation(reference, Annotation("made up", TYPES))
        examples.append(Example(nlp.make_doc(text), reference))
    return examples


def everything(nlp: spacy.Language) -> list[list[tuple[int, int, str, float]]]:
    """All that a pipeline finds in the texts, in an order of its own."""
    return [
        [(span.start, span.end, span.label_, score) for span, score in scored_spans(doc)]
        for doc in nlp.pipe([text for text, _ in TEXTS])
    ]


def assert_same(found: list, expected: list, tolerance: float = 1e-6) -> None:
    assert [[f[:3] for f in doc] for doc in found] == [[e[:3] for e in doc] for doc in expected]
    scores = [[e[3] for doc in side for e in doc] for side in (found, expected)]
    numpy.testing.assert_allclose(scores[0], scores[1], atol=tolerance)


def learn(nlp: spacy.Language, steps: int, rate: float) -> spacy.Language:
    spacy.util.fix_random_seed(0)
    examples = examples_of(nlp)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = rate
    for _ in range(steps):
        nlp.update(examples, sgd=optimizer)
    return nlp


@pytest.fixture(scope="module")
def on_tok2vec() -> spacy.Language:
    """Overlapping types, learned by heart through a shared `tok2vec`."""
    nlp = spacy.blank("en")
    cnn = {"@architectures": "spacy.HashEmbedCNN.v2", "pretrained_vectors": None, "width": 32, "depth": 1}
    sizes = {"embed_size": 200, "window_size": 1, "maxout_pieces": 2, "subword_features": True}
    nlp.add_pipe("tok2vec", config={"model": cnn | sizes})
    heads = {"@architectures": "spacy-bioner.EntityHeads.v1"}
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 32}
    nlp.add_pipe("bioner", config={"model": heads | {"tok2vec": listener}})
    return learn(nlp, 80, 0.01)


@pytest.fixture(scope="module")
def on_transformer(tiny_encoder: Path) -> spacy.Language:
    """The same through a `transformer`."""
    nlp = spacy.blank("en")
    nlp.add_pipe("transformer", config={"model": {"name": str(tiny_encoder)}})
    pooling = {"@layers": "reduce_mean.v1"}
    listener = {"@architectures": "spacy-transformers.TransformerListener.v1", "grad_factor": 1.0}
    heads = {"@architectures": "spacy-bioner.EntityHeads.v1"}
    nlp.add_pipe("bioner", config={"model": heads | {"tok2vec": listener | {"pooling": pooling}}})
    return learn(nlp, 120, 0.005)


@pytest.fixture(params=["on_tok2vec", "on_transformer"])
def trained(request: pytest.FixtureRequest) -> spacy.Language:
    return request.getfixturevalue(request.param)


def test_it_learns_overlapping_types_by_heart_on_any_encoder(trained: spacy.Language):
    assert [sorted(f[:3] for f in doc) for doc in everything(trained)] == [sorted(s) for _, s in TEXTS]
    scores = trained.evaluate(examples_of(trained))
    assert scores["spans_bioner_f"] == 1.0


def test_it_survives_disk_and_bytes_on_any_encoder(trained: spacy.Language, tmp_path: Path):
    expected = everything(trained)
    trained.to_disk(tmp_path / "pipeline")
    assert_same(everything(spacy.load(tmp_path / "pipeline")), expected)
    copy = spacy.blank("en").from_config(trained.config)
    copy.from_bytes(trained.to_bytes())
    assert_same(everything(copy), expected)


def test_a_part_can_be_left_out_of_a_save(trained: spacy.Language, tmp_path: Path):
    trained.get_pipe("bioner").to_disk(tmp_path / "bioner", exclude=["model"])
    saved = {path.name for path in (tmp_path / "bioner").iterdir()}
    assert "cfg" in saved
    assert "model" not in saved
    trained.to_disk(tmp_path / "pipeline", exclude=["bioner"])
    assert not (tmp_path / "pipeline" / "bioner").exists()


def test_replaced_listeners_change_nothing(trained: spacy.Language, tmp_path: Path):
    trained.to_disk(tmp_path / "pipeline")
    nlp = spacy.load(tmp_path / "pipeline")
    expected = everything(nlp)
    encoder = nlp.pipe_names[0]
    nlp.replace_listeners(encoder, "bioner", ["model.tok2vec"])
    nlp.remove_pipe(encoder)
    assert_same(everything(nlp), expected)
    nlp.to_disk(tmp_path / "alone")
    assert_same(everything(spacy.load(tmp_path / "alone")), expected)


def test_a_sourced_component_finds_the_same_beside_others(trained: spacy.Language):
    expected = everything(trained)
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe(trained.pipe_names[0], source=trained)
    nlp.add_pipe("bioner", source=trained)
    assert_same(everything(nlp), expected)


def test_doc_cleaner_behind_it_keeps_the_entities(on_transformer: spacy.Language, tmp_path: Path):
    on_transformer.to_disk(tmp_path / "pipeline")
    nlp = spacy.load(tmp_path / "pipeline")
    expected = everything(nlp)
    nlp.add_pipe("doc_cleaner")
    docs = list(nlp.pipe([text for text, _ in TEXTS]))
    assert [doc._.trf_data for doc in docs] == [None] * len(TEXTS)
    assert_same(everything(nlp), expected)


@pytest.mark.parametrize("text", ["", " ", "\n \n"])
def test_empty_and_white_docs_among_others(trained: spacy.Language, text: str):
    alone = trained(text)
    assert (alone.text, list(alone.ents), scored_spans(alone)) == (text, [], [])
    docs = list(trained.pipe([text, TEXTS[0][0], text]))
    assert [len(scored_spans(doc)) for doc in docs] == [0, 2, 0]


def test_frozen_encoder_stays_to_the_bit_while_a_new_type_is_learned(on_tok2vec, tmp_path: Path):
    """Through `spacy train`: the encoder frozen and annotating, the heads begun with those of before."""
    on_tok2vec.to_disk(tmp_path / "old")
    nlp = spacy.load(tmp_path / "old")
    expected = everything(nlp)
    assert nlp.get_pipe("bioner").add_label("Anatomy") == 1
    reference = nlp.make_doc("the liver of mice")
    reference.set_ents([Span(reference, 1, 2, label="Anatomy")])
    set_annotation(reference, Annotation("organs", ("Anatomy",)))
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.05
    for _ in range(40):
        example = Example(nlp.make_doc(reference.text), reference)
        nlp.update([example], sgd=optimizer, exclude=["tok2vec"], annotates=["tok2vec"])
    assert (1, 2, "Anatomy") in [f[:3] for f in everything_of(nlp, "the liver of mice")]
    now = [[f for f in doc if f[2] != "Anatomy"] for doc in everything(nlp)]
    assert now == expected


def everything_of(nlp: spacy.Language, text: str) -> list[tuple[int, int, str, float]]:
    return [(span.start, span.end, span.label_, score) for span, score in scored_spans(nlp(text))]


@pytest.mark.parametrize("annotated", ["Gene", "Disease"])
def test_types_that_a_corpus_does_not_annotate_push_nothing_out(on_tok2vec, annotated: str):
    """A gene and a disease overlap: the flat view has one of them, a corpus of either finds its own."""
    text, spans = TEXTS[0]
    assert len(on_tok2vec(text).ents) == 1
    reference = on_tok2vec.make_doc(text)
    reference.set_ents(
        [Span(reference, start, end, label) for start, end, label in spans if label == annotated]
    )
    set_annotation(reference, Annotation("of one type", (annotated,)))
    total = evaluate_docs(on_tok2vec, [reference]).counts.total()
    assert (total.precision, total.recall) == (1.0, 1.0)
    scores = on_tok2vec.evaluate([Example(on_tok2vec.make_doc(text), reference)])
    assert scores["ents_f_mean"] == 1.0
    assert scores["spans_bioner_f"] == 1.0


# -- spaCy's commands --------------------------------------------------------------------------------


def test_init_labels_writes_the_types_and_training_reads_them(
    run_cli: Callable[..., str], tiny_data: Path, tmp_path: Path, root: Path
):
    config = root / "configs" / "bioner_cnn.cfg"
    paths = ["--paths.train", tiny_data / "train.spacy", "--paths.dev", tiny_data / "devel.spacy"]
    run_cli("init", "labels", config, tmp_path / "labels", *paths)
    file = tmp_path / "labels" / "bioner.json"
    assert json.loads(file.read_text()) == ["Chemical", "Disease", "Gene", "Species"]
    file.write_text(json.dumps(["Gene", "Disease"]))
    loaded = load_config(config)
    loaded["initialize"]["components"] = {
        "bioner": {"labels": {"@readers": "spacy.read_labels.v1", "path": str(file)}}
    }
    loaded.to_disk(tmp_path / "config.cfg")
    few = ["--training.max_steps", "2", "--training.eval_frequency", "1"]
    run_cli("train", tmp_path / "config.cfg", "--output", tmp_path / "out", *paths, *few)
    assert spacy.load(tmp_path / "out" / "model-last").get_pipe("bioner").labels == ("Gene", "Disease")


@pytest.fixture
def filled(run_cli: Callable[..., str], root: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Fills one of the project's configs with all defaults, as `spacy debug` wants it."""

    def fill(name: str) -> Path:
        run_cli("init", "fill-config", root / "configs" / f"{name}.cfg", tmp_path / "filled.cfg")
        return tmp_path / "filled.cfg"

    return fill


def test_debug_config_finds_nothing_wrong(
    run_cli: Callable[..., str], filled: Callable[[str], Path], tiny_data: Path
):
    for name in ("bioner_cnn", "multitask_cnn"):
        train, dev = tiny_data / "train.spacy", tiny_data / "devel.spacy"
        value = json.dumps({"tiny": str(train)}) if name == "multitask_cnn" else train
        output = run_cli("debug", "config", filled(name), "--paths.train", value, "--paths.dev", dev)
        assert "Config is valid" in output
        assert "✘" not in output


def test_debug_data_reads_the_data(
    run_cli: Callable[..., str], filled: Callable[[str], Path], root: Path, tmp_path: Path
):
    with contextlib.chdir(root):  # where the sample corpus is in the catalogue
        run_cli("bioner", "convert", root / "corpus" / "sample", tmp_path, "--corpus", "sample")
    settings = ["--paths.train", tmp_path / "train.spacy", "--paths.dev", tmp_path / "devel.spacy"]
    output = run_cli("debug", "data", filled("bioner_cnn"), *settings)
    assert "Pipeline can be initialized with data" in output
    assert "588 training docs" in output
    assert "✘" not in output


def test_spacy_evaluate_prints_entities_by_type(
    run_cli: Callable[..., str], train_tiny: Callable[..., Path], tiny_data: Path, tmp_path: Path
):
    model = train_tiny(tmp_path / "out", "bioner_cnn") / "model-best"
    output = run_cli("evaluate", model, tiny_data / "devel.spacy")
    for name in ("NER P", "NER R", "NER F", *TYPES):
        assert name in output


# -- calibration ---------------------------------------------------------------------------------------


def test_a_temperature_changes_probabilities_and_no_entity(on_tok2vec: spacy.Language, tmp_path: Path):
    on_tok2vec.to_disk(tmp_path / "pipeline")
    nlp = spacy.load(tmp_path / "pipeline")
    expected = everything(nlp)
    nlp.get_pipe("bioner").cfg["temperature"] = {"Gene": 3.0}
    nlp.to_disk(tmp_path / "warm")
    found = everything(spacy.load(tmp_path / "warm"))
    assert [[f[:3] for f in doc] for doc in found] == [[e[:3] for e in doc] for doc in expected]
    for (_, _, label, score), (*_, before) in zip(chain(*found), chain(*expected), strict=True):
        assert (score < before) if label == "Gene" else (score == before)


def test_calibrating_needs_types_that_are_known(on_tok2vec: spacy.Language):
    """With a handful of spans there is nothing to fit."""
    component = on_tok2vec.get_pipe("bioner")
    examples = [Example(on_tok2vec(eg.text), eg.reference) for eg in examples_of(on_tok2vec)]
    assert component.calibrate(examples) == {}
    component.types = ["Nothing"]
    try:
        with pytest.raises(PipelineError, match="no entity type Nothing"):
            component.calibrate(examples)
    finally:
        component.types = None


def test_calibrating_makes_probabilities_true_where_there_is_evidence(on_tok2vec, tmp_path: Path):
    on_tok2vec.to_disk(tmp_path / "pipeline")
    nlp = spacy.load(tmp_path / "pipeline")
    component = nlp.get_pipe("bioner")
    component.cfg["temperature"] = {"Species": 1.5}
    examples = []
    for k in range(60):  # three genes each, of which two are right
        reference = nlp.make_doc("EGFR KRAS TP53")
        reference.set_ents([Span(reference, i, i + 1, label="Gene") for i in range(3) if i != k % 3])
        set_annotation(reference, Annotation("made up", ("Gene",)))
        examples.append(Example(nlp("EGFR KRAS TP53"), reference))
    before = [score for *_, score in everything_of(nlp, "EGFR KRAS TP53")]
    assert min(before) > 0.9
    fitted = component.calibrate(iter(examples))
    assert set(fitted) == {"Gene"}
    assert component.cfg["temperature"] == {"Species": 1.5, **fitted}
    found = everything_of(nlp, "EGFR KRAS TP53")
    assert [f[:3] for f in found] == [(0, 1, "Gene"), (1, 2, "Gene"), (2, 3, "Gene")]
    assert sum(score for *_, score in found) / 3 == pytest.approx(2 / 3, abs=0.05)


def test_spans_on_tokens_without_annotation_say_nothing_of_a_temperature(on_tok2vec, tmp_path: Path):
    on_tok2vec.to_disk(tmp_path / "pipeline")
    nlp = spacy.load(tmp_path / "pipeline")
    examples = []
    for k in range(90):  # a third of what is found is wrong, and all of that is where nothing is known
        reference = nlp.make_doc("EGFR KRAS TP53")
        right = [Span(reference, i, i + 1, label="Gene") for i in range(3) if i != k % 3]
        reference.set_ents(right, missing=[reference[k % 3 : k % 3 + 1]])
        set_annotation(reference, Annotation("made up", ("Gene",)))
        examples.append(Example(nlp("EGFR KRAS TP53"), reference))
    # nothing speaks against the network: it may be as sure as can be
    assert nlp.get_pipe("bioner").calibrate(examples) == {"Gene": pytest.approx(0.4)}


def test_training_again_begins_without_temperatures(on_tok2vec, tmp_path: Path):
    on_tok2vec.to_disk(tmp_path / "pipeline")
    nlp = spacy.load(tmp_path / "pipeline")
    nlp.get_pipe("bioner").cfg["temperature"] = {"Gene": 2.0}
    nlp.initialize(lambda: examples_of(nlp))
    assert nlp.get_pipe("bioner").cfg["temperature"] == {}


def test_heads_and_temperatures_of_another_pipeline(on_tok2vec, tmp_path: Path):
    source = on_tok2vec.get_pipe("bioner")
    source.cfg["temperature"] = {"Gene": 2.0, "Species": 3.0}
    try:
        on_tok2vec.to_disk(tmp_path / "source")
    finally:
        source.cfg["temperature"] = {}
    for keep, types in ((False, ("Gene",)), (True, (*TYPES,))):
        nlp = spacy.blank("en")
        nlp.add_pipe("tok2vec", source=on_tok2vec)
        nlp.add_pipe("bioner", config={"model": on_tok2vec.config["components"]["bioner"]["model"]})
        reference = nlp.make_doc("EGFR KRAS TP53")
        reference.set_ents([Span(reference, 0, 1, label="Gene")])
        set_annotation(reference, Annotation("genes", ("Gene",)))
        component = nlp.get_pipe("bioner")
        component.initialize(
            lambda reference=reference, nlp=nlp: [Example(nlp.make_doc(reference.text), reference)],
            nlp=nlp,
            heads_from=str(tmp_path / "source"),
            keep_types=keep,
        )
        assert sorted(component.labels) == sorted(types)
        kept = {name: value for name, value in (("Gene", 2.0), ("Species", 3.0)) if name in types}
        assert component.cfg["temperature"] == kept
        heads, theirs = component.model.get_ref("heads"), source.model.get_ref("heads")
        for name in types:
            numpy.testing.assert_array_equal(heads.get_param(name), theirs.get_param(name))


def test_a_pipeline_without_heads_has_none_to_give(tmp_path: Path):
    spacy.blank("en").to_disk(tmp_path / "blank")
    nlp = spacy.blank("en")
    component = nlp.add_pipe("bioner")
    with pytest.raises(PipelineError, match="has no `bioner` to take heads from"):
        component.initialize(lambda: examples_of(nlp), heads_from=str(tmp_path / "blank"))


def test_heads_for_other_widths_are_refused(on_tok2vec, tmp_path: Path):
    on_tok2vec.to_disk(tmp_path / "narrow")
    nlp = spacy.blank("en")
    component = nlp.add_pipe("bioner")
    with pytest.raises(PipelineError, match="token vectors of 32, and these are of 96"):
        component.initialize(lambda: examples_of(nlp), heads_from=str(tmp_path / "narrow"))
