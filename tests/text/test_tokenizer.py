import re
import time
import unicodedata

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokenizer import Tokenizer
from spacy.util import registry

from spacy_bioner.text.tokenizer import LETTERS, MARKS, create_tokenizer, mark_pattern

CHARACTERS = "aé2α -.(_\u0301\u200d\ufe0f\u00a0\n\t\x1c\x85\u2028"
PUNCTUATION = "-–—−()[]{}/\\.,;:'\"`´%+=<>~^*&#@!?_|°·×±≤→′†$€©🙂"


@pytest.fixture(scope="module")
def tokenizer():
    return create_tokenizer()(spacy.blank("en"))


def words(tokenizer, text):
    return [token.text for token in tokenizer(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("IL-2Rα", "IL - 2Rα"),
        ("Na+/K+-ATPase", "Na + / K + - ATPase"),
        ("(i.v.)", "( i . v . )"),
        ("p53_mut", "p53 _ mut"),
        ("don't", "don ' t"),
        ("5′-UTR", "5 ′ - UTR"),
        ("1,25(OH)2D3", "1 , 25 ( OH ) 2D3"),
        ("http://a.org", "http : / / a . org"),
        ("H₂O Ca²⁺", "H₂O Ca² ⁺"),
        ("5ʹ-UTR don\u02bct", "5 ʹ - UTR don \u02bc t"),
        ("∆F508 TNF\uf061", "∆F508 TNF\uf061"),
        ("naïve Sjögren", "naïve Sjögren"),
        ("e.g. vs. Dr. :)", "e . g . vs . Dr . : )"),
        ("20mg 5ºC", "20mg 5ºC"),
    ],
)
def test_splits_at_every_mark_and_nowhere_else(tokenizer, text, expected):
    assert words(tokenizer, text) == expected.split()


def test_marks(tokenizer):
    for mark in PUNCTUATION:
        assert words(tokenizer, f"a{mark}b1 {mark}c{mark}") == ["a", mark, "b1", mark, "c", mark]


@pytest.mark.parametrize(
    "text",
    [
        "na\u0308ive",
        "a\u200db",
        "नमस्ते",
        "\u0301a",
        "x\u00adray",
    ],
    ids=["diaeresis", "zero-width joiner", "vowel signs", "nothing before it", "soft hyphen"],
)
def test_combining_and_invisible_characters_stay_in_words(tokenizer, text):
    assert words(tokenizer, text) == [text]


@pytest.mark.parametrize("mark", ["❤\ufe0f", "=\u0338", "-\u200b", "_\u0332", "👩\u200d"])
def test_combining_and_invisible_characters_stay_with_a_mark(tokenizer, mark):
    assert words(tokenizer, f"a{mark}b {mark}c{mark}") == ["a", mark, "b", mark, "c", mark]


@given(text=st.text())
def test_no_character_is_lost(tokenizer, text):
    assert tokenizer(text).text == text


@given(text=st.text(st.sampled_from(CHARACTERS) | st.characters(codec="utf-8")))
def test_tokens_are_white_space_words_or_single_marks(tokenizer, text):
    doc = tokenizer(text)
    assert doc.text == text
    for token in doc:
        kinds = [unicodedata.category(char) for char in token.text]
        combining = [kind in ("Mn", "Mc", "Me", "Cf") for kind in kinds]
        in_word = [
            (kind[0] in "LN" and char not in MARKS) or char in LETTERS
            for kind, char in zip(kinds, token.text, strict=True)
        ]
        if token.is_space:
            continue
        # a word, or one mark; what combines goes with either
        marks = [a for a, b, c in zip(token.text, combining, in_word, strict=True) if not (b or c)]
        assert marks == [] or (marks == [token.text[0]] and all(combining[1:]))
        if combining[0] and token.i:
            assert token.nbor(-1).is_space or token.nbor(-1).whitespace_


@given(text=st.text(st.sampled_from(CHARACTERS) | st.characters(codec="utf-8"), max_size=12))
def test_the_same_tokens_as_with_marks_taken_off_one_by_one(tokenizer, text):
    mark = mark_pattern()
    slow = Tokenizer(
        tokenizer.vocab,
        prefix_search=re.compile(f"^(?:{mark})").search,
        suffix_search=re.compile(f"(?:{mark})$").search,
        infix_finditer=re.compile(mark).finditer,
    )
    assert words(tokenizer, text) == words(slow, text)


def test_long_runs_of_marks_take_no_longer_than_words(tokenizer):
    for text in ("." * 100_000, "a" + "-" * 99_999, "(" * 50_000 + ")" * 50_000):
        start = time.process_time()
        assert len(tokenizer(text)) == 100_000
        assert time.process_time() - start < 5


def test_same_tokens_after_saving(tokenizer, nlp):
    text = "IL-2Rα (5′-UTR)"
    nlp.tokenizer.from_bytes(tokenizer.to_bytes())
    assert words(nlp.tokenizer, text) == words(tokenizer, text)


def test_registered():
    assert registry.tokenizers.get("spacy-bioner.Tokenizer.v1") is create_tokenizer
