"""The `abbreviations` component: short forms that a text defines, wherever they stand in it."""

from collections.abc import Iterator
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc, Span

from spacy_bioner.text.occurrences import abbreviations_of

ABBREVIATIONS = "abbreviations"
"""The name of the Docs' extension attribute."""


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
        """No bytes: the component learns nothing."""
        return b""

    def from_bytes(self, data: bytes, **kwargs: Any) -> "Abbreviations":
        """Returns the component as it is: nothing is stored."""
        return self

    def to_disk(self, path: Any, **kwargs: Any) -> None:
        """Writes nothing: the component learns nothing."""

    def from_disk(self, path: Any, **kwargs: Any) -> "Abbreviations":
        """Returns the component as it is: nothing is stored."""
        return self


def _sentences(doc: Doc) -> Iterator[tuple[int, int]]:
    return ((sentence.start_char, sentence.end_char) for sentence in doc.sents)


@Language.factory(ABBREVIATIONS, assigns=["doc._.abbreviations"])
def make_abbreviations(nlp: Language, name: str) -> Abbreviations:
    """Makes the component `abbreviations`."""
    return Abbreviations()
