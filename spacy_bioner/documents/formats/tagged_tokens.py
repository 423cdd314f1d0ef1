"""Tokens with tags, as formats other than columns have them, to documents."""

from collections.abc import Iterable, Sequence
from typing import Any

from spacy_bioner.documents import tags as tagging
from spacy_bioner.documents.document import Document, Mention, Span
from spacy_bioner.documents.metadata import REPAIRED, UNKNOWN
from spacy_bioner.documents.tags import Scheme
from spacy_bioner.text.spacing import join, natural_spaces

MISSING = ("", "-")
"""What stands for a tag where nobody has annotated a token."""


def scheme_of(sentences: Iterable[Sequence[str]]) -> Scheme:
    """The scheme of the tags of a file; raises TagError if they have none."""
    detector = tagging.SchemeDetector()
    for tags in sentences:
        detector.add(["O" if tag in MISSING else tag for tag in tags])
    return detector.scheme()


def tagged_document(
    words: Sequence[str],
    tags: Sequence[str],
    scheme: Scheme,
    spaces: Sequence[bool] | None = None,
    id: str = "",
) -> Document:
    """A document of tokens with tags.

    Args:
        words: the tokens, none empty.
        tags: a tag for each; one of `MISSING` where its annotation is missing.
        scheme: the scheme of the tags.
        spaces: whether a space follows each token; natural spacing, if None.
        id: the document's id.

    Raises:
        TagError: if a tag isn't one of the scheme's.
    """
    text, tokens = join(words, natural_spaces(words) if spaces is None else spaces)
    mentions, meta = tagged_mentions(tokens, tags, scheme)
    return Document(text, (), mentions, tokens=tokens, meta=meta, id=id)


def tagged_mentions(
    tokens: Sequence[Span], tags: Sequence[str], scheme: Scheme
) -> tuple[tuple[Mention, ...], dict[str, Any]]:
    """The mentions that tags make of tokens, and what the document's meta is to say of how they were read."""
    spans, repairs = tagging.decode(["O" if tag in MISSING else tag for tag in tags], scheme)
    missing = [("", *tokens[i]) for i, tag in enumerate(tags) if tag in MISSING]
    meta: dict[str, Any] = {REPAIRED: repairs} if repairs else {}
    if missing:
        meta[UNKNOWN] = tuple(missing)
    return tuple(Mention(((tokens[a][0], tokens[b - 1][1]),), type) for a, b, type in spans), meta
