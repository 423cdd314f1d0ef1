"""Reading and writing entities in `doc.spans`, with their probabilities; overlapping ones too.

A group that `bioner` wrote says in its `attrs` of each span how probable it is, where it stood, and which
component found it; and which types each component looked for. So a probability can't become another span's,
two components can share a group, and a scorer knows what was sought and not found.
"""

from collections.abc import Container, Iterable, Sequence

from spacy.tokens import Doc, Span, SpanGroup

from spacy_bioner.corpora.gold_annotation import FOUND, SPANS_KEY
from spacy_bioner.errors import PipelineError

SCORES = "scores"
_PLACES = FOUND  # first character, one after the last, and type of each span
_FINDERS = "components"  # the name of the component that found each
_SOUGHT = "types"  # by component, the types that it looked for
_TOKENS = "tokens"  # how many the Doc had

Pair = tuple[Span, float]
"""An entity and its probability."""


def scored_spans(doc: Doc, key: str = SPANS_KEY) -> list[Pair]:
    """The entities that `bioner` found in a Doc, overlapping ones too, each with its probability.

    Args:
        doc: the Doc, as the pipeline gave it.
        key: the component's `spans_key`.

    Raises:
        PipelineError: if there is nothing under that key, or nothing that `bioner` wrote, or spans were
            added, removed or changed there by others, so that it can't be told which probability is whose; or
            if tokens were merged so that an entity has none of its own.
    """
    return [pair for pair, _ in _found(doc, key)]


def _found(doc: Doc, key: str) -> list[tuple[Pair, str]]:
    """The entities under a key with their probabilities, and who found them."""
    if key not in doc.spans:
        raise PipelineError(
            f"The Doc has no spans under '{key}': it has {', '.join(doc.spans) or 'none'}. [B315]"
        )
    group = doc.spans[key]
    if not _is_ours(group):
        if not len(group):
            return []
        raise PipelineError(
            f"The Doc's spans under '{key}' are not of `bioner`; gold annotation, perhaps. Run the pipeline "
            "on a Doc without them (`nlp.make_doc(doc.text)`), or give it another `spans_key`. [B316]"
        )
    places, scores = group.attrs[_PLACES], group.attrs[SCORES]
    same = len(group) == len(places) == len(scores)
    ids = [""] * len(places)  # what spans are linked to
    # (after tokens were merged, a group may have spans that spaCy can't make)
    if same and len(doc) == group.attrs[_TOKENS]:
        same = places == [list(place_of(span)) for span in group]
        ids = [span.kb_id_ for span in group]
    if not same:
        raise PipelineError(
            f"The Doc's {len(group)} spans under '{key}' are not those that `bioner` set: spans were added, "
            "removed or changed since, and it can't be told whose the probabilities are. [B317]"
        )
    spans = (_at(doc, key, *place, kb_id=id) for place, id in zip(places, ids, strict=True))
    pairs = zip(spans, scores, strict=True)
    return list(zip(pairs, group.attrs[_FINDERS], strict=True))


def _is_ours(group: SpanGroup) -> bool:
    return _PLACES in group.attrs


def _at(doc: Doc, key: str, start: int, end: int, label: str, *, kb_id: str) -> Span:
    """The span of some characters. (Groups have numbers of tokens, which may have been merged since.)"""
    span: Span | None = doc.char_span(start, end, label=label, kb_id=kb_id)
    if span is None:
        raise PipelineError(
            f"The Doc's tokens were merged or split since `bioner` wrote to '{key}': no tokens have "
            f"characters {start} to {end} now, where it found {label} '{doc.text[start:end]}'. [B318]"
        )
    return span


