from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_bioner.documents.formats.file_names import FileNames, document_id, in_order
from spacy_bioner.errors import ConversionError


@pytest.mark.parametrize(
    ("identifier", "name"),
    [
        ("PMID-123.a_b~", "PMID-123.a_b~"),
        ("../x", "%2E.%2Fx"),
        ("/etc/passwd", "%2Fetc%2Fpasswd"),
        ("C:\\x", "C%3A%5Cx"),
        ("a\0b\n", "a%00b%0A"),
        (".", "%2E"),
        ("..", "%2E."),
        (".hidden", "%2Ehidden"),
        ("CON", "%43ON"),
        ("nul.x", "%6Eul.x"),
        ("console", "console"),
        ("β 1%", "%CE%B2%201%25"),
        ("", "%~1"),
    ],
)
def test_names(identifier, name):
    assert FileNames().name(identifier) == name
    assert document_id(Path(f"{name}.txt")) == identifier
    assert document_id(Path(f"{name}.txt.gz")) == identifier


def test_repeated_ids():
    names = FileNames()
    given_names = [names.name(id) for id in ["a", "A", "a", "", "", *["b"] * 11]]
    assert given_names[:5] == ["a", "A%~2", "a%~3", "%~1", "%~2"]
    paths = [Path(f"{name}.txt") for name in given_names if name.startswith("b")]
    assert in_order(sorted(paths)) == paths
    assert {document_id(path) for path in paths} == {"b"}


@pytest.mark.parametrize(("identifier", "message"), [("x" * 201, "too long"), ("\ud800", "UTF-8")])
def test_ids_that_are_no_names(identifier, message):
    with pytest.raises(ConversionError, match=message):
        FileNames().name(identifier)


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=20), max_size=4))
def test_every_id_stays_in_its_folder_and_comes_back(ids):
    names = FileNames()
    given_names = [names.name(id) for id in ids]
    assert len({name.lower() for name in given_names}) == len(ids)
    for id, name in zip(ids, given_names, strict=True):
        assert name
        assert set(name) & set('/\\:\0\n*?"<>|') == set()
        assert not name.startswith(".")
        assert document_id(Path(f"{name}.ann")) == id
