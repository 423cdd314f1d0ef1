"""Documents of any kind, written in each format and read again: they come back, or the reason is said."""

import json
import re
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_bioner.documents import formats, offsets
from spacy_bioner.documents.document import SENTENCE, Document, Mention, Passage, Relation
from spacy_bioner.documents.edges import tidied
from spacy_bioner.errors import ConversionError

# combining, beyond the BMP, right to left, of no width, line ends of all kinds, what formats use themselves
CHARS = "ab \t\r\n\x85\u2028\u0301\U0001f9ec\u05d0\u200b\u200d\ufeff\x0b\x1c|<>&\"'%:;{}[]#*\\éβ"
texts = st.text(st.sampled_from(CHARS) | st.characters(codec="utf-8"), max_size=40)
words = st.text("abC1é\U0001f9ec", min_size=1, max_size=6)
names = words | texts
keys = st.text("abcxyz", min_size=1, max_size=3)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | texts,
    lambda inner: st.lists(inner, max_size=2).map(tuple) | st.dictionaries(keys, inner, max_size=2),
    max_leaves=4,
)
metas = st.dictionaries(keys, values, max_size=2)


@st.composite
def spans(draw, length, most=3):
    """Stretches of a text, in order and apart."""
    count = draw(st.integers(1, most))
    places = draw(
        st.lists(st.integers(0, length), min_size=2 * count, max_size=2 * count, unique=True).map(sorted)
        if length + 1 >= 2 * count
        else st.just([0, length])
    )
    return tuple(zip(places[::2], places[1::2], strict=True))


@st.composite
def passages(draw, length):
    """Parts of a text: one after the other, or anywhere."""
    if draw(st.booleans()):
        cuts = sorted(draw(st.lists(st.integers(0, length), max_size=3)))
        found = zip([0, *cuts], [*cuts, length], strict=True)
    else:
        pairs = draw(st.lists(st.tuples(st.integers(0, length), st.integers(0, length)), max_size=3))
        found = (sorted(pair) for pair in pairs)
    types = names | st.just(SENTENCE) | st.just("title")
    return tuple(Passage(start, end, draw(types), draw(metas)) for start, end in found)


@st.composite
def documents(draw):
    text = draw(texts)
    mentions = []
    for _ in range(draw(st.integers(0, 3)) if text else 0):
        places = tidied(text, draw(spans(len(text))))  # as all readers do
        if not places:
            continue
        id = draw(st.just("") | st.sampled_from(["T1", "T2", "0", "x y"]))
        score = draw(st.none() | st.floats(0, 1))
        identifiers = tuple(draw(st.lists(names, max_size=2)))
        mentions.append(Mention(places, draw(names), id, identifiers, score, draw(metas)))
    fillers = st.sampled_from([m.id for m in mentions] + ["E1", "D1"]) | names
    arguments = st.tuples(st.sampled_from(["", "trigger", "Theme"]) | names, fillers)
    relations = tuple(
        Relation(
            draw(names),
            tuple(draw(st.lists(arguments, max_size=3))),
            draw(st.sampled_from(["", "E1", "R1", "T1", "?"])),
            draw(metas),
        )
        for _ in range(draw(st.integers(0, 2)))
    )
    tokens = draw(st.none() | (spans(len(text)) if text else st.just(())))
    return Document(
        text,
        draw(passages(len(text))),
        tuple(mentions),
        relations,
        tokens,
        draw(metas),
        draw(names | st.just("")),
    )


