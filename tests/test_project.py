"""project.yml: what runs, and that only what depends on a change runs again."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pytest
import spacy
import srsly
from spacy.language import Language

ROOT = Path(__file__).parents[1]
PROJECTS = [ROOT / "project.yml", ROOT / "projects" / "pretraining" / "project.yml"]


@pytest.mark.parametrize("path", PROJECTS, ids=["project.yml", "pretraining"])
def test_commands_are_in_order_and_their_options_are_those_of_the_verbs(path: Path):
    from typer.main import get_command

    from spacy_bioner.cli import bioner_cli

    known = get_command(bioner_cli).commands
    text = path.read_text(encoding="utf8")
    project: dict[str, Any] = srsly.yaml_loads(text)
    commands = {command["name"]: command for command in project["commands"]}
    assert [name for name in project["vars"] if f"${{vars.{name}}}" not in text] == []
    for names in project["workflows"].values():
        assert names == [name for name in commands if name in names]
        made: set[str] = set()
        for name in names:
            # what isn't made is the user's: configs
            assert [d for d in commands[name].get("deps", ()) if d not in made and "configs/" not in d] == []
            made |= set(commands[name]["outputs"])
    for line in chain.from_iterable(command["script"] for command in commands.values()):
        [(verb, rest)] = re.findall(r"spacy bioner ([\w-]+) (.*)", line)
        options = set(chain.from_iterable(parameter.opts for parameter in known[verb].params))
        assert set(re.findall(r"(?<=\s)--[\w-]+", rest)) <= options


def test_project_file_is_short():
    assert (ROOT / "project.yml").stat().st_size <= 10_000


# a run

SENTENCES = 12
CNN = ["--vars.encoder", "cnn", "--vars.config", "bioner_cnn"]
CORPORA = {
    # a corpus: its types by its own names and by the common ones, and a sentence, told apart by a number
    "drugs": ({"Drug": "Chemical"}, "Aspirin{}\tB-Drug\nhelps\tO\n\n"),
    "genes": ({"GENE": "Gene"}, "IL-{}\tB-GENE\nbinds\tO\n\n"),
    "both": ({"Chemical": "Chemical", "Gene": "Gene"}, "TNF{}\tB-Gene\nneeds\tO\nzinc\tB-Chemical\n\n"),
    "people": ({"PER": "Person"}, "Ada{}\tB-PER\nthinks\tO\n\n"),
    "places": ({"LOC": "Location"}, "Rome{}\tB-LOC\nstands\tO\n\n"),
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with project.yml, configs and small corpora alone; workflows end with the scores."""
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copytree(ROOT / "configs", folder / "configs")
    entries = []
    for name, (types, sentence) in CORPORA.items():
        entries += [f"[corpora.{name}]", f'folder = "own/{name}"', f'licence = "that of {name}"']
        entries += [f'types.{own} = "{common}"' for own, common in types.items()]
        for split, first in (("train", 100), ("devel", 200), ("test", 300)):
            entries += [f'splits.{split}.file = "{split}.tsv"']
            path = folder / "corpus" / "own" / name / f"{split}.tsv"
            path.parent.mkdir(parents=True, exist_ok=True)
            text = "".join(sentence.format(number) for number in range(first, first + SENTENCES))
            path.write_text(text, encoding="utf8")
    (folder / "corpus" / "corpora.toml").write_text("\n".join(entries) + "\n", encoding="utf8")
    text = (ROOT / "project.yml").read_text(encoding="utf8")
    text = re.sub(r"^    - package\n", "", text, flags=re.MULTILINE)
    (folder / "project.yml").write_text(text, encoding="utf8")
    return folder


