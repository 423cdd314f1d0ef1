"""How well mentions are linked: on gold mentions, and of documents as a whole."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from spacy_bioner.documents.document import Document
from spacy_bioner.knowledge.gold_concepts import Labelled, gold_ids, mapped_type, numbers_of
from spacy_bioner.knowledge.knowledge_base import KnowledgeBase
from spacy_bioner.knowledge.linking import Link, Linking
from spacy_bioner.knowledge.names import key_of

MEMORISED, SYNONYM, CONCEPT = "memorised", "new synonym", "new concept"
KINDS = (MEMORISED, SYNONYM, CONCEPT)
"""Of a mention: training data have its words with this meaning; its meaning, but in other words; neither."""

_SHOWN = 20  # candidates that count for recall

LACKING, NO_CANDIDATE, NOTHING = "not in the knowledge base", "not a candidate", "linked to nothing"
COMPOSITE, NEAR, RANKED = "composite mention", "one step off", "ranked lower"
MISTAKES = (LACKING, NO_CANDIDATE, NOTHING, COMPOSITE, NEAR, RANKED)
"""Why a mention was linked wrongly: the knowledge base has no gold identifier; none of the gold concepts was
among the candidates; nothing was found; it or its gold has several concepts, and not all found are right; the
concept is right above or below the gold one; another candidate was more probable."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A mention that was linked wrongly.

    Attributes:
        text: the mention.
        full: with its short forms spelled out.
        document: the number of its document.
        gold: its gold identifiers.
        given: those that it was linked to.
        score: how probable these were.
        rank: the place of the first gold concept among the candidates, from 1; None if it isn't there.
        kind: one of `MISTAKES`.
    """

    text: str
    full: str
    document: int
    gold: tuple[str, ...]
    given: tuple[str, ...]
    score: float
    rank: int | None
    kind: str


@dataclass(slots=True)
class Linked:
    """How the gold mentions of a corpus were linked.

    Attributes:
        total: how many mentions have an identifier, all and by kind.
        right: how many of them were linked to what they mean, and to nothing else.
        whole: how many were linked to all that they mean: of composite mentions each part.
        near: how many of the others were linked to a concept one step above or below it.
        nothing: how many were linked to none.
        recalled: how many have what they mean among the first 20 candidates.
        unknown: how many have no identifier that the knowledge base knows.
        without: how many mentions have no identifier, and how many of these were linked to none.
        wrong: the mentions that were linked wrongly.
    """

    total: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    whole: int = 0
    near: int = 0
    nothing: int = 0
    recalled: int = 0
    unknown: int = 0
    without: tuple[int, int] = (0, 0)
    wrong: list[Mistake] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """The counts as shares, for a report."""
        total = self.total["all"]
        return {
            "mentions": total,
            "accuracy": _share(self.right["all"], total),
            "accuracy by kind": {k: _share(self.right[k], self.total[k]) for k in KINDS},
            "mentions by kind": {k: self.total[k] for k in KINDS},
            "accuracy with all of composite mentions": _share(self.whole, total),
            "one step off": _share(self.near, total),
            "linked to nothing": _share(self.nothing, total),
            f"recall of {_SHOWN} candidates": _share(self.recalled, total),
            "identifiers that the knowledge base lacks": _share(self.unknown, total),
            "accuracy where it has them": _share(self.right["all"], total - self.unknown),
            "mentions without identifier": self.without[0],
            "of these linked to nothing": _share(self.without[1], self.without[0]),
        }


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


def evaluate_mentions(
    linking: Linking, labelled: Sequence[Labelled], train: Iterable[Labelled] = (), *, forced: bool = False
) -> Linked:
    """Links gold mentions and counts.

    Args:
        linking: a knowledge base with what was learned.
        labelled: the mentions of whole documents with their identifiers.
        train: the training data, to tell what is memorised.
        forced: whether a mention counts as linked to its most probable candidate where that is below the
            threshold: top-1 accuracy.
    """
    words, concepts = set(), set()
    for query, ids in train:
        for concept in numbers_of(linking.base, ids):
            words.add((key_of(query.full), concept))
            concepts.add(concept)
    counts = Linked()
    for link, (query, ids) in zip(linking.link([query for query, _ in labelled]), labelled, strict=True):
        given = link.concepts or (tuple(c for c, _ in link.candidates[:1]) if forced else ())
        if not ids:
            counts.without = (counts.without[0] + 1, counts.without[1] + (not link.concepts))
            continue
        meant = numbers_of(linking.base, ids)
        kind = CONCEPT
        if any((key_of(query.full), concept) in words for concept in meant):
            kind = MEMORISED
        elif any(concept in concepts for concept in meant):
            kind = SYNONYM
        _count(counts, linking.base, kind, link, given, meant, (query, ids))
    return counts


def _count(
    counts: Linked,
    base: KnowledgeBase,
    kind: str,
    link: Link,
    given: tuple[int, ...],
    meant: tuple[int, ...],
    labelled: Labelled,
) -> None:
    ids = labelled[1]
    right = bool(given) and all(concept in meant for concept in given)
    counts.total.update(("all", kind))
    counts.right.update(("all", kind) if right else ())
    counts.whole += right and all(set(base.find(id)) & set(given) for id in ids)
    counts.nothing += not given
    counts.unknown += not meant
    counts.recalled += any(concept in meant for concept, _ in link.candidates[:_SHOWN])
    if not right:
        counts.near += _is_near(base, given, meant)
        counts.wrong.append(_mistake(base, link, given, meant, labelled))


def _is_near(base: KnowledgeBase, given: tuple[int, ...], meant: tuple[int, ...]) -> bool:
    return any(c in base.neighbours.get(g, ()) for g in given for c in meant)


def _mistake(
    base: KnowledgeBase, link: Link, given: tuple[int, ...], meant: tuple[int, ...], labelled: Labelled
) -> Mistake:
    query, ids = labelled
    places = [n for n, (concept, _) in enumerate(link.candidates, start=1) if concept in meant]
    kind = RANKED
    if not meant:
        kind = LACKING
    elif not given:
        kind = NOTHING
    elif len(given) > 1 or len(ids) > 1:
        kind = COMPOSITE
    elif not places:
        kind = NO_CANDIDATE
    elif _is_near(base, given, meant):
        kind = NEAR
    found = tuple(base.ids[concept] for concept in given)
    rank = places[0] if places else None
    return Mistake(query.text, query.full, query.document, ids, found, link.score, rank, kind)


@dataclass(frozen=True, slots=True)
class DocumentScore:
    """How well the sets of identifiers of documents were found, all documents together.

    Attributes:
        right, found, gold: how many identifiers.
        unknown: how many of the gold ones the knowledge base lacks: they can't be found.
    """

    right: int
    found: int
    gold: int
    unknown: int

    def to_dict(self) -> dict[str, Any]:
        """Precision, recall and F1 of the sets, from 0 to 1, and the recall that would be possible."""
        precision, recall = _share(self.right, self.found), _share(self.right, self.gold)
        f = 2 * precision * recall / (precision + recall) if self.right else 0.0
        return {
            "precision": precision,
            "recall": recall,
            "f1": round(f, 4),
            "gold": self.gold,
            "ceiling of recall": _share(self.gold - self.unknown, self.gold),
        }


def evaluate_documents(
    gold: Iterable[Document],
    predicted: Iterable[Document],
    base: KnowledgeBase,
    label: str,
    types: Mapping[str, str] | None = None,
) -> DocumentScore:
    """Compares the identifiers of each document, as a set, from raw text on.

    An identifier of the one side and one of the other are the same if they are, or if the knowledge base
    has a concept with both.

    Args:
        gold: documents with gold mentions.
        predicted: the same documents in the same order, with what a pipeline found.
        base: the knowledge base that was linked to.
        label: the entity type.
        types: the entity types of the gold types, see `knowledge.gold_concepts.labelled_mentions`.
    """
    right = found = total = unknown = 0
    for expected, given in zip(gold, predicted, strict=True):
        wanted = {
            id for m in expected.mentions if mapped_type(m.type, types or {}) == label for id in gold_ids(m)
        }
        groups = {numbers or (id,) for id in sorted(wanted) if (numbers := base.find(id)) or id}
        ids = {id for m in given.mentions if m.type == label for id in gold_ids(m)}
        hit = {g for g in groups if any(id in g or any(n in g for n in base.find(id)) for id in ids)}
        good = {id for id in ids if any(id in g or any(n in g for n in base.find(id)) for g in groups)}
        right += len(hit)
        found += len(hit) + len(ids) - len(good)
        total += len(groups)
        unknown += sum(isinstance(g[0], str) for g in groups)
    return DocumentScore(right, found, total, unknown)
