"""Training that goes on from a trained pipeline: what it takes over, what it leaves, and its record."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
from spacy.language import Language
from spacy.util import load_config

import spacy_bioner
from spacy_bioner.components.spans import scored_spans
from spacy_bioner.corpora.file_conversion import convert
from spacy_bioner.corpora.provenance import META_KEY
from spacy_bioner.errors import PipelineError
from spacy_bioner.training.finishing import make_portable

SENTENCES = {
    "BC5CDR": "Aspirin\tB-Chemical\nhelps\tO\nasthma\tB-Disease\n\n",
    "BC2GM": "IL-2\tB-GENE\nbinds\tO\n\n",
    "LINNAEUS": "Mice\tB-Species\neat\tO\n\n",
    "JNLPBA": "TNF\tB-protein\nacts\tO\n\n",
}
STEADY = {
    # averages of weights begin at zero, which they forget in a dozen steps; here there are four
    "cnn": {"training.optimizer.learn_rate": 0.0, "training.optimizer.use_averages": False},
    "trf": {"training.optimizer.learn_rate.initial_rate": 0.0},
}
"""Settings with which a training changes nothing: what it ends with is what it began with."""
QUICK = {
    "cnn": {},
    "trf": {
        "training.optimizer.learn_rate.initial_rate": 1e-2,
        "training.optimizer.learn_rate.warmup_steps": 1,
    },
}
KINDS = ["cnn", "trf"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small .spacy file of each corpus."""
    folder = tmp_path_factory.mktemp("corpora")
    files = {}
    for name, sentence in SENTENCES.items():
        source = folder / f"{name}.tsv"
        source.write_text(sentence * 8, encoding="utf8")
        files[name] = folder / f"{name}.spacy"
        convert([source], files[name], corpus=name, types=["protein"] if name == "JNLPBA" else [])
    return files


Train = Callable[..., Path]


