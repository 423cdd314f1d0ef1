"""The annotation record of a Doc: its corpus, and the entity types that this corpus annotates.

It is kept in `Doc.user_data` under one key, from conversion to training and scoring. A DocBin keeps it if it
is made with `store_user_data=True`, as `spacy_bioner.corpora.conversion` does; `Doc.copy`, `Doc.to_bytes` and
pickling keep it too. `Span.as_doc` and `Doc.from_docs` do not.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from spacy.tokens import Doc

KEY = "spacy_bioner"

Place = tuple[str, tuple[tuple[int, int], ...]]
"""A mention: its type, and its stretches of text, each with first character and one after the last."""

MENTION, CONCEPT = "mention", "concept"
"""What the relations of a corpus hold between: single mentions, or identifiers with all their mentions."""


@dataclass(frozen=True, slots=True)
class AnnotatedRelations:
    """Which relations a corpus annotates: each of its labels, between each of its pairs of types.

    Attributes:
        labels: the relation types, by the corpus's own names.
        pairs: the entity types of head and child.
        level: `MENTION` or `CONCEPT`.
    """

    labels: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    level: str = MENTION

    def union(self, other: "AnnotatedRelations | None") -> "AnnotatedRelations":
        """What both say; between concepts, if either does."""
        if other is None:
            return self
        labels = tuple(dict.fromkeys((*self.labels, *other.labels)))
        pairs = tuple(dict.fromkeys((*self.pairs, *other.pairs)))
        return AnnotatedRelations(labels, pairs, CONCEPT if CONCEPT in (self.level, other.level) else MENTION)


@dataclass(frozen=True, slots=True)
class Annotation:
    """What is known of a Doc's gold annotation.

    Attributes:
        corpus: the name of the corpus.
        types: the entity types that the corpus annotates, by its own names: a type among them that has no
            mention in the Doc does not occur in it; of a type not among them nothing is known.
        id: the document's id in the corpus, if it has one.
        meta: what its file says of the document and a writer needs ("docstart").
        relations: which relations the corpus annotates; None if none.
        more: gold mentions that `doc.ents` can't hold: they overlap others, have gaps, or end inside a token.
        unknown: stretches in which it isn't known whether there is a mention of a type: the type, empty for
            all types, first character, and one after the last.
        labels: the labels of whole documents that the corpus has.
        untaught: gold mentions that count and aren't learned, since they are in headings: the type, first
            character, and one after the last. What they cover is unknown as well.
    """

    corpus: str
    types: tuple[str, ...]
    id: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)
    relations: AnnotatedRelations | None = None
    more: tuple[Place, ...] = ()
    unknown: tuple[tuple[str, int, int], ...] = ()
    labels: tuple[str, ...] = ()
    untaught: tuple[tuple[str, int, int], ...] = ()


def set_annotation(doc: Doc, annotation: Annotation) -> None:
    """Writes what is known of a Doc's annotation to it, in place of what it carried before."""
    fields = {
        "corpus": annotation.corpus,
        "types": annotation.types,
        "id": annotation.id,
        "meta": dict(annotation.meta),
        "relations": asdict(annotation.relations) if annotation.relations else None,
        "more": annotation.more,
        "unknown": annotation.unknown,
        "labels": annotation.labels,
        "untaught": annotation.untaught,
    }
    # empty fields are left out: there is one of these for every sentence of a corpus
    doc.user_data[KEY] = {name: value for name, value in fields.items() if value}


def get_annotation(doc: Doc) -> Annotation | None:
    """Reads what is known of a Doc's annotation; None if it carries nothing."""
    stored = doc.user_data.get(KEY)
    if stored is None:
        return None
    return Annotation(
        stored.get("corpus", ""),
        tuple(stored.get("types", ())),
        stored.get("id", ""),
        stored.get("meta", {}),
        _relations(stored.get("relations")),
        tuple((own, tuple((start, end) for start, end in places)) for own, places in stored.get("more", ())),
        tuple((own, start, end) for own, start, end in stored.get("unknown", ())),
        tuple(stored.get("labels", ())),
        tuple((own, start, end) for own, start, end in stored.get("untaught", ())),
    )


def _relations(stored: Mapping[str, Any] | None) -> AnnotatedRelations | None:
    if not stored:
        return None
    pairs = tuple((head, child) for head, child in stored["pairs"])
    return AnnotatedRelations(tuple(stored["labels"]), pairs, stored["level"])


def corpus_of(doc: Doc) -> str:
    """The name of the corpus that a Doc is from; empty if it doesn't say."""
    annotation = get_annotation(doc)
    return annotation.corpus if annotation else ""


def annotated_types(doc: Doc, label_map: Mapping[str, str]) -> tuple[str, set[str] | None]:
    """The corpus that a Doc is from, and the types that it annotates by their names under a label map.

    Returns:
        The corpus, empty if the Doc doesn't say; and the types, None if it doesn't.
    """
    annotation = get_annotation(doc)
    if annotation is None:
        return "", None
    return annotation.corpus, {mapped(label_map, annotation.corpus, own) for own in annotation.types}


def mapped(label_map: Mapping[str, str], corpus: str, entity_type: str) -> str:
    """The name of a corpus's entity type under a label map.

    Args:
        label_map: other names for types; a key "CORPUS/TYPE" is for one corpus, a key "TYPE" for all others.
        corpus: the name of the corpus; empty if not known.
        entity_type: the type, by the corpus's own name.
    """
    return label_map.get(f"{corpus}/{entity_type}", label_map.get(entity_type, entity_type))
