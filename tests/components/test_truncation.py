"""What the transformer's windows cut off, against cases counted by hand."""

from collections.abc import Callable
from pathlib import Path

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span

from spacy_bioner.components.truncation import Cut, count_cut, find_transformer

MANY_PIECES = "-a" * 300
"""One token of 600 word pieces: the tiny encoder has a piece for each character, and "-" stands alone."""


@pytest.fixture(scope="module")
def pipeline(tiny_encoder: Path) -> Callable[..., Language]:
    """Makes a pipeline with the tiny encoder and spans as asked for."""

    def make(limit: int = 512, window: int = 128, stride: int = 96) -> Language:
        nlp = spacy.blank("en")
        model = {
            "@architectures": "spacy-transformers.TransformerModel.v3",
            "name": str(tiny_encoder),
            "tokenizer_config": {"use_fast": True, "model_max_length": limit},
            "get_spans": {
                "@span_getters": "spacy-transformers.strided_spans.v1",
                "window": window,
                "stride": stride,
            },
        }
        nlp.add_pipe("transformer", config={"model": model})
        nlp.initialize()
        return nlp

    return make


def doc(nlp: Language, words: list[str], *mentions: tuple[int, int]) -> Doc:
    ents = ["O"] * len(words)
    for start, end in mentions:
        ents[start:end] = ["B-X"] + ["I-X"] * (end - start - 1)
    return Doc(nlp.vocab, words=words, ents=ents)


def test_short_text_is_not_cut(pipeline: Callable[..., Language]):
    nlp = pipeline()
    assert count_cut(nlp, [doc(nlp, ["BRCA1", "is", "a", "gene"], (0, 1))]) == Cut(windows=1)


def test_token_of_more_pieces_than_the_encoder_takes_costs_what_is_behind_it(
    pipeline: Callable[..., Language],
):
    # 511 pieces behind [CLS]: "a" and 510 of the 600; the long token is kept in part, "b" and "c" are not
    nlp = pipeline()
    cut = count_cut(nlp, [doc(nlp, ["a", MANY_PIECES, "b", "c"], (0, 1), (1, 2), (2, 3))])
    assert cut == Cut(windows=1, windows_cut=1, tokens_lost=2, mentions_lost=1)


@pytest.mark.parametrize(
    ("words", "lost"),
    [
        (["a"] * 8, (0, 0)),  # 8 pieces and [CLS] and [SEP]: as many as there may be
        (["a"] * 9, (1, 0)),  # only [SEP] is cut
        (["a"] * 10, (1, 1)),
        (["a"] * 20, (1, 11)),
        (["aa"] * 6, (1, 1)),  # two pieces a word
        (["a"] * 8 + ["aaa"], (1, 0)),  # the last token is kept in part
        (["aaaaa"] * 2 + ["b"], (1, 1)),
    ],
)
def test_limit_is_the_tokenizers(pipeline: Callable[..., Language], words: list[str], lost: tuple[int, int]):
    nlp = pipeline(limit=10)
    cut = count_cut(nlp, [doc(nlp, words)])
    assert (cut.windows_cut, cut.tokens_lost) == lost


def test_token_right_behind_the_last_piece_that_is_kept_is_lost(pipeline: Callable[..., Language]):
    nlp = pipeline(limit=10)
    glued = Doc(nlp.vocab, words=["a" * 9, "b"], spaces=[False, False], ents=["O", "B-X"])
    assert count_cut(nlp, [glued]) == Cut(windows=1, windows_cut=1, tokens_lost=1, mentions_lost=1)


def test_token_that_another_window_keeps_is_not_lost(pipeline: Callable[..., Language]):
    # windows of tokens 0-4, 3-7, 6-8, each with room for 7 pieces: the first has 12, and loses tokens 2 to 4,
    # of which the second keeps two
    nlp = pipeline(limit=8, window=5, stride=3)
    words = ["aaaa", "aaaa", "aa", "b", "b", "c", "c", "d", "d"]
    cut = count_cut(nlp, [doc(nlp, words, (2, 3), (3, 5), (0, 1))])
    assert cut == Cut(windows=3, windows_cut=1, tokens_lost=1, mentions_lost=1)


def test_mention_that_is_lost_in_part_is_lost(pipeline: Callable[..., Language]):
    nlp = pipeline(limit=10)
    cut = count_cut(nlp, [doc(nlp, ["a"] * 11, (0, 2), (8, 10))])
    assert (cut.tokens_lost, cut.mentions_lost) == (2, 1)


def test_overlapping_mentions_count_each(pipeline: Callable[..., Language]):
    nlp = pipeline(limit=10)
    plain = Doc(nlp.vocab, words=["a"] * 11)
    plain.spans["bioner"] = [Span(plain, 7, 9, "X"), Span(plain, 8, 10, "X"), Span(plain, 9, 10, "Y")]
    assert count_cut(nlp, [plain]).mentions_lost == 2  # the ninth token is the last that is kept


def test_counts_are_summed_over_more_docs_than_a_batch(pipeline: Callable[..., Language]):
    nlp = pipeline(limit=10)
    docs = [doc(nlp, ["a"] * length, (length - 1, length)) for length in (8, 10) * 150]
    assert count_cut(nlp, iter(docs)) == Cut(300, 150, 150, 150)


def test_empty_docs_and_none(pipeline: Callable[..., Language]):
    nlp = pipeline()
    assert count_cut(nlp, []) == Cut()
    assert count_cut(nlp, [doc(nlp, []), doc(nlp, ["a"])]).tokens_lost == 0


def test_tokenizer_without_a_limit_cuts_nothing(pipeline: Callable[..., Language]):
    nlp = pipeline()
    find_transformer(nlp).model.tokenizer.model_max_length = int(1e30)
    assert count_cut(nlp, [doc(nlp, [MANY_PIECES])]) == Cut(windows=1)


def test_lost_tokens_are_those_that_the_transformer_gives_no_vector(pipeline: Callable[..., Language]):
    """An oracle: spacy-transformers' own alignment of word pieces to tokens."""
    nlp = pipeline(limit=10, window=6, stride=4)
    words = ["aaa", "b", "aaaaaaa", "c", "d", MANY_PIECES, "e", "f", "aaaaaa", "gg", "h"] * 3
    found = nlp(doc(nlp, words))
    lost = sum(length == 0 for length in found._.trf_data.align.lengths)
    assert lost > 0
    assert count_cut(nlp, [doc(nlp, words)]).tokens_lost == lost


def test_pipeline_without_a_transformer_cuts_nothing():
    nlp = spacy.blank("en")
    nlp.add_pipe("ner")
    assert find_transformer(nlp) is None
    assert count_cut(nlp, [doc(nlp, [MANY_PIECES])]) == Cut()


def test_transformer_is_found_by_what_it_is_and_not_by_its_name(pipeline: Callable[..., Language]):
    nlp = pipeline()
    transformer = nlp.get_pipe("transformer")
    nlp.rename_pipe("transformer", "encoder")
    assert find_transformer(nlp) is transformer


def test_counts_in_words():
    assert str(Cut(12345, 2, 1000, 3)) == "2 of 12,345 windows cut, 1,000 tokens and 3 mentions lost"
