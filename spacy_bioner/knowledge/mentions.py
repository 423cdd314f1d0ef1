"""Mentions to link: what a document says, in its words and with its short forms spelled out."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spacy_bioner.knowledge.names import words_of
from spacy_bioner.knowledge.species import find_species, species_of
from spacy_bioner.text.alignment import align

_AND = re.compile(r"\s*(?:,\s*(?:and|or)\s+|\s+(?:and|or|and/or)\s+|,\s+|\s*/\s*)")


@dataclass(frozen=True, slots=True)
class Query:
    """A mention to link.

    Attributes:
        text: the mention.
        full: the mention with its short forms spelled out; the same where it has none.
        document: the number of the document that it stands in.
        species: the species that its gene is of; empty where that doesn't matter.
        context: the words of its document.
    """

    text: str
    full: str
    document: int = 0
    species: str = ""
    context: frozenset[str] = frozenset()


def spelled_out(text: str, long_forms: Mapping[str, str]) -> str:
    """A mention with the short forms of its document spelled out.

    "DMD patients" becomes "Duchenne muscular dystrophy patients" where the document defines DMD. A long
    form that the mention itself has is not put in once more.
    """
    words = []
    for word in re.split(r"(\W+)", text):
        long = long_forms.get(word) or (long_forms.get(word[:-1]) if word.endswith("s") else None)
        words.append(word if long is None or long.lower() in text.lower() else long)
    if text in long_forms:
        return long_forms[text]
    return "".join(words)


def _compound(short: str, long: str) -> Iterator[tuple[str, str]]:
    """The parts of a short form of two: "hyperparathyroidism-jaw tumor (HPT-JT)" defines JT as well."""
    shorts, longs = short.split("-"), long.split("-")
    if len(shorts) == len(longs) == 2 and all(part.isupper() and len(part) > 1 for part in shorts):
        pairs = list(zip(shorts, longs, strict=True))
        if all(align(*pair) is not None for pair in pairs):
            yield from pairs


def parts_of(text: str) -> list[str]:
    """What a composite mention names: "breast and ovarian cancer" names breast cancer and ovarian cancer.

    The words behind the last part belong to each part before it too, as many as are missing.

    Returns:
        The parts, or nothing where there is no "and", "or", comma or slash.
    """
    pieces = [piece for piece in _AND.split(text) if piece]
    if len(pieces) < 2:
        return []
    last = pieces[-1].split()
    parts = []
    for piece in pieces[:-1]:
        words = piece.split()
        shared = last[1:] if len(last) > 1 else []
        parts.append(" ".join([*words, *shared]) if not set(shared) <= set(words) else piece)
    return [*parts, pieces[-1]]


def queries_of(
    text: str,
    places: Iterable[tuple[int, int]],
    abbreviations: Iterable[Mapping[str, Any]],
    document: int = 0,
    species: str = "",
) -> list[Query]:
    """Mentions of a document as what to link.

    Args:
        text: the document's text.
        places: the characters of its mentions.
        abbreviations: its short forms, as `components.abbreviations` gives them. One means the same
            everywhere in a
            document: what was defined first.
        document: the document's number.
        species: the species of genes where the document names none; empty where species don't matter.
    """
    forms: dict[str, str] = {}
    for found in sorted(abbreviations, key=lambda found: found["long_start"]):
        forms.setdefault(found["text"], found["long_form"])
        for short, long in _compound(found["text"], found["long_form"]):
            forms.setdefault(short, long)
    named = find_species(text) if species else []
    context = frozenset(words_of(text))
    queries = []
    for start, end in places:
        mention = text[start:end]
        taxon = ""
        if species:
            before = max(text.rfind(stop, 0, start) for stop in (". ", "\n")) + 1
            behind = min(
                (place for stop in (". ", "\n") if (place := text.find(stop, end)) >= 0), default=len(text)
            )
            taxon = species_of(start, end, named, (before, behind), species)
        queries.append(Query(mention, spelled_out(mention, forms), document, taxon, context))
    return queries


def by_document(queries: Sequence[Query]) -> dict[int, list[int]]:
    """The numbers of the queries of each document."""
    found: dict[int, list[int]] = {}
    for number, query in enumerate(queries):
        found.setdefault(query.document, []).append(number)
    return found
