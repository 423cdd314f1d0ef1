"""Which documents of a pool to annotate next: those of which a pipeline is unsure, and unlike each other.

How unsure it is of a text: the entropy of O, B and I at each token, summed over entity types and divided by
the words (token entropy: Settles and Craven 2008, "An analysis of active learning strategies for sequence
labeling tasks"). Long texts cost more to annotate, so they aren't worth more for their length.

Documents are chosen one by one: the one with the highest entropy times its distance from the nearest one that
is chosen or annotated already. Distance is 1 less the cosine of the words, weighted by TF-IDF.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import log
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.special import entr
from spacy.language import Language

from spacy_bioner.annotation.inputs import Item, SetAside, find_inputs, read_items
from spacy_bioner.annotation.output import writable
from spacy_bioner.annotation.prediction import annotated, batches, if_it_fits, input_of
from spacy_bioner.annotation.progress import progress
from spacy_bioner.annotation.settings import BATCH_SIZE, Settings, check_settings, prepare
from spacy_bioner.annotation.table_inputs import NO_TABLES
from spacy_bioner.components.pipelines import load_pipeline, named_bioners
from spacy_bioner.components.token_probabilities import token_probabilities
from spacy_bioner.documents.document import Document
from spacy_bioner.documents.formats import WRITTEN_FORMATS, write
from spacy_bioner.documents.formats.base import Account
from spacy_bioner.errors import ConversionError, OutputError, PipelineError
from spacy_bioner.models.devices import use_device
from spacy_bioner.text.rough_sentences import words_of

MENTIONS = ("predicted", "own", "none")
"""Which mentions the chosen documents are written with."""
FEWEST_WORDS = 10
"""A shorter text counts as one of so many words: of a fragment every pipeline is unsure."""

_SAME = 1e-6  # a distance that is none but for rounding

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Choice:
    """A document that is worth annotating.

    Attributes:
        position: which document of the pool it is, from 0.
        name: its id, or its input and number.
        uncertainty: the entropy of its tokens, in bits a word.
        similarity: how like the nearest one chosen before it, or annotated already, it is, from 0 to 1.
    """

    position: int
    name: str
    uncertainty: float
    similarity: float


@dataclass(frozen=True, slots=True)
class Selected:
    """What was chosen of a pool.

    Attributes:
        choices: the documents, the one to begin with first.
        pool: how many documents there were to choose from.
        mean: their uncertainty on average.
        set_aside: those that couldn't be read, or written.
        account: what was written.
    """

    choices: tuple[Choice, ...]
    pool: int
    mean: float
    set_aside: tuple[SetAside, ...]
    account: Account


def select(
    model: str | Path | Language,
    pool: Sequence[Path],
    output: Path,
    to: str,
    *,
    n: int = 200,
    annotated_already: Sequence[Path] = (),
    types: Sequence[str] = (),
    mentions: str = MENTIONS[0],
    diversity: float = 1.0,
    source: str = "",
    gpu_id: int = -1,
) -> Selected:
    """Chooses documents that are worth annotating, and writes them for an annotation tool, in that order.

    The pool is read twice, and never held in memory as a whole.

    Args:
        model: the name of a package, a folder, or a pipeline that is loaded, with a `bioner`.
        pool: files and folders to choose from.
        output: the file or folder to write.
        to: its format.
        n: how many documents to choose.
        annotated_already: files whose documents count as chosen: what is like them is worth less.
        types: the entity types that matter; all of the pipeline's if empty.
        mentions: "predicted" to write what the pipeline finds, to be corrected; "own" for what is in the
            pool; "none" for the texts alone.
        diversity: how much distance counts: 0 for not at all, 1 for as much as uncertainty.
        source: the format of the pool; found from the content, if empty.
        gpu_id: the GPU to use; -1 for the CPU.

    Raises:
        BionerError: if an input isn't there, the pipeline has no `bioner` or no such type, there is nothing
            to choose, or the output can't be there or has another format than texts are written in.
    """
    if mentions not in MENTIONS:
        raise ConversionError(f"--mentions {mentions}: use {', '.join(MENTIONS)}. [B389]")
    if to not in WRITTEN_FORMATS:
        raise ConversionError(f"--to {to}: use {', '.join(WRITTEN_FORMATS)}. [B569]")
    settings = Settings(to, source, types=tuple(types))
    check_settings(settings)
    inputs, others = find_inputs(pool, source), find_inputs(annotated_already)
    if any(path.resolve() == output.resolve() for path, _ in (*inputs, *others)):
        raise OutputError(f"{output} is a file to choose from or by, and would be overwritten. [B390]")
    use_device(gpu_id)
    nlp = load_pipeline(model) if isinstance(model, str | Path) else model
    if not named_bioners(nlp):
        raise PipelineError(
            "The pipeline has no `bioner`, whose probabilities tell what it is unsure of. [B391]"
        )
    prepare(nlp, settings)
    counts = WordCounts()
    uncertain, names, aside = _read_pool(nlp, inputs, settings, counts)
    if not names:
        raise ConversionError(
            "\n".join(["There is no document to choose from. [B554]", *map(str, aside[:1])])
        )
    for item in read_items(others):
        if isinstance(item, Item):
            counts.add(item.document.text)
        else:
            aside.append(item)
    picked = choose(uncertain, counts.matrix(), n, diversity)
    choices = tuple(Choice(i, names[i], float(uncertain[i]), similarity) for i, similarity in picked)
    documents = _documents(nlp, inputs, choices, mentions, settings)
    account = write(writable(documents, to, output.name, aside), output, to)
    return Selected(choices, len(names), float(uncertain.mean()), tuple(aside), account)


def _read_pool(
    nlp: Language, inputs: list[tuple[Path, str]], settings: Settings, counts: "WordCounts"
) -> tuple[Floats, list[str], list[SetAside]]:
    """The uncertainty and the name of each document, and what can't be read; counts their words."""
    aside: list[SetAside] = []
    names: list[str] = []

    def documents(items: Iterable[Item | SetAside]) -> Iterable[Document]:
        for item in items:
            fitting = if_it_fits(item, settings)
            if isinstance(fitting, SetAside):
                aside.append(fitting)
            else:
                names.append(fitting.document.id or f"{fitting.file}, document {fitting.number}")
                counts.add(fitting.document.text)
                yield fitting.document

    with progress(inputs, 0, NO_TABLES) as advance:
        parts = batches(documents(advance(read_items(inputs))), BATCH_SIZE)
        found = [uncertainty(nlp, part, settings.types) for part in parts]
    return np.concatenate([np.zeros(0), *found]), names, aside


