"""What a Doc says of its gold mentions, overlapping ones too, and of what isn't known.

The mentions are in `doc.ents`, and those that it can't hold in the Doc's `Annotation`, where they are as
fast to store as the rest (a span group makes a DocBin ten times slower to read). If `doc.spans` has a trusted
gold group, that group alone is the gold annotation. What isn't known is never "no": the tokens of a mention
that ends inside a token, has gaps, or crosses another of its type may or may not be part of a mention of that
type.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy
from spacy.tokens import Doc, Span, SpanGroup

from spacy_bioner.corpora.annotations import Place, get_annotation
from spacy_bioner.terminal import warn

SPANS_KEY = "bioner"
"""Where in `doc.spans` entities that may overlap are, unless a component is told otherwise."""
FOUND = "places"
"""The attribute of a span group by which one that a component wrote is told from gold."""
GOLD = "gold"
"""The attribute of a span group that is gold whatever `doc.ents` says; see `set_gold_spans`."""
ALL_TYPES = ""
"""In `GoldAnnotation.unknown`: of these tokens nothing is known for any type."""


def set_gold_spans(doc: Doc, spans: Iterable[Span], key: str = SPANS_KEY) -> None:
    """Makes spans, overlapping or not, the gold annotation of a Doc, in place of its `doc.ents`.

    Args:
        doc: the Doc.
        spans: all gold entities, spans of this Doc with a label each.
        key: where in `doc.spans` they go: the `spans_key` of the component that learns from them.
    """
    doc.spans[key] = SpanGroup(doc, name=key, spans=list(spans), attrs={GOLD: True})


@dataclass(frozen=True, slots=True)
class GoldAnnotation:
    """The gold annotation of a Doc.

    Attributes:
        mentions: all mentions whose ends are ends of tokens, each with its type's name.
        taught: those of them that can be learned: those that neither lie inside nor cross another mention of
            the same type, and that the Doc's `Annotation` doesn't call untaught.
        beyond: type and characters of the others, which have gaps or end inside a token.
        unknown: by type (`ALL_TYPES` for every type) the tokens of which it isn't known whether they are part
            of a mention.
        missing: those tokens that are unknown for every type since their annotation in `doc.ents` is missing.
        nested: how many mentions are inside another one of their type, by type.
        crossing: how many cross another one of their type, by type.
        untrusted: how many spans are left out, by type, as they may be old predictions.
    """

    mentions: list[tuple[Span, str]] = field(default_factory=list)
    taught: list[tuple[Span, str]] = field(default_factory=list)
    beyond: list[Place] = field(default_factory=list)
    unknown: dict[str, set[int]] = field(default_factory=dict)
    missing: list[int] = field(default_factory=list)
    nested: Counter[str] = field(default_factory=Counter)
    crossing: Counter[str] = field(default_factory=Counter)
    untrusted: Counter[str] = field(default_factory=Counter)


def gold_annotation(doc: Doc, *keys: str, name_of: Callable[[str], str] = lambda own: own) -> GoldAnnotation:
    """Reads the gold annotation of a Doc.

    It is the spans under some keys, if there are such that are gold; else `doc.ents` with what the Doc's
    `Annotation` adds. What `bioner` wrote under a key isn't gold. A group that doesn't say what it is may be
    an old prediction that went through JSON or `Doc.from_docs`, while somebody put `doc.ents` right: where
    entities are set, it isn't trusted, unless `set_gold_spans` made it.

    Args:
        doc: the Doc.
        keys: where in `doc.spans` gold may be.
        name_of: gives the name that a type of the Doc is to have.
    """
    annotation = get_annotation(doc)
    groups = [doc.spans[key] for key in keys if key in doc.spans and FOUND not in doc.spans[key].attrs]
    trusted = [group for group in groups if is_trusted(doc, group)]
    missing = missing_tokens(doc) if doc.has_annotation("ENT_IOB") or not trusted else []
    unknown: dict[str, set[int]] = {ALL_TYPES: set(missing)}
    spans = [span for group in trusted for span in group] if trusted else list(doc.ents)
    beyond: list[Place] = []
    if annotation is not None:
        for own, start, end in annotation.unknown:
            _add(unknown, name_of(own) if own else ALL_TYPES, tokens_at(doc, start, end))
        for own, places in annotation.more if not trusted else ():
            span = doc.char_span(*places[0], label=own) if len(places) == 1 else None
            if span is not None:
                spans.append(span)
            else:
                beyond.append((name_of(own), places))
    for name, places in beyond:
        for start, end in places:
            _add(unknown, name, tokens_at(doc, start, end))
    found = GoldAnnotation(
        [(span, name_of(span.label_)) for span in spans],
        beyond=beyond,
        unknown=unknown,
        missing=missing,
        untrusted=Counter(name_of(span.label_) for group in groups if group not in trusted for span in group),
    )
    _settle(found)
    if annotation is not None and not trusted:
        untaught = {(name_of(own), start, end) for own, start, end in annotation.untaught}
        found.taught[:] = [
            (span, name)
            for span, name in found.taught
            if (name, span.start_char, span.end_char) not in untaught
        ]
    return found


def is_trusted(doc: Doc, group: SpanGroup) -> bool:
    """Whether a span group of a Doc is its gold annotation; see `gold_annotation`."""
    return FOUND not in group.attrs and (GOLD in group.attrs or not doc.has_annotation("ENT_IOB"))


def warn_of_untrusted(count: int, *keys: str) -> None:
    """Warns that spans don't count as gold, if there are some; see `gold_annotation`."""
    if count:
        named = " or ".join(f"'{key}'" for key in keys)
        warn(
            f"{count:,} spans under {named} don't count as gold: their Docs have `doc.ents`, too, and the "
            "spans may be old predictions. `set_gold_spans` says that they are gold.",
            stacklevel=3,
        )


