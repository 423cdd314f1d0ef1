"""Where the short forms of a text stand, and what they mean there."""

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from spacy_bioner.text.short_forms import Definition, find_definitions

_IN_WORD = re.compile(r"\w")
_WORD_START = re.compile(r"(?<!\w)\w")


def abbreviations_of(text: str, sentences: Iterable[tuple[int, int]] | None = None) -> list[dict[str, Any]]:
    """Finds each place of each short form that a text defines.

    A short form means what was last defined before it, or what is defined first behind it.

    Args:
        text: the text.
        sentences: the characters of its sentences; told from punctuation, if None.

    Returns:
        In the order of the text: "start" and "end", the characters of a short form, and its "text"; the same
        of its long form where that is defined, "long_start", "long_end" and "long_form".
    """
    definitions: dict[str, list[Definition]] = {}
    for definition in find_definitions(text, sentences):
        definitions.setdefault(text[slice(*definition.short)], []).append(definition)
    if not definitions:
        return []
    for meanings in definitions.values():
        meanings.sort(key=_begin)
    found = []
    for start, end in _places(text, definitions):
        meanings = definitions[text[start:end]]
        before = bisect_right(meanings, start, key=_begin)
        long_start, long_end = meanings[max(before - 1, 0)].long
        found.append(
            {
                "start": start,
                "end": end,
                "text": text[start:end],
                "long_start": long_start,
                "long_end": long_end,
                "long_form": text[long_start:long_end],
            }
        )
    return found


def _begin(definition: Definition) -> int:
    return definition.short[0]


def _places(text: str, forms: Collection[str]) -> Iterator[tuple[int, int]]:
    """Where short forms stand in a text as words, the longest where there are several."""
    lengths = sorted({len(form) for form in forms}, reverse=True)
    done = 0
    for match in _WORD_START.finditer(text):
        start = match.start()
        if start < done:
            continue
        for length in lengths:
            end = start + length
            if text[start:end] in forms and not _IN_WORD.match(text, end):
                yield start, end
                done = end
                break