def uncertainty(nlp: Language, documents: Sequence[Document], types: Sequence[str] = ()) -> Floats:
    """How unsure a pipeline is of texts: the entropy of its heads, in bits a word.

    Args:
        nlp: a pipeline with a `bioner`, or several.
        documents: the texts.
        types: the entity types that count; all that it writes if empty.
    """
    bits: Floats = np.zeros(len(documents))
    words: Floats = np.zeros(len(documents))
    with nlp.memory_zone():
        for name, component in named_bioners(nlp):
            wanted = [i for i, t in enumerate(component.labels) if t in (types or component.written)]
            inputs = [input_of(nlp, document) for document in documents]
            docs = [nlp.make_doc(text) if isinstance(text, str) else text for text in inputs]
            words[:] = [sum(not token.is_space for token in doc) for doc in docs]
            probabilities = token_probabilities(nlp, name, docs, batch_size=BATCH_SIZE)
            bits += [entr(p[:, wanted]).sum() / log(2) for p in probabilities]
    return bits / np.maximum(words, FEWEST_WORDS)


class WordCounts:
    """How often each word is in each of many texts."""

    def __init__(self) -> None:
        self._columns: dict[str, int] = {}
        self._places, self._counts, self._ends = array("i"), array("f"), array("q", [0])

    def add(self, text: str) -> None:
        """Counts the words of a text."""
        found = Counter(words_of(text))
        self._places.extend(self._columns.setdefault(word, len(self._columns)) for word in found)
        self._counts.extend(found.values())
        self._ends.append(len(self._places))

    def matrix(self) -> csr_matrix:
        """The counts, of shape (texts, words)."""
        shape = (len(self._ends) - 1, len(self._columns))
        return csr_matrix((np.array(self._counts), np.array(self._places), np.array(self._ends)), shape)


