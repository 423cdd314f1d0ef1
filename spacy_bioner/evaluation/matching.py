"""Matching predicted mentions to gold ones: correct pairs first, then errors by kind.

The rule, document by document, each mention in one pair at most:

1. correct: the same places in the text and the same type.
2. of the rest, wrong boundary: the same type, and a character in common.
3. of the rest, wrong type: the same places.
4. of the rest, wrong type and boundary: a character in common.
5. what is left: missed (gold), or spurious (predicted).

In each step as many pairs as possible are made; gold mentions choose in the order of the text, first what
they have most characters in common with. Strict scores count the first step, relaxed ones the first two: so a
relaxed score is never below the strict one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from spacy_bioner.documents.document import Mention

Kind = Literal["correct", "wrong boundary", "wrong type", "wrong type and boundary", "missed", "spurious"]
CORRECT: Kind = "correct"
ERRORS: tuple[Kind, ...] = (
    "missed",
    "spurious",
    "wrong boundary",
    "wrong type",
    "wrong type and boundary",
)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A gold mention, a predicted one, or both as a pair, and what they are to each other."""

    kind: Kind
    gold: Mention | None
    predicted: Mention | None

    @property
    def start(self) -> int:
        """Where the first of the two begins, in characters."""
        return min(m.start for m in (self.gold, self.predicted) if m is not None)

    @property
    def type(self) -> str:
        """The type that it counts under: the gold mention's, where there is one."""
        mention = self.gold or self.predicted
        assert mention is not None
        return mention.type


def judge(gold: Iterable[Mention], predicted: Iterable[Mention]) -> list[Judgement]:
    """Pairs the mentions of one document by the rule above, in the order of the text.

    Mentions with the same places and type count once on each side, the first of them.
    """
    golds, founds = distinct(gold), distinct(predicted)
    right = {(mention.spans, mention.type) for mention in golds}
    right &= {(mention.spans, mention.type) for mention in founds}
    same = {(mention.spans, mention.type): mention for mention in founds}
    judged = [Judgement(CORRECT, g, same[g.spans, g.type]) for g in golds if (g.spans, g.type) in right]
    golds = [mention for mention in golds if (mention.spans, mention.type) not in right]
    founds = [mention for mention in founds if (mention.spans, mention.type) not in right]
    common = {
        (i, j): size
        for i, g in enumerate(golds)
        for j, p in enumerate(founds)
        if g.start < p.end and p.start < g.end and (size := characters_in_common(g, p))
    }
    steps: tuple[tuple[Kind, Callable[[Mention, Mention], bool]], ...] = (
        ("wrong boundary", lambda g, p: g.type == p.type),
        ("wrong type", lambda g, p: g.spans == p.spans),
        ("wrong type and boundary", lambda g, p: True),
    )
    free_gold, free_found = set(range(len(golds))), set(range(len(founds)))
    for kind, fits in steps:
        choices: dict[int, list[int]] = {}
        for i, j in sorted(common, key=lambda pair: (pair[0], -common[pair], pair[1])):
            if i in free_gold and j in free_found and fits(golds[i], founds[j]):
                choices.setdefault(i, []).append(j)
        for i, j in largest_matching(choices):
            judged.append(Judgement(kind, golds[i], founds[j]))
            free_gold.discard(i)
            free_found.discard(j)
    judged += [Judgement("missed", golds[i], None) for i in free_gold]
    judged += [Judgement("spurious", None, founds[j]) for j in free_found]
    return sorted(judged, key=lambda judgement: (judgement.start, judgement.type, judgement.kind))


def distinct(mentions: Iterable[Mention]) -> list[Mention]:
    """The mentions in the order of the text, the first of those with the same places and type."""
    first: dict[tuple[object, ...], Mention] = {}
    for mention in mentions:
        first.setdefault((mention.spans, mention.type), mention)
    return sorted(first.values(), key=lambda m: (m.spans, m.type))


def characters_in_common(one: Mention, other: Mention) -> int:
    """How many characters two mentions share; the gaps of discontinuous ones don't count."""
    return sum(
        max(0, min(end, stop) - max(start, begin)) for start, end in one.spans for begin, stop in other.spans
    )


def largest_matching(choices: Mapping[int, Sequence[int]]) -> Iterator[tuple[int, int]]:
    """Pairs as many as possible (Kuhn 1955), each at most once.

    Args:
        choices: what each one may be paired with, what it likes best first.
    """
    taken: dict[int, int] = {}
    pairs: dict[int, int] = {}
    for root in choices:
        waiting, asked = [root], dict[int, int]()  # who asked for each
        free: int | None = None
        for one in waiting:
            for other in choices[one]:
                if other not in asked:
                    asked[other] = one
                    if other not in taken:
                        free = other
                        break
                    waiting.append(taken[other])
            if free is not None:
                break
        while free is not None:  # each on the way from the root takes what it asked for
            one = asked[free]
            taken[free] = one
            before = pairs.get(one)
            pairs[one] = free
            free = before
    yield from sorted(pairs.items())


def most_apart(mentions: Iterable[Mention]) -> int:
    """How many mentions without gaps a flat annotation can hold at most: those that end first, one by one."""
    count, last = 0, 0
    for mention in sorted(mentions, key=lambda m: m.end):
        if mention.start >= last:
            count, last = count + 1, mention.end
    return count
