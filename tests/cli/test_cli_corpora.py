"""`spacy bioner corpora`: the list of corpora."""

from collections.abc import Callable
from pathlib import Path

import pytest

from spacy_bioner.corpora.corpus_catalogue import load_corpora


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def rows(output: str) -> dict[str, str]:
    return {line.split()[0]: line for line in output.splitlines() if line.strip()}


def test_every_corpus_is_listed(run_cli: Callable[..., str]):
    listed = rows(run_cli("bioner", "corpora"))
    assert set(load_corpora().corpora) <= set(listed)


def test_types_stand_with_their_common_names(run_cli: Callable[..., str]):
    listed = rows(run_cli("bioner", "corpora"))
    assert "protein (Gene), cell_line (CellLine)" in listed["JNLPBA"]
    assert "Chemical, Disease" in listed["BC5CDR"]
    assert "train devel test" in listed["BC5CDR"]
    assert "CC BY 3.0" in listed["CRAFT"]


def test_how_to_get_each(run_cli: Callable[..., str], write: Callable[..., Path]):
    entry = '[corpora.lab]\nfolder = "."\ntypes = { A = "B" }\nsplits = { test = { file = "t.tsv" } }\n'
    write(entry, "corpus/corpora.toml")
    listed = rows(run_cli("bioner", "corpora"))
    assert "by hand" in listed["S800"]
    assert "in the project" in listed["lab"]
    assert " fetch " in listed["BC2GM"]


def test_broken_catalogue_of_the_project(refuse_cli: Callable[..., str], write: Callable[..., Path]):
    write("[corpora.lab\n", "corpus/corpora.toml")
    assert "corpus/corpora.toml: not a catalogue" in refuse_cli("bioner", "corpora")
