"""README and docs: their Python runs, their commands exist, their links lead somewhere."""

import re
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import spacy

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BIOC = (
    "<collection><source/><date/><key/><document><id>1</id><passage><offset>0</offset>"
    "<text>Aspirin helps.</text></passage></document></collection>"
)


def blocks(page: Path, language: str) -> list[str]:
    text = page.read_text(encoding="utf8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_python_in_the_pages_runs(
    knowing_pipeline: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    """With a small pipeline in place of those that the pages name; a page is run from its top."""
    load = spacy.load
    monkeypatch.setattr(spacy, "load", lambda _: load(knowing_pipeline))
    monkeypatch.setattr("spacy_bioner.training.finishing.read_docbin", lambda *_: [])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "training").mkdir()
    (tmp_path / "corpus.BioC.xml").write_text(BIOC)
    for page in PAGES:
        names: dict[str, Any] = {}
        for block in blocks(page, "python"):
            exec(compile(block, str(page), "exec"), names)
    assert capsys.readouterr().out


def commands(page: Path) -> list[tuple[str, str]]:
    """The verbs of `spacy bioner` that a page has, each with what follows."""
    text = page.read_text(encoding="utf8").replace("\\\n", " ")
    inline = re.findall(r"`(spacy bioner [^`\n]+)`", text)
    lines = chain(inline, *(block.splitlines() for block in blocks(page, "bash")))
    found = (re.search(r"spacy bioner ([a-z][a-z-]*)([^#]*)", line.replace("\\", " ")) for line in lines)
    return [(match[1], match[2]) for match in found if match]


def test_commands_in_the_pages_exist():
    from typer.main import get_command

    from spacy_bioner.cli import bioner_cli

    known: dict[str, Any] = get_command(bioner_cli).commands
    unknown = []
    for page in PAGES:
        for verb, rest in commands(page):
            words = re.split(r"[\s']+", rest.strip())
            command = known.get(verb)
            command = getattr(command, "commands", {}).get(words[0], command)
            options = {name for p in getattr(command, "params", ()) for name in p.opts + p.secondary_opts}
            # those with a point are settings of a config
            named = {word.split("=")[0] for word in words if re.match(r"--[a-z][^.]*$", word)}
            if command is None or not named <= {*options, "--help"}:
                unknown.append((page.name, verb, rest))
    assert unknown == []


def test_links_lead_somewhere():
    missing = [
        (page.name, link)
        for page in PAGES
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf8"))
        if not (page.parent / link).exists()
    ]
    assert missing == []
