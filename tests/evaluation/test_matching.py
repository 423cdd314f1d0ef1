"""Pairs of gold and predicted mentions, against brute force."""

from itertools import combinations, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_bioner.documents.document import Mention
from spacy_bioner.evaluation.counts import RELAXED, Counts, Score
from spacy_bioner.evaluation.matching import (
    CORRECT,
    ERRORS,
    characters_in_common,
    distinct,
    judge,
    largest_matching,
    most_apart,
)

FIVE = ("correct", *ERRORS)


def one(start: int, end: int, name: str = "A") -> Mention:
    return Mention(((start, end),), name)


@st.composite
def mentions(draw: st.DrawFn, gaps: bool = True) -> Mention:
    places = draw(st.sets(st.integers(0, 12), min_size=2, max_size=4 if gaps else 2))
    ordered = sorted(places)[: len(places) // 2 * 2]
    return Mention(tuple(zip(ordered[::2], ordered[1::2], strict=True)), draw(st.sampled_from("AB")))


several = st.lists(mentions(), max_size=5)


def covered(mention: Mention) -> set[int]:
    return {i for start, end in mention.spans for i in range(start, end)}


def most_pairs(allowed: set[tuple[int, int]], rows: int, columns: int) -> int:
    """The size of the largest matching, by trying all."""
    if rows > columns:
        allowed, rows, columns = {(j, i) for i, j in allowed}, columns, rows
    return max(sum((i, j) in allowed for i, j in enumerate(p)) for p in permutations(range(columns), rows))


@given(several, several)
def test_strict_counts_are_those_of_sets(gold: list[Mention], predicted: list[Mention]):
    counts = Counts()
    counts.add_judged(judge(gold, predicted))
    theirs = {(m.spans, m.type) for m in gold}
    ours = {(m.spans, m.type) for m in predicted}
    for name in "AB":
        expected = Score(
            sum(n == name for _, n in theirs & ours),
            sum(n == name for _, n in ours),
            sum(n == name for _, n in theirs),
        )
        assert counts.by_type().get(name, Score(0, 0, 0)) == expected


@given(several, several)
def test_each_kind_is_what_it_says_and_each_mention_is_there_once(
    gold: list[Mention], predicted: list[Mention]
):
    judged = judge(gold, predicted)
    assert {j.kind for j in judged} <= set(FIVE)
    for side, mentions in (("gold", gold), ("predicted", predicted)):
        found = [getattr(j, side) for j in judged if getattr(j, side) is not None]
        assert sorted(distinct(mentions), key=id) == sorted(found, key=id)
    for j in judged:
        assert (j.predicted is None) == (j.kind == "missed")
        assert (j.gold is None) == (j.kind == "spurious")
        if j.gold is None or j.predicted is None:
            continue
        same_type, same_place = j.gold.type == j.predicted.type, j.gold.spans == j.predicted.spans
        assert same_type == (j.kind in RELAXED)
        assert same_place == (j.kind in (CORRECT, "wrong type"))
        assert covered(j.gold) & covered(j.predicted)
    assert [j.start for j in judged] == sorted(j.start for j in judged)


@given(several, several)
def test_as_many_pairs_as_possible_step_by_step(gold: list[Mention], predicted: list[Mention]):
    judged = judge(gold, predicted)
    golds, founds = distinct(gold), distinct(predicted)
    steps = (
        (CORRECT, lambda g, p: (g.spans, g.type) == (p.spans, p.type)),
        ("wrong boundary", lambda g, p: g.type == p.type and covered(g) & covered(p)),
        ("wrong type", lambda g, p: g.spans == p.spans),
        ("wrong type and boundary", lambda g, p: covered(g) & covered(p)),
    )
    for kind, fits in steps:
        allowed = {(i, j) for i, g in enumerate(golds) for j, p in enumerate(founds) if fits(g, p)}
        made = [j for j in judged if j.kind == kind]
        assert len(made) == most_pairs(allowed, len(golds), len(founds))
        golds = [g for g in golds if all(j.gold is not g for j in made)]
        founds = [p for p in founds if all(j.predicted is not p for j in made)]


@given(several, several)
def test_roles_can_be_exchanged_and_relaxed_is_not_below_strict(
    gold: list[Mention], predicted: list[Mention]
):
    there, back = Counts(), Counts()
    there.add_judged(judge(gold, predicted), RELAXED)
    back.add_judged(judge(predicted, gold), RELAXED)
    assert there.total().f1 == pytest.approx(back.total().f1)
    strict = Counts()
    strict.add_judged(judge(gold, predicted))
    assert there.total().f1 >= strict.total().f1


@given(mentions(), mentions())
def test_characters_in_common(first: Mention, second: Mention):
    assert characters_in_common(first, second) == len(covered(first) & covered(second))


@given(st.lists(mentions(gaps=False), max_size=7))
def test_most_apart(found: list[Mention]):
    best = max(
        size
        for size in range(len(found) + 1)
        for chosen in combinations(found, size)
        if all(not covered(a) & covered(b) for a, b in combinations(chosen, 2))
    )
    assert most_apart(found) == best


def test_known_kinds():
    gold = [one(0, 4), one(6, 9), one(10, 15), one(20, 25), one(30, 35)]
    predicted = [one(0, 4), one(6, 10), one(10, 15, "B"), one(21, 26, "B"), one(40, 45)]
    kinds = ["correct", "wrong boundary", "wrong type", "wrong type and boundary", "missed", "spurious"]
    assert [j.kind for j in judge(gold, predicted)] == kinds


def test_right_mention_is_not_taken_for_a_wider_one():
    """A gold mention inside another: the right one is a pair, though two pairs could be made without it."""
    gold = [one(0, 10), one(0, 2)]
    predicted = [one(0, 10), one(8, 10)]
    assert sorted(j.kind for j in judge(gold, predicted)) == ["correct", "missed", "spurious"]


def test_one_prediction_is_not_two_mentions():
    judged = judge([one(0, 4), one(9, 15)], [one(0, 15)])
    assert sorted(j.kind for j in judged) == ["missed", "wrong boundary"]


def test_gap_of_a_discontinuous_mention_is_not_in_it():
    gold = [Mention(((0, 4), (10, 14)), "A")]
    assert [j.kind for j in judge(gold, [one(5, 9)])] == ["missed", "spurious"]
    assert [j.kind for j in judge(gold, [one(0, 14)])] == ["wrong boundary"]


def test_long_chains_end():
    """Each mention could change places with the next one: no recursion that gets too deep."""
    gold = [one(2 * i, 2 * i + 3) for i in range(800)]
    predicted = [one(2 * i + 2, 2 * i + 5, "A") for i in range(-1, 799)]
    counts = Counts()
    counts.add_judged(judge(gold, predicted), RELAXED)
    assert counts.total().correct == 800
    chain = {i: [i, i + 1] if i else [0] for i in reversed(range(5000))}
    assert len(list(largest_matching(chain))) == 5000
