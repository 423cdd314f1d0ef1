"""Sentences and words of running text, roughly: to compare texts with each other, not to annotate them."""

import re
from collections.abc import Iterator
from itertools import pairwise

_WORD = re.compile(r"[^\W_]+")
_SENTENCE_END = re.compile(r"(?<=[.!?]) +(?=[A-Z0-9(])|\n+")


def words_of(text: str) -> list[str]:
    """The words of a text for comparison: runs of letters and digits, in lower case."""
    return _WORD.findall(text.lower())


def split_sentences(text: str) -> Iterator[str]:
    """The sentences of running text, roughly: what a mark, a space and a capital or a figure tell apart."""
    for start, end in pairwise([0, *sentence_ends(text)]):
        if sentence := text[start:end].strip():
            yield sentence


def sentence_ends(text: str) -> list[int]:
    """Where the sentences of running text end, roughly: the offsets behind them, the text's end too."""
    return [*(match.end() for match in _SENTENCE_END.finditer(text)), len(text)]
