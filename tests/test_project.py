"""project.yml: every dependency named, and only what depends on a change runs again."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pytest
import spacy
import srsly
from spacy.language import Language
from spacy.util import load_config

from spacy_bioner.encoders.encoder_catalogue import find_encoder

ROOT = Path(__file__).parents[1]
PROJECT = srsly.read_yaml(ROOT / "project.yml")
COMMANDS: dict[str, dict[str, Any]] = {command["name"]: command for command in PROJECT["commands"]}
WORKFLOWS: dict[str, list[str]] = PROJECT["workflows"]

every_command = pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
every_step = pytest.mark.parametrize(
    ("workflow", "name"),
    [(workflow, name) for workflow, names in WORKFLOWS.items() for name in names],
)


def filled(text: str) -> str:
    """A text of project.yml with the default vars in it."""
    previous = None
    while text != previous:  # a var may name others
        previous = text
        text = re.sub(r"\$\{vars\.(\w+)\}", lambda match: str(PROJECT["vars"][match[1]]), text)
    return text


def verbs(command: dict[str, Any]) -> list[str]:
    """The verbs of `spacy bioner` that a command runs."""
    return [verb for line in command["script"] for verb in re.findall(r"spacy bioner ([\w-]+)", line)]


def imported(path: Path) -> Iterator[Path]:
    """The files of this package that one of them names in its imports, those inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            module = ROOT / name.replace(".", "/")
            if name.split(".")[0] == "spacy_bioner":
                yield from filter(Path.is_file, (module.with_suffix(".py"), module / "__init__.py"))


def closure(path: Path, others: frozenset[Path]) -> set[Path]:
    """A file and all files of this package that it comes to import, but for some others."""
    found: set[Path] = set()
    pending = {path}
    while pending:
        module = pending.pop()
        found.add(module)
        pending |= set(imported(module)) - found - others
    return found


def before(workflow: str, name: str, key: str) -> set[str]:
    """The deps or outputs of a workflow's commands before one of them."""
    names = WORKFLOWS[workflow]
    return {file for earlier in names[: names.index(name)] for file in COMMANDS[earlier].get(key, [])}


def test_workflows_run_every_command_in_the_order_of_the_file():
    assert WORKFLOWS["all"] == ["fetch", "convert", "train", "evaluate", "package", "install"]
    for names in WORKFLOWS.values():
        assert names == [name for name in COMMANDS if name in names]
    assert set(chain.from_iterable(WORKFLOWS.values())) == set(COMMANDS)


@every_step
def test_command_has_outputs_that_no_command_before_needs(workflow: str, name: str):
    assert COMMANDS[name]["outputs"]
    needed = before(workflow, name, "deps").union(COMMANDS[name].get("deps", []))
    assert not needed & set(COMMANDS[name]["outputs"])


@every_step
def test_every_dependency_is_there_or_made_by_a_command_before(workflow: str, name: str):
    missing = set(COMMANDS[name].get("deps", [])) - before(workflow, name, "outputs")
    assert [dep for dep in missing if not (ROOT / filled(dep)).is_file()] == []


@every_command
def test_dependencies_name_every_module_that_the_verbs_import(command: dict[str, Any]):
    if command.get("no_skip"):
        assert "deps" not in command  # it runs whatever has changed
        return
    verb_modules = frozenset((ROOT / "spacy_bioner" / "cli").glob("*.py")) - {
        ROOT / "spacy_bioner" / "cli" / "__init__.py"
    }
    needed: set[Path] = set()
    for verb in verbs(command):
        module = ROOT / "spacy_bioner" / "cli" / f"{verb.replace('-', '_')}.py"
        needed |= closure(module, verb_modules - {module})
    if any(" pip install " in line for line in command["script"]):
        needed = set()  # scores again what was scored; the wheel, or its pipeline, is what it depends on
    named = {ROOT / dep for dep in command["deps"]}
    assert sorted(str(path.relative_to(ROOT)) for path in needed - named) == []


def test_imports_are_followed():
    """The test above would pass if nothing were found."""
    package = ROOT / "spacy_bioner"
    found = closure(package / "cli" / "train.py", frozenset({package / "cli" / "convert.py"}))
    names = {str(path.relative_to(package)) for path in found}
    assert {
        "training/loop.py",
        "errors.py",
        "encoders/mini/__init__.py",
        "encoders/encoder_catalogue.py",
    } <= names
    assert "cli/convert.py" not in names


@every_command
def test_options_in_scripts_are_those_of_the_verbs(command: dict[str, Any]):
    from typer.main import get_command

    from spacy_bioner.cli import bioner_cli

    known = get_command(bioner_cli).commands
    for line in command["script"]:
        for verb, rest in re.findall(r"spacy bioner ([\w-]+) (.*)", line):
            options = set(chain.from_iterable(parameter.opts for parameter in known[verb].params))
            assert set(re.findall(r"--[\w-]+", rest)) <= options


def test_stages_of_gerbera_have_by_default_the_same_components():
    """As --start-from wants it."""
    configs = [filled(COMMANDS[name]["deps"][0]) for name in ("gerbera-general", "gerbera-train")]
    first, second = (load_config(ROOT / config)["nlp"]["pipeline"] for config in configs)
    assert first == second


