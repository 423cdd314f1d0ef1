"""Documents as BioC's, for XML and JSON; see `bioc` for the format."""

import json
from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

from bioc import (
    BioCAnnotation,
    BioCDocument,
    BioCLocation,
    BioCNode,
    BioCPassage,
    BioCRelation,
    BioCSentence,
)

from spacy_bioner.documents.document import HEADING, SCORE, SENTENCE, Document, Mention, Passage, Relation
from spacy_bioner.documents.formats.base import kept_meta
from spacy_bioner.documents.formats.bioc import (
    EXTRA,
    IDENTIFIER_KEYS,
    MOST_SPACES,
    arguments_of,
    identifiers_of,
    referred_names,
    type_key_of,
)
from spacy_bioner.documents.metadata import (
    TEXT,
)


def to_bioc(document: Document) -> BioCDocument:
    """Makes BioC's document of one.

    Passages are written as such where they follow one another and make up the text, each with the mentions in
    it; else the text is one passage, and the document's passages are in its infon "spacy-bioner". A mention
    that no passage holds is an annotation of the document.
    """
    made = BioCDocument()
    made.id = document.id
    extra: dict[str, Any] = {}
    layout = _layout(document)
    headings = [[p.start, p.end, p.type, kept_meta(p.meta)] for p in document.passages if p.type == HEADING]
    if layout is not None and headings:
        extra["headings"] = headings
    if layout is None:
        layout = [(Passage(0, len(document.text), ""), [])]
        extra["passages"] = [[p.start, p.end, p.type, kept_meta(p.meta)] for p in document.passages]
    made.infons = _infons(kept_meta(document.meta, ("collection",)), extra)
    begins: list[int] = []
    pieces: list[tuple[BioCPassage | BioCSentence, int, BioCPassage, int]] = []  # each with its end
    for passage, sentences in layout:
        part = BioCPassage()
        part.offset = passage.start
        part.infons = ({"type": passage.type} if passage.type else {}) | _infons(kept_meta(passage.meta), {})
        for sentence in sentences:
            piece = BioCSentence()
            piece.offset = sentence.start
            piece.text = document.text[sentence.start : sentence.end]
            piece.infons = _infons(kept_meta(sentence.meta), {})
            part.add_sentence(piece)
            begins.append(sentence.start)
            pieces.append((piece, sentence.end, part, passage.end))
        if not sentences:
            part.text = document.text[passage.start : passage.end]
            begins.append(passage.start)
            pieces.append((part, passage.end, part, passage.end))
        made.add_passage(part)
    for mention in document.mentions:
        piece, end, part, part_end = pieces[bisect_right(begins, mention.start) - 1]
        holder = piece if mention.end <= end else part if mention.end <= part_end else made
        holder.add_annotation(_annotation(document, mention))
    known = referred_names(document.mentions)
    for relation in document.relations:
        made.add_relation(_bioc_relation(relation, known))
    return made


def _layout(document: Document) -> list[tuple[Passage, list[Passage]]] | None:
    """The passages with the sentences in each; None where they couldn't be read back as they are."""
    text = document.text
    layout: list[tuple[Passage, list[Passage]]] = []
    passages = [passage for passage in document.passages if passage.type != HEADING]
    behind = [passage for passage in document.passages if passage.type == HEADING]
    if (*passages, *behind) != document.passages:
        return None
    if all(passage.type == SENTENCE for passage in passages):
        layout = [(Passage(0, len(text), ""), passages)]
    else:
        for passage in passages:
            if passage.type != SENTENCE:
                layout.append((passage, []))
            elif not layout:
                return None
            else:
                layout[-1][1].append(passage)
        if len(layout) == 1 and not layout[0][0].type and not kept_meta(layout[0][0].meta):
            return None
    end = 0
    for i, (passage, sentences) in enumerate(layout):
        if text[end : passage.start] != ("\n" if i and passage.start != end else ""):
            return None
        if passage.start < end or any(sentence.start == sentence.end for sentence in sentences):
            return None
        end = passage.end
        place = passage.start
        for sentence in sentences:
            gap = text[place : sentence.start]
            if sentence.start < place or gap.strip(" ") or len(gap) > MOST_SPACES:
                return None
            place = sentence.end
        if sentences and place != passage.end:
            return None
    return layout if end == len(text) else None


def _infons(meta: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    """The infons for a meta, and for what else there is."""
    infons = meta.get("infons", {})
    if isinstance(infons, Mapping):
        meta = {key: value for key, value in meta.items() if key != "infons"}
    else:
        infons = {}
    extra = extra | ({"meta": meta} if meta else {})
    return dict(infons) | ({EXTRA: json.dumps(extra, ensure_ascii=False)} if extra else {})


def _annotation(document: Document, mention: Mention) -> BioCAnnotation:
    made = BioCAnnotation()
    made.id = mention.id
    made.text = mention.meta.get(TEXT, document.text_of(mention))
    for start, end in mention.spans:
        made.add_location(BioCLocation(start, end - start))
    meta = kept_meta(mention.meta, (TEXT,))
    given = meta.get("infons", {})
    known = dict(given) if isinstance(given, Mapping) else {}
    extra: dict[str, Any] = {}
    if identifiers_of(known) != mention.identifiers:
        joined = {"identifier": "|".join(mention.identifiers)}
        if not any(key in known for key in IDENTIFIER_KEYS) and identifiers_of(joined) == mention.identifiers:
            meta["infons"] = joined | known
        else:
            extra["identifiers"] = mention.identifiers
    if mention.score is not None and "score" in known:
        extra["score"] = mention.score
    elif mention.score is not None:
        meta["infons"] = {**meta.get("infons", known), "score": repr(mention.score)}
    infons = {key: value for key, value in _infons(meta, extra).items() if key != "type"}
    made.infons = ({"type": mention.type} if mention.type else {}) | infons
    return made


def _bioc_relation(relation: Relation, known: set[str]) -> BioCRelation:
    made = BioCRelation()
    made.id = relation.id
    meta = dict(kept_meta(relation.meta))
    score = relation.score if "score" not in meta.get("infons", {}) else None
    if score is not None:
        del meta[SCORE]
    infons = _infons(meta, {}) | ({"score": repr(score)} if score is not None else {})
    type_key = type_key_of(infons)
    if relation.type != infons.get(type_key, ""):
        infons = {"type": relation.type} | {key: v for key, v in infons.items() if key != type_key}
    named = infons | dict(relation.arguments)
    if relation.arguments and arguments_of(named, known) == relation.arguments:
        infons = named
    else:
        for role, filler in relation.arguments:
            made.add_node(BioCNode(filler, role))
    made.infons = infons
    return made
