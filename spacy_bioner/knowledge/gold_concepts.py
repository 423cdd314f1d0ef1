"""Gold identifiers: what the mentions of a corpus mean, as what to learn from and to be measured by."""

import re
from collections.abc import Iterable, Mapping

from spacy_bioner.documents.document import Document, Mention
from spacy_bioner.knowledge.concepts import standard_id
from spacy_bioner.knowledge.knowledge_base import KnowledgeBase
from spacy_bioner.knowledge.mentions import Query, queries_of
from spacy_bioner.text.occurrences import abbreviations_of

Labelled = tuple[Query, tuple[str, ...]]
"""A mention and the identifiers of what it means; none for what no concept stands for."""

_SEPARATORS = re.compile(r"[|+;,]")
_MESH = re.compile(r"[CD]\d+")
_UNKNOWN = ("-1", "-", "NIL", "None", "null")


def gold_ids(mention: Mention) -> tuple[str, ...]:
    """The identifiers of a mention, each once and with a prefix.

    Corpora join those of composite mentions with bars, plus signs, commas and semicolons, write "-1" where
    there is none, and leave out the prefixes of MeSH (D003920), of the NCBI's genes, and of taxa.
    """
    parts = (part.strip() for id in mention.identifiers for part in _SEPARATORS.split(id))
    return tuple(
        dict.fromkeys(_prefixed(part, mention.type) for part in parts if part and part not in _UNKNOWN)
    )


def _prefixed(id: str, type: str) -> str:
    if ":" in id:
        return standard_id(id)
    if _MESH.fullmatch(id):
        return f"MESH:{id}"
    if id.isdigit():
        prefix = {"gene": "NCBIGene", "prot": "NCBIGene", "spec": "NCBITaxon", "orga": "NCBITaxon"}
        return f"{prefix.get(type.lower()[:4], 'MESH')}:{id}"
    return id


def mapped_type(type: str, types: Mapping[str, str]) -> str:
    """The entity type that a corpus' type is mapped to: by its own name, by "*", else it keeps its name."""
    return types.get(type, types.get("*", type))


def labelled_mentions(
    documents: Iterable[Document], label: str = "", types: Mapping[str, str] | None = None, species: str = ""
) -> list[Labelled]:
    """The mentions of documents with what they mean.

    Args:
        documents: the documents.
        label: the entity type that is wanted; empty for all.
        types: the entity types of the corpus' types, "*" for any other; None where they have the same names.
        species: the species of genes of documents that name none; empty where species don't matter.
    """
    found: list[Labelled] = []
    for number, document in enumerate(documents):
        mentions = [m for m in document.mentions if not label or mapped_type(m.type, types or {}) == label]
        places = [(mention.start, mention.end) for mention in mentions]
        queries = queries_of(document.text, places, abbreviations_of(document.text), number, species)
        found += [(query, gold_ids(mention)) for query, mention in zip(queries, mentions, strict=True)]
    return found


def numbers_of(base: KnowledgeBase, ids: Iterable[str]) -> tuple[int, ...]:
    """The concepts that identifiers stand for."""
    return tuple(dict.fromkeys(concept for id in ids for concept in base.find(id)))
