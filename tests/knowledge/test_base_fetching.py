"""Knowledge bases of the catalogue: fetched, checked, built, and found by name."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from spacy_bioner.errors import FetchError, KnowledgeError
from spacy_bioner.knowledge import base_catalogue
from spacy_bioner.knowledge.base_catalogue import CataloguedBase, SourceFile, load_bases
from spacy_bioner.knowledge.base_fetching import fetch_base
from spacy_bioner.knowledge.bases import find_base
from spacy_bioner.knowledge.knowledge_base import KnowledgeBase

TABLE = b"id\tname\nX:1\tgout\n"


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The source of the only knowledge base of the catalogue, in a folder that stands in for its address."""
    path = tmp_path / "web" / "x.tsv"
    path.parent.mkdir()
    path.write_bytes(TABLE)
    files = (SourceFile("https://example.org", "x.tsv", sha256(TABLE).hexdigest()),)
    monkeypatch.setattr(base_catalogue, "load_bases", lambda: {"x": CataloguedBase("x", "X", "CC0", files)})
    monkeypatch.chdir(tmp_path)
    return path


def test_it_is_fetched_once_and_found_by_its_name(source: Path, run_cli: Callable[..., str]) -> None:
    assert "built" in run_cli("bioner", "fetch", "--kb", "x", "--kb-base", source.parent)
    assert KnowledgeBase.open(find_base("x")).ids.all() == ["X:1"]
    source.unlink()
    assert fetch_base("x", Path("assets"))[1] == "there already"
    Path("assets/kb/x.kb").write_bytes(b"of another version")
    assert fetch_base("x", Path("assets"))[1] == "built"  # of the source that is at hand


def test_another_file_than_the_catalogues_is_refused(source: Path) -> None:
    source.write_bytes(TABLE + b"X:2\tasthma\n")
    with pytest.raises(FetchError, match="the wrong file"):
        fetch_base("x", Path("assets"), str(source.parent))
    assert not [path for path in Path("assets").rglob("*") if path.is_file()]
    with pytest.raises(KnowledgeError, match="no knowledge base 'y', but x"):
        fetch_base("y", Path("assets"))


def test_each_entry_of_the_catalogue_says_where_from_and_what_licence(run_cli: Callable[..., str]) -> None:
    listed = run_cli("bioner", "kb", "list")
    for name, base in load_bases().items():
        assert name in listed
        assert base.licence
        assert all(s.address.startswith("https://") and len(s.sha256) in (0, 64) for s in base.sources)
