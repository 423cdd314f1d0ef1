"""`spacy bioner encoders`: the list of encoders, and which are at hand."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from spacy_bioner.encoders.encoder_catalogue import load_encoders

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def in_an_empty_folder(empty_hub_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def rows(output: str) -> dict[str, list[str]]:
    return {line.split()[0]: line.split() for line in output.splitlines() if line.strip()}


def test_every_encoder_is_listed_with_where_it_is_from(run_cli: Callable[..., str], tmp_path: Path):
    listed = rows(run_cli("bioner", "encoders"))
    for encoder in load_encoders().values():
        row = listed[encoder.name]
        assert row[2:4] == [f"{encoder.parameters}M", "cased" if encoder.cased else "uncased"]
        assert (encoder.source or "package") == row[-1]
    assert list(tmp_path.iterdir()) == []  # looking unpacks nothing


def test_which_are_at_hand(
    run_cli: Callable[..., str], tiny_encoder: Path, empty_hub_cache: Path, tmp_path: Path
):
    shutil.copytree(tiny_encoder, tmp_path / "mine" / "encoders" / "scibert")
    cached = empty_hub_cache / "models--michiyasunaga--BioLinkBERT-base"
    shutil.copytree(tiny_encoder, cached / "snapshots" / COMMIT)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text(COMMIT)
    listed = rows(run_cli("bioner", "encoders", "--assets", tmp_path / "mine"))
    at_hand = {name: row[1] for name, row in listed.items() if name in load_encoders()}
    assert at_hand.pop("mini") == "embedded"
    assert at_hand.pop("scibert") == "folder"
    assert at_hand.pop("biolinkbert") == "hub"  # "hub cache"
    assert set(at_hand.values()) == {"-"}
