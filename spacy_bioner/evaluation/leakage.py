"""What of one data set stands in another: the same documents, the same and nearly the same sentences."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from spacy_bioner.documents.document import Document
from spacy_bioner.documents.formats import SPACY, columns, format_of, read
from spacy_bioner.documents.formats.columns import ColumnOptions
from spacy_bioner.errors import ComparisonError, FormatError
from spacy_bioner.evaluation.document_counts import DocumentCounts
from spacy_bioner.evaluation.near_duplicates import NEAR, Vocabulary, most_similar
from spacy_bioner.files import checked_lines
from spacy_bioner.text.rough_sentences import split_sentences, words_of

TABLE = "table"
"""A format of its own here: lines of cells with tabs, of which the longest is the text (a header too)."""
SHORT = 5
"""Sentences of fewer words ("Conclusions.") are counted, but a document isn't leaked because of them."""
EXAMPLES = 10


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of a file.

    Attributes:
        name: how the file is called.
        ids: the ids of its documents; empty where they have none.
        sentences: all sentences.
        owners: for each sentence the position of its document.
    """

    name: str
    ids: tuple[str, ...]
    sentences: tuple[str, ...]
    owners: tuple[int, ...]

    def documents(self) -> list[str]:
        """The texts of the documents, for comparison: their words."""
        texts: list[list[str]] = [[] for _ in self.ids]
        for owner, sentence in zip(self.owners, self.sentences, strict=True):
            texts[owner] += words_of(sentence)
        return [" ".join(words) for words in texts]


@dataclass(frozen=True, slots=True)
class Leak:
    """What of a test file stands in a training file.

    Attributes:
        train, test: the names of the files.
        documents, sentences: how many the test file has.
        same_ids: ids of its documents that are there too.
        same_documents: documents with the same words.
        same_text: sentences that are the same, character by character.
        distinct_same_text: how many different ones these are.
        same_words: sentences with the same words; those with the same text among them.
        near: sentences that are nearly the same, and no more.
        short: of all of these, those of fewer than `SHORT` words.
        leaked: positions of the documents that have a sentence in common, or nearly, which isn't short.
        examples: pairs of sentences, of test and of train, and their similarity.
    """

    train: str
    test: str
    documents: int
    sentences: int
    same_ids: tuple[str, ...]
    same_documents: int
    same_text: int
    distinct_same_text: int
    same_words: int
    near: int
    short: int
    leaked: tuple[int, ...]
    examples: tuple[tuple[str, str, float], ...]

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data, for JSON."""
        return asdict(self)


def read_texts(path: Path, format: str = "", name: str = "") -> Texts:
    """Reads the texts of a file or of a folder of BRAT's files.

    Args:
        path: where they are.
        format: the format; found from the content, if empty. `TABLE` is for tables of sentences.
        name: what to call it.

    Raises:
        FormatError: if it can't be read, or has no text.
    """
    ids, sentences, owners = [], [], []
    for number, (document_id, found) in enumerate(read_sentences(path, format or format_of(path))):
        ids.append(document_id)
        sentences += found
        owners += [number] * len(found)
    if not sentences:
        raise FormatError(path, None, "there is no text in it [B333]")
    return Texts(name or path.name, tuple(ids), tuple(sentences), tuple(owners))


def read_sentences(path: Path, format: str) -> Iterator[tuple[str, list[str]]]:
    """The id and the sentences of each document of a file; raises FormatError if it can't be read."""
    if format == SPACY:
        from spacy_bioner.corpora.annotations import get_annotation
        from spacy_bioner.corpora.docbin import read_docbin

        for doc in read_docbin(path):
            annotation = get_annotation(doc)
            yield annotation.id if annotation else "", list(split_sentences(doc.text))
    elif format == TABLE:
        for _, line in checked_lines(path):
            if line.strip():
                yield "", [max(line.split("\t"), key=len)]
    elif format == "columns":
        for document in columns.read(path, ColumnOptions(type="any", natural=False)):
            yield document.id, [document.text[start:end] for start, end in document.sentences()]
    else:
        for document in read(path, format):
            parts = (document.text[start:end] for start, end in pairwise(_borders(document)))
            yield document.id, [sentence for part in parts for sentence in split_sentences(part)]


