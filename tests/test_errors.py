"""Errors: each kind has a code of its own, and docs/errors.md explains it."""

from collections.abc import Callable
from pathlib import Path

from spacy_bioner import errors

ROOT = Path(__file__).parents[1]


def test_every_kind_has_a_code_that_is_explained():
    kinds = [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, errors.BionerError)]
    codes = [kind.code for kind in kinds]
    assert len(set(codes)) == len(kinds) > 10
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf8")
    assert [kind for kind in kinds if f"| {kind.code} | `{kind.__name__}` |" not in text] == []


def test_the_code_stands_behind_the_message(refuse_cli: Callable[..., str]):
    assert refuse_cli("bioner", "convert", "nowhere.tsv", "out.spacy").endswith("[B10]")
