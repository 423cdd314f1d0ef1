"""Learns to link from mentions whose identifiers are known."""

from collections.abc import Sequence

from spacy_bioner.knowledge.concepts import KINDS
from spacy_bioner.knowledge.gold_concepts import Labelled, numbers_of
from spacy_bioner.knowledge.knowledge_base import KnowledgeBase
from spacy_bioner.knowledge.linking import Linking
from spacy_bioner.knowledge.mentions import Query
from spacy_bioner.knowledge.names import key_of
from spacy_bioner.knowledge.ranking import UNTRAINED, fit_temperature, train_ranker
from spacy_bioner.knowledge.training_memory import Memory

_DEVEL = 5  # every so many-th document is kept from training where nothing else is there to calibrate on


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
    taught = [_taught(base, query, ids) for query, ids in train]
    vocabularies = {id.partition(":")[0] for _, ids in train for id in ids if base.find(id)}
    linking = Linking(base, UNTRAINED, seen, candidates=candidates, vocabularies=vocabularies)
    described = linking.describer.describe([query for query, _ in train], taught)
    known = [(c, m) for c, m, (_, ids) in zip(described, meant, train, strict=True) if m or not ids]
    if known:
        linking.ranker = train_ranker(known)
    calibrated = linking.describer.describe([query for query, _ in devel])
    right = [numbers_of(base, ids) for _, ids in devel]
    linking.ranker = fit_temperature(linking.ranker, list(zip(calibrated, right, strict=True)))
    linking.threshold = best_threshold(linking, devel)
    if remember_devel:
        linking.seen = _remembered([*train, *devel], base, remember)
        del linking.describer
    return linking


def _remembered(labelled: Sequence[Labelled], base: KnowledgeBase, words: bool) -> Memory:
    """What mentions link; of composite ones it isn't known which part means what."""
    memory = Memory()
    documents: dict[tuple[int, frozenset[str]], set[int]] = {}  # devel begins with number 0 again
    for query, ids in labelled:
        for concept in _taught(base, query, ids):
            memory.add(query.full, concept, words)
            documents.setdefault((query.document, query.context), set()).add(concept)
    for (_, context), meant in documents.items():
        memory.see(context, sorted(meant))
    memory.forget_rare()
    return memory


def _taught(base: KnowledgeBase, query: Query, ids: Sequence[str]) -> tuple[int, ...]:
    """The concept that a mention counts for, if its identifiers stand for one.

    Of several concepts that have them all, it is one with these words for a name, at best its label; then
    one that isn't below another of them.
    """
    concepts = [c for c in numbers_of(base, ids) if all(c in base.find(id) for id in ids)]
    if len(concepts) < 2:
        return tuple(concepts)
    key = key_of(query.full)

    def order(concept: int) -> tuple[int, bool]:
        names = [name for name in base.names_of(concept) if base.keys[int(base.rows[name])] == key]
        kind = min((int(base.kinds[name]) for name in names), default=len(KINDS))
        return kind, not base.ancestors(concept).isdisjoint(concepts)

    return (min(concepts, key=order),)


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
