"""Offsets in any unit: where mentions really are, and when that can't be told."""

from pathlib import Path

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_bioner.documents.document import Document, Mention
from spacy_bioner.documents.edges import tidied, trimmed
from spacy_bioner.documents.offsets import REACH, Claim, Part, contradicts, inside, mismatches, same
from spacy_bioner.documents.settling import WINDOW, Raw, settled
from spacy_bioner.documents.units import UNITS
from spacy_bioner.errors import ConversionError, FormatError

TEXT = "He had PD. Then levodopa, and levodopa again; PD went."
FILE = Path("file")


def documents(*texts, offsets=""):
    """The documents of a file; each text comes with its claims: (start, end, text) or (spans, text)."""
    raws = []
    for text, claims in texts:
        spans = [(c[0], c[1]) if len(c) == 2 else (((c[0], c[1]),), c[2]) for c in claims]
        raws.append(Raw(Document(text), [Claim(at, said, "X") for at, said in spans]))
    return list(settled(raws, FILE, offsets))


def placed(text, *claims, offsets=""):
    """Where the mentions of a single document are, each with what its meta says of that."""
    [document] = documents((text, claims), offsets=offsets)
    return [(m.spans if len(m.spans) > 1 else m.spans[0], dict(m.meta)) for m in document.mentions]


def test_mentions_that_are_right_stay():
    assert placed(TEXT, (7, 9, "PD"), (16, 24, None)) == [((7, 9), {}), ((16, 24), {})]


@pytest.mark.parametrize("by", [-REACH, -5, 1, 10, REACH])
def test_mention_is_moved_to_the_one_place_of_its_text(by):
    text = "." * 20 + "PD" + "." * 20 + "aa"
    right = (42, 44, "aa")
    assert placed(text, (20 - by, 22 - by, "PD"), right)[0] == ((20, 22), {"moved": by})


@pytest.mark.parametrize("by", [-REACH - 1, REACH + 1])
def test_mention_further_away_stays_and_is_told_of(by):
    text = "." * 20 + "PD" + "." * 20
    assert placed(text, (20 - by, 22 - by, "PD")) == [((20 - by, 22 - by), {"text": "PD"})]


def test_what_contradicts_its_text_is_unknown_there_and_wherever_its_text_is():
    [document] = documents(("a PD, and aPD or b.", [(2, 4, "PD"), (17, 18, "PD")]))
    assert [m.meta for m in document.mentions] == [{}, {"text": "PD"}]
    assert document.meta["unknown"] == (("X", 17, 18), ("X", 11, 13))


def test_nothing_is_guessed_between_two_places():
    assert placed("aa..bb....bb", (0, 2, "aa"), (7, 9, "bb")) == [((0, 2), {}), ((7, 9), {"text": "bb"})]


def test_where_most_wrong_mentions_of_a_part_move_the_others_move_too():
    text = "....PD.PD....lung....skin"
    claims = [(2, 4, "PD"), (8, 12, "lung"), (16, 20, "skin")]
    assert [at for at, _ in placed(text, *claims)] == [(7, 9), (13, 17), (21, 25)]


def test_mention_that_fits_is_never_moved_nor_is_another_put_on_its_place():
    text = "PD and PD"
    assert placed(text, (0, 2, "PD"), (5, 7, "PD")) == [((0, 2), {}), ((7, 9), {"moved": 2})]
    text = "PD and PD again"
    assert placed(text, (7, 9, "PD"), (8, 10, "PD")) == [((7, 9), {}), ((8, 9), {"text": "PD"})]


def test_all_fragments_move_together_and_none_is_stretched():
    fragments = ((3, 5), (9, 12))
    assert placed("....ab....cde", (fragments, "ab cde")) == [(((4, 6), (10, 13)), {"moved": 1})]
    assert placed("....ab...cde.", (fragments, "ab cde")) == [(fragments, {"text": "ab cde"})]


def test_fragments_in_any_order():
    text = "renal and heart failure"
    assert placed(text, (((16, 23), (0, 5)), "failure renal")) == [(((0, 5), (16, 23)), {})]


def test_mention_outside_the_text_is_set_aside_or_moved_into_it():
    assert placed("..PD", (3, 5, "PD")) == [((2, 4), {"moved": -1})]
    [document] = documents(("a PD b", [(30, 32, "PD"), (0, 1, "a")]))
    assert [m.start for m in document.mentions] == [0]
    assert document.meta["bad"] == ("a mention from 30 to 32, in a text of 6 characters",)
    assert document.meta["unknown"] == (("X", 2, 4),)


