"""What a training adds to its config: files by the names that the readers want, the end of its schedule."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.tokens import Doc
from spacy.util import combine_score_weights, load_config
from thinc.api import Config

from spacy_bioner.corpora.docbin import docbin
from spacy_bioner.training.config import MULTI_CORPUS, data_settings, schedule_settings

CONFIG = Config({"corpora": {"train": {"@readers": MULTI_CORPUS}, "dev": {"@readers": "spacy.Corpus.v1"}}})


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["a/train.spacy"], ["a"]),
        (["x/a/train.spacy", "x/b/train.spacy"], ["a", "b"]),  # same stems in corpora's folders
        (["train/a.spacy", "train/b.spacy"], ["a", "b"]),  # a folder of a split
        (["a/train.spacy", "x/train/b.spacy", "x/train/c.spacy"], ["train", "b", "c"]),
        (["b/x.spacy", "a/y.spacy"], ["b", "a"]),  # both would do
        (["a.spacy", "b.spacy"], ["a", "b"]),  # in the current folder, that has no name
        (["a.spacy", "x/b.spacy"], ["a", "b"]),
        (["x/a/train.spacy", "y/a/train.spacy"], ["train_1", "train_2"]),
    ],
    ids=lambda value: " ".join(value) if value[0].endswith(".spacy") else "",
)
def test_files_are_named_for_the_reader_of_several(files: list[str], names: list[str]):
    settings = data_settings(CONFIG, {"train": [Path(file) for file in files], "dev": []})
    assert settings["paths.train"] == dict(zip(names, files, strict=True))
    assert list(settings["paths.train"]) == names


@pytest.mark.parametrize(
    ("files", "expected"),
    [(["a/x.spacy"], "a/x.spacy"), (["a/x.spacy", "b/x.spacy"], ["a/x.spacy", "b/x.spacy"])],
    ids=["one", "several"],
)
@pytest.mark.parametrize("config", [CONFIG, Config({})], ids=["another reader", "no reader"])
def test_other_readers_get_paths(config: Config, files: list[str], expected: Any):
    paths = [Path(file) for file in files]
    assert data_settings(config, {"dev": paths}) == {"paths.dev": expected}


@pytest.mark.parametrize("name", ["part=1", "a: b", "#a", "[a]"])
def test_names_survive_in_a_config_file(name: str):
    files = [Path(name, "train.spacy"), Path("other", "train.spacy")]
    paths = {"train": data_settings(CONFIG, {"train": files})["paths.train"]}
    text = Config({"paths": paths}).to_str(interpolate=False)
    assert list(Config().from_str(text)["paths"]["train"].values()) == [str(file) for file in files]


RATE = "training.optimizer.learn_rate"


def schedule(root: Path, docs: Sequence[int], tmp_path: Path, **training: Any) -> dict[str, int]:
    """The setting for a transformer's config and Docs of so many tokens, one each epoch."""
    vocab = spacy.blank("en").vocab
    docbin([Doc(vocab, ["word"] * length) for length in docs]).to_disk(tmp_path / "train.spacy")
    config = load_config(root / "configs" / "bioner_trf.cfg", interpolate=False)
    settings = {"paths.train": str(tmp_path / "train.spacy"), "corpora.train.join": 0}
    return schedule_settings(config, settings | {f"training.{key}": value for key, value in training.items()})


def test_the_learning_rate_falls_to_zero_with_the_last_epoch(root: Path, tmp_path: Path):
    docs, every = [100] * 35, {"eval_frequency": 7}  # batches of a thousand tokens: four
    assert schedule(root, docs, tmp_path, max_epochs=5, **every) == {
        f"{RATE}.total_steps": 20,
        f"{RATE}.warmup_steps": 2,
    }
    assert schedule(root, docs, tmp_path, max_epochs=5, max_steps=12, **every) == {
        f"{RATE}.total_steps": 12,
        f"{RATE}.warmup_steps": 1,
    }
    size = {"batcher.size": 500, "optimizer.learn_rate.warmup_steps": 9, **every}
    assert schedule(root, docs, tmp_path, max_epochs=5, **size) == {f"{RATE}.total_steps": 35}
    assert schedule(root, docs, tmp_path, max_epochs=10_000)[f"{RATE}.warmup_steps"] == 250  # the config's


@pytest.mark.parametrize(("epochs", "frequency"), [(1, 1), (5, 3), (75, 59), (500, 199)])
def test_the_end_is_evaluated(root: Path, tmp_path: Path, epochs: int, frequency: int):
    """spaCy evaluates after the updates 0, f, 2 f, ...; the config says each 200."""
    found = schedule(root, [100] * 35, tmp_path, max_epochs=epochs)
    assert found["training.eval_frequency"] == frequency
    last = found[f"{RATE}.total_steps"] - 1
    assert last % frequency < last / frequency


def test_a_schedule_is_left_alone(root: Path, tmp_path: Path):
    set_already = {"optimizer.learn_rate.total_steps": 7}
    assert schedule(root, [10], tmp_path, max_epochs=5, **set_already) == {}
    assert schedule(root, [10], tmp_path, max_epochs=0, max_steps=100) == {}
    assert schedule_settings(load_config(root / "configs" / "bioner_cnn.cfg", interpolate=False), {}) == {}


def test_batches_that_grow_go_on_growing_from_epoch_to_epoch(root: Path, tmp_path: Path):
    size = {"@schedules": "compounding.v1", "start": 100, "stop": 1000, "compound": 1.5}
    batcher = {
        "@batchers": "spacy.batch_by_words.v1",
        "discard_oversize": False,
        "tolerance": 0.0,
        "size": size,
    }
    one, two = (
        schedule(root, [100] * 40, tmp_path, max_epochs=epochs, batcher=batcher)[f"{RATE}.total_steps"]
        for epochs in (1, 2)
    )
    assert one < two < 2 * one


@pytest.mark.parametrize(
    "settings",
    [
        {"max_epochs": "ten"},
        {"max_epochs": None},
        {"max_epochs": 2, "max_steps": "many"},
        {"max_epochs": 2, "train_corpus": "corpora.nothing"},
        {"max_epochs": 2, "batcher": {"@batchers": "unknown.v1"}},
    ],
    ids=str,
)
def test_what_is_wrong_with_a_config_is_left_to_spacy(root: Path, tmp_path: Path, settings: dict[str, Any]):
    assert schedule(root, [10], tmp_path, **settings) == {}


def test_a_config_without_what_spacy_fills_in(root: Path, tmp_path: Path):
    """spaCy's own default is no number of epochs."""
    config = load_config(root / "configs" / "bioner_trf.cfg", interpolate=False)
    for name in ("max_epochs", "max_steps", "batcher"):
        del config["training"][name]
    assert schedule_settings(config, {}) == {}


@pytest.mark.parametrize("name", ["multitask_cnn", "multitask_trf"])
def test_several_corpora_choose_on_the_mean_over_them(root: Path, name: str):
    defaults = spacy.blank("en").get_factory_meta("bioner").default_score_weights
    config = load_config(root / "configs" / f"{name}.cfg")
    weights = combine_score_weights([defaults], config["training"]["score_weights"])
    assert {key for key, weight in weights.items() if weight} == {"ents_f_mean"}