def _borders(document: Document) -> list[int]:
    """Where no sentence goes on: the ends of the text and of its passages."""
    ends = {end for passage in document.passages for end in (passage.start, passage.end)}
    return sorted({0, len(document.text), *ends})


def find_leaks(files: Sequence[Texts], threshold: float = NEAR) -> list[Leak]:
    """Looks for the sentences of each file in each of those before it.

    Args:
        files: training files first.
        threshold: from which Jaccard index of three-word shingles on sentences are nearly the same.
    """
    vocabulary = Vocabulary()
    numbered = [vocabulary.sentences(texts.sentences) for texts in files]
    leaks = []
    for later, test in enumerate(files):
        for earlier, train in enumerate(files[:later]):
            found = most_similar(numbered[earlier], numbered[later], threshold)
            pairs = [(match.sentence, match.other, match.similarity) for match in found]
            leaks.append(_leak(train, test, pairs))
    return leaks


def _leak(train: Texts, test: Texts, pairs: Sequence[tuple[int, int, float]]) -> Leak:
    texts = set(train.sentences)
    same_text = [sentence for sentence in test.sentences if sentence in texts]
    short = {i for i, _, _ in pairs if len(words_of(test.sentences[i])) < SHORT}
    known = set(train.documents())
    near = [similarity for _, _, similarity in pairs if similarity < 1]
    return Leak(
        train.name,
        test.name,
        len(test.ids),
        len(test.sentences),
        tuple(sorted(set(train.ids) & set(test.ids) - {""})),
        sum(text in known for text in test.documents() if len(text.split()) >= SHORT),
        len(same_text),
        len(set(same_text)),
        len(pairs) - len(near),
        len(near),
        len(short),
        tuple(sorted({test.owners[i] for i, _, _ in pairs if i not in short})),
        tuple(_examples(train, test, [pair for pair in pairs if pair[0] not in short])),
    )


def _examples(
    train: Texts, test: Texts, pairs: Sequence[tuple[int, int, float]]
) -> Iterable[tuple[str, str, float]]:
    """The least similar ones first, which have to be looked at; then some that are the same."""
    ordered = sorted(pairs, key=lambda pair: pair[2])
    near = [pair for pair in ordered if pair[2] < 1][: EXAMPLES // 2]
    same = [pair for pair in ordered if pair[2] == 1][: EXAMPLES - len(near)]
    for i, j, similarity in (*near, *same):
        yield test.sentences[i], train.sentences[j], round(similarity, 3)


def f1_in_words(counts: DocumentCounts, leak: Leak) -> str:
    """F1 on all documents of a test file, and on those that share nothing with a training file.

    Raises:
        ComparisonError: if the counts are of another number of documents.
    """
    if len(counts) != leak.documents:
        raise ComparisonError(
            f"The scores are of {len(counts):,} documents, and {leak.test} has {leak.documents:,}. [B334]"
        )
    rest = counts.without(leak.leaked)
    return (
        f"F1 on {leak.test} is {100 * counts.f1():.2f}, and {100 * rest.f1():.2f} on the {len(rest):,} of "
        f"{len(counts):,} documents that share nothing with {leak.train}."
    )


def shared_sentences(train: Sequence[Path], test: Sequence[Path]) -> tuple[int, int]:
    """How many sentences of .spacy files that aren't short stand, or nearly, in others; and of how many."""
    vocabulary = Vocabulary()
    files = [
        [sentence for path in paths for sentence in read_texts(path, SPACY).sentences]
        for paths in (train, test)
    ]
    long = [[text for text in texts if len(words_of(text)) >= SHORT] for texts in files]
    found = most_similar(vocabulary.sentences(long[0]), vocabulary.sentences(long[1]))
    return len(found), len(files[1])


def leaks_as_rows(leaks: Sequence[Leak]) -> tuple[list[str], list[list[str]]]:
    """A table of leaks: the header, and a row for each pair of files."""
    rows = [
        [
            leak.train,
            leak.test,
            f"{leak.sentences:,}",
            f"{leak.same_text:,}",
            f"{leak.same_words:,}",
            f"{leak.near:,}",
            f"{leak.short:,}",
            f"{len(leak.leaked):,} of {leak.documents:,}",
            f"{len(leak.same_ids):,}",
        ]
        for leak in leaks
    ]
    header = ["train", "test", "sentences", "same text", "same words", "near", "of these short", "documents"]
    return [*header, "same ids"], rows
