"""Whole-word masking: how much, what instead, and never a part of a word."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from spacy_bioner.pretraining.masking import WordMasker

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
VOCABULARY = [*SPECIALS, *(f"w{i}" for i in range(50)), *(f"##p{i}" for i in range(45))]
FIRST_CONTINUATION = VOCABULARY.index("##p0")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draw(rows: int = 64, length: int = 128) -> torch.Tensor:
    sequences = torch.randint(len(SPECIALS), len(VOCABULARY), (rows, length), generator=generator(1))
    sequences[:, 0], sequences[:, -1], sequences[:, 60] = 2, 3, 3
    return sequences


numbers = st.integers(0, len(VOCABULARY) - 1)
rows = st.integers(1, 20).flatmap(
    lambda length: st.lists(st.lists(numbers, min_size=length, max_size=length), min_size=1, max_size=4)
)


@given(rows, st.integers(0, 2**20))
def test_whole_words_and_never_special_pieces(values: list[list[int]], seed: int):
    sequences = torch.tensor(values)
    masker = WordMasker(VOCABULARY, 0.5)
    words = masker.words(sequences).flatten().tolist()
    masked = masker(sequences, generator(seed))
    chosen = torch.zeros_like(sequences, dtype=torch.bool)
    chosen[masked.rows, masked.columns] = True
    assert masked.labels.tolist() == sequences[chosen].tolist()
    assert (masked.inputs == sequences)[~chosen].all()
    assert not chosen[sequences < len(SPECIALS)].any()
    for word in set(words):
        of_word = [
            is_chosen for w, is_chosen in zip(words, chosen.flatten().tolist(), strict=True) if w == word
        ]
        assert len(set(of_word)) == 1


@given(rows)
def test_words_begin_where_pieces_say_and_at_every_break(values: list[list[int]]):
    words = WordMasker(VOCABULARY).words(torch.tensor(values)).tolist()
    expected, word = [], -1
    for row in values:
        numbers = []
        for i, piece in enumerate(row):
            inside = piece >= FIRST_CONTINUATION and i > 0 and row[i - 1] >= len(SPECIALS)
            word += not inside
            numbers.append(word)
        expected.append(numbers)
    assert words == expected


def test_fifteen_percent_of_the_words_and_eighty_ten_ten_of_these():
    sequences = draw(512)
    masker = WordMasker(VOCABULARY)
    masked = masker(sequences, generator())
    words = masker.words(sequences)
    ordinary = len(words[sequences >= len(SPECIALS)].unique())
    chosen = words[masked.rows, masked.columns].unique()
    assert abs(len(chosen) / ordinary - 0.15) < 0.005
    seen = masked.inputs[masked.rows, masked.columns]
    is_mask, is_same = seen == VOCABULARY.index("[MASK]"), seen == masked.labels
    assert abs(is_mask.float().mean() - 0.8) < 0.02
    assert abs(is_same.float().mean() - 0.1) < 0.02
    assert abs((~is_mask & ~is_same).float().mean() - 0.1) < 0.02
    assert (seen[~is_mask] >= len(SPECIALS)).all()


def test_all_pieces_of_a_word_are_treated_alike():
    sequences = draw()
    masker = WordMasker(VOCABULARY, 0.9)
    masked = masker(sequences, generator())
    words = masker.words(sequences)[masked.rows, masked.columns]
    is_mask = masked.inputs[masked.rows, masked.columns] == VOCABULARY.index("[MASK]")
    for word in words.unique():
        assert len(is_mask[words == word].unique()) == 1


def test_drawn_anew_each_time_and_again_from_the_same_seed():
    sequences, masker = draw(4), WordMasker(VOCABULARY)
    random = generator()
    first, second = masker(sequences, random), masker(sequences, random)
    assert not torch.equal(first.inputs, second.inputs)
    assert torch.equal(first.inputs, masker(sequences, generator()).inputs)


@given(rows, st.data())
def test_slices_put_together_are_the_whole(values: list[list[int]], data: st.DataObject):
    masked = WordMasker(VOCABULARY, 0.5)(torch.tensor(values), generator())
    cut = data.draw(st.integers(0, len(values)))
    first, second = masked.slice(0, cut), masked.slice(cut, len(values))
    assert torch.equal(torch.cat([first.inputs, second.inputs]), masked.inputs)
    assert torch.equal(torch.cat([first.rows, second.rows + cut]), masked.rows)
    assert torch.equal(torch.cat([first.columns, second.columns]), masked.columns)
    assert torch.equal(torch.cat([first.labels, second.labels]), masked.labels)
