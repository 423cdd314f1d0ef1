"""Several Docs as one, with what spaCy's `Doc.from_docs` loses: what is annotated, and probabilities."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from spacy.tokens import Doc

from spacy_bioner.corpora.annotations import Annotation, get_annotation, set_annotation
from spacy_bioner.corpora.gold_annotation import FOUND, GOLD


def join_docs(docs: Sequence[Doc]) -> Doc:
    """Joins Docs, a space between them where there is none.

    `Doc.from_docs` drops the attributes of span groups, and with them the probabilities of entities, and
    which types a Doc annotates. Here they stay: corpus and types, if all Docs have the same.

    Args:
        docs: the Docs, all with the same vocabulary; at least one.
    """
    parts = [doc for doc in docs if len(doc)]
    if len(parts) < 2:
        return (parts or list(docs))[0]
    # (spaCy's type hints lack `exclude`)
    whole: Any = Doc.from_docs(parts, ensure_whitespace=True, exclude=["user_data"])  # type: ignore[call-arg]
    begins: list[int] = []
    token = 0
    for doc in parts:
        begins.append(whole[token].idx)
        token += len(doc)
    _join_annotations(whole, parts, begins)
    for key in whole.spans:
        _join_attrs(whole, key, parts, begins)
    return whole


def _join_annotations(whole: Doc, parts: Sequence[Doc], begins: Sequence[int]) -> None:
    found = [get_annotation(doc) for doc in parts]
    annotations = [annotation for annotation in found if annotation is not None]
    if len(annotations) < len(parts):
        return
    first = annotations[0]
    if any((a.corpus, a.types) != (first.corpus, first.types) for a in annotations):
        return
    shifted = [_shifted(annotation, by) for annotation, by in zip(annotations, begins, strict=True)]
    more = tuple(place for annotation in shifted for place in annotation.more)
    unknown = tuple(stretch for annotation in shifted for stretch in annotation.unknown)
    set_annotation(whole, Annotation(first.corpus, first.types, more=more, unknown=unknown))


def _shifted(annotation: Annotation, by: int) -> Annotation:
    more = tuple(
        (own, tuple((start + by, end + by) for start, end in places)) for own, places in annotation.more
    )
    unknown = tuple((own, start + by, end + by) for own, start, end in annotation.unknown)
    return replace(annotation, more=more, unknown=unknown)


def _join_attrs(whole: Doc, key: str, parts: Sequence[Doc], begins: Sequence[int]) -> None:
    """Gives a group the attributes of the parts' groups: that it is gold, or what `bioner` wrote."""
    groups = [(doc.spans[key], by) for doc, by in zip(parts, begins, strict=True) if key in doc.spans]
    if all(GOLD in group.attrs for group, _ in groups):
        whole.spans[key].attrs[GOLD] = True
        return
    if not all(FOUND in group.attrs for group, _ in groups):
        return
    lists = [name for name, value in groups[0][0].attrs.items() if isinstance(value, list)]
    attrs: dict[str, Any] = {name: [] for name in lists}
    for group, by in groups:
        for name in attrs:
            values = group.attrs[name]
            attrs[name] += [[s + by, e + by, label] for s, e, label in values] if name == FOUND else values
    types: dict[str, list[str]] = {}
    for group, _ in groups:
        types |= group.attrs["types"]
    whole.spans[key].attrs.update({**attrs, "types": types, "tokens": len(whole)})
