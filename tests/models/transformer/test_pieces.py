"""Word pieces, windows and batches against plain loops over characters, pieces and windows."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
from hypothesis import example, given
from hypothesis import strategies as st
from spacy.tokens import Doc
from spacy.vocab import Vocab

from spacy_bioner.models.transformer.pieces import Pieces, batches, lay_out, tokenize, windows
from spacy_bioner.models.transformer.shim import special_pieces

VOCAB = Vocab()
NLP = spacy.blank("en")
FAR = 10**9  # the distance to an edge that isn't there


# -- windows -----------------------------------------------------------------------------------------

sizes = st.integers(1, 40).flatmap(
    lambda capacity: st.tuples(st.just(capacity), st.integers(0, capacity - 1))
)


def fewest(count: int, capacity: int, overlap: int) -> int:
    """How many windows there must be: each as long as it can be, and sharing no more than it must."""
    number, end = 1, capacity
    while end < count:
        number, end = number + 1, end + capacity - overlap
    return number


@given(st.integers(0, 400), sizes)
@example(0, (1, 0))
@example(400, (1, 0))
@example(400, (40, 39))
@example(41, (40, 20))
def test_windows_hold_all_pieces_and_are_as_few_as_can_be(count: int, size: tuple[int, int]):
    capacity, overlap = size
    cut = windows(count, capacity, overlap)
    assert (cut[0][0], cut[-1][1]) == (0, count)
    assert all(0 < end - start <= capacity for start, end in cut) or cut == [(0, 0)]
    for (start, end), (following, last) in pairwise(cut):
        assert start < following
        assert end < last
        assert end - following >= overlap
    assert len(cut) == fewest(count, capacity, overlap)


@given(st.integers(0, 400), sizes)
def test_windows_are_near_equal_in_length(count: int, size: tuple[int, int]):
    """Not a long one and a stump of a few pieces without context."""
    lengths = [end - start for start, end in windows(count, *size)]
    assert max(lengths) - min(lengths) <= 1


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, [(0, 0)]),
        (10, [(0, 10)]),
        (11, [(0, 8), (3, 11)]),  # both shorter than they could be
        (16, [(0, 10), (6, 16)]),
        (22, [(0, 10), (6, 16), (12, 22)]),
    ],
)
def test_windows_of_ten_that_share_four(count: int, expected: list[tuple[int, int]]):
    assert windows(count, 10, 4) == expected


# -- batches -----------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 50), max_size=60), st.integers(1, 200))
@example([], 1)
@example([50, 50], 1)
def test_batches_keep_every_sequence_once_and_stay_within_the_budget(lengths: list[int], budget: int):
    made = batches(lengths, budget)
    assert sorted(i for batch in made for i in batch) == list(range(len(lengths)))
    for batch in made:
        assert batch
        assert len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= budget


@given(st.lists(st.integers(1, 50), max_size=60), st.integers(1, 200))
def test_batches_are_of_like_lengths_with_the_longest_first(lengths: list[int], budget: int):
    made = [[lengths[i] for i in batch] for batch in batches(lengths, budget)]
    for batch, following in pairwise(made):
        assert min(batch) >= max(following)
        # the batch was closed only because it was full
        assert (len(batch) + 1) * max(batch) > budget


def test_equal_lengths_fill_the_budget():
    assert [len(batch) for batch in batches([10] * 7, 30)] == [3, 3, 1]
    assert [len(batch) for batch in batches([10] * 7, 29)] == [2, 2, 2, 1]
    assert [len(batch) for batch in batches([31, 10], 30)] == [1, 1]


# -- tokens and their pieces -------------------------------------------------------------------------


def pieces_at(offsets: list[tuple[int, int]]) -> Pieces:
    """Pieces of given places in a text; nothing but the places is looked at."""
    starts, ends = numpy.array(offsets, dtype="int32").reshape((-1, 2)).T
    return Pieces(numpy.arange(len(offsets)) + 5, starts, ends, [f"p{i}" for i in range(len(offsets))])


def overlapping(doc: Doc, offsets: list[tuple[int, int]]) -> list[list[int]]:
    """Of each token the pieces that share a character with it."""
    return [
        [
            i
            for i, (start, end) in enumerate(offsets)
            if set(range(start, end)) & set(range(token.idx, token.idx + len(token)))
        ]
        for token in doc
    ]


def laid_out(doc: Doc, offsets: list[tuple[int, int]], capacity: int, overlap: int) -> Any:
    """A layout, and of each token the windows and the numbers of its pieces that the layout says."""
    layout = lay_out(doc, pieces_at(offsets), capacity, overlap)
    assert len(layout.lengths) == len(doc)
    assert len(layout.places) == sum(layout.lengths)
    for window, place in layout.places:
        start, end = layout.windows[window]
        assert 0 <= place < end - start
    numbers = [layout.windows[window][0] + place for window, place in layout.places]
    ends = numpy.cumsum(layout.lengths)
    slices = [slice(end - length, end) for end, length in zip(ends, layout.lengths, strict=True)]
    return layout, [layout.places[s, 0].tolist() for s in slices], [[*map(int, numbers[s])] for s in slices]


@st.composite
def texts(draw: Callable, most: int = 30) -> tuple[Doc, list[tuple[int, int]]]:
    """A Doc, white space tokens among the others, and places of pieces as tokenizers make them.

    Pieces leave characters out, span several tokens and the white space between them, and share characters,
    as the bytes of an emoji do; they begin in the order in which they end.
    """
    words = draw(st.lists(st.sampled_from(["a", "bc", "αβγ", "🧬", "\n\n", " ", "defghijkl"]), max_size=most))
    doc = Doc(VOCAB, words=words, spaces=[draw(st.booleans()) for _ in words])
    offsets: list[tuple[int, int]] = []
    start = end = 0
    while True:
        start = draw(st.integers(start, end + 2))
        end = draw(st.integers(max(start + 1, end), max(start, end) + 4))
        if end > len(doc.text):
            return doc, offsets
        offsets += [(start, end)] * draw(st.sampled_from([1, 1, 1, 2, 4]))


@given(texts(), sizes)
def test_a_token_has_exactly_the_pieces_that_share_a_character_with_it(text, size: tuple[int, int]):
    doc, offsets = text
    layout, _, numbers = laid_out(doc, offsets, *size)
    assert numbers == overlapping(doc, offsets)
    assert list(layout.windows) == windows(len(offsets), *size)


def to_edge(piece: int, window: tuple[int, int], count: int) -> int:
    """How far a piece is from the nearer edge of a window that holds it; ends of the text are no edges."""
    start, end = window
    return min(piece - start if start else FAR, end - 1 - piece if end < count else FAR)


def best(piece: int, cut: list[tuple[int, int]], count: int) -> set[int]:
    """In which windows a piece is farthest from an edge."""
    holding = {k for k, (start, end) in enumerate(cut) if start <= piece < end}
    farthest = max(to_edge(piece, cut[k], count) for k in holding)
    return {k for k in holding if to_edge(piece, cut[k], count) == farthest}


@given(texts(60), sizes)
def test_tokens_take_their_vectors_from_where_they_have_most_context(text, size: tuple[int, int]):
    """All from the window that is best for the middle piece, or else each piece from its own best."""
    doc, offsets = text
    layout, chosen, numbers = laid_out(doc, offsets, *size)
    cut, count = list(layout.windows), len(offsets)
    for own, of_token in zip(chosen, numbers, strict=True):
        if not own:
            continue
        middles = {of_token[(len(of_token) - 1) // 2], of_token[len(of_token) // 2]}
        for_all = set.union(*(best(middle, cut, count) for middle in middles))
        hold_all = {k for k in for_all if cut[k][0] <= of_token[0] and of_token[-1] < cut[k][1]}
        whole = len(set(own)) == 1 and own[0] in hold_all
        each = all(k in best(piece, cut, count) for k, piece in zip(own, of_token, strict=True))
        assert whole or each
        if hold_all == for_all:
            assert whole


@given(texts(60), sizes)
def test_a_token_no_longer_than_the_overlap_is_in_one_window(text, size: tuple[int, int]):
    doc, offsets = text
    _, chosen, _ = laid_out(doc, offsets, *size)
    assert all(len(set(own)) == 1 for own in chosen if 0 < len(own) <= size[1])


@given(st.integers(1, 120), sizes)
def test_single_pieces_take_the_window_in_which_they_are_farthest_from_an_edge(count, size: tuple[int, int]):
    doc = Doc(VOCAB, words=["a"] * count)
    offsets = [(token.idx, token.idx + 1) for token in doc]
    layout, chosen, _ = laid_out(doc, offsets, *size)
    cut = list(layout.windows)
    assert all(own[0] in best(piece, cut, count) for piece, own in enumerate(chosen))


def test_a_token_longer_than_a_window_has_all_its_pieces_from_several():
    doc = Doc(VOCAB, words=["x" * 100, "y"])
    _, chosen, numbers = laid_out(doc, [(i, i + 1) for i in range(100)] + [(101, 102)], 20, 4)
    assert numbers == [list(range(100)), [100]]
    assert chosen[0] == sorted(chosen[0])
    assert len(set(chosen[0])) == 7
    assert chosen[1] == [6]


def test_white_space_and_what_a_tokenizer_drops_have_no_pieces():
    doc = Doc(VOCAB, words=["a", "\n ", "b", "\u200d"], spaces=[True, False, False, False])
    _, _, numbers = laid_out(doc, [(0, 1), (4, 5)], 8, 2)
    assert numbers == [[0], [], [1], []]


def test_a_piece_of_two_tokens_belongs_to_both():
    doc = Doc(VOCAB, words=["ab", "cd"], spaces=[False, False])
    _, _, numbers = laid_out(doc, [(0, 1), (1, 3), (3, 4)], 8, 2)
    assert numbers == [[0, 1], [1, 2]]


@pytest.mark.parametrize("capacity", [8, 2])
def test_texts_without_pieces(capacity: int):
    for words in ([], [" "], ["\n", "\n"]):
        layout, _, numbers = laid_out(Doc(VOCAB, words=words), [], capacity, 1)
        assert (list(layout.windows), numbers) == ([(0, 0)], [[] for _ in words])


def test_a_piece_without_characters_belongs_to_no_token():
    """Byte-level BPE trims white space: of three spaces each has a piece, and none has a character."""
    doc = Doc(VOCAB, words=["a", "  ", "b"], spaces=[True, False, False])
    offsets = [(0, 1), (2, 2), (3, 3), (4, 4), (4, 5)]
    _, _, numbers = laid_out(doc, offsets, 8, 2)
    assert numbers == overlapping(doc, offsets) == [[0], [], [4]]


# -- tokenizers --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tokenizer(tiny_encoder: Path) -> Callable[[], Any]:
    """Makes a tokenizer of a word piece a character."""
    from transformers import AutoTokenizer

    return lambda: AutoTokenizer.from_pretrained(tiny_encoder)


@pytest.fixture(scope="module")
def unused(tokenizer: Callable[[], Any]) -> Any:
    """One that nobody has changed."""
    return tokenizer()


TEXTS = [
    "IL-2Rα binds (CD25) ± 3 %",
    "",
    " \n",
    "many   spaces\u00a0and\n\nlines ",
    "e\u0301tude 👩‍🔬 \U0001d6fc \u200b x",
    "no special [CLS] pieces [SEP]",
]


def test_pieces_are_what_the_tokenizer_says_without_special_ones(tokenizer: Callable[[], Any]):
    own = tokenizer()
    found = tokenize(own, map(NLP.make_doc, TEXTS))
    assert len(found) == len(TEXTS)
    for text, pieces in zip(TEXTS, found, strict=True):
        expected = own(text, add_special_tokens=False, return_offsets_mapping=True)
        assert pieces.ids.tolist() == expected["input_ids"]
        assert list(zip(pieces.starts, pieces.ends, strict=True)) == expected["offset_mapping"]
        assert list(pieces.strings) == own.convert_ids_to_tokens(expected["input_ids"])


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_places_count_characters_and_not_bytes(unused: Any, text: str):
    """A piece of one character is that of the text at its place, also behind an emoji."""
    (pieces,) = tokenize(unused, [NLP.make_doc(text)])
    for start, end, string in zip(pieces.starts, pieces.ends, pieces.strings, strict=True):
        if string not in ("[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"):
            assert text[start:end] == string.removeprefix("##")


def test_no_docs_have_no_pieces(tokenizer: Callable[[], Any]):
    assert tokenize(tokenizer(), []) == []


def test_nothing_is_cut_off_by_a_tokenizer_that_is_saved_with_truncation(tokenizer: Callable[[], Any]):
    """As many on the hub are, sentence-transformers among them."""
    cutting = tokenizer()
    cutting.backend_tokenizer.enable_truncation(5)
    (pieces,) = tokenize(cutting, [NLP.make_doc("BRCA1 is a gene")])
    assert len(pieces.ids) == 12


def test_nothing_is_padded_by_a_tokenizer_that_is_saved_with_padding(tokenizer: Callable[[], Any]):
    padding = tokenizer()
    padding.backend_tokenizer.enable_padding(pad_id=0, pad_token="[PAD]", length=16)
    (pieces,) = tokenize(padding, [NLP.make_doc("BRCA1")])
    assert list(pieces.strings) == ["B", "##R", "##C", "##A", "##1"]


def test_no_window_ends_with_padding_that_is_saved_with_a_tokenizer(tokenizer: Callable[[], Any]):
    plain, padding = special_pieces(tokenizer()), tokenizer()
    padding.backend_tokenizer.enable_padding(pad_id=0, pad_token="[PAD]", length=16)
    assert [ids.tolist() for ids in special_pieces(padding)] == [ids.tolist() for ids in plain]
    cutting = tokenizer()
    cutting.backend_tokenizer.enable_truncation(2)
    assert [ids.tolist() for ids in special_pieces(cutting)] == [ids.tolist() for ids in plain]


def test_calling_the_tokenizer_with_truncation_leaves_nothing_behind(tokenizer: Callable[[], Any]):
    used = tokenizer()
    doc = NLP.make_doc("BRCA1 is a gene")
    (before,) = tokenize(used, [doc])
    used(["a b c d e f", "a"], truncation=True, padding=True, max_length=4)
    (after,) = tokenize(used, [doc])
    assert after.ids.tolist() == before.ids.tolist()
