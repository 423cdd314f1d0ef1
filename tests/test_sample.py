"""The sample corpus: large and varied enough to try everything on, and without mistakes of form."""

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from spacy_bioner.documents.document import Document
from spacy_bioner.documents.formats import columns

SAMPLE = Path(__file__).parents[1] / "corpus" / "sample"
SPLITS = ["train", "devel", "test"]
TYPES = {"Chemical", "Disease", "Gene", "Species"}


@pytest.fixture(scope="module")
def sentences() -> dict[str, list[Document]]:
    return {split: list(columns.read(SAMPLE / f"{split}.tsv")) for split in SPLITS}


@pytest.fixture(scope="module")
def names(sentences: dict[str, list[Document]]) -> list[str]:
    """The texts of all mentions."""
    return [d.text_of(m) for split in SPLITS for d in sentences[split] for m in d.mentions]


def tokens_in(document: Document, start: int, end: int) -> int:
    return sum(start <= first < end for first, _ in document.tokens or ())


def test_sentences_are_many_and_in_every_split(sentences: dict[str, list[Document]]):
    assert sum(map(len, sentences.values())) >= 400
    assert all(len(sentences[split]) >= 100 for split in SPLITS)


@pytest.mark.parametrize("split", SPLITS)
def test_every_split_has_every_type(sentences: dict[str, list[Document]], split: str):
    counts = Counter(m.type for d in sentences[split] for m in d.mentions)
    assert set(counts) == TYPES
    assert min(counts.values()) >= 50


@pytest.mark.parametrize("split", SPLITS)
def test_file_is_sound(split: str):
    """Two columns, no repairs to the tags, one separator, in documents that each have an id."""
    text = (SAMPLE / f"{split}.tsv").read_bytes().decode("utf8")
    assert "\r" not in text
    assert "\n\n\n" not in text
    assert text.endswith("\n\n")
    assert re.fullmatch(r"(-DOCSTART- \([\w-]+\)\n\n(([^\t\n ]+\t([BI]-\w+|O)\n)+\n)+)+", text)
    assert columns.scan(SAMPLE / f"{split}.tsv").scheme == "IOB2"
    documents = list(columns.read(SAMPLE / f"{split}.tsv"))
    assert [d.meta["line"] for d in documents if d.meta.get("repaired")] == []


def test_no_sentence_stands_twice(sentences: dict[str, list[Document]]):
    counts = Counter(document.text for split in SPLITS for document in sentences[split])
    assert [text for text, count in counts.items() if count > 1] == []


def test_no_document_id_stands_twice(sentences: dict[str, list[Document]]):
    ids = [d.id for split in SPLITS for d in sentences[split] if "docstart" in d.meta]
    assert len(ids) == len(set(ids)) >= 100
    assert all(document.id for split in SPLITS for document in sentences[split])


@pytest.mark.parametrize(
    ("pattern", "least"),
    [("[α-ω]", 20), ("-", 100), (r"\([^)]+\)", 1)],
    ids=["Greek letters", "hyphens", "brackets"],
)
def test_names_have_what_makes_them_hard(names: list[str], pattern: str, least: int):
    assert sum(re.search(pattern, name) is not None for name in names) >= least


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("mark", ["/", "(", ")"])
def test_text_has_slashes_and_brackets(sentences: dict[str, list[Document]], split: str, mark: str):
    assert sum(mark in document.text for document in sentences[split]) >= 5


def test_slashes_separate_mentions(sentences: dict[str, list[Document]]):
    """As in "PI3K/AKT"."""
    pairs = [
        document.text[a.start : b.end]
        for split in SPLITS
        for document in sentences[split]
        for a, b in pairwise(sorted(document.mentions, key=lambda m: m.start))
        if document.text[a.end : b.start] == "/"
    ]
    assert len(pairs) >= 5


@pytest.mark.parametrize("split", SPLITS)
def test_text_is_not_only_ascii(sentences: dict[str, list[Document]], split: str):
    beyond = [not document.text.isascii() for document in sentences[split]]
    assert 0.05 < sum(beyond) / len(beyond) < 0.3


def test_mentions_of_one_type_stand_side_by_side(sentences: dict[str, list[Document]]):
    """Without a token between them: these are the ones that must stay two."""
    adjacent = [
        document.text[a.start : b.end]
        for split in SPLITS
        for document in sentences[split]
        for a, b in pairwise(sorted(document.mentions, key=lambda m: m.start))
        if a.type == b.type and not document.text[a.end : b.start].strip()
    ]
    assert len(adjacent) >= 10, adjacent


def test_names_are_also_long(sentences: dict[str, list[Document]]):
    lengths = [
        tokens_in(document, mention.start, mention.end)
        for split in SPLITS
        for document in sentences[split]
        for mention in document.mentions
    ]
    assert sum(length >= 8 for length in lengths) >= 10
    assert sum(length == 1 for length in lengths) >= 400


def test_figures_in_the_guideline_are_right(sentences: dict[str, list[Document]], names: list[str]):
    guideline = (SAMPLE / "GUIDELINE.md").read_text(encoding="utf8")
    documents = sum("docstart" in d.meta for split in SPLITS for d in sentences[split])
    total = sum(map(len, sentences.values()))
    assert f"{total:,} sentences in {documents} short abstracts" in guideline
    assert f"{len(names):,} mentions" in guideline
