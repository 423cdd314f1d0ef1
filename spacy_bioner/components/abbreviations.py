"""The `abbreviations` component: short forms that a text defines, wherever they stand in it."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc, Span

from spacy_bioner.text.short_forms import Definition, find_definitions

ABBREVIATIONS = "abbreviations"
"""The name of the Docs' extension attribute."""


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


def long_forms(doc: Doc) -> dict[str, str]:
    """The short forms of a Doc, each with the long form that was defined first."""
    forms: dict[str, str] = {}
    for found in sorted(doc._.abbreviations, key=lambda found: found["long_start"]):
        forms.setdefault(found["text"], found["long_form"])
    return forms


def _long_form(span: Span) -> Span | None:
    """The long form of a short form, where its Doc defines it; None of any other span."""
    place = span.start_char, span.end_char
    for found in span.doc._.abbreviations:
        if (found["start"], found["end"]) == place:
            long: Span | None = span.doc.char_span(
                found["long_start"], found["long_end"], alignment_mode="expand"
            )
            return long
    return None


def set_extensions() -> None:
    """Gives Docs `abbreviations` and spans `long_form`, unless another package has done so."""
    if not Doc.has_extension(ABBREVIATIONS):
        Doc.set_extension(ABBREVIATIONS, default=[])
    if not Span.has_extension("long_form"):
        Span.set_extension("long_form", getter=_long_form)


set_extensions()


class Abbreviations:
    """Sets `doc._.abbreviations`: plain data, so that it goes wherever the Doc goes.

    The items are those of `abbreviations_of`. Where a Doc has sentences, no definition crosses one.
    """

    def __call__(self, doc: Doc) -> Doc:
        sentences = _sentences(doc) if doc.has_annotation("SENT_START") else None
        doc._.abbreviations = abbreviations_of(doc.text, sentences)
        return doc

    # nothing was learned: there is nothing to keep
    def to_bytes(self, **kwargs: Any) -> bytes:
        return b""

    def from_bytes(self, data: bytes, **kwargs: Any) -> "Abbreviations":
        return self

    def to_disk(self, path: Any, **kwargs: Any) -> None: ...

    def from_disk(self, path: Any, **kwargs: Any) -> "Abbreviations":
        return self


def _sentences(doc: Doc) -> Iterator[tuple[int, int]]:
    return ((sentence.start_char, sentence.end_char) for sentence in doc.sents)


@Language.factory(ABBREVIATIONS, assigns=["doc._.abbreviations"])
def make_abbreviations(nlp: Language, name: str) -> Abbreviations:
    """Makes the component `abbreviations`."""
    return Abbreviations()
