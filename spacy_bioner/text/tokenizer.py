"""The tokenizer of every pipeline here, for raw biomedical text.

It splits at white space, at every mark that is neither a letter nor a digit, and nowhere else: "IL-2Rα"
is IL, -, 2Rα. That is how the corpora of the MTL-Bioinformatics-2016 collection are tokenized, so that a
pipeline trained on their columns meets the same tokens in raw text. Splitting letters from digits too finds
a few more mention ends in raw text (99.997% instead of 99.95% on BC5CDR), but takes apart
tokens that the columns have whole in 8% of BC5CDR's sentences; so it doesn't. See docs/tokenization.md.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import cache
from itertools import groupby

from spacy.language import Language
from spacy.tokenizer import Tokenizer

LETTERS = "∆△\uf044\uf061\uf062\uf064\uf067\uf06b\uf06d"
"""Signs that stand for a Greek letter: increment, triangle, and those of the font Symbol."""

MARKS = "_ʹʺʻʼʽˈˮ\u0374"
"""Characters that Unicode counts among letters or digits, and texts use as marks."""


@cache
def mark_pattern() -> str:
    r"""The regular expression of one mark: not a letter, digit, white space, or part of another character.

    Combining characters and invisible format characters (zero-width joiners, directional marks) stay with
    what they follow, a mark too. The underscore and the primes among Unicode's letters, which `\w` takes for
    letters, are marks; signs that stand for a Greek letter are letters. So a text has the tokens that its
    ASCII spelling has (`spacy_bioner.text.folding`), or smaller ones.
    """
    attached = _ranges(("Mn", "Mc", "Me", "Cf"))
    return rf"(?:[^\w\s{attached}{LETTERS}]|[{MARKS}])[{attached}]*"


def _ranges(categories: tuple[str, ...]) -> str:
    """All characters of some Unicode categories, as the inside of a regular expression's brackets."""
    # beyond the first two planes only tags and variation selectors combine: no need to ask for the rest
    codes = [*range(0x20000), *range(0xE0000, 0xE0200)]
    flags = [unicodedata.category(chr(code)) in categories for code in codes]
    parts = []
    for inside, run in groupby(zip(codes, flags, strict=True), key=lambda item: item[1]):
        if inside:
            members = [code for code, _ in run]
            parts.append(f"\\U{members[0]:08x}-\\U{members[-1]:08x}")
    return "".join(parts)


def create_tokenizer() -> Callable[[Language], Tokenizer]:
    """Makes `spacy-bioner.Tokenizer.v1`: spaCy's own tokenizer with this module's one rule.

    It takes no text for longer or shorter than it is: `doc.text` is always the text that came in. As it is
    spaCy's class, it is as fast, is saved with the pipeline, and can be explained (`Tokenizer.explain`).

    Marks are split off as infixes, all in one look at a word. spaCy takes prefixes and suffixes off one at a
    time and looks at all that is left after each, which on a long run of marks takes hours. It passes over an
    infix at the very beginning only; so one mark there, with none behind it, is a prefix.
    """

    def make(nlp: Language) -> Tokenizer:
        mark = mark_pattern()
        # `+` behind the pattern's own `*`: what is attached is taken whole, and none given back
        alone = rf"^(?:{mark}+)(?!{mark})"
        return Tokenizer(
            nlp.vocab,
            prefix_search=re.compile(alone).search,
            infix_finditer=re.compile(mark).finditer,
        )

    return make
