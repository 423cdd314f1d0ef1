"""Links mentions to concepts: candidates, their ranking, composite mentions, and when to say "none"."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy

from spacy_bioner.knowledge.features import FEATURES, Choices, Describer
from spacy_bioner.knowledge.gold_concepts import Labelled
from spacy_bioner.knowledge.knowledge_base import KnowledgeBase
from spacy_bioner.knowledge.mentions import Query, parts_of
from spacy_bioner.knowledge.names import key_of
from spacy_bioner.knowledge.ranking import UNTRAINED, Ranker, fit_temperature, train_ranker
from spacy_bioner.knowledge.training_memory import Memory

_SURE = 0.5  # of each part of a composite mention
_ONE = 0.6  # of a concept that a composite mention names as a whole, so that its parts don't count
_DEVEL = 5  # every so many-th document is kept from training where nothing else is there to calibrate on


@dataclass(frozen=True, slots=True)
class Link:
    """What a mention was linked to.

    Attributes:
        concepts: the numbers of the concepts that it means: one, several of a composite mention, or none.
        score: how probable that is.
        candidates: all that it may mean with their probabilities, the most probable first; of equally
            probable ones in the order of their identifiers.
    """

    concepts: tuple[int, ...]
    score: float
    candidates: tuple[tuple[int, float], ...] = ()


class Linking:
    """A knowledge base with what was learned about it."""

    def __init__(
        self,
        base: KnowledgeBase,
        ranker: Ranker = UNTRAINED,
        seen: Memory | None = None,
        *,
        threshold: float = 0.0,
        candidates: int = 20,
    ) -> None:
        """Puts both together.

        Args:
            base: the knowledge base.
            ranker: chooses among candidates.
            seen: what training data linked.
            threshold: how probable a concept must be; a mention is linked to none below it.
            candidates: how many concepts are compared for a mention.
        """
        self.base, self.ranker, self.seen = base, ranker, seen or Memory()
        self.threshold = threshold
        self.candidates = candidates

    @cached_property
    def _describer(self) -> Describer:
        return Describer(self.base, self.seen, self.candidates)

    def link(self, queries: Sequence[Query]) -> list[Link]:
        """Links the mentions of whole documents."""
        parts = [self._parts(query) for query in queries]
        every = [
            replace(query, text=part, full=part)
            for query, texts in zip(queries, parts, strict=True)
            for part in texts
        ]
        wholes = self._describer.describe(queries)
        links = [self._link(choices) for choices in wholes]
        of_parts = [
            self._link(c) if _is_same(c, self.ranker) else None for c in self._describer.describe(every)
        ]
        place = 0
        for number, texts in enumerate(parts):
            found = of_parts[place : place + len(texts)]
            place += len(texts)
            whole = [link for link in found if link is not None and link.concepts and link.score >= _SURE]
            if texts and len(whole) == len(texts) and not self._is_one(wholes[number], links[number]):
                concepts = tuple(dict.fromkeys(c for link in whole for c in link.concepts))
                if len(concepts) > 1:
                    score = float(numpy.prod([link.score for link in whole]))
                    links[number] = replace(links[number], concepts=concepts, score=score)
        return links

    def _is_one(self, choices: Choices, link: Link) -> bool:
        """Whether a composite mention is rather one concept, whose name has all its words and maybe others:
        "breast and ovarian cancer syndrome"."""
        return link.score >= _ONE and not _best(choices, self.ranker).get("words left", 1.0)

    def _parts(self, query: Query) -> list[str]:
        """The parts of a mention that training data or the knowledge base don't have as a whole."""
        texts = parts_of(query.full)
        if texts and (key_of(query.full) in self.seen.meanings or self.base.has(query.full)):
            return []
        return texts

    def _link(self, choices: Choices) -> Link:
        probabilities = numpy.round(self.ranker.probabilities(choices), 6)
        order = numpy.lexsort((numpy.array(choices.concepts, dtype="int64"), -probabilities))
        ranked = tuple((choices.concepts[i], float(probabilities[i])) for i in order)
        if not ranked or ranked[0][1] < self.threshold:
            return Link((), 1.0 - sum(p for _, p in ranked), ranked)
        return Link((ranked[0][0],), ranked[0][1], ranked)

    # -- what was learned, as data -------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """What was learned, in identifiers, so that it outlives a change of the knowledge base."""
        ids = self.base.ids
        return {
            **self.ranker.to_json(),
            "threshold": self.threshold,
            "concepts": {ids[c]: n for c, n in sorted(self.seen.concepts.items())},
            "documents": {ids[c]: n for c, n in sorted(self.seen.documents.items())},
            "contexts": {
                ids[c]: dict(sorted(words.items()))
                for c, words in sorted(self.seen.contexts.items())
                if words
            },
            "words": dict(sorted(self.seen.words.items())),
            "size": self.seen.size,
            "meanings": {
                key: {ids[c]: n for c, n in sorted(meanings.items())}
                for key, meanings in sorted(self.seen.meanings.items())
            },
        }

    @classmethod
    def from_json(cls, base: KnowledgeBase, data: Mapping[str, Any], candidates: int = 20) -> "Linking":
        """What `to_json` gave, with a knowledge base; what that doesn't have is left out."""
        seen = Memory()
        for id, n in data["concepts"].items():
            for concept in base.find(id)[:1]:
                seen.concepts[concept] += n
        for key, meanings in data["meanings"].items():
            for id, n in meanings.items():
                for concept in base.find(id)[:1]:
                    seen.count(key, concept, n)
        seen.words, seen.size = Counter(data.get("words", {})), data.get("size", 0)
        for id, n in data.get("documents", {}).items():
            for concept in base.find(id)[:1]:
                seen.documents[concept] += n
                seen.contexts.setdefault(concept, Counter()).update(data["contexts"].get(id, {}))
        ranker = Ranker.from_json(data)
        return cls(base, ranker, seen, threshold=data["threshold"], candidates=candidates)


