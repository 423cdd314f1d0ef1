"""Links mentions to concepts: candidates, their ranking, composite mentions, and when to say "none"."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy

from spacy_bioner.knowledge.features import FEATURES, Choices, Describer
from spacy_bioner.knowledge.knowledge_base import KnowledgeBase
from spacy_bioner.knowledge.mentions import Query, parts_of
from spacy_bioner.knowledge.names import key_of
from spacy_bioner.knowledge.ranking import UNTRAINED, Ranker
from spacy_bioner.knowledge.training_memory import Memory

_SURE = 0.5  # of each part of a composite mention
_ONE = 0.6  # of a concept that a composite mention names as a whole, so that its parts don't count


@dataclass(frozen=True, slots=True)
class Link:
    """What a mention was linked to.

    Attributes:
        concepts: the numbers of the concepts that it means: one, several of a composite mention, or none.
        score: how probable that is; of concepts that share an identifier, how probable the identifier is.
        candidates: all that it may mean with their probabilities, told alike, so that they may sum to more
            than 1; the most probable first, see `Linking.rank`.
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
        vocabularies: Collection[str] = (),
    ) -> None:
        """Puts both together.

        Args:
            base: the knowledge base.
            ranker: chooses among candidates.
            seen: what training data linked.
            threshold: how probable a concept must be; a mention is linked to none below it.
            candidates: how many concepts are compared for a mention.
            vocabularies: the prefixes of the identifiers that are asked for: concepts that share one of them
                are one.
        """
        self.base, self.ranker, self.seen = base, ranker, seen or Memory()
        self.threshold = threshold
        self.candidates = candidates
        self.vocabularies = tuple(sorted(vocabularies))

    @cached_property
    def describer(self) -> Describer:
        """Finds and describes candidates."""
        return Describer(self.base, self.seen, self.candidates)

    def link(self, queries: Sequence[Query]) -> list[Link]:
        """Links the mentions of whole documents."""
        parts = [self._parts(query) for query in queries]
        every = [
            replace(query, text=part, full=part)
            for query, texts in zip(queries, parts, strict=True)
            for part in texts
        ]
        wholes = [self._link(choices) for choices in self.describer.describe(queries)]
        links = [link for link, _ in wholes]
        of_parts = [
            link if best.get("same words") or best.get("same loosely") else None
            for link, best in map(self._link, self.describer.describe(every))
        ]
        place = 0
        for number, texts in enumerate(parts):
            found = of_parts[place : place + len(texts)]
            place += len(texts)
            whole = [link for link in found if link is not None and link.concepts and link.score >= _SURE]
            if texts and len(whole) == len(texts) and not _is_one(*wholes[number]):
                concepts = tuple(dict.fromkeys(c for link in whole for c in link.concepts))
                if len(concepts) > 1:
                    score = float(numpy.prod([link.score for link in whole]))
                    links[number] = replace(links[number], concepts=concepts, score=score)
        return _one_sense(queries, links)

    def _parts(self, query: Query) -> list[str]:
        """The parts of a mention that training data or the knowledge base don't have as a whole."""
        texts = parts_of(query.full)
        if texts and (key_of(query.full) in self.seen.meanings or self.base.has(query.full)):
            return []
        return texts

    @cached_property
    def _shared(self) -> dict[int, tuple[str, ...]]:
        return self.base.shared_identifiers(self.vocabularies)

    def rank(self, choices: Choices) -> tuple[numpy.ndarray, numpy.ndarray]:
        """Orders candidates.

        Concepts that share an identifier of those asked for count together: what one of them loses to another
        still speaks for the identifier.

        Args:
            choices: the candidates.

        Returns:
            Their places, best first, and for each in its own place how probable it is that the mention has
            its identifier. Of equally probable ones that whose label is the mention comes first, then the
            more probable by itself, then the one whose identifier does.
        """
        own = numpy.round(self.ranker.probabilities(choices), 6)
        sums: Counter[str] = Counter()
        for concept, p in zip(choices.concepts, own.tolist(), strict=True):
            for id in self._shared.get(concept, ()):
                sums[id] += p
        shared = [[sums[id] for id in self._shared.get(concept, ())] for concept in choices.concepts]
        every = numpy.array([max([p, *of_ids]) for p, of_ids in zip(own.tolist(), shared, strict=True)])
        every = numpy.round(every, 6)
        labels = choices.values[:, FEATURES.index("same words as the label")]
        return numpy.lexsort((numpy.array(choices.concepts, "int64"), -own, -labels, -every)), every

    def _link(self, choices: Choices) -> tuple[Link, dict[str, float]]:
        """What a mention is linked to, and the features of the best candidate by their names."""
        order, probabilities = self.rank(choices)
        ranked = tuple((choices.concepts[i], float(probabilities[i])) for i in order)
        if not ranked:
            return Link((), 1.0), {}
        best = dict(zip(FEATURES, choices.values[order[0]].tolist(), strict=True))
        if ranked[0][1] < self.threshold:
            return Link((), max(1.0 - float(self.ranker.probabilities(choices).sum()), 0.0), ranked), best
        return Link((ranked[0][0],), ranked[0][1], ranked), best

    # -- what was learned, as data -------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """What was learned, in identifiers, so that it outlives a change of the knowledge base."""
        ids = self.base.ids
        return {
            **self.ranker.to_json(),
            "threshold": self.threshold,
            "vocabularies": list(self.vocabularies),
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
        return cls(
            base,
            ranker,
            seen,
            threshold=data["threshold"],
            candidates=candidates,
            vocabularies=data.get("vocabularies", ()),
        )


def _one_sense(queries: Sequence[Query], links: Sequence[Link]) -> list[Link]:
    """Gives all mentions of the same words in a document one link, the surest; case and order don't count.

    So a short form means what its long form means, however much else is known of either.
    """
    senses = [(query.document, key_of(query.full), query.species) for query in queries]
    surest: dict[tuple[int, str, str], Link] = {}
    for sense, link in zip(senses, links, strict=True):
        known = surest.setdefault(sense, link)
        if (bool(link.concepts), link.score) > (bool(known.concepts), known.score):
            surest[sense] = link
    return [surest[sense] for sense in senses]


def _is_one(link: Link, best: Mapping[str, float]) -> bool:
    """Whether a composite mention is rather one concept, whose name has all its words and maybe others:
    "breast and ovarian cancer syndrome"."""
    return link.score >= _ONE and not best.get("words left", 1.0)