def has_gold(doc: Doc, *keys: str) -> bool:
    """Whether a Doc has gold annotation, be it that it has no mention."""
    groups = (doc.spans[key] for key in keys if key in doc.spans)
    return doc.has_annotation("ENT_IOB") or any(FOUND not in group.attrs for group in groups)


def _add(unknown: dict[str, set[int]], name: str, tokens: Iterable[int]) -> None:
    unknown.setdefault(name, set()).update(tokens)


def _settle(gold: GoldAnnotation) -> None:
    """Decides which mentions of one type can be learned, where they overlap."""
    by_type: dict[str, dict[tuple[int, int], Span]] = {}
    for span, name in gold.mentions:
        by_type.setdefault(name, {}).setdefault((span.start, span.end), span)
    for name, spans in by_type.items():
        places = sorted(spans, key=lambda place: (place[0], -place[1]))
        outer: list[tuple[int, int]] = []
        for place in places:
            if not outer or place[1] > outer[-1][1]:
                outer.append(place)
        # outer ones begin and end in the same order: one that crosses any crosses a neighbour
        crossing = {place for pair in pairwise(outer) if pair[1][0] < pair[0][1] for place in pair}
        for start, end in crossing:
            _add(gold.unknown, name, range(start, end))
        gold.taught.extend((spans[place], name) for place in outer if place not in crossing)
        gold.nested[name] += len(places) - len(outer)
        gold.crossing[name] += len(crossing)
    gold.taught.sort(key=lambda pair: (pair[0].start, pair[0].end, pair[1]))


def tokens_at(doc: Doc, start: int, end: int) -> list[int]:
    """The tokens that have a character from `start` up to `end`."""
    span = doc.char_span(start, end, alignment_mode="expand") if 0 <= start < end <= len(doc.text) else None
    return list(range(span.start, span.end)) if span is not None else []


def missing_tokens(doc: Doc) -> list[int]:
    """The tokens of a Doc of which it isn't known whether they are part of an entity."""
    states: Any = doc.to_array("ENT_IOB")
    return numpy.flatnonzero(states == 0).tolist()


def characters(doc: Doc, tokens: Iterable[int]) -> set[int]:
    """The characters of some tokens."""
    return {i for token in tokens for i in range(doc[token].idx, doc[token].idx + len(doc[token]))}


@dataclass(frozen=True, slots=True)
class Unknown:
    """The characters of a text of which it isn't known whether they are part of a mention.

    Attributes:
        by_type: the characters by type; `ALL_TYPES` for every type.
    """

    by_type: dict[str, frozenset[int]] = field(default_factory=dict)

    def renamed(self, name_of: Callable[[str], str]) -> "Unknown":
        """The same with other names for the types; what is unknown for all types stays so."""
        by_type: dict[str, frozenset[int]] = {}
        for own, where in self.by_type.items():
            name = name_of(own) if own else ALL_TYPES
            by_type[name] = by_type.get(name, frozenset()) | where
        return Unknown(by_type)

    def hides(self, start: int, end: int, entity_type: str) -> bool:
        """Whether something that was found there, and isn't gold, can't be called wrong."""
        stretch = range(start, end)
        return not all(
            self.by_type.get(name, frozenset()).isdisjoint(stretch) for name in (ALL_TYPES, entity_type)
        )


def unknown_stretches(stretches: Iterable[tuple[str, int, int]]) -> Unknown:
    """From types, first characters and ones after the last; see `Annotation.unknown`."""
    by_type: dict[str, set[int]] = {}
    for name, start, end in stretches:
        _add(by_type, name, range(start, end))
    return Unknown({name: frozenset(where) for name, where in by_type.items()})


def unknown_characters(doc: Doc, gold: GoldAnnotation) -> Unknown:
    """Where in a Doc's text nothing is known of a type."""
    return Unknown({name: frozenset(characters(doc, own)) for name, own in gold.unknown.items() if own})
