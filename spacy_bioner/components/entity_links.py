"""Links as plain data: how they are kept with a Doc, and written to its entities."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from spacy.tokens import Doc, Span

from spacy_bioner.components.abbreviations import set_extensions
from spacy_bioner.components.spans import place_of

if TYPE_CHECKING:
    from spacy_bioner.knowledge.knowledge_base import KnowledgeBase
    from spacy_bioner.knowledge.linking import Link

LINKS = "links"
"""The name of the Docs' extension attribute."""
Place = tuple[int, int, str]
"""An entity's first character, the one behind it, and its label."""


def _kb_ents(span: Span) -> list[tuple[str, float]]:
    """The identifiers that an entity may have with their probabilities, the most probable first."""
    place = [span.start_char, span.end_char, span.label_]
    for link in span.doc._.links:
        if [link["start"], link["end"], link["label"]] == place:
            return [(id, score) for id, score in link["candidates"]]
    return []


def set_link_extensions() -> None:
    """Gives Docs `links` and spans `kb_ents`, unless another package has done so."""
    set_extensions()
    if not Doc.has_extension(LINKS):
        Doc.set_extension(LINKS, default=[])
    if not Span.has_extension("kb_ents"):
        Span.set_extension("kb_ents", getter=_kb_ents)


def describe(span: Span, link: "Link", base: "KnowledgeBase", written: int) -> dict[str, Any]:
    """A link as plain data.

    Args:
        span: the entity, for its characters and type.
        link: the concepts that it means, and the candidates, best first.
        base: the knowledge base, for the concepts' identifiers.
        written: how many candidates to keep.
    """
    return {
        "start": span.start_char,
        "end": span.end_char,
        "label": span.label_,
        "ids": [base.ids[concept] for concept in link.concepts],
        "score": round(link.score, 4),
        "candidates": [[base.ids[c], round(score, 4)] for c, score in link.candidates[:written]],
    }


def write_links(doc: Doc, links: Mapping[Place, Mapping[str, Any]], key: str) -> None:
    """Writes links to a Doc and to its entities."""
    doc._.links = [links[place] for place in sorted(links)]
    for ent in doc.ents:
        if (link := links.get(place_of(ent))) is not None:
            for token in ent:
                token.ent_kb_id_ = "|".join(link["ids"])
    if key in doc.spans:
        group = doc.spans[key]
        for number, span in enumerate(group):
            if (link := links.get(place_of(span))) is not None:
                ids = "|".join(link["ids"])
                group[number] = Span(doc, span.start, span.end, span.label_, kb_id=ids, span_id=span.id_)
