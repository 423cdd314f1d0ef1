"""The names that mean something in metas, and how other people's come in beside them.

A reader says in the meta of what it reads how it was read (`HOW_READ`): that is counted and never written.
Other names mean something to a writer ("infons", "lines"). A file from elsewhere may have any of these names
for something else. It is then kept under `OTHERS`, where no writer but that of JSON looks.
"""

from collections.abc import Callable, Mapping
from typing import Any

from spacy_bioner.documents.document import SCORE, is_probability

LINE, REPAIRED, UNREAD, COUNTED, MOVED, TEXT = "line", "repaired", "unread", "counted", "moved", "text"
BAD, UNKNOWN, UNTAUGHT = "bad", "unknown", "untaught"
HOW_READ = (LINE, REPAIRED, UNREAD, COUNTED, MOVED, BAD, UNKNOWN, UNTAUGHT)
"""Line of a document's beginning; repairs to its tags; texts that say what isn't read of it; what there was
of it in the file, by what it is; by how many characters a mention or passage was moved; texts that say which
of its lines and annotations are wrong and were set aside; stretches (type, start, end) in which it isn't
known whether there is a mention of a type; that a mention counts as gold and isn't to be learned."""
LABELS, SIMILARITY = "labels", "similarity"
"""Of a document: its labels; how similar its two texts are."""
OTHERS = "json"
DOCSTART = "-DOCSTART-"

Names = Mapping[str, Callable[[Any], bool]]
"""Names that mean something, each with what tells whether a value can be meant so."""


def is_docstart(value: Any) -> bool:
    """Whether a value is a line that begins a document in columns."""
    return isinstance(value, str) and value.startswith(DOCSTART) and not set(value) & set("\r\n")


def _never(value: Any) -> bool:
    return False


def _is_object(value: Any) -> bool:
    return isinstance(value, Mapping)


def _are_texts(value: Any) -> bool:
    return isinstance(value, tuple | list) and all(isinstance(part, str) for part in value)


def _are_lists_of_texts(value: Any) -> bool:
    return isinstance(value, Mapping) and all(_are_texts(part) for part in value.values())


_ALL: Names = {**dict.fromkeys(HOW_READ, _never), "infons": _is_object, OTHERS: _is_object}
OF_DOCUMENTS: Names = {
    **_ALL,
    "docstart": is_docstart,
    "collection": _is_object,
    "order": _are_lists_of_texts,
    "lines": _are_texts,
}
OF_PASSAGES: Names = _ALL
OF_MENTIONS: Names = {**_ALL, TEXT: _never, "parts": _are_texts, "columns": _are_texts}
OF_RELATIONS: Names = {**_ALL, "columns": _are_texts, SCORE: is_probability}


def taken(meta: Mapping[str, Any], names: Names, others: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A meta from a file, with what can't be meant as it would be here under `OTHERS`.

    Args:
        meta: the meta, as it was written.
        names: the names that mean something.
        others: what else is to be in it; under `OTHERS`, where the name means something or is there already.
    """
    apart = {key: value for key, value in meta.items() if key in names and not names[key](value)}
    found = {key: value for key, value in meta.items() if key not in apart}
    more = others or {}
    clashing = {key: value for key, value in more.items() if key in names or key in meta}
    found |= {key: value for key, value in more.items() if key not in clashing}
    for kept in (apart, clashing):
        if kept:  # what is there already goes deeper
            found[OTHERS] = kept | ({OTHERS: found[OTHERS]} if OTHERS in found else {})
    return found
