"""Relations of annotated documents as rows of plain values, one a relation."""

from collections.abc import Iterator, Mapping

from spacy_bioner.annotation.rows import Row
from spacy_bioner.corpora.annotations import CONCEPT
from spacy_bioner.corpora.relation_conversion import identifiers_of, level_of
from spacy_bioner.documents.document import Document, Mention, Relation

_OF_END = ("type", "text", "start", "end", "identifier")
RELATION_COLUMNS = (
    "document",
    "type",
    "probability",
    *(f"{end}_{column}" for end in ("head", "child") for column in _OF_END),
)
"""The columns of a row. Of an entity with several mentions text, start and end are those of the first one."""
RELATION_NUMBERS = ("head_start", "head_end", "child_start", "child_end")
"""The columns of whole numbers."""


def relation_rows(document: Document) -> Iterator[Row]:
    """The relations of a document as rows, but for those that aren't between two entities.

    Yields:
        A value for each of `RELATION_COLUMNS`; None for the probability of a gold relation.
    """
    concepts: dict[str, tuple[Mention, str]] = {}
    for mention in sorted(document.mentions, key=lambda m: m.spans):
        for identifier in identifiers_of(mention):
            concepts.setdefault(identifier, (mention, identifier))
    mentions = {m.id: (m, "|".join(m.identifiers)) for m in document.mentions if m.id}
    # "2" may be a gene, and another mention's id
    named = mentions | concepts if level_of(document) == CONCEPT else concepts | mentions
    for relation in document.relations:
        row = _row(document, relation, named)
        if row is not None:
            yield row


def _row(document: Document, relation: Relation, named: Mapping[str, tuple[Mention, str]]) -> Row | None:
    ends = [named.get(filler) for _, filler in relation.arguments]
    if len(ends) != 2:
        return None
    row: Row = {"document": document.id, "type": relation.type, "probability": relation.score}
    for name, end in zip(("head", "child"), ends, strict=True):
        if end is None:
            return None
        mention, identifier = end
        values = (mention.type, document.text_of(mention), mention.start, mention.end, identifier)
        row |= {f"{name}_{column}": value for column, value in zip(_OF_END, values, strict=True)}
    return row
