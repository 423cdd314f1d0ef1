import random
import sys
from itertools import pairwise

import pytest

from spacy_bioner.documents.document import (
    SENTENCE,
    Document,
    Dropped,
    DroppedRelation,
    Mention,
    Passage,
    Relation,
    flat,
    in_tokens,
    merge,
)

TEXT = "breast and ovarian cancer"
TOKENS = ((0, 6), (7, 10), (11, 18), (19, 25))


@pytest.mark.parametrize(
    "spans",
    [
        (),
        ((3, 3),),
        ((5, 3),),
        ((-1, 3),),
        ((4, 6), (0, 2)),
        ((0, 4), (3, 6)),
    ],
    ids=["none", "empty", "backwards", "before the text", "out of order", "overlapping"],
)
def test_mention_refuses_bad_spans(spans):
    with pytest.raises(ValueError, match=r"[Ss]pan"):
        Mention(spans, "Disease")


def test_mention_begins_and_ends_with_its_spans():
    mention = Mention(((0, 6), (19, 25)), "Disease")
    assert (mention.start, mention.end) == (0, 25)
    assert Document(TEXT).text_of(mention) == "breast cancer"


def test_shifted_keeps_everything_but_the_place():
    mention = Mention(((0, 6), (19, 25)), "Disease", "T1", ("MESH:D1",), 0.5, {"note": "n"})
    expected = Mention(((10, 16), (29, 35)), "Disease", "T1", ("MESH:D1",), 0.5, {"note": "n"})
    assert mention.shifted(10) == expected


def test_sentences_are_the_passages_of_that_type():
    passages = (Passage(0, 3, SENTENCE), Passage(0, 10, "title"), Passage(4, 10, SENTENCE))
    assert Document("One. Two..", passages).sentences() == [(0, 3), (4, 10)]


def test_without_sentences_the_whole_text_is_one():
    assert Document(TEXT, (Passage(0, 6, "title"),)).sentences() == [(0, len(TEXT))]


@pytest.mark.parametrize(
    ("document", "place"),
    [
        (Document(TEXT, meta={"line": 7}, id="12"), "line 7"),
        (Document(TEXT, id="12"), "document 12"),
        (Document(TEXT), "document ?"),
    ],
)
def test_dropped_says_where_and_why(document, place):
    dropped = Dropped(document, Mention(((0, 6), (19, 25)), "Disease"), "discontinuous")
    assert str(dropped) == f"{place}: Disease 'breast cancer' (discontinuous)"


def test_merge_moves_everything_behind_the_first():
    first = Document(
        "A b.",
        mentions=(Mention(((0, 1),), "X"),),
        relations=(Relation("r", (("a", "1"),)),),
        tokens=((0, 1), (2, 3), (3, 4)),
        meta={"line": 1, "docstart": "-DOCSTART-"},
        id="1",
    )
    second = Document(
        "C.",
        passages=(Passage(0, 2, "title", {"k": 1}),),
        mentions=(Mention(((0, 1),), "Y"),),
        relations=(Relation("s", (("a", "2"),)),),
        tokens=((0, 1), (1, 2)),
        meta={"line": 5},
        id="2",
    )
    assert merge([first, second]) == Document(
        "A b. C.",
        (Passage(0, 4, SENTENCE), Passage(5, 7, SENTENCE), Passage(5, 7, "title", {"k": 1})),
        (Mention(((0, 1),), "X"), Mention(((5, 6),), "Y")),
        (*first.relations, *second.relations),
        ((0, 1), (2, 3), (3, 4), (5, 6), (6, 7)),
        first.meta,
        "1",
    )


def test_merge_of_one_is_itself():
    document = Document("A")
    assert merge([document]) is document


def test_merge_has_no_tokens_unless_all_have():
    assert merge([Document("A", tokens=((0, 1),)), Document("B")]).tokens is None


def mention(start, end, type="X"):
    return Mention(((start, end),), type)


@pytest.mark.parametrize(
    ("mentions", "chosen", "others"),
    [
        ([(4, 6), (0, 2), (2, 4)], [(0, 2), (2, 4), (4, 6)], []),
        ([(0, 2), (0, 5)], [(0, 5)], [(0, 2)]),
        ([(0, 3), (2, 6), (5, 7)], [(2, 6)], [(0, 3), (5, 7)]),
        ([(3, 6), (1, 4)], [(1, 4)], [(3, 6)]),
        ([(0, 9), (2, 3), (5, 6)], [(0, 9)], [(2, 3), (5, 6)]),
    ],
    ids=["apart", "longer", "longest in the middle", "as long: the first", "inside"],
)
def test_flat(mentions, chosen, others):
    expected = [mention(*span) for span in chosen], [mention(*span) for span in others]
    got = flat(mention(*span) for span in mentions)
    assert got[0] == expected[0]
    assert sorted(got[1], key=lambda m: m.spans) == expected[1]


def test_flat_keeps_the_first_of_two_in_one_place():
    assert flat([mention(0, 2, "B"), mention(0, 2, "A")]) == ([mention(0, 2, "B")], [mention(0, 2, "A")])


def test_flat_drops_only_what_overlaps_something_kept():
    rng = random.Random(0)
    for _ in range(300):
        starts = [rng.randrange(20) for _ in range(rng.randrange(8))]
        mentions = [mention(start, start + rng.randint(1, 6)) for start in starts]
        chosen, others = flat(mentions)
        assert len(chosen) + len(others) == len(mentions)
        assert all(a.end <= b.start for a, b in pairwise(chosen))
        for other in others:
            rivals = [m for m in chosen if m.start < other.end and other.start < m.end]
            assert any(m.end - m.start >= other.end - other.start for m in rivals)


def test_in_tokens_finds_places_and_drops_with_reasons():
    fitting, inner = mention(11, 25), mention(19, 25)
    parts = Mention(((0, 6), (19, 25)), "X")
    begins_inside, ends_inside = mention(1, 6), mention(0, 5)
    document = Document(TEXT, mentions=(inner, fitting, parts, begins_inside, ends_inside, mention(0, 6)))
    kept, dropped = in_tokens(document, TOKENS)
    assert kept == [(0, 1, mention(0, 6)), (2, 4, fitting)]
    assert [(drop.mention, drop.reason) for drop in dropped] == [
        (parts, "discontinuous"),
        (begins_inside, "begins or ends inside a token"),
        (ends_inside, "begins or ends inside a token"),
        (inner, "overlaps a longer mention"),
    ]
    assert {(drop.place, drop.text) for drop in dropped if drop.mention is inner} == {
        ("document ?", document.text_of(inner))
    }


def test_in_tokens_without_mentions():
    assert in_tokens(Document(TEXT), TOKENS) == ([], [])


def test_flat_takes_no_longer_for_many_that_overlap():
    """As it was with a loop over all that are chosen: too long to wait for."""
    many = [mention(start, start + 5 + start % 3) for start in range(0, 120_000, 2)]
    chosen, others = flat(many)
    assert len(chosen) + len(others) == len(many)
    assert all(a.end <= b.start for a, b in pairwise(chosen))


def test_what_is_dropped_does_not_hold_its_document():
    document = Document("a" * 1000, mentions=(mention(0, 1),), relations=(Relation("R", ()),), id="7")
    count = sys.getrefcount(document)
    drops = [
        Dropped(document, document.mentions[0], "why"),
        DroppedRelation(document, document.relations[0], "why"),
    ]
    assert sys.getrefcount(document) == count
    assert list(map(str, drops)) == ["document 7: X 'a' (why)", "document 7: R () (why)"]
