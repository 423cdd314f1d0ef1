"""Packages: a pipeline that anybody can install, and that finds there what it found here.

Slow: a new virtual environment is made, with everything that the pipeline requires.
"""

import json
import re
import sys
import zipfile
from collections.abc import Callable
from email.parser import HeaderParser
from pathlib import Path

import pytest
import spacy
import srsly
from programs import found_by, new_python, run

from spacy_bioner.corpora.docbin import read_docbin

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("package")


@pytest.fixture(scope="module")
def project(copy_project: Callable[[Path], Path], folder: Path) -> Path:
    return copy_project(folder / "project")


@pytest.fixture(scope="module")
def model(train_tiny: Callable[..., Path], folder: Path) -> Path:
    """A pipeline that has learnt enough to find something."""
    overrides = {
        "training.max_steps": 200,
        "training.eval_frequency": 100,
        "training.optimizer.learn_rate.warmup_steps": 10,
        "training.optimizer.learn_rate.initial_rate": 2e-3,
    }
    return train_tiny(folder / "trained", name="bioner_tiny", overrides=overrides) / "model-best"


@pytest.fixture(scope="module")
def wheels(project: Path, model: Path, folder: Path) -> Path:
    """A folder with the wheels of this package and of the pipeline."""
    wheels = folder / "wheels"
    run(sys.executable, "-m", "pip", "wheel", ".", "--no-deps", "--wheel-dir", wheels, cwd=project)
    packages = folder / "packages"
    packages.mkdir()
    options = ["--name", "bioner_tiny", "--version", "0.1.0", "--build", "wheel"]
    run(sys.executable, "-m", "spacy", "package", model, packages, *options, cwd=folder)
    (built,) = packages.glob("*/dist/*.whl")
    built.rename(wheels / built.name)
    return wheels


@pytest.fixture(scope="module")
def python(wheels: Path, root: Path, folder: Path) -> Path:
    """The Python of a new environment in which only the pipeline was asked for."""
    python = new_python(folder / "environment")
    constraints = root / "constraints.txt"
    install = [python, "-m", "pip", "install", "--quiet", "-c", constraints, "--find-links", wheels]
    run(*install, "en_bioner_tiny", cwd=folder)
    return python


def metadata(wheels: Path, name: str) -> dict[str, list[str]]:
    (wheel,) = wheels.glob(f"{name}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (file,) = [entry for entry in archive.namelist() if entry.endswith(".dist-info/METADATA")]
        message = HeaderParser().parsestr(archive.read(file).decode("utf8"))
    return {key: message.get_all(key) or [] for key in message}


def test_wheel_of_this_package_has_its_data_files(wheels: Path):
    (wheel,) = wheels.glob("spacy_bioner-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "spacy_bioner/py.typed",
        "spacy_bioner/corpora/corpora.toml",
        "spacy_bioner/encoders/encoders.toml",
        "spacy_bioner/encoders/mini/config.json",
        "spacy_bioner/encoders/mini/vocab.txt",
    } <= names
    assert not [name for name in names if name.startswith(("tests/", "corpus/", "assets/", "benchmarks/"))]


def test_wheel_of_the_pipeline_requires_what_it_needs(wheels: Path):
    found = metadata(wheels, "en_bioner_tiny")
    required = {re.split(r"[^\w.-]", requirement)[0] for requirement in found["Requires-Dist"]}
    assert {"spacy-bioner", "spacy-transformers"} <= required
    assert found["Name"] == ["en_bioner_tiny"]
    assert found["License"] == ["MIT"]


def test_installed_pipeline_finds_the_same_entities(python: Path, model: Path, tiny_data: Path, folder: Path):
    texts = [doc.text for doc in read_docbin(tiny_data / "train.spacy")]
    expected = [
        [(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents]
        for doc in spacy.load(model).pipe(texts)
    ]
    assert sum(map(len, expected)) > 10
    assert found_by(python, "en_bioner_tiny", texts, folder) == expected


def test_installed_pipeline_says_how_it_was_made(python: Path, folder: Path):
    code = "import en_bioner_tiny, json; print(json.dumps(en_bioner_tiny.load().meta['spacy_bioner']))"
    made = json.loads(run(python, "-c", code, cwd=folder))
    assert made["encoder"]["name"] == "tiny"
    assert made["corpora"][0]["name"] == "sample"


def test_whole_project_runs_there_and_then_has_nothing_to_do(python: Path, project: Path):
    settings = "--vars.settings=training.max_steps=2 training.eval_frequency=1"
    command = [python, "-m", "spacy", "project", "run", "all", ".", settings]
    run(*command, cwd=project)
    scores = srsly.read_json(project / "metrics" / "sample" / "bioner_mini.json")
    installed = srsly.read_json(project / "metrics" / "sample" / "bioner_mini.installed.json")
    assert installed["pipeline"] == scores["pipeline"] == "en_bioner_mini"
    assert installed["total"] == scores["total"]
    assert installed["types"] == scores["types"]
    again = run(*command, cwd=project)
    commands = ["fetch", "convert", "train", "evaluate", "package", "install"]
    assert [name for name in commands if f"Skipping '{name}': nothing changed" not in again] == []
