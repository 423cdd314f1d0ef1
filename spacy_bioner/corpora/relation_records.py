"""Relations in Docs, as plain data in `doc._.relations`, and from documents to Docs and back.

`doc._.relations` is a list of dicts: `head` and `child`, each with `label` (its entity type), `id`, `text`
and `mentions` (for each mention its stretches of text, in characters); `label`, the relation's type; and
`score`, its probability. `doc._.arguments` holds the gold entities that relations can hold between, in the
form of a head; None where they are to be taken from `doc.ents`. `doc._.relation_candidates` holds all pairs
that were asked about, as relations, where a component in training keeps them for its scores; None elsewhere.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from spacy.tokens import Doc

from spacy_bioner.corpora.annotations import CONCEPT, MENTION, AnnotatedRelations
from spacy_bioner.documents.document import Document, DroppedRelation, Mention, Relation, Span

RELATIONS, ARGUMENTS, CANDIDATES = "relations", "arguments", "relation_candidates"
"""The names of the Docs' extension attributes."""
NO_IDENTIFIER = frozenset(("", "-", "-1", "NIL", "None"))
"""What stands for an identifier where a mention has none."""


def set_relation_extensions() -> None:
    """Gives Docs `relations`, `arguments` and `relation_candidates`, unless another package has done so."""
    if not Doc.has_extension(RELATIONS):
        Doc.set_extension(RELATIONS, default=[])
    for name in (ARGUMENTS, CANDIDATES):
        if not Doc.has_extension(name):
            Doc.set_extension(name, default=None)


set_relation_extensions()


@dataclass(frozen=True, slots=True)
class Argument:
    """What a relation can hold between: a mention, or a concept with all its mentions.

    Attributes:
        type: its entity type.
        mentions: for each mention its stretches of text, in characters.
        id: its identifier; empty for a single mention.
    """

    type: str
    mentions: tuple[tuple[Span, ...], ...]
    id: str = ""

    @property
    def start(self) -> int:
        """Where it is mentioned first."""
        return self.mentions[0][0][0]


@dataclass(frozen=True, slots=True)
class Related:
    """A relation between two arguments, with its probability."""

    head: Argument
    child: Argument
    label: str
    score: float = 1.0


def get_arguments(doc: Doc) -> list[Argument] | None:
    """The gold entities that a Doc carries; None if it carries none."""
    stored = doc._.arguments
    return None if stored is None else [_argument(item) for item in stored]


def set_arguments(doc: Doc, arguments: Iterable[Argument]) -> None:
    doc._.arguments = [_plain(doc.text, argument) for argument in arguments]


def get_relations(doc: Doc) -> list[Related]:
    """The relations of a Doc."""
    return [_related(item) for item in doc._.relations]


def set_relations(doc: Doc, relations: Iterable[Related]) -> None:
    """Writes relations to a Doc, in place of those that it has."""
    doc._.relations = [_plain_relation(doc.text, related) for related in relations]


def get_candidates(doc: Doc) -> list[Related] | None:
    """All pairs that were asked about, with their probabilities; None if they weren't kept."""
    stored = doc._.relation_candidates
    return None if stored is None else [_related(item) for item in stored]


def set_candidates(doc: Doc, candidates: Iterable[Related]) -> None:
    doc._.relation_candidates = [_plain_relation(doc.text, related) for related in candidates]


def _related(stored: Mapping[str, Any]) -> Related:
    return Related(_argument(stored["head"]), _argument(stored["child"]), stored["label"], stored["score"])


def _plain_relation(text: str, related: Related) -> dict[str, Any]:
    return {
        "head": _plain(text, related.head),
        "child": _plain(text, related.child),
        "label": related.label,
        "score": related.score,
    }


def _argument(stored: Mapping[str, Any]) -> Argument:
    mentions = tuple(tuple((start, end) for start, end in spans) for spans in stored["mentions"])
    return Argument(stored["label"], mentions, stored["id"])


def _plain(text: str, argument: Argument) -> dict[str, Any]:
    return {
        "label": argument.type,
        "id": argument.id,
        "mentions": [[list(span) for span in spans] for spans in argument.mentions],
        "text": " ".join(text[start:end] for start, end in argument.mentions[0]),
    }


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
        related[key] = Related(*key, _score(relation))
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
    return replace(document, mentions=mentions, relations=(*document.relations, *relations))


def _score(relation: Relation) -> float:
    """The probability of a relation that was found; 1 of one that is gold."""
    score = relation.meta.get("score", 1.0)
    return float(score) if isinstance(score, int | float) else 1.0


def _meta(related: Related) -> dict[str, Any]:
    return {} if related.score == 1 else {"score": round(related.score, 4)}


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


def doc_level(doc: Doc) -> str:
    """What the relations of a Doc hold between, as its annotation says."""
    from spacy_bioner.corpora.annotations import get_annotation

    annotation = get_annotation(doc)
    return annotation.relations.level if annotation and annotation.relations else MENTION
