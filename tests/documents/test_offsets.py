import pytest

from spacy_bioner.documents.document import Document, Mention
from spacy_bioner.documents.offsets import REACH, Claim, inside, mismatches, same, settle

TEXT = "He had PD. Then levodopa, and levodopa again; PD went."


def settled(*claims, text=TEXT):
    return list(settle(text, [Claim(spans, stated) for spans, stated in claims]))


def test_mentions_that_are_right_stay():
    assert settled((((7, 9),), "PD"), (((16, 24),), None)) == [(((7, 9),), {}), (((16, 24),), {})]


@pytest.mark.parametrize("by", [-REACH, -5, -1, 1, 10, REACH])
def test_mention_is_moved_to_its_text(by):
    text = "." * 20 + "PD" + "." * 20
    assert settled((((20 - by, 22 - by),), "PD"), text=text) == [(((20, 22),), {"moved": by})]


@pytest.mark.parametrize("by", [-REACH - 1, REACH + 1])
def test_mention_further_away_stays_and_is_told_of(by):
    text = "." * 20 + "PD" + "." * 20
    assert settled((((20 - by, 22 - by),), "PD"), text=text) == [(((20 - by, 22 - by),), {"text": "PD"})]


def test_nearest_place_counts_and_the_right_one_of_two():
    assert settled((((4, 5),), "a"), text="a..a....a") == [(((3, 4),), {"moved": -1})]
    assert settled((((2, 3),), "a"), text="a...a") == [(((4, 5),), {"moved": 2})]


def test_where_most_mentions_are_counts_more_than_the_nearest_place():
    """An offset that is 5 too low for all, though another "PD" is nearer for one of them."""
    text = "....PD.PD....lung....skin"
    claims = [(((2, 4),), "PD"), (((8, 12),), "lung"), (((16, 20),), "skin")]
    assert [spans for spans, _ in settled(*claims, text=text)] == [((7, 9),), ((13, 17),), ((21, 25),)]
    assert settled(claims[0], text=text) == [(((4, 6),), {"moved": 2})]


def test_all_spans_move_together_and_none_is_stretched():
    assert settled((((3, 5), (9, 12)), "ab cde"), text="....ab....cde") == [
        (((4, 6), (10, 13)), {"moved": 1})
    ]
    assert settled((((3, 5), (9, 12)), "ab cde"), text="....ab...cde.") == [
        (((3, 5), (9, 12)), {"text": "ab cde"})
    ]
    assert settled((((0, 3),), "PD"), text="PD.") == [(((0, 3),), {"text": "PD"})]


def test_mention_outside_the_text_is_moved_into_it_or_left_where_it_is():
    assert settled((((-2, 0),), "PD"), text="..PD") == [(((2, 4),), {"moved": 4})]
    assert settled((((3, 5),), "PD"), text="..PD") == [(((2, 4),), {"moved": -1})]
    assert settled((((3, 5),), "XY"), text="..PD") == [(((3, 5),), {"text": "XY"})]


def test_nothing_to_settle():
    assert settled() == []


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a b", "a\nb", True),
        ("a b", "a\u2028b", True),
        ("a  b", "a b", False),
        ("ab ", " ab", False),
        ("", "", True),
    ],
)
def test_kind_of_white_space_does_not_matter(one, other, expected):
    assert same(one, other) is same(other, one) is expected


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([(0, 3)], True),
        ([(0, 1), (1, 3)], True),
        ([(0, 2), (1, 3)], False),
        ([(2, 3), (0, 1)], False),
        ([(1, 1)], False),
        ([(-1, 1)], False),
        ([(0, 4)], False),
        ([], False),
    ],
)
def test_inside(spans, expected):
    assert inside(spans, "abc") is expected


def test_mentions_elsewhere_than_their_text_are_named():
    mentions = (Mention(((7, 9),), "Disease"), Mention(((16, 24),), "Chemical", meta={"text": "dopa"}))
    said = "Chemical at 16 is 'levodopa', and not 'dopa'"
    for meta, id, place in (({}, "1", "document 1"), ({}, "", "document ?"), ({"line": 3}, "1", "line 3")):
        assert list(mismatches(Document(TEXT, mentions=mentions, meta=meta, id=id))) == [f"{place}: {said}"]
