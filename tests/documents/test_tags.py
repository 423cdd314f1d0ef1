import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval import scheme as seqeval
from seqeval.metrics.sequence_labeling import get_entities

from spacy_bioner.documents.tags import SCHEMES, SchemeDetector, decode, encode, split_tag
from spacy_bioner.errors import TagError

LETTERS = {"IOB1": "BI", "IOB2": "BI", "IOBES": "BIES", "BILOU": "BILU"}
TYPES = ("Disease", "creative-work", "B-x")
schemes = st.sampled_from(SCHEMES)


@st.composite
def mentions(draw, types=TYPES):
    """Mentions that don't overlap, often side by side and of one type, and a number of tokens."""
    spans, end = [], 0
    for _ in range(draw(st.integers(0, 6))):
        start = end + draw(st.integers(0, 2))
        end = start + draw(st.integers(1, 4))
        spans.append((start, end, draw(st.sampled_from(types))))
    return spans, end + draw(st.integers(0, 2))


@st.composite
def any_tags(draw):
    """A scheme and any sequence of its tags, in order or not."""
    scheme = draw(schemes)
    tags = ["O", *(f"{letter}{rest}" for letter in LETTERS[scheme] for rest in ("-X", "-a-b", ""))]
    return scheme, draw(st.lists(st.sampled_from(tags), max_size=10))


@pytest.mark.parametrize(
    ("tag", "parts"),
    [
        ("O", ("O", "")),
        ("B", ("B", "")),
        ("B-Disease", ("B", "Disease")),
        ("I-creative-work", ("I", "creative-work")),
        ("S--", ("S", "-")),
    ],
)
def test_split_tag(tag, parts):
    assert split_tag(tag) == parts


@pytest.mark.parametrize("tag", ["", "-", "B-", "O-X", "o", "b-X", "X-Y", "BI-X", "BX", "B_X", "Disease"])
def test_split_tag_refuses_what_is_no_tag(tag):
    with pytest.raises(TagError, match=re.escape(f"'{tag}' isn't a tag")):
        split_tag(tag)


TYPED = [(0, 2, "D"), (2, 4, "D"), (5, 6, "C"), (6, 7, "D")]
UNTYPED = [(0, 2, ""), (2, 4, ""), (5, 6, "")]
LONG = [(0, 4, "D"), (4, 5, "D")]


@pytest.mark.parametrize(
    ("scheme", "tags", "spans"),
    [
        ("IOB1", "I-D I-D B-D I-D O I-C I-D", TYPED),
        ("IOB2", "B-D I-D B-D I-D O B-C B-D", TYPED),
        ("IOBES", "B-D E-D B-D E-D O S-C S-D", TYPED),
        ("BILOU", "B-D L-D B-D L-D O U-C U-D", TYPED),
        ("IOB1", "I I B I O I", UNTYPED),
        ("IOB2", "B I B I O B", UNTYPED),
        ("IOBES", "B E B E O S", UNTYPED),
        ("BILOU", "B L B L O U", UNTYPED),
        ("IOB1", "I-D I-D I-D I-D B-D", LONG),
        ("IOBES", "B-D I-D I-D E-D S-D", LONG),
        ("BILOU", "B-D I-D I-D L-D U-D", LONG),
        ("IOB2", "B-a-b I-a-b B-a", [(0, 2, "a-b"), (2, 3, "a")]),
    ],
)
def test_known_tags(scheme, tags, spans):
    assert decode(tags.split(), scheme) == (spans, 0)
    assert encode(spans, len(tags.split()), scheme) == tags.split()


@pytest.mark.parametrize(
    ("scheme", "tags", "spans", "repairs"),
    [
        ("IOB2", "I-D I-D", [(0, 2, "D")], 1),
        ("IOB2", "O I-D", [(1, 2, "D")], 1),
        ("IOB2", "B-D I-C", [(0, 1, "D"), (1, 2, "C")], 1),
        ("IOB2", "I-D O I-D", [(0, 1, "D"), (2, 3, "D")], 2),
        ("IOB1", "B-D I-D", [(0, 2, "D")], 1),
        ("IOB1", "I-D O B-D", [(0, 1, "D"), (2, 3, "D")], 1),
        ("IOB1", "I-D B-C", [(0, 1, "D"), (1, 2, "C")], 1),
        ("IOBES", "B-D", [(0, 1, "D")], 1),
        ("IOBES", "B-D O", [(0, 1, "D")], 1),
        ("IOBES", "B-D I-D O", [(0, 2, "D")], 1),
        ("IOBES", "B-D S-D", [(0, 1, "D"), (1, 2, "D")], 1),
        ("IOBES", "B-D B-D E-D", [(0, 1, "D"), (1, 3, "D")], 1),
        ("IOBES", "E-D", [(0, 1, "D")], 1),
        ("IOBES", "I-D E-D", [(0, 2, "D")], 1),
        ("IOBES", "I-D", [(0, 1, "D")], 2),
        ("IOBES", "S-D E-D", [(0, 1, "D"), (1, 2, "D")], 1),
        ("IOBES", "B-D E-D I-D E-D", [(0, 2, "D"), (2, 4, "D")], 1),
        ("IOBES", "B-D E-C", [(0, 1, "D"), (1, 2, "C")], 2),
        ("BILOU", "B-D L-C", [(0, 1, "D"), (1, 2, "C")], 2),
        ("BILOU", "L-D U-D I-D", [(0, 1, "D"), (1, 2, "D"), (2, 3, "D")], 3),
    ],
)
def test_repairs(scheme, tags, spans, repairs):
    assert decode(tags.split(), scheme) == (spans, repairs)


