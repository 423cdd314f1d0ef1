"""Sentences in common with data of which a sample is kept."""

import pytest

from spacy_bioner.corpora.sentence_samples import SIZE, sentence_sample, shared_sentences


def sentences(first: int, last: int) -> list[str]:
    return [f"Mouse {i} had high levels of IL-{i} after treatment." for i in range(first, last)]


def test_another_spelling_of_the_same_sentences():
    sample = sentence_sample(["Cisplatin harms the kidneys of mice. TNF-α rose in all of them."])
    assert shared_sentences(
        sample, ["TNF - α rose in all of them .", "cisplatin harms the kidneys of mice"]
    ) == (2, 2)
    assert shared_sentences(sample, ["Cisplatin harms the livers of mice."]) == (1, 0)


def test_short_sentences_and_no_sample_tell_nothing():
    assert shared_sentences(sentence_sample(["Conclusions."]), ["Conclusions."]) == (0, 0)
    assert shared_sentences("", sentences(0, 9)) == (9, 0)


@pytest.mark.parametrize("shared", [0, 1_000, 4_000])
def test_the_share_is_estimated(shared: int):
    sample = sentence_sample(sentences(0, 10 * SIZE))
    looked_up, found = shared_sentences(sample, sentences(10 * SIZE - shared, 10 * SIZE - shared + 4_000))
    assert looked_up == pytest.approx(400, abs=80)
    assert found / looked_up == pytest.approx(shared / 4_000, abs=0.08)
