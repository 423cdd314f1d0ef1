"""The tokenizer of every pipeline here, for raw biomedical text.

It splits at white space, at every mark that is neither a letter nor a digit, and nowhere else: "IL-2Rα"
is IL, -, 2Rα. That is how the corpora of the MTL-Bioinformatics-2016 collection are tokenized, so that a
pipeline trained on their columns meets the same tokens in raw text. Splitting letters from digits too finds
a few more mention ends in raw text (99.99% instead of 99.95% on BC5CDR's test split), but takes apart
tokens that the columns have whole in 8% of BC5CDR's sentences; so it doesn't. See docs/tokenization.md.
"""

import re
import sys
import unicodedata
from collections.abc import Callable
from functools import cache

from spacy.language import Language
from spacy.tokenizer import Tokenizer


@cache
def mark_pattern() -> str:
    r"""The regular expression of one mark: not a letter, digit, white space, or part of another character.

    Combining characters and invisible format characters (zero-width joiners, directional marks) stay with
    what they follow. The underscore, which `\w` takes for a letter, is a mark.
    """
    attached = _ranges(("Mn", "Mc", "Me", "Cf"))
    return rf"[^\w\s{attached}]|_"


def _ranges(categories: tuple[str, ...]) -> str:
    """All characters of some Unicode categories, as the inside of a regular expression's brackets."""
    parts, start = [], None
    for code in range(sys.maxunicode + 2):
        inside = code <= sys.maxunicode and unicodedata.category(chr(code)) in categories
        if inside and start is None:
            start = code
        elif not inside and start is not None:
            parts.append(f"\\U{start:08x}-\\U{code - 1:08x}")
            start = None
    return "".join(parts)


def create_tokenizer() -> Callable[[Language], Tokenizer]:
    """Makes `spacy-bioner.Tokenizer.v1`: spaCy's own tokenizer with this module's one rule.

    It takes no text for longer or shorter than it is: `doc.text` is always the text that came in. As it is
    spaCy's class, it is as fast, is saved with the pipeline, and can be explained (`Tokenizer.explain`).
    """

    def make(nlp: Language) -> Tokenizer:
        mark = mark_pattern()
        return Tokenizer(
            nlp.vocab,
            prefix_search=re.compile(f"^(?:{mark})").search,
            suffix_search=re.compile(f"(?:{mark})$").search,
            infix_finditer=re.compile(mark).finditer,
        )

    return make
