"""Two texts in one document: a premise and a statement, a question and a passage."""

from dataclasses import replace

from spacy_bioner.documents.document import Document, Mention, Passage

FIRST_TEXT, SECOND_TEXT = "first text", "second text"
"""The types of the passages that the two are."""
SEPARATOR = " [SEP] "
"""What stands between: the tokenizers of BERT and its kin read it as the mark that separates two texts."""


def two_texts(first: str, second: str, **fields: object) -> Document:
    """A document of two texts; what else it has is given as `Document` takes it, offsets in the second text.

    Args:
        first, second: the texts.
        fields: further fields of the document; mentions are those of the second text.
    """
    start = len(first) + len(SEPARATOR)
    text = f"{first}{SEPARATOR}{second}"
    passages = (Passage(0, len(first), FIRST_TEXT), Passage(start, len(text), SECOND_TEXT))
    document = replace(Document(text, passages), **fields)  # type: ignore[arg-type]
    mentions: tuple[Mention, ...] = tuple(mention.shifted(start) for mention in document.mentions)
    return replace(document, mentions=mentions)


def second_start(document: Document) -> int | None:
    """Where the second text of a document begins; None if it has none."""
    return next((passage.start for passage in document.passages if passage.type == SECOND_TEXT), None)