def run(project: Path, workflow: str = "all", *variables: str, steps: int = 2) -> list[str]:
    """Runs a workflow of a project; returns the commands that ran and were not skipped."""
    command = [sys.executable, "-m", "spacy", "project", "run", workflow, ".", *variables]
    # weasel takes a value that begins with a dash for the next option, so this begins with a space
    command += [f"--vars.settings=training.max_steps={steps} training.eval_frequency={steps // 2}"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    names = srsly.read_yaml(project / "project.yml")["workflows"][workflow]
    return [name for name in names if f"Skipping '{name}': nothing changed" not in done.stdout]


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf8")


def load(model: Path) -> tuple[Language, dict[str, Any]]:
    """A trained pipeline, and how it was made."""
    nlp = spacy.load(model)
    return nlp, nlp.meta["spacy_bioner"]


def test_a_change_runs_what_depends_on_it_and_nothing_else(project: Path):
    """Beside an installed package, without its sources. `fetch` always runs, and changes nothing."""
    variables = [*CNN, "--vars.corpora", "drugs"]
    assert run(project, "all", *variables) == ["fetch", "convert", "train", "evaluate"]
    scores = srsly.read_json(project / "metrics" / "drugs" / "bioner_cnn.json")
    assert (scores["pipeline"], scores["seed"]) == ("en_bioner_cnn", 1)
    assert scores["docs"] == SENTENCES
    assert run(project, "all", *variables) == ["fetch"]

    edit(project / "configs" / "bioner_cnn.cfg", "dropout = 0.1", "dropout = 0.2")
    assert run(project, "all", *variables) == ["fetch", "train", "evaluate"]
    edit(project / "corpus" / "own" / "drugs" / "test.tsv", "\n\n", "\n\nAspirin\tB-Drug\n\n")
    assert run(project, "all", *variables) == ["fetch", "convert", "evaluate"]


def test_another_version_or_other_code_is_other_software(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from spacy_bioner.corpora import provenance

    package = tmp_path / "spacy_bioner"
    package.mkdir()
    (package / "module.py").write_text("a = 1\n")
    monkeypatch.setattr(provenance, "files", lambda _: package)
    installed = provenance.software()
    assert "code" not in installed
    assert {"spacy-bioner", "spacy", "torch"} <= installed.keys()
    (tmp_path / "setup.cfg").touch()
    first = provenance.software()
    (package / "module.py").write_text("a = 2\n")
    assert first["code"] != provenance.software()["code"]


@pytest.mark.slow
def test_several_corpora_give_one_pipeline_with_the_types_of_all(project: Path):
    variables = [
        "--vars.encoder",
        "cnn",
        "--vars.config",
        "multitask_cnn",
        "--vars.corpora",
        "drugs,genes,both",
    ]
    assert run(project, "all", *variables, steps=4) == ["fetch", "convert", "train", "evaluate"]
    corpora = "drugs,genes,both"
    for split in ("train", "devel", "test"):
        names = sorted(path.name for path in (project / "corpus" / corpora / split).iterdir())
        assert names == ["both.spacy", "drugs.spacy", "genes.spacy"]
    nlp, made = load(project / "training" / corpora / "bioner_cnn" / "model-best")
    assert nlp.pipe_labels["bioner"] == ["Chemical", "Gene"]
    assert [corpus["name"] for corpus in made["corpora"]] == ["both", "drugs", "genes"]
    assert made["settings"]["training.max_steps"] == 4
    reports = srsly.read_json(project / "metrics" / corpora / "bioner_cnn.json")
    assert [list(report["corpus_variants"]) for report in reports] == [["both"], ["drugs"], ["genes"]]
    assert [list(report["types"]) for report in reports] == [["Chemical", "Gene"], ["Chemical"], ["Gene"]]
    assert [report["total"]["gold"] for report in reports] == [2 * SENTENCES, SENTENCES, SENTENCES]
    table = (project / "metrics" / corpora / "bioner_cnn.md").read_text(encoding="utf8")
    assert "| F1 | Chemical | Gene | all |" in " ".join(table.split())
    assert run(project, "all", *variables, steps=4) == ["fetch"]


@pytest.mark.slow
def test_gerbera_goes_on_from_all_types_with_those_of_the_corpus(project: Path):
    variables = [*CNN, "--vars.general_config", "multitask_cnn", "--vars.corpora", "drugs"]
    variables += ["--vars.general", "people,places"]
    steps = ["fetch", "convert", "general", "train-on", "evaluate"]
    assert run(project, "gerbera", *variables, steps=4) == steps
    training = project / "training" / "drugs"
    first, made_first = load(training / "bioner_cnn_general" / "model-best")
    second, made = load(training / "bioner_cnn" / "model-best")
    assert first.pipe_labels["bioner"] == ["Chemical", "Location", "Person"]
    assert second.pipe_labels["bioner"] == ["Chemical"]
    assert [corpus["name"] for corpus in made_first["corpora"]] == ["drugs", "people", "places"]
    assert made["started_from"] == made_first
    assert set(second.meta["license"].split("; ")) == {f"that of {c}" for c in ("drugs", "people", "places")}
    scores = srsly.read_json(project / "metrics" / "drugs" / "bioner_cnn.json")
    assert scores["total"]["gold"] == SENTENCES
    assert run(project, "gerbera", *variables, steps=4) == ["fetch"]


@pytest.mark.slow
def test_pretraining_makes_an_encoder_that_can_be_named(copy_project: Callable[[Path], Path], tmp_path: Path):
    copy = copy_project(tmp_path / "project")
    for path in (copy / "corpus" / "sample").glob("*.tsv"):
        blocks = path.read_text(encoding="utf8").split("\n\n")
        path.write_text("\n\n".join(islice(blocks, SENTENCES)) + "\n\n", encoding="utf8")
    folder = copy / "projects" / "pretraining"
    text = [f"Sentence {i} of the text says that enzyme {i} binds to receptor {i}." for i in range(400)]
    (folder / "text").mkdir()
    (folder / "text" / "a.txt").write_text("\n\n".join(text), encoding="utf8")
    settings = (
        "layers=1 width=16 heads=1 length=16 long_length=16 positions=64 batch=64 evaluations=1 saves=1"
    )
    command = [sys.executable, "-m", "spacy", "project", "run", "all", str(folder), "--vars.minutes", "0.03"]
    command += ["--vars.pieces", "200", f"--vars.settings={settings}"]
    subprocess.run(command, check=True, timeout=300, env={**os.environ, "OMP_NUM_THREADS": "1"})
    manifest = srsly.read_json(folder / "clean" / "text.json")
    assert {(entry["corpus"], entry["split"]) for entry in manifest["overlap"]} == {
        ("sample", "devel"),
        ("sample", "test"),
    }
    assert (folder / "run" / "model" / "README.md").is_file()
    variables = ["--vars.encoder", "projects/pretraining/run/model", "--vars.name", "own"]
    edit(copy / "project.yml", "    - package\n", "")
    assert run(copy, "all", *variables) == ["fetch", "convert", "train", "evaluate"]
