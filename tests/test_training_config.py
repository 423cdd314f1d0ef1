"""What a training adds to its config: files by the names that the readers want."""

from pathlib import Path
from typing import Any

import pytest
from thinc.api import Config

from spacy_bioner.training_config import MULTI_CORPUS, data_settings

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
