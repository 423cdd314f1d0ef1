"""The command line as a whole: its verbs, and that loading it costs no other spaCy command anything."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from spacy_bioner.cli import listed

PRETRAINING = ["pretrain", "pretrain-card", "pretrain-pack", "pretrain-text", "pretrain-vocabulary"]
DATA = ["convert", "corpora", "fetch"]
HUGGING_FACE = ["card", "from-hf", "to-hf"]
VERBS = [*DATA, "encoders", "evaluate", "optimize", "train", *HUGGING_FACE, *PRETRAINING]


def python(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *map(str, arguments)], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([], []),
        ([""], []),
        ([" , "], []),
        (["a"], ["a"]),
        (["a,b"], ["a", "b"]),
        ([" b , a b,", "", "c"], ["b", "a b", "c"]),
        (["a", "a"], ["a", "a"]),
    ],
)
def test_names_are_given_with_commas_or_one_by_one(values: list[str], names: list[str]):
    assert listed(values) == names


def test_help_lists_every_verb(run_cli: Callable[..., str]):
    output = run_cli("bioner", "--help")
    assert all(f"\n  {verb} " in output or f" {verb} " in output for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(run_cli: Callable[..., str], verb: str):
    output = run_cli("bioner", verb, "--help")
    assert f"bioner {verb}" in output
    assert "Options" in output


def test_spacy_finds_the_verbs_by_itself(tmp_path: Path):
    """Through the entry point: nothing is imported before."""
    result = subprocess.run(
        [sys.executable, "-m", "spacy", "bioner", "corpora"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0
    assert "NCBI-disease" in result.stdout


def test_importing_the_command_line_imports_nothing_heavy():
    heavy = ["torch", "transformers", "spacy_transformers", "huggingface_hub", "tokenizers", "tqdm"]
    code = f"""
import sys
import spacy.cli
before = set(sys.modules)
import spacy_bioner.cli
added = set(sys.modules) - before
print([name for name in {heavy} if name in added], sorted(n for n in added if n.startswith("spacy_bioner")))
"""
    result = python("-c", code)
    assert result.returncode == 0, result.stderr
    found, own = result.stdout.strip().split("] [")
    assert found == "["
    assert "spacy_bioner.cli.train" in own
    assert "spacy_bioner.training.loop" not in own


def test_error_goes_without_a_traceback_and_with_exit_code_1(tmp_path: Path):
    result = python("-m", "spacy", "bioner", "convert", tmp_path / "nowhere.tsv", tmp_path / "out.spacy")
    assert result.returncode == 1
    assert "no such file" in result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    assert list(tmp_path.iterdir()) == []
