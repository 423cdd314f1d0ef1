"""Text folded to ASCII: the table, its rules, and where characters come from."""

import sys
import unicodedata
from itertools import product
from pathlib import Path

import pytest
import spacy
from hypothesis import example, given
from hypothesis import strategies as st

from spacy_bioner.text.folding import GROUPS, fold, fold_with_origins, is_blank
from spacy_bioner.text.tokenizer import create_tokenizer

ROWS = [(char, spelled) for group in GROUPS for chars, spelled in group.rows.items() for char in chars]
HARD = "βΔ′±\u00a0°\u00ad\u200b\u0301\ufe0f\u2028①½ﬁ🧬한й\uf061Ａ𝛼"
texts = st.text(st.sampled_from(HARD + "aB1 -.\n") | st.characters(codec="utf-8"))


# -- the table -------------------------------------------------------------------------------------------


def test_a_character_stands_in_the_table_once():
    chars = [char for char, _ in ROWS]
    assert sorted(chars) == sorted(set(chars))


def test_the_table_makes_ascii_of_other_characters():
    for char, spelled in ROWS:
        assert not char.isascii()
        assert spelled.isascii()
        assert spelled.strip()
        assert fold(f"a{char}b{char}") == f"a{spelled}b{spelled}"


def test_greek_letters_have_their_names():
    for char in "αβγδεζηθικμνξοπρστυφχψωΑΒΓΔΕΖΗΘΙΚΜΝΞΟΠΡΣΤΥΦΧΨΩ":
        assert fold(char).lower() == unicodedata.name(char).split()[-1].lower()
        assert fold(char).islower() == char.islower()
    assert (fold("λ"), fold("Λ")) == ("lambda", "Lambda")  # LAMDA, Unicode has it


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("TNF-α, IL‐1β and NF-κB", "TNF-alpha, IL-1beta and NF-kappaB"),
        ("5′-UTR of Crohn’s “disease”", "5'-UTR of Crohn's \"disease\""),
        ("10 µM ± 2·5 (≥ 3×10⁻³)", "10 microM +/- 2.5 (>= 3x10-3)"),
        ("37°C", "37 degrees C"),
        ("Sjögren Sjo\u0308gren naïve Ångström", "Sjogren Sjogren naive Angstrom"),
        ("ﬁbrosis ＴＮＦ 𝛼 Ca²⁺ ½ Ⅱ ℃", "fibrosis TNF alpha Ca2+ 1/2 II  degrees C"),
        ("non\u00a0breaking\u2009thin\u3000wide\u2028line", "non breaking thin wide\nline"),
        ("soft\u00adhyphen zero\u200bwidth \ufeffmark", "softhyphen zerowidth mark"),
        ("ϕ ϵ ά ΐ ẑ", "phi epsilon alpha iota z"),
        ("🧬 한국 йод नमस्ते ∞ § ¨", "🧬 한국 йод नमस्ते ∞ § ¨"),
    ],
)
def test_texts(text: str, expected: str):
    assert fold(text) == expected


def test_documentation_has_the_whole_table(root: Path):
    written = " ".join((root / "docs" / "unicode.md").read_text(encoding="utf8").split())
    for group in GROUPS:
        assert " ".join(listed(group).split()) in written


def listed(group) -> str:
    """The line of a group in the documentation; characters that can't be seen by their numbers."""
    rows = (
        f"{' '.join(c if c.isprintable() else f'U+{ord(c):04X}' for c in chars)} `{spelled}`"
        for chars, spelled in group.rows.items()
    )
    return f"- {group.name}: {', '.join(rows)}"


# -- properties ------------------------------------------------------------------------------------------


@given(st.text(st.characters(max_codepoint=127)))
def test_ascii_is_left_alone(text: str):
    assert fold(text) is text
    assert fold_with_origins(text) == (text, None)


@given(texts)
def test_folding_twice_is_folding_once(text: str):
    assert fold(fold(text)) == fold(text)


def test_every_character_is_folded_to_ascii_or_nothing_or_stays():
    for code in range(sys.maxunicode + 1):
        spelled = fold(chr(code))
        assert spelled.isascii() or spelled == chr(code)


@given(texts, texts)
@example("e", "\u0301")
def test_a_character_is_folded_whatever_is_beside_it(first: str, second: str):
    assert fold(first + second) == fold(first) + fold(second)


@given(texts)
@example(HARD)
@example("\u200b")
def test_every_character_comes_from_its_own(text: str):
    folded, origins = fold_with_origins(text)
    assert folded == fold(text)
    expected = [i for i, char in enumerate(text) for _ in fold(char)]
    assert (list(range(len(text))) if origins is None else origins.tolist()) == expected


def test_lone_surrogates_stay():
    assert fold_with_origins("α\ud800")[0] == "alpha\ud800"


def test_blank():
    assert all(map(is_blank, (" ", "\u00a0 \u2009", "\u200b", "\n", " \n", "\u2028")))
    assert not any(map(is_blank, ("x", "β", "°")))


# -- and the tokenizer -------------------------------------------------------------------------------------


def ends(tokenizer, text: str) -> set[int]:
    return {place for token in tokenizer(text) for place in (token.idx, token.idx + len(token))}


def test_tokens_end_where_they_do_in_ascii():
    """So every end of a mention that tokens have in ASCII they have in Unicode."""
    tokenizer = create_tokenizer()(spacy.blank("en"))
    for (char, spelled), around in product(ROWS, ("ab", "12", "()", " b", "a ")):
        before, after = around
        own, spelling = ends(tokenizer, before + char + after), ends(tokenizer, before + spelled + after)
        at = {(1, 1), (2, 1 + len(spelled))}
        in_ascii = {i for i, j in at if j in spelling}
        in_unicode = {i for i, _ in at if i in own}
        assert in_ascii <= in_unicode or char == "º", (char, around)
        if spelled.isalpha() and spelled != "x":
            assert in_unicode == in_ascii, (char, around)
