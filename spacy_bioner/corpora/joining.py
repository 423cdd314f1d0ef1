"""Several Docs as one, with what spaCy's `Doc.from_docs` loses: what is annotated, and probabilities."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from spacy.tokens import Doc, Span
from spacy.util import filter_spans

from spacy_bioner.corpora.annotations import Annotation, get_annotation, set_annotation
from spacy_bioner.corpora.gold_annotation import (
    FOUND,
    GOLD,
    SPANS_KEY,
    gold_annotation,
    is_trusted,
    set_gold_spans,
)
from spacy_bioner.corpora.relation_records import (
    Argument,
    arguments_of,
    doc_level,
    get_arguments,
    get_relations,
    set_arguments,
    set_relations,
)


def join_docs(docs: Sequence[Doc]) -> Doc:
    """Joins Docs, a space between them where there is none.

    `Doc.from_docs` drops the attributes of span groups, and with them the probabilities of entities, and
    which types a Doc annotates. Here they stay: corpus and types, if all Docs have the same. If some Docs
    have a trusted gold group, and others none under its key, the gold of these is put into the group.
    Relations and their arguments stay; where some Docs carry no arguments, their entities are meant. Which
    relations the corpus annotates isn't said of the whole, for nothing is known of pairs from two Docs. Ids
    stay, with "+" between different ones, and of the meta what is the same in all.

    Lost are soft labels and labels of documents.

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
    _join_relations(whole, parts, begins)
    for key in list(whole.spans):
        groups = [(doc, doc.spans[key]) for doc in parts if key in doc.spans]
        if all(is_trusted(doc, group) for doc, group in groups):
            if len(groups) < len(parts) or any(GOLD in group.attrs for _, group in groups):
                _join_gold(whole, key, parts, begins)
        else:
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
    untaught = tuple(stretch for annotation in shifted for stretch in annotation.untaught)
    ids = "+".join(dict.fromkeys(annotation.id for annotation in annotations if annotation.id))
    others = [annotation.meta for annotation in annotations[1:]]
    meta = {k: value for k, value in first.meta.items() if all(k in m and m[k] == value for m in others)}
    joined = Annotation(first.corpus, first.types, ids, meta, more=more, unknown=unknown, untaught=untaught)
    set_annotation(whole, joined)


def _join_relations(whole: Doc, parts: Sequence[Doc], begins: Sequence[int]) -> None:
    carrying = [doc for doc in parts if get_arguments(doc) is not None]
    if carrying:  # of the other Docs their entities are meant
        level = doc_level(carrying[0])
        found = [arguments_of(doc, level, SPANS_KEY) for doc in parts]
        shifted = zip(found, begins, strict=True)
        set_arguments(whole, [_moved(argument, by) for own, by in shifted for argument in own])
    related = [
        replace(relation, head=_moved(relation.head, by), child=_moved(relation.child, by))
        for doc, by in zip(parts, begins, strict=True)
        for relation in get_relations(doc)
    ]
    if related:
        set_relations(whole, related)


def _moved(argument: Argument, by: int) -> Argument:
    mentions = tuple(tuple((start + by, end + by) for start, end in spans) for spans in argument.mentions)
    return replace(argument, mentions=mentions)


def _shifted(annotation: Annotation, by: int) -> Annotation:
    more = tuple(
        (own, tuple((start + by, end + by) for start, end in places)) for own, places in annotation.more
    )
    unknown, untaught = (
        tuple((own, start + by, end + by) for own, start, end in stretches)
        for stretches in (annotation.unknown, annotation.untaught)
    )
    return replace(annotation, more=more, unknown=unknown, untaught=untaught)


def _join_gold(whole: Doc, key: str, parts: Sequence[Doc], begins: Sequence[int]) -> None:
    """Makes a group the gold annotation of all parts; those without it give what else they have as gold."""
    spans: list[Span] = []
    unknown: list[tuple[str, int, int]] = []
    known = [key in doc.spans and not doc.has_annotation("ENT_IOB") for doc in parts]
    token = 0
    for doc, by, is_known in zip(parts, begins, known, strict=True):
        gold = gold_annotation(doc, key)
        ours = [
            Span(whole, s.start + token, s.end + token, s.label, kb_id=s.kb_id, span_id=s.id)
            for s, _ in gold.mentions
        ]
        spans += ours
        unknown += [(own, start + by, end + by) for own, places in gold.beyond for start, end in places]
        if is_known and not all(known):  # or its tokens would count as missing in `doc.ents`
            entities = filter_spans(ours)
            inside = {i for entity in entities for i in range(entity.start, entity.end)}
            outside = [whole[i : i + 1] for i in range(token, token + len(doc)) if i not in inside]
            whole.set_ents(entities, outside=outside, default="unmodified")
        token += len(doc)
    set_gold_spans(whole, spans, key)
    annotation = get_annotation(whole)
    if annotation is not None and unknown:  # a group can't hold such mentions
        set_annotation(whole, replace(annotation, unknown=(*annotation.unknown, *unknown)))


def _join_attrs(whole: Doc, key: str, parts: Sequence[Doc], begins: Sequence[int]) -> None:
    """Gives a group the attributes of the parts' groups that `bioner` wrote, if all are such."""
    groups = [(doc.spans[key], by) for doc, by in zip(parts, begins, strict=True) if key in doc.spans]
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
