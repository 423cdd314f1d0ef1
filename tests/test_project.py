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
import srsly

ROOT = Path(__file__).parents[1]
PROJECT = srsly.read_yaml(ROOT / "project.yml")
COMMANDS: dict[str, dict[str, Any]] = {command["name"]: command for command in PROJECT["commands"]}
ALL = ["fetch", "convert", "train", "evaluate", "package", "install"]


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


def test_all_runs_every_command_in_order():
    assert PROJECT["workflows"]["all"] == ALL
    assert list(COMMANDS) == ALL


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_command_has_outputs_that_no_command_before_needs(command: dict[str, Any]):
    assert command["outputs"]
    needed = set()
    for name in ALL[: ALL.index(command["name"]) + 1]:
        needed |= set(COMMANDS[name]["deps"])
    assert not needed & set(command["outputs"])


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_every_dependency_is_there_or_made_by_a_command_before(command: dict[str, Any]):
    made: set[str] = set()
    for name in ALL[: ALL.index(command["name"])]:
        made |= set(COMMANDS[name]["outputs"])
    files = [filled(dep) for dep in command["deps"] if dep not in made]
    assert [file for file in files if not (ROOT / file).is_file()] == []


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_dependencies_name_every_module_that_the_verbs_import(command: dict[str, Any]):
    verb_modules = frozenset((ROOT / "spacy_bioner" / "cli").glob("*.py")) - {
        ROOT / "spacy_bioner" / "cli" / "__init__.py"
    }
    needed: set[Path] = set()
    for verb in verbs(command):
        module = ROOT / "spacy_bioner" / "cli" / f"{verb.replace('-', '_')}.py"
        needed |= closure(module, verb_modules - {module})
    if command["name"] == "install":
        needed = set()  # scores again what `evaluate` scored; the wheel is what it depends on
    named = {ROOT / dep for dep in command["deps"]}
    assert sorted(str(path.relative_to(ROOT)) for path in needed - named) == []


def test_imports_are_followed():
    """The test above would pass if nothing were found."""
    package = ROOT / "spacy_bioner"
    found = closure(package / "cli" / "train.py", frozenset({package / "cli" / "convert.py"}))
    names = {str(path.relative_to(package)) for path in found}
    assert {"training.py", "errors.py", "mini/__init__.py", "catalogue/encoders.py", "windows.py"} <= names
    assert "cli/convert.py" not in names


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_options_in_scripts_are_those_of_the_verbs(command: dict[str, Any]):
    from typer.main import get_command

    from spacy_bioner.cli import bioner_cli

    known = get_command(bioner_cli).commands
    for line in command["script"]:
        for verb, rest in re.findall(r"spacy bioner ([\w-]+) (.*)", line):
            options = set(chain.from_iterable(parameter.opts for parameter in known[verb].params))
            assert set(re.findall(r"--[\w-]+", rest)) <= options


def test_every_var_is_used():
    text = (ROOT / "project.yml").read_text(encoding="utf8")
    assert [name for name in PROJECT["vars"] if f"${{vars.{name}}}" not in text] == []


# a run

SENTENCES = 12


@pytest.fixture
def copy(copy_project: Callable[[Path], Path], tmp_path: Path) -> Path:
    """A copy of the project, with less of the sample corpus and a workflow up to the scores."""
    folder = copy_project(tmp_path / "project")
    for path in (folder / "corpus" / "sample").glob("*.tsv"):
        blocks = path.read_text(encoding="utf8").split("\n\n")
        path.write_text("\n\n".join(islice(blocks, SENTENCES)) + "\n\n", encoding="utf8")
    project = folder / "project.yml"
    workflow = "workflows:\n  scores: [fetch, convert, train, evaluate]\n"
    project.write_text(project.read_text(encoding="utf8").replace("workflows:\n", workflow), encoding="utf8")
    return folder


def run(project: Path) -> list[str]:
    """Runs the project up to the scores; returns the commands that ran and were not skipped."""
    command = [sys.executable, "-m", "spacy", "project", "run", "scores", "."]
    # weasel takes a value that begins with a dash for the next option, so this begins with a space
    command += ["--vars.settings=training.max_steps=2 training.eval_frequency=1"]
    done = subprocess.run(
        command,
        cwd=project,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": ""},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [name for name in ALL[:4] if f"Skipping '{name}': nothing changed" not in done.stdout]


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
    edit(copy / "configs" / "ner_trf.cfg", "dropout = 0.1", "dropout = 0.2")
    assert run(copy) == ["train", "evaluate"]
    edit(copy / "corpus" / "sample" / "test.tsv", "\n\n", "\n\nAspirin\tB-Chemical\n\n")
    assert run(copy) == ["fetch", "convert", "evaluate"]
