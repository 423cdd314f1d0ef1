"""Leaks: what was planted is found, what is known of real corpora too."""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_bioner.errors import ComparisonError, FormatError
from spacy_bioner.evaluation.document_counts import DocumentCounts
from spacy_bioner.evaluation.leakage import TABLE, Leak, f1_in_words, find_leaks, read_texts
from spacy_bioner.evaluation.near_duplicates import Vocabulary, most_similar

Words = list[str]


def shingles(words: Words) -> set[tuple[str, ...]]:
    return {tuple(words[i : i + 3]) for i in range(max(len(words) - 2, 1))}


def similarity(one: Words, other: Words) -> float:
    a, b = shingles(one), shingles(other)
    return len(a & b) / len(a | b)


def found(others: list[Words], sentences: list[Words]) -> dict[int, float]:
    vocabulary = Vocabulary()
    left, right = (vocabulary.sentences(map(" ".join, side)) for side in (others, sentences))
    return {match.sentence: match.similarity for match in most_similar(left, right)}


SENTENCES = st.lists(st.lists(st.sampled_from("abcde"), min_size=1, max_size=9), min_size=1, max_size=8)


@given(SENTENCES, SENTENCES)
def test_all_pairs_are_compared(others: list[Words], sentences: list[Words]):
    """As if every sentence were compared with every other."""
    best = [max(1.0 if o == s else similarity(o, s) for o in others) for s in sentences]
    assert found(others, sentences) == {i: pytest.approx(b) for i, b in enumerate(best) if b >= 0.8}


def test_planted_near_copies_are_all_found():
    rng = random.Random(1)
    vocabulary = [f"w{i}" for i in range(2000)]
    others = [rng.choices(vocabulary, k=rng.randint(12, 40)) for _ in range(3000)]
    planted, expected = [], 0
    for words in others[:1000]:
        copy = list(words)
        copy[rng.randrange(len(copy))] = rng.choice(vocabulary)
        planted.append(copy)
        expected += similarity(words, copy) >= 0.8
    assert expected > 400
    assert len(found(others, planted)) == expected


def test_documents_sentences_and_f1_without_them(write: Callable[..., Path], run_cli: Callable[..., str]):
    text = "Aspirin often relieves severe chronic pain."
    other = "Nothing of all this is known."
    train = write(f"1|t|A title of its own here\n1|a|{text}\n", "train.pubtator")
    near = text.replace("severe", "very severe").replace("often ", "")
    test = write(
        f"1|t|Something quite different this time\n1|a|{text.upper()}\n\n"
        f"2|t|Again something new to read\n2|a|{near}\n\n3|t|{other}\n3|a|Yes.\n",
        "test.pubtator",
    )
    leak = find_leaks([read_texts(train), read_texts(test)])[0]
    assert (leak.documents, leak.sentences, leak.same_ids) == (3, 6, ("1",))
    assert (leak.same_text, leak.same_words, leak.near) == (0, 1, 0)
    assert leak.leaked == (0,)
    output = run_cli("bioner", "leaks", train, test)
    assert "1 of 3" in output
    assert text.upper() in output


def test_f1_without_what_is_leaked():
    names = ("a", "b", "c")
    counts = DocumentCounts(names, names, ("A",), np.array([[[1, 1, 1]], [[0, 0, 1]], [[1, 1, 1]]]))
    leak = Leak("train", "test", 3, 3, (), 0, 0, 0, 1, 0, 0, (0,), ())
    assert f1_in_words(counts, leak) == (
        "F1 on test is 80.00, and 66.67 on the 2 of 3 documents that share nothing with train."
    )
    with pytest.raises(ComparisonError, match="The scores are of 2 documents"):
        f1_in_words(counts.without([0]), leak)


def test_short_sentences_are_counted_and_leak_no_document(write: Callable[..., Path]):
    files = [write(f"1|t|{title}\n1|a|Conclusions.\n", f"{i}.pubtator") for i, title in enumerate("ab")]
    leak = find_leaks([read_texts(path) for path in files])[0]
    assert (leak.same_text, leak.same_words, leak.short, leak.leaked) == (1, 1, 1, ())


def test_what_can_not_share(refuse_cli: Callable[..., str], write: Callable[..., Path]):
    one = write("1|t|A title\n1|a|Text.\n", "a.pubtator")
    assert "one file can't share anything" in refuse_cli("bioner", "leaks", one)
    with pytest.raises(FormatError, match="no text in it"):
        read_texts(write("\n\n", "empty.tsv"), TABLE)


def test_what_is_known_of_real_corpora(corpora: Path):
    """JNLPBA and BioNLP09 come of the same abstracts: the known counts of sentences with the same tokens."""
    jnlpba, bionlp = (
        [read_texts(corpora / "mtl" / folder / f"{split}.tsv") for split in ("train", "devel", "test")]
        for folder in ("JNLPBA", "BioNLP09-IOB")
    )
    sentences = [{s for texts in files for s in texts.sentences} for files in (jnlpba, bionlp)]
    assert len(sentences[0] & sentences[1]) == 2280
    leak = find_leaks([jnlpba[0], bionlp[2]])[0]
    assert leak.distinct_same_text == 425
    assert leak.same_words == 1941  # other tokens, the same words
