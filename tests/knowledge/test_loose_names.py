"""Names that are the same but for endings and words that say much the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_bioner.knowledge import loose_names
from spacy_bioner.knowledge.loose_names import LooseNames, sort_loosely
from spacy_bioner.knowledge.names import inherited_key_of, key_of, loose_key_of

NAMES = (
    "prostate carcinoma",
    "prostatic neoplasms",
    "renal cyst",
    "kidney cysts",
    "cyst of the kidney",
    "gout",
)
KEYS = sorted({key_of(name) for name in NAMES})


def test_names_are_found_loosely() -> None:
    names = LooseNames(KEYS, *sort_loosely(KEYS))
    found = names.find(loose_key_of(key_of("Cancer of the prostate")))
    assert [KEYS[row] for row in found] == sorted(key_of(name) for name in NAMES[:2])
    assert names.find("zebra") == names.find("") == []
    assert LooseNames([], *sort_loosely([])).find("gout") == []


def test_how_a_disease_is_inherited_says_that_it_is() -> None:
    genetic = loose_key_of(key_of("genetic diseases"))
    assert inherited_key_of(key_of("Autosomal recessive disorder")) == genetic
    assert inherited_key_of(key_of("Mendelian disease")) == genetic
    assert inherited_key_of(key_of("Wilson disease")) == ""


@given(st.lists(st.text(alphabet="abels ", min_size=1).map(key_of).filter(bool), unique=True).map(sorted))
def test_every_name_is_found_with_those_like_it_in_order(keys: list[str]) -> None:
    names = LooseNames(keys, *sort_loosely(keys))
    for key in keys:
        loose = loose_key_of(key)
        assert names.find(loose) == [row for row, other in enumerate(keys) if loose_key_of(other) == loose]


def test_one_checksum_of_two_names_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loose_names.zlib, "crc32", len)
    test_names_are_found_loosely()
