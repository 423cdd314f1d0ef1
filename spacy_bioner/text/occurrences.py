"""Where the short forms of a text stand, and what they mean there."""

import re
from collections.abc import Iterable
from typing import Any

from spacy_bioner.text.short_forms import Definition, find_definitions


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
    longest_first = sorted(definitions, key=lambda short: (-len(short), short))
    pattern = "|".join(map(re.escape, longest_first))
    found = []
    for match in re.finditer(rf"(?<!\w)(?:{pattern})(?!\w)", text):
        meanings = definitions[match[0]]
        before = [meaning for meaning in meanings if meaning.short[0] <= match.start()]
        long_start, long_end = (before[-1] if before else meanings[0]).long
        found.append(
            {
                "start": match.start(),
                "end": match.end(),
                "text": match[0],
                "long_start": long_start,
                "long_end": long_end,
                "long_form": text[long_start:long_end],
            }
        )
    return found
