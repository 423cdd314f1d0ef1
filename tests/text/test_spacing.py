import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_bioner.text.spacing import join, natural_spaces

words = st.text(min_size=1, max_size=5) | st.sampled_from([*"()[].,;:?!%'\"/-+=<>~", "``", "''", "12"])


@pytest.mark.parametrize(
    "text",
    [
        "Famotidine-associated delirium (see Fig. 2).",
        "Apoe-/- mice were fed 5 +/- 2 mg/kg of it.",
        "long- and short-term effects",
        "P < 0.05, P = .05, less than .05",
        "lower (than .05)",
        "1,200 patients, 30% of them; 95% CI: 1.2-3.4",
        "1,5-dimethyl ester",
        "in 100, 200 and 300 cases",
        'a so-called "quoted" word, and "another".',
        '("yes") he said',
        "patients' data and the patient's own",
        "doesn't it?",
        "5'-flanking region",
        "i.v. injection at 3:1 ratio",
        "the drug (aspirin) [5] was: good",
        "``quoted'' as LaTeX does",
        "10(9) cells and mg/m(2) doses",
        "e.g., this one, 2 and 3",
    ],
)
def test_natural_text_comes_back(text):
    tokens = re.findall(r"\w+|``|''|[^\w\s]", text)
    assert join(tokens, natural_spaces(tokens))[0] == text


@pytest.mark.parametrize("tokens", [[], ["a"], ["."], ["("]])
def test_fewer_than_two_words(tokens):
    assert natural_spaces(tokens) == [False] * len(tokens)


@given(st.lists(words, max_size=12))
def test_a_space_or_none_behind_every_word(tokens):
    spaces = natural_spaces(tokens)
    assert len(spaces) == len(tokens)
    assert all(isinstance(space, bool) for space in spaces)
    assert not any(spaces[-1:])


@given(st.lists(words, max_size=12))
def test_words_of_letters_and_digits_never_grow_together(tokens):
    spaces = natural_spaces(tokens)
    for left, right, space in zip(tokens, tokens[1:], spaces, strict=False):
        assert space or not (left[-1].isalnum() and right[0].isalnum())


@given(st.lists(st.tuples(words, st.booleans()), max_size=12))
def test_join_puts_each_word_where_it_says(pairs):
    tokens, spaces = [word for word, _ in pairs], [space for _, space in pairs]
    text, places = join(tokens, spaces)
    assert [text[start:end] for start, end in places] == tokens
    assert text == "".join(f"{word} " if space else word for word, space in pairs)


def test_join_wants_a_space_for_every_word():
    with pytest.raises(ValueError, match="shorter"):
        join(["a", "b"], [True])
