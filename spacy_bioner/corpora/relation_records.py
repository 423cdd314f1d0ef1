"""Relations in Docs, as plain data in `doc._.relations`.

`doc._.relations` is a list of dicts: `head` and `child`, each with `label` (its entity type), `id`, `text`
and `mentions` (for each mention its stretches of text, in characters); `label`, the relation's type; and
`score`, its probability. `doc._.arguments` holds the gold entities that relations can hold between, in the
form of a head; None where they are to be taken from `doc.ents`. `doc._.relation_candidates` holds all pairs
that were asked about, as relations, where a component in training keeps them for its scores; None elsewhere.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from spacy.tokens import Doc

from spacy_bioner.corpora.annotations import CONCEPT, MENTION, get_annotation
from spacy_bioner.documents.document import Span

RELATIONS, ARGUMENTS, CANDIDATES = "relations", "arguments", "relation_candidates"
"""The names of the Docs' extension attributes."""
NO_IDENTIFIER = frozenset(("", "-", "-1", "NIL", "None"))
"""What stands for an identifier where a mention has none."""


def set_relation_extensions() -> None:
    """Gives Docs `relations`, `arguments` and `relation_candidates`, unless another package has done so."""
    if not Doc.has_extension(RELATIONS):
        Doc.set_extension(RELATIONS, default=[])
    for name in (ARGUMENTS, CANDIDATES):
        if not Doc.has_extension(name):
            Doc.set_extension(name, default=None)


set_relation_extensions()


@dataclass(frozen=True, slots=True)
class Argument:
    """What a relation can hold between: a mention, or a concept with all its mentions.

    Attributes:
        type: its entity type.
        mentions: for each mention its stretches of text, in characters.
        id: its identifier; empty for a single mention.
    """

    type: str
    mentions: tuple[tuple[Span, ...], ...]
    id: str = ""

    @property
    def start(self) -> int:
        """Where it is mentioned first."""
        return self.mentions[0][0][0]


@dataclass(frozen=True, slots=True)
class Related:
    """A relation between two arguments, with its probability."""

    head: Argument
    child: Argument
    label: str
    score: float = 1.0


def get_arguments(doc: Doc) -> list[Argument] | None:
    """The gold entities that a Doc carries; None if it carries none."""
    stored = doc._.arguments
    return None if stored is None else [_argument(item) for item in stored]


def set_arguments(doc: Doc, arguments: Iterable[Argument]) -> None:
    """Writes gold entities, between which relations are asked about, to a Doc, in place of those before."""
    doc._.arguments = [_plain(doc.text, argument) for argument in arguments]


def get_relations(doc: Doc) -> list[Related]:
    """The relations of a Doc."""
    return [_related(item) for item in doc._.relations]


def set_relations(doc: Doc, relations: Iterable[Related]) -> None:
    """Writes relations to a Doc, in place of those that it has."""
    doc._.relations = [_plain_relation(doc.text, related) for related in relations]


def get_candidates(doc: Doc) -> list[Related] | None:
    """All pairs that were asked about, with their probabilities; None if they weren't kept."""
    stored = doc._.relation_candidates
    return None if stored is None else [_related(item) for item in stored]


def set_candidates(doc: Doc, candidates: Iterable[Related]) -> None:
    """Writes all pairs that were asked about to a Doc, with their probabilities, in place of earlier ones."""
    doc._.relation_candidates = [_plain_relation(doc.text, related) for related in candidates]


def _related(stored: Mapping[str, Any]) -> Related:
    return Related(_argument(stored["head"]), _argument(stored["child"]), stored["label"], stored["score"])


def _plain_relation(text: str, related: Related) -> dict[str, Any]:
    return {
        "head": _plain(text, related.head),
        "child": _plain(text, related.child),
        "label": related.label,
        "score": related.score,
    }


def _argument(stored: Mapping[str, Any]) -> Argument:
    mentions = tuple(tuple((start, end) for start, end in spans) for spans in stored["mentions"])
    return Argument(stored["label"], mentions, stored["id"])


def _plain(text: str, argument: Argument) -> dict[str, Any]:
    return {
        "label": argument.type,
        "id": argument.id,
        "mentions": [[list(span) for span in spans] for spans in argument.mentions],
        "text": " ".join(text[start:end] for start, end in argument.mentions[0]),
    }


def arguments_of(doc: Doc, level: str, spans_key: str) -> list[Argument]:
    """The entities of a Doc that relations can hold between, in the order of the text.

    Args:
        doc: the Doc. Those that it carries (`doc._.arguments`) count, if it does; else those in `doc.ents`,
            and in `doc.spans[spans_key]`.
        level: whether each mention is one, or each identifier with all mentions that have it. Mentions
            without identifier are of one concept if they have one type and text, but for upper and lower
            case.
        spans_key: where overlapping entities are.
    """
    carried = get_arguments(doc)
    if carried is not None:
        return carried
    mentions: dict[tuple[int, int, str], tuple[str, str]] = {}
    for span in (*doc.spans.get(spans_key, ()), *doc.ents):
        place = span.start_char, span.end_char, span.label_
        if span.label_ and (place not in mentions or span.kb_id_):
            mentions[place] = span.kb_id_, span.text
    if level != CONCEPT:
        return [Argument(label, (((start, end),),)) for start, end, label in sorted(mentions)]
    concepts: dict[tuple[str, str, str], list[tuple[tuple[int, int], ...]]] = {}
    for place in sorted(mentions):
        start, end, label = place
        named, text = mentions[place]
        ids = [id for id in named.split("|") if id not in NO_IDENTIFIER]
        keys = [(label, id, "") for id in ids] or [(label, "", " ".join(text.lower().split()))]
        for key in keys:
            concepts.setdefault(key, []).append(((start, end),))
    return [Argument(label, tuple(spans), id) for (label, id, _), spans in concepts.items()]


def doc_level(doc: Doc) -> str:
    """What the relations of a Doc hold between, as its annotation says."""
    annotation = get_annotation(doc)
    return annotation.relations.level if annotation and annotation.relations else MENTION
