"""Relations that a pipeline found: from its Docs, through pieces of long texts, to documents."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from spacy.language import Language

from spacy_bioner.components.pipelines import named_relations
from spacy_bioner.corpora.annotations import AnnotatedRelations
from spacy_bioner.corpora.relation_conversion import between_mentions
from spacy_bioner.corpora.relation_records import Argument, Related
from spacy_bioner.documents.document import Document
from spacy_bioner.documents.edges import trimmed

UNRELATED = "relations left out"
"""What counts relations found between entities of which no mention is written."""
_Name = tuple[str, str] | Argument
"""What tells an entity from others: type and identifier, or the entity itself where it has no identifier."""


def sought(nlp: Language) -> AnnotatedRelations | None:
    """Which relations a pipeline looks for; None if for none."""
    found: AnnotatedRelations | None = None
    for _, pipe in named_relations(nlp):
        found = AnnotatedRelations(pipe.labels, pipe.pairs, pipe.cfg["level"]).union(found)
    return found


def moved(related: Sequence[Related], text: str, by: int) -> Iterator[Related]:
    """Relations of a piece of a text that begins so far in it; their mentions without white space around."""
    for own in related:
        head, child = (_moved(argument, text, by) for argument in (own.head, own.child))
        yield replace(own, head=head, child=child)


def _moved(argument: Argument, text: str, by: int) -> Argument:
    mentions = []
    for spans in argument.mentions:
        places = [trimmed(text, span, invisible=True) for span in spans]
        mentions.append(tuple((start + by, end + by) for start, end in filter(None, places)))
    return replace(argument, mentions=tuple(filter(None, mentions)))


def with_found(document: Document, related: Sequence[Related], counts: Counter[str]) -> Document:
    """A document with the relations that were found, between the mentions that are in it.

    Args:
        document: the document, with all mentions that it is to have.
        related: the relations. Entities have identifiers where they are concepts.
        counts: counts relations that are left out, for no mention of an entity of theirs is in the document.
    """
    places = {(mention.spans, mention.type) for mention in document.mentions}
    arguments: dict[_Name, Argument] = {}
    best: dict[tuple[_Name, _Name, str], float] = {}
    for own in related:
        ends = [_within(argument, places) for argument in (own.head, own.child)]
        if not all(end.mentions for end in ends):
            counts[UNRELATED] += 1
            continue
        head, child = (_add(arguments, end) for end in ends)
        key = head, child, own.label
        best[key] = max(best.get(key, 0.0), own.score)
    if not best:
        return document
    kept = [
        Related(arguments[head], arguments[child], label, score)
        for (head, child, label), score in best.items()
    ]
    are_concepts = any(argument.id for argument in arguments.values())
    return between_mentions(document, kept, list(arguments.values()), are_concepts)


def _add(arguments: dict[_Name, Argument], argument: Argument) -> _Name:
    """Adds an argument to those with its name; a concept has mentions in several pieces of a text."""
    name = (argument.type, argument.id) if argument.id else argument
    known = arguments.get(name)
    mentions = {*argument.mentions, *(known.mentions if known else ())}
    arguments[name] = replace(argument, mentions=tuple(sorted(mentions)))
    return name


def _within(argument: Argument, places: set[tuple[tuple[tuple[int, int], ...], str]]) -> Argument:
    """An argument with those of its mentions that are written."""
    kept = tuple(spans for spans in argument.mentions if (spans, argument.type) in places)
    return replace(argument, mentions=kept)
