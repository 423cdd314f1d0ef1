"""How well a pipeline links: mentions that are given, and documents from their text on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spacy.language import Language

from spacy_bioner.components.linker import Linker
from spacy_bioner.documents.document import Document, Mention
from spacy_bioner.errors import PipelineError
from spacy_bioner.evaluation.identifiers import DocumentScore, Linked, evaluate_documents, evaluate_mentions
from spacy_bioner.knowledge.gold_concepts import labelled_mentions
from spacy_bioner.knowledge.knowledge_base import KnowledgeBase

if TYPE_CHECKING:
    from spacy.tokens import Doc


@dataclass(frozen=True, slots=True)
class LinkerReport:
    """The scores of a linker.

    Attributes:
        base: the knowledge base.
        remembers: whether training mentions count as names of what they mean.
        mentions: of mentions that are given.
        documents: of documents from their text on.
    """

    base: KnowledgeBase
    remembers: bool
    mentions: Linked
    documents: DocumentScore

    def to_dict(self) -> dict[str, Any]:
        """The scores and every wrong link as plain data, for JSON."""
        wrong = [
            {"text": m.text, "gold": m.gold, "linked": m.given, "kind": m.kind, "rank": m.rank}
            for m in self.mentions.wrong
        ]
        return {
            "knowledge base": self.base.meta["name"],
            "training mentions are names": self.remembers,
            "mentions": self.mentions.to_dict(),
            "documents": self.documents.to_dict(),
            "wrong": wrong,
        }

    def rows(self) -> list[tuple[str, str]]:
        """The scores as a table: what, and how much."""
        rows = [
            ("knowledge base", str(self.base.meta["name"])),
            ("with training mentions", "yes" if self.remembers else "no"),
        ]
        for title, scores in (("", self.mentions.to_dict()), ("documents: ", self.documents.to_dict())):
            for name, value in scores.items():
                values = value.items() if isinstance(value, dict) else [("", value)]
                rows += [(f"{title}{name} {kind}".strip(), _shown(v)) for kind, v in values]
        return rows


def _shown(value: float) -> str:
    return f"{100 * value:.2f}" if isinstance(value, float) else f"{value:,}"


def evaluate_linker(
    nlp: Language,
    documents: Sequence[Document],
    label: str,
    types: Mapping[str, str] | None = None,
    train: Sequence[Document] = (),
) -> LinkerReport:
    """Scores the linker of a pipeline.

    Args:
        nlp: the pipeline.
        documents: documents with gold identifiers.
        label: the entity type that is linked.
        types: the entity types of the documents' types, "*" for any other; None where they have the same
            names.
        train: the training data, to tell what is memorised.

    Raises:
        PipelineError: if there is no linker, it has no knowledge base for the type, or the documents have no
            mention of the type with an identifier.
    """
    linker = next((pipe for _, pipe in nlp.pipeline if isinstance(pipe, Linker)), None)
    name = linker.base_of(label) if linker is not None else None
    if linker is None or name is None:
        raise PipelineError(
            f"The pipeline has no linker for {label}: add one with `spacy bioner link-train`. [B335]"
        )
    linking, species = linker.linking(name), linker.default_species(name)
    gold = labelled_mentions(documents, label, types, species)
    if not any(ids for _, ids in gold):
        names = ", ".join(sorted({mention.type for document in documents for mention in document.mentions}))
        raise PipelineError(
            f"No mention of type {label} in the data has an identifier. Its types are {names or 'none'}: "
            f"name those that are meant with --map ('OLD={label}'). [B568]"
        )
    seen = labelled_mentions(train, label, types, species)
    mentions = evaluate_mentions(linking, gold, seen, forced=True)
    predicted = [linked_document(doc) for doc in nlp.pipe(document.text for document in documents)]
    scores = evaluate_documents(documents, predicted, linking.base, label, types)
    return LinkerReport(linking.base, bool(linking.seen.meanings), mentions, scores)


def linked_document(doc: "Doc") -> Document:
    """A Doc as a document, its linked entities as mentions with identifiers."""
    mentions = [
        Mention(((link["start"], link["end"]),), link["label"], identifiers=tuple(link["ids"]))
        for link in doc._.links
    ]
    return Document(doc.text, mentions=tuple(mentions))