@given(mentions(types=(*TYPES, "")), schemes)
def test_encode_and_decode_are_inverse(given_mentions, scheme):
    spans, length = given_mentions
    assert decode(encode(spans, length, scheme), scheme) == (spans, 0)


@given(mentions(), schemes)
def test_encoded_tags_mean_the_same_to_seqeval(given_mentions, scheme):
    spans, length = given_mentions
    entities = seqeval.Entities([encode(spans, length, scheme)], getattr(seqeval, scheme)).entities[0]
    assert sorted((e.start, e.end, e.tag) for e in entities) == spans


@given(any_tags())
def test_repaired_tags_mean_what_conlleval_takes_them_for(given_tags):
    scheme, tags = given_tags
    as_iobes = [re.sub("^L", "E", re.sub("^U", "S", tag)) for tag in tags]
    expected = [(start, end + 1, "" if name == "_" else name) for name, start, end in get_entities(as_iobes)]
    assert decode(tags, scheme)[0] == expected


@given(any_tags())
def test_there_are_repairs_where_tags_are_not_as_the_scheme_writes_them(given_tags):
    scheme, tags = given_tags
    spans, repairs = decode(tags, scheme)
    assert (repairs == 0) == (encode(spans, len(tags), scheme) == tags)


@pytest.mark.parametrize(
    ("scheme", "tag"),
    [("IOB1", "E-X"), ("IOB2", "S-X"), ("IOB2", "U-X"), ("IOBES", "L-X"), ("BILOU", "E-X"), ("IOB2", "X")],
)
def test_decode_refuses_the_tags_of_other_schemes(scheme, tag):
    with pytest.raises(TagError, match=f"'{tag}' isn't a tag"):
        decode(["O", tag], scheme)


def test_encode_takes_mentions_in_any_order():
    assert encode([(2, 3, "X"), (0, 1, "X")], 3) == ["B-X", "O", "B-X"]


@pytest.mark.parametrize(
    "spans",
    [[(0, 2, "X"), (1, 3, "X")], [(0, 1, "X"), (0, 1, "Y")], [(1, 1, "X")], [(2, 1, "X")], [(-1, 1, "X")]],
    ids=["overlap", "same place", "empty", "backwards", "before the tokens"],
)
def test_encode_refuses_what_tags_cannot_say(spans):
    with pytest.raises(ValueError, match="overlap"):
        encode(spans, 3)


def test_encode_refuses_mentions_beyond_the_tokens():
    with pytest.raises(ValueError, match="beyond 3 tokens"):
        encode([(2, 4, "X")], 3)


def detected(*sentences):
    detector = SchemeDetector()
    for sentence in sentences:
        detector.add(sentence.split())
    return detector.scheme()


@pytest.mark.parametrize(
    ("sentences", "scheme"),
    [
        (["O O"], "IOB2"),
        (["B-D I-D O B-D"], "IOB2"),
        (["I-D I-D O I-D"], "IOB1"),
        (["I-D B-D", "B-D O", "B-D O"], "IOB2"),
        (["I-D B-D", "I-D O", "B-D O"], "IOB1"),
        (["B-D I-D"] * 50 + ["S-D"], "IOBES"),
        (["B-D I-D"] * 50 + ["B-D E-D"], "IOBES"),
        (["I-D"] * 50 + ["U-D"], "BILOU"),
        (["B-D I-D"] * 50 + ["B-D L-D"], "BILOU"),
        (["B I", "S"], "IOBES"),
    ],
)
def test_scheme_of_a_file(sentences, scheme):
    assert detected(*sentences) == scheme


@given(st.lists(mentions(), max_size=4), schemes)
def test_the_scheme_found_reads_the_same_mentions(sentences, scheme):
    encoded = [encode(spans, length, scheme) for spans, length in sentences]
    detector = SchemeDetector()
    for tags in encoded:
        detector.add(tags)
    assert [decode(tags, detector.scheme()) for tags in encoded] == [(spans, 0) for spans, _ in sentences]


def test_schemes_cannot_be_mixed():
    with pytest.raises(TagError, match=r"IOBES and BILOU \(S, U\): give the scheme"):
        detected("S-D", "U-D")


def test_detector_refuses_what_is_no_tag():
    with pytest.raises(TagError, match="'Disease' isn't a tag"):
        detected("O Disease")
