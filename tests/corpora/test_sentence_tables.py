"""Sentences in common with data of which a table of bits is kept."""

import pytest

from spacy_bioner.corpora import sentence_tables
from spacy_bioner.corpora.sentence_tables import sentence_table, shared_sentences


def sentences(first: int, last: int) -> list[str]:
    return [f"Mouse {i} had high levels of IL-{i} after treatment." for i in range(first, last)]


@pytest.fixture(scope="module")
def large() -> str:
    return sentence_table(sentences(0, 60_000))


def test_another_spelling_of_the_same_sentences():
    table = sentence_table(
        ["Cisplatin harms the kidneys of mice. TNF-α rose in all of them.", *sentences(0, 20)]
    )
    spelled = ["TNF - α rose in all of them .", "cisplatin harms the kidneys of mice", *sentences(0, 20)]
    assert shared_sentences(table, spelled) == (22, 22)
    assert shared_sentences(table, ["Cisplatin harms the livers of mice."]) == (1, 0)


def test_short_sentences_and_no_table_tell_nothing():
    assert shared_sentences(sentence_table(["Conclusions."]), ["Conclusions."]) == (0, 0)
    assert shared_sentences(sentence_table([]), sentences(0, 9)) == (9, 0)
    assert shared_sentences("", sentences(0, 9)) == (9, 0)


@pytest.mark.parametrize("shared", [0, 1_000, 4_000])
def test_the_share_is_estimated(shared: int, large: str):
    looked_up, found = shared_sentences(large, sentences(60_000 - shared, 60_000 - shared + 4_000))
    assert looked_up == 4_000
    assert found / looked_up == pytest.approx(shared / 4_000, abs=0.05)


@pytest.mark.parametrize("first", range(0, 60_000, 3_000))
def test_a_test_set_of_15_sentences_is_recognised_beside_60_000(first: int, large: str):
    assert shared_sentences(large, sentences(first, first + 15)) == (15, 15)
    assert shared_sentences(large, sentences(60_000 + first, 60_000 + first + 15)) == (15, 0)


def test_a_table_is_small_however_many_sentences(large: str, monkeypatch: pytest.MonkeyPatch):
    assert len(large) < sentence_tables.MOST_BITS / 8 * 1.4
    monkeypatch.setattr(sentence_tables, "MOST_BITS", 1 << 12)
    many = sentence_table(sentences(0, 3 << 12))  # a quarter of them is in it
    assert len(many) < (1 << 12) / 8 * 1.4
    looked_up, found = shared_sentences(many, sentences(0, 400))
    assert looked_up == pytest.approx(100, abs=30)
    assert found == looked_up
    assert shared_sentences(many, sentences(3 << 12, (3 << 12) + 400))[1] == 0