def write_spans(
    doc: Doc, key: str, component: str, types: Sequence[str], pairs: Iterable[Pair]
) -> list[Span]:
    """Writes what a component found to `doc.spans`, in place of what it wrote there before.

    What other components found stays; what two of them found stands there once, with the greater probability.

    Args:
        doc: the Doc.
        key: where in `doc.spans`.
        component: the component's name.
        types: the types that it looked for.
        pairs: what it found.

    Returns:
        What the component wrote there before.

    Raises:
        PipelineError: if there are spans under the key already that aren't of `bioner`.
    """
    before, sought = [], {}
    if key in doc.spans:
        before, sought = _found(doc, key), doc.spans[key].attrs.get(_SOUGHT, {})
    found = [(pair, name) for pair, name in before if name != component]
    found += [(pair, component) for pair in pairs]
    best: dict[tuple[int, int, str], tuple[Pair, str]] = {}
    for pair, name in found:
        place = place_of(pair[0])
        if place not in best or pair[1] > best[place][0][1]:
            best[place] = (pair, name)
    ordered = [best[place] for place in sorted(best)]
    spans = [span for (span, _), _ in ordered]
    doc.spans[key] = SpanGroup(
        doc,
        name=key,
        spans=spans,
        attrs={
            SCORES: [score for (_, score), _ in ordered],
            _PLACES: [list(place_of(span)) for span in spans],
            _FINDERS: [name for _, name in ordered],
            _SOUGHT: {**sought, component: list(types)},
            _TOKENS: len(doc),
        },
    )
    return [span for (span, _), name in before if name == component]


def sought_types(doc: Doc) -> dict[str, frozenset[str]]:
    """By the keys under which `bioner` components wrote in a Doc, the types that they looked for."""
    return {
        key: frozenset(name for types in group.attrs[_SOUGHT].values() for name in types)
        for key, group in doc.spans.items()
        if _is_ours(group)
    }


def ranked(pairs: Iterable[Pair]) -> list[Span]:
    """Entities by what comes first in the flat view: the most probable, then the longest, then in order."""
    order = sorted(
        pairs, key=lambda pair: (-pair[1], pair[0].start - pair[0].end, pair[0].start, pair[0].label_)
    )
    return [span for span, _ in order]


def without_overlaps(spans: Iterable[Span]) -> list[Span]:
    """Those spans that overlap none before them."""
    taken: set[int] = set()
    chosen = []
    for span in spans:
        tokens = range(span.start, span.end)
        if taken.isdisjoint(tokens):
            taken.update(tokens)
            chosen.append(span)
    return chosen


def set_flat_view(doc: Doc, found: Sequence[Pair], before: Iterable[Span], overwrite: bool) -> None:
    """Sets `doc.ents` to what a component found, and what others have there.

    Args:
        doc: the Doc.
        found: what the component found.
        before: what it found in this Doc earlier, which goes.
        overwrite: whether what it found pushes out entities of others that it overlaps.
    """
    ours, gone = ranked(found), places_of(before)
    existing = [ent for ent in doc.ents if place_of(ent) not in gone]
    doc.set_ents(without_overlaps([*ours, *existing] if overwrite else [*existing, *ours]))


def flat_view(doc: Doc, keys: Iterable[str], types: Container[str]) -> list[Span]:
    """The flat view of some types alone, as if the heads of the others weren't there.

    Of a corpus that annotates some of a pipeline's types nothing is known of the others: neither whether they
    are right, nor whether they rightly push out entities that they overlap.

    Args:
        doc: the Doc, as the pipeline gave it.
        keys: the `spans_key` of each `bioner`. Entities in `doc.ents` that are under none of them stay.
        types: the types of `bioner` that are wanted.
    """
    pairs = [pair for key in keys for pair in scored_spans(doc, key)]
    ours = places_of(span for span, _ in pairs)
    others = [ent for ent in doc.ents if place_of(ent) not in ours]
    return without_overlaps([*others, *ranked(pair for pair in pairs if pair[0].label_ in types)])


def place_of(span: Span) -> tuple[int, int, str]:
    """What makes two spans the same entity: first character, the one after the last, and type."""
    return span.start_char, span.end_char, span.label_


def places_of(spans: Iterable[Span]) -> set[tuple[int, int, str]]:
    """What `place_of` gives for each of some spans, without order."""
    return {place_of(span) for span in spans}
