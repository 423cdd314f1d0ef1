"""Unicode text as the corpora would spell it: in ASCII.

Labelled biomedical corpora are pure ASCII: their makers spelled out Greek letters, and wrote "+/-" and "-"
for what texts in use have as one character. `fold` does the same, so that an encoder sees what it was
trained on.
What users get, a Doc's text, tokens and offsets, is never folded.

The table is `GROUPS`: the spellings are those of PubMed's ASCII abstracts and of the corpora that were turned
into ASCII from full text (CRAFT, LINNAEUS). What it doesn't name follows two rules, by Unicode's own
properties:

- A character whose compatibility decomposition (NFKD) comes out as ASCII by the table is that: accented
  letters, ligatures, superscripts, full-width and mathematical letters, fractions.
- Combining diacritics, variation selectors and invisible format characters are nothing, white space is a
  space.

Everything else stays: other scripts, emoji, symbols without a usual spelling. Each character is folded by
itself, without a look at its neighbours. See docs/unicode.md.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

import numpy

from spacy_bioner.array_types import Ints


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of the table that belong together.

    Attributes:
        name: what they are.
        rows: characters, and how each of them is spelled.
    """

    name: str
    rows: Mapping[str, str]


_GREEK = {
    "α": "alpha",
    "β": "beta",
    "γ": "gamma",
    "δ": "delta",
    "ε": "epsilon",
    "ζ": "zeta",
    "η": "eta",
    "θ": "theta",
    "ι": "iota",
    "κ": "kappa",
    "λ": "lambda",
    "μ": "mu",
    "ν": "nu",
    "ξ": "xi",
    "ο": "omicron",
    "π": "pi",
    "ρ": "rho",
    "σ": "sigma",
    "τ": "tau",
    "υ": "upsilon",
    "φ": "phi",
    "χ": "chi",
    "ψ": "psi",
    "ω": "omega",
}

GROUPS = (
    Group(
        "Greek letters",
        {
            **_GREEK,
            **{letter.upper(): name.capitalize() for letter, name in _GREEK.items()},
            "ς": "sigma",
        },
    ),
    Group(
        "what is written in their place",
        {"µ": "micro", "ß": "beta", "∆△": "Delta", "ɑ": "alpha", "ɛ": "epsilon", "ɣ": "gamma", "ĸ": "kappa"},
    ),
    Group(
        "of the font Symbol, in the private use area",
        {
            "\uf061": "alpha",
            "\uf062": "beta",
            "\uf067": "gamma",
            "\uf064": "delta",
            "\uf044": "Delta",
            "\uf06b": "kappa",
            "\uf06d": "mu",
            "\uf02d": "-",
            "\uf0b1": "+/-",
            "\uf0b0": " degrees ",
            "\uf0a3": "<=",
            "\uf0b3": ">=",
            "\uf0b4": "x",
        },
    ),
    Group("dashes and minus", {"‐‑‒–―−⁃˗": "-", "—": "--"}),
    Group(
        "primes, apostrophes and quotation marks",
        {"′‵‘’‚‛´ʹʼʻʽˈ‹›": "'", "″‶ʺˮ": "''", "‴": "'''", "“”„‟«»〃": '"'},
    ),
    Group(
        "units and signs",
        {"°º˚": " degrees ", "×✕⨯": "x", "÷": "/", "®": "(R)", "©": "(C)", "™": "(TM)", "·•∙⋅‧": "."},
    ),
    Group(
        "mathematics",
        {
            "±": "+/-",
            "∓": "-/+",
            "≤⩽≦": "<=",
            "≥⩾≧": ">=",
            "≪": "<<",
            "≫": ">>",
            "≠": "!=",
            "∼≈≃≅˜": "~",
            "∶": ":",
            "⁄∕": "/",
            "∗⁎": "*",
            "∣¦": "|",
            "∥‖": "||",
            "→⟶": "-->",
            "←⟵": "<--",
            "↔⟷": "<-->",
            "⟨〈˂": "<",
            "⟩〉˃": ">",
        },
    ),
    Group(
        "other letters",
        {
            "æ": "ae",
            "Æ": "AE",
            "œ": "oe",
            "Œ": "OE",
            "ø": "o",
            "Ø": "O",
            "ł": "l",
            "Ł": "L",
            "đð": "d",
            "Đ": "D",
            "ı": "i",
        },
    ),
    Group("punctuation of East Asian texts", {"、": ",", "。": "."}),
)
"""The table: several characters in one row are spelled alike."""

_LINE_BREAKS = "\x85\u2028\u2029"
_DIACRITICS = range(0x0300, 0x0370)
_VARIATION_SELECTORS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))


class _Table(dict[int, str]):
    """From code points to spellings, for `str.translate`; what is asked for the first time is added."""

    def __missing__(self, code: int) -> str:
        self[code] = spelled = _by_rule(chr(code))
        return spelled


_TABLE = _Table(
    {ord(char): spelled for group in GROUPS for chars, spelled in group.rows.items() for char in chars}
)


def _by_rule(char: str) -> str:
    """How a character is spelled that the table doesn't name."""
    if char.isascii():
        return char
    code, category = ord(char), unicodedata.category(char)
    if category == "Cf" or code in _DIACRITICS or any(code in codes for codes in _VARIATION_SELECTORS):
        return ""
    if category == "Zs":
        return " "
    if char in _LINE_BREAKS:
        return "\n"
    parts = unicodedata.normalize("NFKD", char)
    if parts == char:
        return char
    spelled = parts.translate(_TABLE)
    # a lone accent is decomposed into a space with one
    return spelled if spelled.isascii() and spelled.strip() else char


def fold(text: str) -> str:
    """A text in ASCII, as far as its characters have a spelling; see the module."""
    return text if text.isascii() else text.translate(_TABLE)


def is_blank(text: str) -> bool:
    """Whether nothing but white space, or nothing at all, is left of a text when it is folded."""
    return not fold(text).strip()


def fold_with_origins(text: str) -> tuple[str, Ints | None]:
    """Folds a text, and says where each character comes from.

    Returns:
        The folded text, and for each of its characters the number of the one in `text` that it is a part
        of; None instead where each is in its place.
    """
    if text.isascii():
        return text, None
    folded = text.translate(_TABLE)
    codes = numpy.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    others = numpy.flatnonzero(codes > 127)
    lengths = numpy.ones(len(codes), dtype="int64")
    lengths[others] = [len(_TABLE[code]) for code in codes[others].tolist()]
    if (lengths == 1).all():
        return folded, None
    return folded, numpy.repeat(numpy.arange(len(codes)), lengths)
