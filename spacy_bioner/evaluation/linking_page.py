"""The page of a linker's evaluation: its scores, and every mention that was linked wrongly."""

from collections import Counter
from collections.abc import Iterable, Sequence

from spacy_bioner.documents.document import Document
from spacy_bioner.evaluation.identifiers import (
    COMPOSITE,
    LACKING,
    MISTAKES,
    NEAR,
    NO_CANDIDATE,
    NOTHING,
    RANKED,
    Mistake,
)
from spacy_bioner.evaluation.linker_evaluation import LinkerReport
from spacy_bioner.evaluation.page import Part, Section, Table
from spacy_bioner.knowledge.knowledge_base import KnowledgeBase

_EXPLAINED = {
    LACKING: "The knowledge base has no gold identifier of theirs.",
    NO_CANDIDATE: "No gold concept was among the candidates: no name of it is like the mention.",
    NOTHING: "There was no candidate at all.",
    COMPOSITE: "The mention, or its gold annotation, has several concepts, and one that was found is wrong.",
    NEAR: "The concept that was found is right above or below the gold one.",
    RANKED: "The gold concept was a candidate; another one was more probable.",
}
_HEADER = ("mention", "times", "documents", "gold", "linked to", "probability", "rank of gold")


def linking_sections(report: LinkerReport, documents: Sequence[Document]) -> list[Section]:
    """The sections of the page.

    Args:
        report: what `evaluate_linker` gave.
        documents: the documents that it was given.
    """
    wrong = report.mentions.wrong
    counts = Counter(mistake.kind for mistake in wrong)
    parts: list[Part] = [
        "Mentions that are given, by why they were linked wrongly. The most frequent stand first.",
        Table(("", "mentions"), [(kind, f"{counts[kind]:,}") for kind in MISTAKES]),
    ]
    sections = [Section("Scores", [Table(("", ""), report.rows())]), Section("Mistakes", parts)]
    for kind in MISTAKES:
        if counts[kind]:
            rows = _rows((mistake for mistake in wrong if mistake.kind == kind), report.base, documents)
            table = Table(_HEADER, rows)
            sections.append(Section(f"{kind.capitalize()}: {counts[kind]:,}", [_EXPLAINED[kind], table]))
    return sections


def _rows(
    mistakes: Iterable[Mistake], base: KnowledgeBase, documents: Sequence[Document]
) -> list[tuple[str, ...]]:
    """A row for each mention that was linked so, however often."""
    groups: dict[tuple[str, ...], list[Mistake]] = {}
    for m in mistakes:
        groups.setdefault((m.text, m.full, *m.gold, "", *m.given), []).append(m)
    rows: list[tuple[str, ...]] = []
    for same in sorted(groups.values(), key=lambda same: (-len(same), same[0].text)):
        first = same[0]
        ids = dict.fromkeys(documents[m.document].id or str(m.document + 1) for m in same)
        rows.append(
            (
                first.text + (f" ({first.full})" if first.full != first.text else ""),
                f"{len(same):,}",
                ", ".join(ids),
                _named(first.gold, base),
                _named(first.given, base),
                f"{first.score:.2f}",
                f"{first.rank or ''}",
            )
        )
    return rows


def _named(ids: Iterable[str], base: KnowledgeBase) -> str:
    """Identifiers with the labels of their concepts."""
    return "; ".join(" ".join((id, *(base.label(c) for c in base.find(id)[:1]))) for id in ids)