def test_overlapping_fragments_are_set_aside_and_the_rest_is_kept():
    [document] = documents(("erbA/myb IRES virus", [(((0, 8), (5, 8)), "erbA/myb myb"), (9, 13, "IRES")]))
    assert [m.start for m in document.mentions] == [9]
    assert "overlap" in document.meta["bad"][0]


def test_white_space_at_edges_and_between_fragments_is_no_part_of_a_mention():
    text = "renal\nfailure of mice "
    found = documents((text, [(((0, 5), (6, 13)), "renal failure"), (13, 22, " of mice "), (5, 6, "\n")]))[0]
    assert [m.spans for m in found.mentions] == [((0, 13),), ((14, 21),)]
    assert set(found.meta["counted"].values()) == {1}
    assert "white space alone" in found.meta["bad"][0]
    assert trimmed("\ufeff\u00adPD\u200b ", (0, 6), invisible=True) == (2, 4)
    assert tidied("a b", [(0, 1), (2, 3)]) == ((0, 3),)


# units


def counted(text, unit):
    """The offset of each character of a text in a unit, counted plainly."""
    before = [text[:i] for i in range(len(text) + 1)]
    if unit.endswith("-crlf") or unit == "crlf":
        before = [regex.sub(r"(?<!\r)\n", "\r\n", part) for part in before]
    elif unit.endswith("lf"):
        before = [part.replace("\r\n", "\n") for part in before]
    if unit.startswith("utf-8"):
        return [len(part.encode("utf-8")) for part in before]
    if unit.startswith("utf-16"):
        return [len(part.encode("utf-16-le")) // 2 for part in before]
    if unit == "graphemes":
        return [len(regex.findall(r"\X", part)) for part in before]
    return [len(part) for part in before]


NAMES = ("p53", "TNF-α", "IL-1β", "nephritis", "𝛼-synuclein", "café", "Aβ₄₂")
GAPS = (" ", " 🧬 ", "\n", "\r\n", " and ", " 👩‍🔬 ", " e\u0301tude ", ". 中文 ", "\u00a0", " 𝛽𝛾 ", "; ")


@st.composite
def texts(draw):
    """A text with mentions, apart by gaps that units count differently."""
    text, spans = draw(st.sampled_from(("", "🧬🧬 ", "é. ", "A\r\n", "A\n"))), []
    for name in draw(st.lists(st.sampled_from(NAMES), min_size=2, max_size=8)):
        spans.append((len(text), len(text) + len(name)))
        text += name + draw(st.sampled_from(GAPS))
    return text, spans


@settings(max_examples=400)
@given(st.lists(texts(), min_size=1, max_size=4), st.sampled_from(list(UNITS)), st.data())
def test_true_mentions_come_back_in_every_unit_or_are_told_of(written, unit, data):
    """With their texts: each at its own place, or not used; never at another in silence."""
    asked = []
    for text, spans in written:
        at = counted(text, unit)
        asked.append((text, [(at[start], at[end], text[start:end]) for start, end in spans]))
    given_unit = data.draw(st.booleans())
    found = documents(*asked, offsets=unit if given_unit else "")
    for document, (text, spans) in zip(found, written, strict=True):
        right = [(m.start, m.end) for m in document.mentions if "text" not in m.meta]
        if given_unit:
            assert right == spans
        elif right != spans:  # all of them have their texts elsewhere too, as characters
            assert [text[a:b] for a, b in right] == [text[a:b] for a, b in spans]
            at = counted(text, unit)
            stated = [(at[start], at[end]) for start, end in spans]
            assert stated == right
            assert len(written) == 1 or not any("counted" in d.meta for d in found)


@settings(max_examples=200)
@given(st.lists(texts(), min_size=3, max_size=6), st.sampled_from(("utf-16", "utf-8", "lf", "graphemes")))
def test_without_texts_wrong_words_are_refused(written, unit):
    asked, ends, cut = [], 0, 0
    for text, spans in written:
        at = counted(text, unit)
        asked.append((text, [(at[start], at[end], None) for start, end in spans]))
        for start, end in spans:
            for place, right in ((at[start], start), (at[end], end)):
                if place != right:
                    ends += 1
                    cut += 0 < place < len(text) and text[place - 1].isalnum() and text[place].isalnum()
    found = documents(*asked)
    refused = [d for d in found if isinstance(d, FormatError)]
    if not ends:
        assert not refused
    if cut > ends / 2 and cut >= 3:
        assert "--offsets" in str(refused[0])
    again = documents(*asked, offsets=unit)
    assert [[(m.start, m.end) for m in d.mentions] for d in again] == [spans for _, spans in written]


def test_units_explain_names_that_stand_there_many_times():
    text = "p53 😀 p53 😀😀 p53 😀😀 p53"
    claims = [(0, 3), (7, 10), (16, 19), (25, 28)]
    document = documents((text, [(a, b, "p53") for a, b in claims]))[0]
    assert [m.start for m in document.mentions] == [0, 6, 13, 20]
    assert document.meta["counted"] == {"documents whose offsets count UTF-16 units": 1}


def test_documents_of_a_file_share_how_they_count():
    """The second one has its texts as characters too, at other places."""
    first = ("😀😀 cisplatin harms", [(5, 14, "cisplatin")])
    second = ("😀 a.a", [(5, 6, "a")])
    alone = documents(second)[0]
    assert [m.start for m in alone.mentions] == [4]  # a. is no mention at 5 characters: there is "a"
    shared = documents(first, ("😀 aa", [(3, 4, "a")]))
    assert [m.start for m in shared[1].mentions] == [2]
    assert [m.start for m in documents(("😀 aa", [(3, 4, "a")]))[0].mentions] == [3]


def test_one_wrong_mention_among_many_in_another_unit():
    text = "🧬 " + " ".join(f"drug{i}" for i in range(10, 30))
    at = counted(text, "utf-16")
    spans = [(m.start(), m.end()) for m in regex.finditer(r"drug\d+", text)]
    claims = [(at[start], at[end], text[start:end]) for start, end in spans]
    claims[7] = (*claims[7][:2], "nothing like it")
    document = documents((text, claims))[0]
    assert [(m.start, m.end) for m in document.mentions if "text" not in m.meta] == spans[:7] + spans[8:]


@pytest.mark.parametrize(("first", "last"), [(0, -1), (1, 0), (1, 1), (-1, -1)])
def test_offsets_from_one_or_to_the_last_one(first, last):
    text = "cisplatin, levodopa and aspirin"
    spans = [(0, 9), (11, 19), (24, 31)][1 if first < 0 else 0 :]
    claims = [(start + first, end + last, text[start:end]) for start, end in spans]
    assert [at for at, _ in placed(text, *claims)] == spans


@pytest.mark.parametrize("origin", ["stated", "text", "passage", "sentence"])
@pytest.mark.parametrize("unit", ["characters", "utf-16"])
def test_offsets_from_the_beginning_of_a_part(origin, unit):
    title, abstract, last = "𝛼 in rats.", "The 𝛽 drug p53.", "Then p53 again."
    text = f"{title}\n{abstract} {last}"
    at = counted(text, unit)
    starts = {part: text.index(part) for part in (title, abstract, last)}
    claims, spans = [], []
    whole = Part(0, len(text), 0)
    for passage, sentence, name in (
        (title, title, "rats"),
        (abstract, abstract, "p53"),
        (abstract, last, "p53"),
    ):
        place = text.index(name, starts[sentence])
        end = starts[title] + len(title) if passage == title else len(text)
        outer = Part(starts[passage], end, at[starts[passage]])
        inner = Part(starts[sentence], starts[sentence] + len(sentence), at[starts[sentence]])
        base = {"stated": 0, "text": 0, "passage": at[outer.start], "sentence": at[inner.start]}[origin]
        stated = (at[place] - base, at[place + len(name)] - base)
        claims.append(Claim((stated,), name, "X", parts=(whole, outer, inner)))
        spans.append((place, place + len(name)))
    [document] = settled([Raw(Document(text), claims)], FILE)
    assert [(m.start, m.end) for m in document.mentions] == spans


def test_file_is_read_document_by_document():
    taken = []

    def raws():
        for i in range(10 * WINDOW):
            taken.append(i)
            yield Raw(Document("PD"), [Claim(((0, 2),), "PD", "X")])

    reading = settled(raws(), FILE)
    for _ in range(2 * WINDOW):
        next(reading)
    assert len(taken) <= 2 * WINDOW + 1


def test_unknown_unit_is_refused():
    with pytest.raises(ConversionError, match="There are no offsets 'bytes': use characters, utf-16"):
        documents(offsets="bytes")


# what is the same, and what is inside


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a b", "a\nb", True),
        ("a b", "a\r\nb", True),
        ("a b", "a\u2028b", True),
        ("a  b", "a b", False),
        ("ab ", " ab", False),
        ("", "", True),
    ],
)
def test_kind_of_white_space_does_not_matter(one, other, expected):
    assert same(one, other) is same(other, one) is expected


@pytest.mark.parametrize(("stated", "expected"), [("pd", False), ("P D", False), ("PDs", True), ("", True)])
def test_what_contradicts_a_text(stated, expected):
    assert contradicts(stated, "PD") is expected


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