def _is_same(choices: Choices, ranker: Ranker) -> bool:
    """Whether the most probable candidate has the words of the mention, at least loosely."""
    best = _best(choices, ranker)
    return bool(best.get("same words") or best.get("same loosely"))


def _best(choices: Choices, ranker: Ranker) -> dict[str, float]:
    """The features of the most probable candidate by their names; nothing where there is none."""
    if not choices.concepts:
        return {}
    values = choices.values[int(numpy.argmax(ranker.probabilities(choices)))]
    return dict(zip(FEATURES, values.tolist(), strict=True))


def train_linking(
    base: KnowledgeBase,
    train: Sequence[Labelled],
    devel: Sequence[Labelled] = (),
    *,
    candidates: int = 20,
    remember: bool = True,
    remember_devel: bool = False,
) -> Linking:
    """Learns to link.

    Args:
        base: the knowledge base.
        train: mentions of whole documents with their identifiers.
        devel: others, for the temperature and the threshold; every fifth document of `train`, if there are
            none.
        candidates: how many concepts are compared for a mention.
        remember: whether the mentions of `train` count as names of what they mean.
        remember_devel: whether in the end those of `devel` do too; its own scores mean nothing then.
    """
    train, devel = list(train), list(devel)
    if not devel:
        devel = [item for item in train if item[0].document % _DEVEL == _DEVEL - 1]
        train = [item for item in train if item[0].document % _DEVEL != _DEVEL - 1]
    meant = [numbers_of(base, ids) for _, ids in train]
    seen = _remembered(train, base, remember)
    described = Describer(base, seen, candidates).describe([query for query, _ in train], meant)
    known = [(c, m) for c, m, (_, ids) in zip(described, meant, train, strict=True) if m or not ids]
    linking = Linking(base, train_ranker(known) if known else UNTRAINED, seen, candidates=candidates)
    calibrated = linking._describer.describe([query for query, _ in devel])
    right = [numbers_of(base, ids) for _, ids in devel]
    linking.ranker = fit_temperature(linking.ranker, list(zip(calibrated, right, strict=True)))
    linking.threshold = best_threshold(linking, devel)
    if not remember_devel:
        return linking
    whole = _remembered([*train, *devel], base, remember)
    return Linking(base, linking.ranker, whole, threshold=linking.threshold, candidates=candidates)


def _remembered(labelled: Sequence[Labelled], base: KnowledgeBase, words: bool) -> Memory:
    """What mentions link; of composite ones it isn't known which part means what."""
    memory = Memory()
    documents: dict[tuple[int, frozenset[str]], set[int]] = {}  # devel begins with number 0 again
    for query, ids in labelled:
        concepts = numbers_of(base, ids)
        if len(concepts) == 1:
            memory.add(query.full, concepts[0], words)
            documents.setdefault((query.document, query.context), set()).add(concepts[0])
    for (_, context), meant in documents.items():
        memory.see(context, sorted(meant))
    memory.forget_rare()
    return memory


def numbers_of(base: KnowledgeBase, ids: Iterable[str]) -> tuple[int, ...]:
    """The concepts that identifiers stand for."""
    return tuple(dict.fromkeys(concept for id in ids for concept in base.find(id)))


def best_threshold(linking: Linking, labelled: Sequence[Labelled]) -> float:
    """The threshold with which most mentions are right.

    A mention of no concept, or of one that the knowledge base lacks, is right where it is linked to nothing.
    """
    links = linking.link([query for query, _ in labelled])
    outcomes = []
    for link, (_, ids) in zip(links, labelled, strict=True):
        meant = numbers_of(linking.base, ids)
        if link.concepts:
            outcomes.append((link.score, link.concepts[0] in meant, not meant))
    best, chosen = sum(right for _, right, _ in outcomes), 0.0
    count = best
    ranked = sorted(outcomes)
    for number, (score, right, nothing) in enumerate(ranked, start=1):
        count += nothing - right
        is_last = number == len(ranked) or ranked[number][0] > score
        if count > best and is_last:
            best, chosen = count, min(score + 1e-6, 1.0)
    return round(chosen, 6)
