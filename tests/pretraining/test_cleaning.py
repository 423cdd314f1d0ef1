"""The rules of cleaning: each on its example, and what they leave alone."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_bioner.pretraining.cleaning import RULES, clean


def cleaned(text: str) -> tuple[str, Counter[str]]:
    counts: Counter[str] = Counter()
    return clean(text, counts), counts


@pytest.mark.parametrize(
    ("rule", "text", "expected"),
    [
        ("address", "See it at http://a.org/b?c=1. Then go on", "See it at. Then go on"),
        ("address", "Mice came from Jackson (www.jax.org) in May", "Mice came from Jackson in May"),
        ("citation number", "The tumour grows [12]. It then stops", "The tumour grows. It then stops"),
        ("doubled comma", "grade 3,, or grade 4 toxicity", "grade 3, or grade 4 toxicity"),
        ("comma before a bracket", "as was seen (Figure 1;), and then", "as was seen (Figure 1), and then"),
        ("comma after a bracket", "as was seen (; red) in cells", "as was seen (red) in cells"),
        ("empty brackets", "as was shown () in mice", "as was shown in mice"),
        ("space before a mark", "the tumour grows . It stops", "the tumour grows. It stops"),
    ],
)
def test_rule(rule: str, text: str, expected: str):
    found, counts = cleaned(text)
    assert found == expected
    assert counts[rule] == 1


def test_every_rule_is_tested():
    (mark,) = [mark for mark in test_rule.pytestmark if mark.name == "parametrize"]
    assert {rule for rule, _, _ in mark.args[1]} == set(RULES)


@pytest.mark.parametrize(
    "text",
    [
        "the tritium label [3H] was in all of them",
        "a value in the interval [0, 1] was drawn",
        "call main() of the program with care",
        "CD4(+) and CMV(-) cells, at p < .05, were kept",
        "IFN-γ, 5-HT2A and Ca2+ (≥ 10 μM) in naïve mice",
        "Prior use of aspirin; or of ibuprofen",
    ],
)
def test_ordinary_text_stays(text: str):
    assert cleaned(text) == (text, Counter())


def test_spaces_and_characters_are_made_uniform():
    assert (
        cleaned("10\u00a0mg\u2009of\tas\u00adpirin, nai\u0308ve\u200b mice")[0]
        == "10 mg of aspirin, naïve mice"
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Introduction", "too short"),
        ("12 34 56", "too short"),
        ("", "too short"),
        ("a 1234567 b 12345678 c 1234567", "few letters"),
    ],
)
def test_what_is_no_sentence_is_dropped(text: str, reason: str):
    assert cleaned(text) == ("", Counter({reason: 1}))


@given(
    st.text(st.sampled_from("ab1 ,;.()[]\u00a0\u00ade\u0301w:/")).map(lambda text: f"some words here {text}")
)
def test_cleaning_again_changes_nothing(text: str):
    once, _ = cleaned(text)
    if once:
        assert cleaned(once) == (once, Counter())


@given(st.text())
def test_rules_only_take_away(text: str):
    found, _ = cleaned(f"some words here {text}")
    assert "  " not in found
    assert "\n" not in found
    assert found == found.strip()


def test_brackets_in_brackets_are_no_text():
    deep = 50_000
    nested = "some words here" + " (" * deep + " )" * deep
    text, counts = cleaned(nested)
    assert text == ""
    assert counts["never settles"] == 1
    assert cleaned("some words here" + " (" * 9 + " )" * 9)[0] == "some words here"
