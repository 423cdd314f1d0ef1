"""`spacy bioner init`: the project where a user wants it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from weasel.util import load_project_config

from spacy_bioner.errors import OutputError
from spacy_bioner.training.project import lay_out_project


def test_the_project_is_laid_out(run_cli: Callable[..., str], tmp_path: Path, root: Path):
    run_cli("bioner", "init", tmp_path / "mine")
    names = ("project.yml", "configs/bioner_trf.cfg", "corpus/corpora.toml", "corpus/sample/train.tsv")
    for name in names:
        assert (tmp_path / "mine" / name).read_bytes() == (root / name).read_bytes()
    assert load_project_config(tmp_path / "mine")["workflows"]["all"]


def test_nothing_is_overwritten(tmp_path: Path):
    (tmp_path / "configs").mkdir()
    mine = tmp_path / "configs" / "bioner_cnn.cfg"
    mine.write_text("mine")
    with pytest.raises(OutputError, match=r"bioner_cnn\.cfg is there already"):
        lay_out_project(tmp_path)
    assert mine.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["configs"]