def test_every_var_is_used():
    text = (ROOT / "project.yml").read_text(encoding="utf8")
    assert [name for name in PROJECT["vars"] if f"${{vars.{name}}}" not in text] == []


# a run

SENTENCES = 12
CNN = ["--vars.encoder", "cnn", "--vars.config", "bioner_cnn", "--vars.multitask_config", "multitask_cnn"]
CORPORA = {
    # a corpus: its types by its own names and by the common ones, and a sentence, told apart by a number
    "drugs": ({"Drug": "Chemical"}, "Aspirin{}\tB-Drug\nhelps\tO\n\n"),
    "genes": ({"GENE": "Gene"}, "IL-{}\tB-GENE\nbinds\tO\n\n"),
    "both": ({"Chemical": "Chemical", "Gene": "Gene"}, "TNF{}\tB-Gene\nneeds\tO\nzinc\tB-Chemical\n\n"),
    "people": ({"PER": "Person"}, "Ada{}\tB-PER\nthinks\tO\n\n"),
    "places": ({"LOC": "Location"}, "Rome{}\tB-LOC\nstands\tO\n\n"),
}


@pytest.fixture
def copy(copy_project: Callable[[Path], Path], tmp_path: Path) -> Path:
    """A copy of the project, with less of the sample corpus, more corpora, and workflows up to the scores."""
    folder = copy_project(tmp_path / "project")
    for path in (folder / "corpus" / "sample").glob("*.tsv"):
        blocks = path.read_text(encoding="utf8").split("\n\n")
        path.write_text("\n\n".join(islice(blocks, SENTENCES)) + "\n\n", encoding="utf8")
    catalogue = folder / "corpus" / "corpora.toml"
    entries = [catalogue.read_text(encoding="utf8")]
    for name, (types, sentence) in CORPORA.items():
        entries += [f"[corpora.{name}]", f'folder = "own/{name}"', f'licence = "that of {name}"']
        entries += [f'types.{own} = "{common}"' for own, common in types.items()]
        for split, first in (("train", 100), ("devel", 200), ("test", 300)):
            entries += [f'splits.{split}.file = "{split}.tsv"']
            path = folder / "corpus" / "own" / name / f"{split}.tsv"
            path.parent.mkdir(parents=True, exist_ok=True)
            text = "".join(sentence.format(number) for number in range(first, first + SENTENCES))
            path.write_text(text, encoding="utf8")
    catalogue.write_text("\n".join(entries) + "\n", encoding="utf8")
    project = folder / "project.yml"
    text = project.read_text(encoding="utf8")
    text = re.sub(r"^    - (\w+-)?(package|install)\n", "", text, flags=re.MULTILINE)
    project.write_text(text, encoding="utf8")
    return folder