def choose(uncertain: Floats, counts: csr_matrix, n: int, diversity: float = 1.0) -> list[tuple[int, float]]:
    """Chooses texts one by one, see above.

    Args:
        uncertain: how unsure a pipeline is of each text.
        counts: how often each word is in each text, of shape (texts, words); behind those that can be chosen
            come those that count as chosen already.
        n: how many to choose.
        diversity: the power of the distance.

    Returns:
        The position of each, and its similarity to the nearest one that was chosen before, from 0 to 1. Fewer
        than `n` if the rest is worth nothing: they are the same as others, or nothing in them is uncertain.
    """
    vectors = _tf_idf(counts)
    pool, others = vectors[: len(uncertain)], vectors[len(uncertain) :]
    nearest: Floats = np.zeros(len(uncertain))
    for start in range(0, others.shape[0], BATCH_SIZE):
        alike = (pool @ others[start : start + BATCH_SIZE].T).max(axis=1).toarray().ravel()
        nearest = np.maximum(nearest, alike)
    chosen: list[tuple[int, float]] = []
    left: Floats = np.ones(len(uncertain))
    while len(chosen) < n:
        distance = 1 - nearest
        distance[distance < _SAME] = 0.0
        worth = uncertain * distance**diversity * left
        best = int(worth.argmax())
        if worth[best] <= 0:
            break
        chosen.append((best, min(float(nearest[best]), 1.0)))
        left[best] = 0.0
        nearest = np.maximum(nearest, (pool @ pool[best].T).toarray().ravel())
    return chosen


def _tf_idf(counts: csr_matrix) -> csr_matrix:
    """Texts as rows of length 1: the logarithm of how often a word is there, times how rare it is."""
    texts, words = counts.shape
    frequency = np.bincount(counts.indices, minlength=words)
    vectors = counts.astype(np.float64)
    vectors.data = (1 + np.log(vectors.data)) * (1 + np.log(texts / frequency[counts.indices]))
    lengths = np.sqrt(np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel())
    vectors.data /= np.repeat(lengths, np.diff(vectors.indptr))
    return vectors


def _documents(
    nlp: Language,
    inputs: list[tuple[Path, str]],
    choices: Sequence[Choice],
    mentions: str,
    settings: Settings,
) -> list[Document]:
    """The chosen documents in their order, with the mentions that are wanted."""
    wanted = {choice.position for choice in choices}
    fitting = (if_it_fits(item, settings) for item in read_items(inputs))
    readable = (item for item in fitting if isinstance(item, Item))
    items = {position: item for position, item in enumerate(readable) if position in wanted}
    ordered: list[Item | SetAside] = [items[choice.position] for choice in choices]
    if mentions == "predicted":
        found = list(annotated(nlp, ordered, settings, Counter()))
        if failed := [str(document) for document in found if isinstance(document, SetAside)]:
            raise PipelineError(
                "\n".join(["The pipeline fails on a document that was chosen. [B555]", *failed])
            )
        return [document for document in found if isinstance(document, Document)]
    documents = [item.document for item in ordered if isinstance(item, Item)]
    if mentions == "none":
        documents = [replace(document, mentions=(), relations=()) for document in documents]
    return documents