@pytest.fixture(scope="module")
def train(train_tiny: Train, data: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Train:
    """Trains on corpora, by their names, with a config; returns the pipeline's folder."""

    def train(config: str, *corpora: str, overrides: dict[str, Any] | None = None, **arguments: Any) -> Path:
        files = [data[name] for name in corpora]
        steps = {"training.max_steps": 4, "training.eval_frequency": 2}
        if "start_from" in arguments:
            arguments.setdefault("encoder", "")
        output = tmp_path_factory.mktemp("trained") / "out"
        arguments |= {"train": files, "dev": files, "overrides": steps | (overrides or {})}
        return train_tiny(output, config, **arguments) / "model-best"

    return train


@pytest.fixture(scope="module")
def stage_one(train: Train) -> Callable[[str], Path]:
    """A pipeline with Chemical, Disease and Gene, on a CNN or a transformer; each is trained once."""
    made: dict[str, Path] = {}

    def get(kind: str) -> Path:
        if kind not in made:
            made[kind] = train(f"multitask_{kind}", "BC5CDR", "BC2GM", overrides=QUICK[kind])
        return made[kind]

    return get


@pytest.fixture(scope="module")
def stage_two(train: Train, stage_one: Callable[[str], Path]) -> Callable[[str], Path]:
    """What began with that pipeline, for the corpora of genes and species, and then learned nothing."""
    made: dict[str, Path] = {}

    def get(kind: str) -> Path:
        if kind not in made:
            made[kind] = train(
                f"multitask_{kind}", "BC2GM", "LINNAEUS", start_from=stage_one(kind), overrides=STEADY[kind]
            )
        return made[kind]

    return get


def encoder_weights(nlp: Language) -> list[numpy.ndarray]:
    """The parameters of `tok2vec` or `transformer`, of thinc and of torch."""
    encoder: Any = nlp.get_pipe(nlp.pipe_names[0])
    thinc = [node.get_param(name) for node in encoder.model.walk() for name in node.param_names]
    modules = [shim._model for node in encoder.model.walk() for shim in node.shims]
    return thinc + [value.numpy() for module in modules for value in module.state_dict().values()]


def same(first: list[numpy.ndarray], second: list[numpy.ndarray]) -> bool:
    return len(first) == len(second) > 0 and all(map(numpy.array_equal, first, second))


def head(nlp: Language, entity_type: str) -> numpy.ndarray:
    bioner: Any = nlp.get_pipe("bioner")
    return bioner.model.get_ref("heads").get_param(entity_type)


def labels(model: Path) -> list[str]:
    return spacy.load(model).pipe_labels["bioner"]


@pytest.mark.parametrize("kind", KINDS)
def test_training_begins_with_the_trained_encoder(
    train: Train, stage_one: Callable[[str], Path], stage_two: Callable[[str], Path], kind: str
):
    trained = encoder_weights(spacy.load(stage_one(kind)))
    assert same(encoder_weights(spacy.load(stage_two(kind))), trained)
    untrained = train(f"multitask_{kind}", "BC5CDR", "BC2GM", overrides=STEADY[kind])
    assert not same(encoder_weights(spacy.load(untrained)), trained)  # or this tests nothing


@pytest.mark.parametrize("kind", KINDS)
def test_training_begins_with_the_heads_of_the_same_names_and_no_others(
    stage_one: Callable[[str], Path], stage_two: Callable[[str], Path], kind: str
):
    first, second = spacy.load(stage_one(kind)), spacy.load(stage_two(kind))
    assert first.pipe_labels["bioner"] == ["Chemical", "Disease", "Gene"]
    assert second.pipe_labels["bioner"] == ["Gene", "Species"]
    assert head(first, "Gene").any()
    assert numpy.array_equal(head(second, "Gene"), head(first, "Gene"))
    assert head(second, "Species").any()
    for name in first.pipe_labels["bioner"]:
        assert not numpy.array_equal(head(second, "Species"), head(first, name))


@pytest.mark.parametrize("kind", KINDS)
def test_training_goes_on_learning(train: Train, stage_one: Callable[[str], Path], kind: str):
    """Encoder and heads are taken over to be trained, and work together."""
    model = train(f"bioner_{kind}", "BC2GM", start_from=stage_one(kind), overrides=QUICK[kind])
    first, second = spacy.load(stage_one(kind)), spacy.load(model)
    assert not same(encoder_weights(second), encoder_weights(first))
    assert not numpy.array_equal(head(second, "Gene"), head(first, "Gene"))


@pytest.mark.parametrize(("kind", "averages"), [("cnn", False), ("cnn", True), ("trf", False)])
def test_a_new_type_beside_the_old_leaves_them_to_the_bit(
    train: Train, stage_one: Callable[[str], Path], kind: str, averages: bool
):
    """`--keep-types` with the encoder frozen: old types find the same, at the same probabilities."""
    first = spacy.load(stage_one(kind))
    encoder = first.pipe_names[0]
    frozen = {
        "training.frozen_components": [encoder],
        "training.annotating_components": [encoder],
        "training.optimizer.use_averages": averages,
        "training.optimizer.L2": 0.1,
        "training.max_steps": 20,
    }
    model = train(
        f"bioner_{kind}",
        "LINNAEUS",
        start_from=stage_one(kind),
        keep_types=True,
        overrides=QUICK[kind] | frozen,
    )
    second = spacy.load(model)
    old = first.pipe_labels["bioner"]
    assert second.pipe_labels["bioner"] == [*old, "Species"]
    assert same(encoder_weights(second), encoder_weights(first))
    assert all(numpy.array_equal(head(second, name), head(first, name)) for name in old)
    assert head(second, "Species").any()
    for text in ("Aspirin helps asthma", "IL-2 binds aspirin"):
        before, after = (scored_spans(nlp(text)) for nlp in (first, second))
        places = [[(s.start, s.end, s.label_, p) for s, p in pairs] for pairs in (before, after)]
        assert [place for place in places[1] if place[2] in old] == places[0]


def test_one_corpus_keeps_the_names_of_stage_one(train: Train, stage_one: Callable[[str], Path]):
    """Alone, its type would be called GENE."""
    model = train("bioner_cnn", "BC2GM", start_from=stage_one("cnn"), overrides=STEADY["cnn"])
    first, second = spacy.load(stage_one("cnn")), spacy.load(model)
    assert second.pipe_labels["bioner"] == ["Gene"]
    assert second.config["components"]["bioner"]["label_map"] == {"BC2GM/GENE": "Gene"}
    assert numpy.array_equal(head(second, "Gene"), head(first, "Gene"))
    assert labels(train("bioner_cnn", "BC2GM")) == ["GENE"]


def test_heads_of_a_corpus_of_its_own_are_gone_on_with(train: Train):
    first = train("multitask_cnn", "BC2GM", "JNLPBA", own_heads=["BC2GM"])
    assert labels(first) == ["Gene", "Gene_BC2GM"]
    alone = train("bioner_cnn", "BC2GM", start_from=first, overrides=STEADY["cnn"])
    assert labels(alone) == ["Gene_BC2GM"]
    assert numpy.array_equal(head(spacy.load(alone), "Gene_BC2GM"), head(spacy.load(first), "Gene_BC2GM"))
    both = train("multitask_cnn", "BC2GM", "JNLPBA", start_from=first)
    assert labels(both) == ["Gene", "Gene_BC2GM"]


def test_own_heads_go_before_the_names_of_stage_one(train: Train, stage_one: Callable[[str], Path]):
    arguments: dict[str, Any] = {"start_from": stage_one("cnn"), "overrides": STEADY["cnn"]}
    assert labels(train("multitask_cnn", "BC2GM", "JNLPBA", **arguments)) == ["Gene"]
    model = train("multitask_cnn", "BC2GM", "JNLPBA", own_heads=["BC2GM"], **arguments)
    first, second = spacy.load(stage_one("cnn")), spacy.load(model)
    assert second.pipe_labels["bioner"] == ["Gene", "Gene_BC2GM"]
    assert numpy.array_equal(head(second, "Gene"), head(first, "Gene"))
    assert not numpy.array_equal(head(second, "Gene_BC2GM"), head(first, "Gene"))


@pytest.mark.parametrize("kind", KINDS)
def test_meta_says_what_it_went_on_from(
    stage_one: Callable[[str], Path], stage_two: Callable[[str], Path], kind: str
):
    first, second = (spacy.util.load_meta(get(kind) / "meta.json") for get in (stage_one, stage_two))
    made = second[META_KEY]
    assert first[META_KEY]["started_from"] == {}
    assert made["started_from"] == first[META_KEY]
    assert made["encoder"] == first[META_KEY]["encoder"]
    assert (made["encoder"] or {}).get("name") == (None if kind == "cnn" else "tiny")
    assert [corpus["name"] for corpus in made["corpora"]] == ["BC2GM", "LINNAEUS"]
    assert [corpus["name"] for corpus in made["started_from"]["corpora"]] == ["BC5CDR", "BC2GM"]


def test_licences_are_those_of_all_stages(train: Train, stage_one: Callable[[str], Path]):
    second = train("bioner_cnn", "LINNAEUS", start_from=stage_one("cnn"))
    third = train("bioner_cnn", "JNLPBA", start_from=second)
    redistributed, genia = "CC BY 4.0 (as redistributed)", "GENIA Project License for Annotated Corpora"
    bc5cdr = f"{redistributed}; BioCreative V CDR: public domain"
    assert spacy.util.load_meta(second / "meta.json")["license"] == f"{redistributed}; {bc5cdr}"
    assert spacy.util.load_meta(third / "meta.json")["license"] == f"{genia}; {redistributed}; {bc5cdr}"


@pytest.mark.parametrize("kind", KINDS)
def test_no_path_of_stage_one_is_left(
    stage_one: Callable[[str], Path], stage_two: Callable[[str], Path], kind: str
):
    place = str(stage_one(kind).parent).encode()
    found = [path for path in stage_two(kind).parent.rglob("*") if path.is_file()]
    assert found
    assert [path for path in found if place in path.read_bytes()] == []


@pytest.mark.parametrize("kind", KINDS)
def test_pipeline_scores_as_stage_one_and_stands_without_it(
    stage_one: Callable[[str], Path], stage_two: Callable[[str], Path], kind: str
):
    first, place = spacy.load(stage_one(kind)), stage_one(kind).parent
    moved = place.rename(place.with_name("moved"))
    try:
        second = spacy.load(stage_two(kind))
    finally:
        moved.rename(place)
    expected = gene_scores(first, "IL-2 binds asthma.")
    assert numpy.ptp(expected) > 0
    assert gene_scores(second, "IL-2 binds asthma.") == pytest.approx(expected)


def gene_scores(nlp: Language, text: str) -> numpy.ndarray:
    """What the head for genes says of each token."""
    bioner: Any = nlp.get_pipe("bioner")
    with nlp.select_pipes(disable=["bioner"]):
        doc = nlp(text)
    return bioner.model.predict([doc]).emissions[0][:, bioner.labels.index("Gene")]


# what it refuses


@pytest.fixture(scope="module")
def without_bioner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec")
    nlp.initialize()
    folder = tmp_path_factory.mktemp("without") / "model"
    nlp.to_disk(folder)
    return folder


def refuses(train_tiny: Train, tmp_path: Path, config: str, message: str, **arguments: Any) -> None:
    """Asserts that a training is refused, and leaves nothing."""
    with pytest.raises(PipelineError, match=message):
        train_tiny(tmp_path / "deep" / "out", config, **{"encoder": "", **arguments})
    assert not (tmp_path / "deep").exists()


def test_encoder_and_pipeline_together_are_refused(
    train_tiny: Train, stage_one: Callable[[str], Path], tiny_encoder: Path, tmp_path: Path
):
    message = r"Name either an encoder \(.+\) or a pipeline to go on from, not both"
    for kind, encoder in (("cnn", "cnn"), ("trf", str(tiny_encoder))):
        model = stage_one(kind)
        refuses(train_tiny, tmp_path, f"bioner_{kind}", message, start_from=model, encoder=encoder)


def test_pipeline_without_bioner_is_refused(train_tiny: Train, without_bioner: Path, tmp_path: Path):
    message = "must both have 'bioner'.*the config has tok2vec, bioner, and the pipeline tok2vec"
    refuses(train_tiny, tmp_path, "bioner_cnn", message, start_from=without_bioner)


def test_config_without_bioner_is_refused(
    train_tiny: Train, stage_one: Callable[[str], Path], tmp_path: Path
):
    message = "must both have 'bioner'.*the config has tok2vec, ner, and the pipeline tok2vec, bioner"
    refuses(train_tiny, tmp_path, "ner_cnn", message, start_from=stage_one("cnn"))


@pytest.mark.parametrize(("config", "pipeline"), [("cnn", "trf"), ("trf", "cnn")])
def test_another_kind_of_encoder_is_refused(
    train_tiny: Train, stage_one: Callable[[str], Path], tmp_path: Path, config: str, pipeline: str
):
    model = stage_one(pipeline)
    message = "must both have 'bioner' and one of 'transformer' and 'tok2vec'"
    refuses(train_tiny, tmp_path, f"bioner_{config}", message, start_from=model)


@pytest.mark.parametrize("content", [None, "", "[nonsense"], ids=["missing", "empty", "damaged"])
def test_folder_that_is_no_pipeline_is_refused(train_tiny: Train, tmp_path: Path, content: str | None):
    folder = tmp_path / "model"
    if content is not None:
        folder.mkdir()
    if content:
        (folder / "meta.json").write_text("{}")
        (folder / "config.cfg").write_text(content)
    refuses(train_tiny, tmp_path, "bioner_cnn", "model' can't be loaded", start_from=folder)


def test_own_heads_of_a_corpus_that_is_not_there_are_refused(
    train_tiny: Train, stage_one: Callable[[str], Path], tmp_path: Path
):
    arguments: dict[str, Any] = {"start_from": stage_one("cnn"), "own_heads": ["CRAFT"]}
    refuses(train_tiny, tmp_path, "bioner_cnn", "the data has nothing of CRAFT", **arguments)


def test_config_needs_no_initialize_section(
    root: Path, stage_one: Callable[[str], Path], data: dict[str, Path], tmp_path: Path
):
    """spaCy does without it too."""
    config = load_config(root / "configs" / "bioner_cnn.cfg", interpolate=False)
    del config["initialize"]
    config.to_disk(tmp_path / "config.cfg")
    output = spacy_bioner.train(
        tmp_path / "config.cfg",
        tmp_path / "out",
        train=[data["BC2GM"]],
        dev=[data["BC2GM"]],
        start_from=stage_one("cnn"),
        overrides={"training.max_steps": 2, "training.eval_frequency": 1},
    )
    assert labels(output / "model-best") == ["Gene"]


def test_what_only_a_gpu_can_do_is_not_saved(stage_one: Callable[[str], Path]):
    """Such a pipeline could not be loaded on the CPU."""
    nlp = spacy.load(stage_one("trf"))
    nlp.config["components"]["transformer"]["model"]["mixed_precision"] = True
    make_portable(nlp, None)
    assert nlp.config["components"]["transformer"]["model"]["mixed_precision"] is False


@pytest.mark.parametrize("setting", ["components.tok2vec.model.encode.depth", "paths.encoder"])
def test_settings_of_what_is_taken_over_are_refused(
    train_tiny: Train, stage_one: Callable[[str], Path], tmp_path: Path, setting: str
):
    arguments: dict[str, Any] = {"start_from": stage_one("cnn"), "overrides": {setting: 2}}
    refuses(train_tiny, tmp_path, "bioner_cnn", f"'{setting}' can't be set", **arguments)