def run(project: Path, workflow: str = "all", *variables: str, steps: int = 2) -> list[str]:
    """Runs a workflow of the project up to the scores; returns the commands that ran and were not skipped."""
    command = [sys.executable, "-m", "spacy", "project", "run", workflow, ".", *variables]
    # weasel takes a value that begins with a dash for the next option, so this begins with a space
    command += [f"--vars.settings=training.max_steps={steps} training.eval_frequency={steps // 2}"]
    done = subprocess.run(
        command,
        cwd=project,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": ""},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    names = srsly.read_yaml(project / "project.yml")["workflows"][workflow]
    return [name for name in names if f"Skipping '{name}': nothing changed" not in done.stdout]


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf8")


def test_a_change_runs_what_depends_on_it_and_nothing_else(copy: Path):
    assert run(copy) == ["fetch", "convert", "train", "evaluate"]
    scores = srsly.read_json(copy / "metrics" / "sample" / "bioner_mini.json")
    assert (scores["pipeline"], scores["seed"]) == ("en_bioner_mini", 1)
    assert scores["docs"] > 0
    assert list(copy.glob("spacy_bioner/**/__pycache__"))  # Python wrote bytecode, and still:
    assert run(copy) == []

    edit(copy / "spacy_bioner" / "evaluation" / "evaluate.py", '"""', '"""Changed. ')
    assert run(copy) == ["evaluate"]
    edit(copy / "configs" / "bioner_trf.cfg", "dropout = 0.1", "dropout = 0.2")
    assert run(copy) == ["train", "evaluate"]
    edit(copy / "corpus" / "sample" / "test.tsv", "\n\n", "\n\nAspirin\tB-Chemical\n\n")
    assert run(copy) == ["fetch", "convert", "evaluate"]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def load(model: Path) -> tuple[Language, dict[str, Any]]:
    """A trained pipeline, and how it was made."""
    nlp = spacy.load(model)
    return nlp, nlp.meta["spacy_bioner"]


@pytest.mark.slow
def test_multitask_gives_one_pipeline_with_the_types_of_all_corpora(copy: Path):
    variables = [*CNN, "--vars.multitask", "drugs,genes,both"]
    steps = ["multitask-data", "multitask-train", "multitask-evaluate"]
    assert run(copy, "multitask", *variables, steps=4) == steps
    for split in ("train", "devel", "test"):
        expected = ["both.spacy", "drugs.spacy", "genes.spacy"]
        assert names(copy / "corpus" / "multitask" / split) == expected
    nlp, made = load(copy / "training" / "multitask" / "bioner_cnn_multitask" / "model-best")
    assert nlp.pipe_labels["bioner"] == ["Chemical", "Gene"]
    assert [corpus["name"] for corpus in made["corpora"]] == ["both", "drugs", "genes"]
    assert made["settings"]["training.max_steps"] == 4

    reports = srsly.read_json(copy / "metrics" / "multitask" / "bioner_cnn_multitask.json")
    assert [list(report["corpus_variants"]) for report in reports] == [["both"], ["drugs"], ["genes"]]
    assert [list(report["types"]) for report in reports] == [["Chemical", "Gene"], ["Chemical"], ["Gene"]]
    assert [report["total"]["gold"] for report in reports] == [2 * SENTENCES, SENTENCES, SENTENCES]
    assert {report["pipeline"] for report in reports} == {"en_bioner_cnn_multitask"}
    table = (copy / "metrics" / "multitask" / "bioner_cnn_multitask.md").read_text(encoding="utf8")
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if line[:1] == "|"
    ]
    assert rows[0] == ["F1", "Chemical", "Gene", "all"]
    assert [row[0] for row in rows[2:]] == ["both, both", "drugs, drugs", "genes, genes"]
    for row, report in zip(rows[2:], reports, strict=True):
        scores = {name: f"{100 * score['f1']:.2f}" for name, score in report["types"].items()}
        scores["all"] = f"{100 * report['total']['f1']:.2f}"
        assert row[1:] == [scores.get(name, "") for name in rows[0][1:]]

    assert run(copy, "multitask", *variables, steps=4) == ["multitask-data"]
    variables[-1] = "genes,both"
    assert run(copy, "multitask", *variables, steps=4) == steps
    for split in ("train", "devel", "test"):
        assert names(copy / "corpus" / "multitask" / split) == ["both.spacy", "genes.spacy"]
    reports = srsly.read_json(copy / "metrics" / "multitask" / "bioner_cnn_multitask.json")
    assert [list(report["corpus_variants"]) for report in reports] == [["both"], ["genes"]]


@pytest.mark.slow
def test_gerbera_goes_on_from_all_types_with_those_of_the_corpus(copy: Path):
    variables = [*CNN, "--vars.corpora", "drugs", "--vars.general", "people,places"]
    steps = WORKFLOWS["gerbera"][:-1]
    assert run(copy, "gerbera", *variables, steps=4) == steps
    training = copy / "training" / "drugs"
    first, made_first = load(training / "bioner_cnn_gerbera_general" / "model-best")
    second, made = load(training / "bioner_cnn_gerbera" / "model-best")
    assert first.pipe_labels["bioner"] == ["Chemical", "Location", "Person"]
    assert second.pipe_labels["bioner"] == ["Chemical"]
    assert [corpus["name"] for corpus in made_first["corpora"]] == ["drugs", "people", "places"]
    assert [corpus["name"] for corpus in made["corpora"]] == ["drugs"]
    assert made["started_from"] == made_first
    assert set(second.meta["license"].split("; ")) == {f"that of {c}" for c in ("drugs", "people", "places")}
    scores = srsly.read_json(copy / "metrics" / "drugs" / "bioner_cnn_gerbera.json")
    assert scores["pipeline"] == "en_bioner_cnn_gerbera"
    assert list(scores["types"]) == ["Chemical"]
    assert scores["total"]["gold"] == SENTENCES
    assert run(copy, "gerbera", *variables, steps=4) == ["gerbera-data"]


@pytest.mark.slow
def test_pretraining_makes_an_encoder_that_can_be_named(copy: Path):
    text = [f"Sentence {i} of the text says that enzyme {i} binds to receptor {i}." for i in range(400)]
    (copy / "assets" / "text").mkdir(parents=True)
    (copy / "assets" / "text" / "a.txt").write_text("\n\n".join(text), encoding="utf8")
    settings = (
        "layers=1 width=16 heads=1 length=16 long_length=16 positions=64 batch=64 evaluations=1 saves=1"
    )
    minutes = ["--vars.pretraining_minutes", "0.03"]
    variables = [*minutes, "--vars.pretraining_pieces", "200", f"--vars.pretraining_settings={settings}"]
    assert run(copy, "pretrain", *variables) == WORKFLOWS["pretrain"]
    folder = copy / "training" / "pretraining"
    manifest = srsly.read_json(folder / "text" / "text.json")
    assert {(entry["corpus"], entry["split"]) for entry in manifest["overlap"]} == {
        ("sample", "devel"),
        ("sample", "test"),
    }
    assert "# model" in (folder / "run" / "model" / "README.md").read_text(encoding="utf8")
    assert find_encoder(str(folder / "run" / "model")).name == "model"
    assert run(copy, "pretrain", *variables) == ["pretrain-text"]  # and what it made is the same
