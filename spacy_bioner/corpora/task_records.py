"""What Docs carry for tasks on whole texts: labels, a second text, the similarity of both."""

from collections.abc import Iterable

from spacy.tokens import Doc

from spacy_bioner.documents.document import Document
from spacy_bioner.documents.metadata import LABELS, SIMILARITY
from spacy_bioner.documents.two_texts import second_start

SECOND = "second"


def set_task_extensions() -> None:
    """Gives Docs `second`, where their second text begins, in characters, and `similarity`, None without."""
    for name in (SECOND, SIMILARITY):
        if not Doc.has_extension(name):
            Doc.set_extension(name, default=None)


set_task_extensions()


def keep_tasks(doc: Doc, document: Document, labels: Iterable[str]) -> None:
    """Writes a document's labels, second text and similarity to its Doc: `doc.cats` has all of the corpus's.

    Args:
        doc: the Doc.
        document: the document.
        labels: all labels of the corpus; one that the document hasn't is 0.
    """
    own = document.meta.get(LABELS)
    if own is not None:
        doc.cats = {label: float(label in own) for label in labels}
    if document.meta.get(SIMILARITY) is not None:
        doc._.similarity = document.meta[SIMILARITY]
    if (start := second_start(document)) is not None:
        doc._.second = start


def copy_second(doc: Doc, to: Doc) -> None:
    """Tells a Doc of the same text where its second text begins, if it has one."""
    if doc._.second is not None:
        to._.second = doc._.second


def second_token(doc: Doc) -> int:
    """The number of the first token of a Doc's second text; the number of tokens where it has none."""
    start = doc._.second
    if start is None:
        return len(doc)
    return next((token.i for token in doc if token.idx >= start), len(doc))
