"""Docs in .spacy files, spaCy's DocBin, with what they carry."""

from collections.abc import Iterable
from pathlib import Path

from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from spacy_bioner.errors import FormatError
from spacy_bioner.files import open_input

DOCBIN_ATTRS = ("ORTH", "SENT_START", "ENT_IOB", "ENT_TYPE")
"""What is stored of each token."""


def docbin(docs: Iterable[Doc]) -> DocBin:
    """Collects Docs for a .spacy file: tokens, sentence starts, entities, and their corpus and types."""
    return DocBin(attrs=DOCBIN_ATTRS, docs=docs, store_user_data=True)


def read_docbin(path: Path, vocab: Vocab | None = None) -> list[Doc]:
    """Reads the Docs of a .spacy file, into a vocabulary of their own if none is given.

    Raises:
        FormatError: if there is no such file, or it isn't a DocBin.
    """
    with open_input(path) as file:
        data = b"".join(file)
    try:
        return list(DocBin().from_bytes(data).get_docs(Vocab() if vocab is None else vocab))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise FormatError(path, None, f"not a .spacy file ({type(error).__name__})") from None
