"""Relations from documents to Docs and back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from spacy.tokens import Doc

from spacy_bioner.corpora.annotations import CONCEPT, MENTION, AnnotatedRelations
from spacy_bioner.corpora.relation_records import (
    NO_IDENTIFIER,
    Argument,
    Related,
    doc_level,
    get_arguments,
    get_relations,
    set_arguments,
    set_relations,
)
from spacy_bioner.documents.document import SCORE, Document, DroppedRelation, Mention, Relation, Span


@dataclass(frozen=True, slots=True)
class Found:
    """What a document says of relations: entities, relations between two of them, and what else it has."""

    arguments: list[Argument]
    related: list[Related]
    dropped: list[DroppedRelation]


def find_relations(document: Document, level: str) -> Found:
    """The relations of a document that hold between two of its entities.

    Args:
        document: the document.
        level: `MENTION` or `CONCEPT`: whether arguments are mentions, or identifiers with all mentions that
            have them.

    Returns:
        The entities, in the order of the text, the relations, and those that can't be kept, with the reason.
    """
    named = _concepts(document) if level == CONCEPT else _mentions(document)
    # one that several types have is that of the first
    by_name: dict[str, Argument] = {}
    for (_, name), argument in named.items():
        by_name.setdefault(name, argument)
    of_mention = {m.id: m for m in document.mentions if m.id}
    related, dropped = {}, []
    for relation in document.relations:
        ends = [_named(filler, by_name, of_mention) for _, filler in relation.arguments]
        if reason := _why_not(relation, ends):
            dropped.append(DroppedRelation(document, relation, reason))
            continue
        head, child = ends
        assert head is not None
        assert child is not None
        if (key := (head, child, relation.type)) in related:
            dropped.append(DroppedRelation(document, relation, "the same as another one"))
        related[key] = Related(*key, 1.0 if relation.score is None else relation.score)
    return Found(sorted(named.values(), key=lambda a: (a.start, a.type)), list(related.values()), dropped)


def keep_relations(doc: Doc, document: Document, annotated: AnnotatedRelations | None) -> Found:
    """Writes the relations of a document to its Doc, and the entities that they can hold between.

    Returns:
        Those that were written, and those that can't be, with the reason.
    """
    if annotated is None:
        reason = "no relation of the corpus is between two entities"
        return Found([], [], [DroppedRelation(document, r, reason) for r in document.relations])
    found = find_relations(document, annotated.level)
    set_arguments(doc, found.arguments)
    set_relations(doc, found.related)
    return found


def _named(
    filler: str, by_name: Mapping[str, Argument], of_mention: Mapping[str, Mention]
) -> Argument | None:
    """The entity that an argument of a relation names, by an identifier or the id of a mention."""
    if filler in by_name:
        return by_name[filler]
    mention = of_mention.get(filler)
    names = identifiers_of(mention) if mention is not None else ()
    return next((by_name[name] for name in names if name in by_name), None)


def _why_not(relation: Relation, ends: Sequence[Argument | None]) -> str:
    if len(ends) != 2:
        return "not between two entities"
    if None in ends:
        return "no mention of an entity that it holds between"
    return "between an entity and itself" if ends[0] == ends[1] else ""


def _mentions(document: Document) -> dict[tuple[str, str], Argument]:
    return {
        (m.type, m.id or f"{number}#"): Argument(m.type, (m.spans,), m.id)
        for number, m in enumerate(document.mentions)
    }


def _concepts(document: Document) -> dict[tuple[str, str], Argument]:
    spans: dict[tuple[str, str], list[tuple[Span, ...]]] = {}
    for mention in sorted(document.mentions, key=lambda m: m.spans):
        for identifier in identifiers_of(mention):
            if identifier not in NO_IDENTIFIER:
                spans.setdefault((mention.type, identifier), []).append(mention.spans)
    return {key: Argument(key[0], tuple(dict.fromkeys(own)), key[1]) for key, own in spans.items()}


def identifiers_of(mention: Mention) -> list[str]:
    """The identifiers of a mention, of a composite one ("3845,5594") each."""
    return [
        part
        for identifier in mention.identifiers
        for part in (identifier.split(",") if "|" not in identifier else [identifier])
    ]


def annotated_relations(documents: Iterable[Document]) -> AnnotatedRelations | None:
    """Which relations a corpus annotates, as its documents show; None if they have none."""
    labels: dict[str, None] = {}
    pairs: dict[tuple[str, str], None] = {}
    level = MENTION
    for document in documents:
        if not document.relations:
            continue
        own = level_of(document)
        level = own if own == CONCEPT else level
        for related in find_relations(document, own).related:
            labels[related.label] = None
            pairs[related.head.type, related.child.type] = None
    return AnnotatedRelations(tuple(labels), tuple(pairs), level) if labels else None


def level_of(document: Document) -> str:
    """Whether the relations of a document hold between mentions or between identifiers.

    It's identifiers if an argument names one. What names neither, as an event does, says nothing of it.
    """
    ids = {m.id for m in document.mentions if m.id}
    names = {name for m in document.mentions for name in identifiers_of(m)} - NO_IDENTIFIER
    fillers = {filler for relation in document.relations for _, filler in relation.arguments}
    return CONCEPT if (fillers - ids) & names else MENTION


def with_relations(document: Document, doc: Doc) -> Document:
    """A document with the relations of a Doc, and the mentions that they are between.

    Relations between concepts name identifiers, which their mentions have; others the ids of mentions.
    """
    related, carried = get_relations(doc), get_arguments(doc) or ()
    if not related and not carried:
        return document
    # what was found may be named otherwise than the gold entities that the Doc carries
    own = list(dict.fromkeys((*carried, *(e for r in related for e in (r.head, r.child)))))
    are_concepts = any(len(a.mentions) > 1 for a in own) or doc_level(doc) == CONCEPT
    return between_mentions(document, related, own, are_concepts)


def between_mentions(
    document: Document, related: Sequence[Related], arguments: Sequence[Argument], are_concepts: bool
) -> Document:
    """A document with relations beside its own, and with the mentions of arguments where it lacks them.

    A relation that the document has already isn't added again.

    Args:
        document: the document.
        related: the relations.
        arguments: all entities that are to be in it, those of the relations among them.
        are_concepts: whether relations name identifiers where there are such; the ids of mentions otherwise.
    """
    places = {(m.spans, m.type): m for m in document.mentions}
    identifiers: dict[Any, dict[str, None]] = {
        place: dict.fromkeys(m.identifiers) for place, m in places.items()
    }
    for argument in arguments:
        for spans in argument.mentions:
            found = identifiers.setdefault((spans, argument.type), {})
            if are_concepts and argument.id:
                found[argument.id] = None
    ids = _numbered(identifiers, arguments, {place: m.id for place, m in places.items()}, are_concepts)
    names = {
        argument: argument.id if are_concepts and argument.id else ids[argument.mentions[0], argument.type]
        for argument in arguments
    }
    mentions = tuple(
        replace(
            places.get((spans, type)) or Mention(spans, type), id=ids[spans, type], identifiers=tuple(found)
        )
        for (spans, type), found in sorted(identifiers.items())
    )
    relations = tuple(
        Relation(r.label, (("Arg1", names[r.head]), ("Arg2", names[r.child])), meta=_meta(r)) for r in related
    )
    known = {_key(relation) for relation in document.relations}
    new = (relation for relation in relations if _key(relation) not in known)
    return replace(document, mentions=mentions, relations=(*document.relations, *new))


def _key(relation: Relation) -> tuple[str, ...]:
    """What two relations have in common that are one: type and arguments."""
    return relation.type, *(filler for _, filler in relation.arguments)


def _meta(related: Related) -> dict[str, Any]:
    return {} if related.score == 1 else {SCORE: round(related.score, 4)}


def _numbered(
    places: Iterable[Any], own: Iterable[Argument], given: Mapping[Any, str], are_concepts: bool
) -> dict[Any, str]:
    """An id for each mention: its own, or one that none has."""
    ids = dict(given)
    if not are_concepts:
        for argument in own:
            if argument.id and argument.id not in ids.values():
                ids[argument.mentions[0], argument.type] = argument.id
    taken = set(ids.values())
    free = (name for number in range(1, len(taken) + 10**9) if (name := f"T{number}") not in taken)
    return {place: ids.get(place) or next(free) for place in sorted(places)}
