"""Counting gold mentions that the pipeline can't find: inside its tokens, discontinuous or overlapping."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from spacy.tokens import Doc

from spacy_bioner.documents.document import Mention
from spacy_bioner.evaluation.matching import most_apart


@dataclass(slots=True)
class Impossible:
    """Gold mentions that the pipeline can't find, whatever it has learned, by type.

    Attributes:
        inside_a_token: those that begin or end inside a token of the pipeline's.
        discontinuous: those of several spans. In strict scores they count as gold and are never found; in
            relaxed ones, what has a character in common with a span of theirs is found.
        overlapping: how many of the others a flat annotation has no room for, since gold mentions overlap.
            Not by type: another one could be left out instead.
        spans: whether overlapping entities of different types are scored, and only those of one type can't
            be found.
        possible: the most that can be found of each type alone.
        possible_in_all: the most that can be found of all types together.
    """

    inside_a_token: Counter[str] = field(default_factory=Counter)
    discontinuous: Counter[str] = field(default_factory=Counter)
    overlapping: int = 0
    possible: Counter[str] = field(default_factory=Counter)
    possible_in_all: int = 0
    spans: bool = False

    def add(self, gold: Sequence[Mention], tokens: Doc) -> None:
        """Counts the gold mentions of one document, each standing there once."""
        begins = {token.idx for token in tokens}
        ends = {token.idx + len(token) for token in tokens}
        fitting: list[Mention] = []
        for mention in gold:
            if len(mention.spans) > 1:
                self.discontinuous[mention.type] += 1
            elif mention.start not in begins or mention.end not in ends:
                self.inside_a_token[mention.type] += 1
            else:
                fitting.append(mention)
        types = {mention.type for mention in fitting}
        of_each = {name: most_apart(m for m in fitting if m.type == name) for name in types}
        most = sum(of_each.values()) if self.spans else most_apart(fitting)
        self.possible_in_all += most
        self.overlapping += len(fitting) - most
        self.possible.update(of_each)