def round_trip(written, format):
    """What is read of what was written, and the account of it; None where it was refused."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out"
        try:
            account = formats.write(iter(written), path, format)
        except ConversionError:
            return (None, None) if not path.exists() else pytest.fail("refused, and something is there")
        return list(formats.read(path, format)), account


def in_order(mentions):
    return sorted(mentions, key=lambda m: (m.spans, m.type, m.id, repr(m)))


def assert_all_but_tokens(found, written):
    """Mentions may come in another order."""
    for one, other in zip(written, found, strict=True):
        assert in_order(other.mentions) == in_order(one.mentions)
        assert replace(other, mentions=()) == replace(one, mentions=(), tokens=None)


@settings(max_examples=300)
@given(st.lists(documents(), min_size=1, max_size=3))
def test_json_lines_keep_everything(written):
    found, account = round_trip(written, "jsonl")
    assert found == written
    assert not account.dropped
    assert not account.others


@settings(max_examples=300)
@given(st.lists(documents(), min_size=1, max_size=3))
def test_bioc_json_keeps_everything_but_tokens(written):
    found, account = round_trip(written, "bioc-json")
    assert_all_but_tokens(found, written)
    assert not account.dropped
    assert account.others == +Counter(tokens=sum(len(d.tokens or ()) for d in written))
    assert account.relations_out == sum(len(d.relations) for d in written)


@settings(max_examples=300)
@given(st.lists(documents(), min_size=1, max_size=3))
def test_bioc_xml_keeps_everything_but_tokens_or_refuses_what_xml_has_not(written):
    found, account = round_trip(written, "bioc-xml")
    if found is None:
        assert re.search(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", everything(written))
        return
    assert_all_but_tokens(found, written)
    assert not account.dropped


def everything(written):
    """All texts in some documents, in one."""
    return json.dumps([repr(d) for d in written], ensure_ascii=False) + "".join(
        str(text)
        for d in written
        for text in (
            d.text,
            d.id,
            *(p.type for p in d.passages),
            *(t for m in d.mentions for t in (m.type, *m.identifiers)),
            *(t for r in d.relations for t in (r.type, *(t for pair in r.arguments for t in pair))),
        )
    )


@settings(max_examples=300)
@given(st.lists(documents(), min_size=1, max_size=3))
def test_pubtator_keeps_mentions_or_drops_them_with_a_reason(written):
    found, account = round_trip(written, "pubtator")
    if found is None:
        return
    dropped = Counter(id(drop.mention) for drop in account.dropped)
    lost = Counter(id(drop.relation) for drop in account.relations)
    assert all(drop.reason for drop in (*account.dropped, *account.relations))
    for number, (one, other) in enumerate(zip(written, found, strict=True), start=1):
        assert other.id == (one.id or str(number))
        assert offsets.same(other.text[: len(one.text)], one.text)
        assert other.text[len(one.text) :] in ("", "\n")
        kept = [m for m in one.mentions if not dropped[id(m)]]
        assert [(m.spans, m.type, "|".join(m.identifiers)) for m in other.mentions] == [
            (m.spans, m.type, "|".join(m.identifiers)) for m in kept
        ]
        assert not any(m.meta for m in other.mentions)
        kept_relations = [r for r in one.relations if not lost[id(r)]]
        assert len(kept_relations) == len(other.relations)
        assert [(r.type, *(filler for _, filler in r.arguments)) for r in other.relations] == [
            (r.type, *(filler for _, filler in r.arguments)) for r in kept_relations
        ]


@settings(max_examples=300)
@given(st.lists(documents(), min_size=1, max_size=3))
def test_brat_keeps_mentions_or_drops_them_with_a_reason(written):
    found, account = round_trip(written, "brat")
    if found is None:
        return
    assert all(drop.reason for drop in (*account.dropped, *account.relations))
    assert Counter((d.id, d.text) for d in found) == Counter((d.id, d.text) for d in written)
    dropped = Counter(id(drop.mention) for drop in account.dropped)
    lost = len(account.relations)
    for one in written:
        others = [d for d in found if (d.id, d.text) == (one.id, one.text)]
        kept = [(m.spans, m.type) for m in one.mentions if not dropped[id(m)]]
        assert kept in [[(m.spans, m.type) for m in other.mentions] for other in others]
    assert sum(len(d.relations) for d in found) == sum(len(d.relations) for d in written) - lost
    assert account.relations_out == sum(len(d.relations) for d in found)
    for document in found:
        ids = {m.id for m in document.mentions} | {r.id for r in document.relations}
        assert all(filler in ids for r in document.relations for _, filler in r.arguments)
        assert not any("text" in m.meta or "moved" in m.meta for m in document.mentions)
    again, account = round_trip(found, "brat")
    assert again == found
    assert not account.others


@given(st.lists(texts.map(lambda text: Document(text, id="x")), min_size=1, max_size=3))
def test_text_keeps_texts(written):
    found, _ = round_trip(written, "text")
    assert found is None or Counter(d.text for d in found) == Counter(d.text for d in written)
    assert (found is None) == any("\0" in d.text for d in written)


@given(st.lists(texts.map(Document), min_size=1, max_size=3))
def test_lines_keep_texts_of_one_line(written):
    found, _ = round_trip(written, "lines")
    if found is not None:
        assert [d.text for d in found] == [d.text for d in written]


FULL = Document(
    "Aspirin\nhelps in lung and skin cancer.",
    (Passage(0, 7, "title"), Passage(8, 38, "abstract")),
    (
        Mention(((0, 7),), "Chemical", identifiers=("MESH:D001241",)),
        Mention(((17, 21), (31, 37)), "Disease"),
        Mention(((26, 37),), "Disease", identifiers=("MESH:D012878",), score=0.5),
    ),
    (Relation("Treats", (("Arg1", "MESH:D001241"), ("Arg2", "MESH:D012878"))),),
    id="1",
)
HOLDS = {  # mentions and relations of FULL that a format holds
    "jsonl": (3, 1),
    "bioc-json": (3, 1),
    "bioc-xml": (3, 1),
    "brat": (3, 0),
    "pubtator": (2, 1),
    "text": (0, 0),
}


@pytest.mark.parametrize("first", HOLDS)
@pytest.mark.parametrize("second", HOLDS)
def test_each_format_to_each_other_and_back(first, second):
    """What both can hold comes back, and the rest is counted."""
    mentions = min(HOLDS[first][0], HOLDS[second][0])
    relations = min(HOLDS[first][1], HOLDS[second][1])
    [one], counted = round_trip([FULL], first)
    assert len(counted.dropped) == 3 - HOLDS[first][0]
    assert len(counted.relations) == 1 - HOLDS[first][1]
    [other], counted = round_trip([one], second)
    assert len(one.mentions) - len(counted.dropped) == len(other.mentions) == mentions
    assert len(one.relations) - len(counted.relations) == len(other.relations) == relations
    [back], _ = round_trip([other], first)
    assert back.text == FULL.text
    wanted = FULL.mentions if mentions == 3 else FULL.mentions[::2] if mentions else ()
    assert [(m.spans, m.type, m.identifiers) for m in back.mentions] == [
        (m.spans, m.type, m.identifiers) for m in wanted
    ]
    assert len(back.relations) == relations
