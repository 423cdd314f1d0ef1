"""Precision, recall and F1, against seqeval, conlleval and nervaluate."""

import conlleval
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nervaluate import Evaluator
from seqeval.metrics import classification_report
from seqeval.scheme import IOB2

from spacy_bioner.documents.tags import decode, encode
from spacy_bioner.evaluation.counts import Counts, Score

TYPES = ["Chemical", "Disease", "Gene"]


@st.composite
def sentences(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    """The gold and the predicted IOB2 tags of a sentence; the predicted ones are often right."""
    length = draw(st.integers(1, 12))
    gold = draw(tags_of(length))
    predicted = gold if draw(st.booleans()) else draw(tags_of(length))
    return gold, predicted


def tags_of(length: int) -> st.SearchStrategy[list[str]]:
    cuts = st.lists(st.integers(1, length), max_size=6, unique=True).map(lambda ends: sorted({*ends, length}))
    return cuts.flatmap(
        lambda ends: st.lists(st.sampled_from([None, *TYPES]), min_size=len(ends), max_size=len(ends)).map(
            lambda types: encode(
                [
                    (start, end, name)
                    for start, end, name in zip([0, *ends], ends, types, strict=False)
                    if name is not None
                ],
                length,
            )
        )
    )


@given(st.lists(sentences(), min_size=1, max_size=8))
def test_scores_are_seqevals(pairs: list[tuple[list[str], list[str]]]):
    counts = Counts()
    for gold, predicted in pairs:
        counts.add(decode(gold, "IOB2")[0], decode(predicted, "IOB2")[0])
    gold, predicted = (list(tags) for tags in zip(*pairs, strict=True))
    if all(tag == "O" for tags in gold + predicted for tag in tags):
        assert counts.total() == Score(0, 0, 0)
        return
    report = classification_report(
        gold, predicted, mode="strict", scheme=IOB2, output_dict=True, zero_division=0
    )
    scores = {**counts.by_type(), "micro avg": counts.total()}
    assert set(scores) == set(report) - {"macro avg", "weighted avg"}
    for name, score in scores.items():
        expected = report[name]
        assert score.precision == pytest.approx(expected["precision"])
        assert score.recall == pytest.approx(expected["recall"])
        assert score.f1 == pytest.approx(expected["f1-score"])
        assert score.gold == expected["support"]


@given(st.lists(sentences(), min_size=1, max_size=8))
def test_counts_are_those_of_conlleval_and_nervaluate(pairs: list[tuple[list[str], list[str]]]):
    """The script of CoNLL-2000 in Python, and SemEval 2013's strict scores."""
    counts = Counts()
    for gold, predicted in pairs:
        counts.add(decode(gold, "IOB2")[0], decode(predicted, "IOB2")[0])
    ours = {name: (s.correct, s.predicted, s.gold) for name, s in counts.by_type().items()}

    lines: list[str] = []
    for gold, predicted in pairs:
        lines += [*(f"word {g} {p}" for g, p in zip(gold, predicted, strict=True)), ""]
    slots = conlleval.evaluate(lines)["slots"]["chunks"]
    theirs = {name: slot["stats"] for name, slot in slots.items()}
    counted = {name: (one["correct"], one["pred"], one["gold"]) for name, one in theirs.items()}
    assert ours == {name: numbers for name, numbers in counted.items() if name}

    gold, predicted = (list(tags) for tags in zip(*pairs, strict=True))
    found = Evaluator(gold, predicted, tags=TYPES, loader="list").evaluate()["entities"]
    strict = {name: kinds["strict"] for name, kinds in found.items()}
    counted = {name: (kind.correct, kind.actual, kind.possible) for name, kind in strict.items()}
    assert ours == {name: numbers for name, numbers in counted.items() if any(numbers)}


def test_only_same_offsets_and_type_are_correct():
    counts = Counts()
    counts.add(
        [(0, 4, "Gene"), (6, 9, "Gene"), (12, 15, "Disease"), (20, 22, "Gene")],
        [(0, 4, "Gene"), (6, 8, "Gene"), (12, 15, "Chemical")],
    )
    assert counts.by_type() == {
        "Chemical": Score(0, 1, 0),
        "Disease": Score(0, 0, 1),
        "Gene": Score(1, 2, 3),
    }
    assert counts.total() == Score(1, 3, 4)


def test_documents_are_apart():
    counts = Counts()
    counts.add([(0, 4, "Gene")], [])
    counts.add([], [(0, 4, "Gene")])
    assert counts.total() == Score(0, 1, 1)


def test_what_stands_twice_counts_once():
    counts = Counts()
    counts.add([(0, 4, "Gene")] * 2, [(0, 4, "Gene")] * 3)
    assert counts.total() == Score(1, 1, 1)


def test_known_shares():
    score = Score(correct=3, predicted=4, gold=6)
    assert (score.precision, score.recall, score.f1) == (0.75, 0.5, pytest.approx(0.6))
    assert score.to_dict() == {
        "precision": 0.75,
        "recall": 0.5,
        "f1": score.f1,
        "correct": 3,
        "predicted": 4,
        "gold": 6,
    }


@pytest.mark.parametrize("score", [Score(0, 0, 0), Score(0, 3, 0), Score(0, 0, 3)])
def test_nothing_correct_is_zero_and_no_error(score: Score):
    assert (score.precision, score.recall, score.f1) == (0, 0, 0)
