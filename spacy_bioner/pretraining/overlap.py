"""Sentences of labelled corpora's development and test splits, found in other text.

An encoder that has seen a test sentence has an advantage that its scores don't show. A sentence counts as
seen if all its words stand in a paragraph in a row, in whatever case and with whatever between them: columns
of tokens and running text are then the same. Sentences of fewer than eight words are too common to look for.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from spacy_bioner.documents.formats import READ_FORMATS, SPACY, brat, format_of, safe_xml
from spacy_bioner.errors import FormatError, UnknownFormatError
from spacy_bioner.evaluation.leakage import read_sentences
from spacy_bioner.files import ending, files_in, open_input
from spacy_bioner.text.rough_sentences import words_of

MIN_WORDS = 8
_HEAD = 1 << 16  # bytes: the first element of a file is in them
_NO_TEXT = (".dtd", ".md", *brat.SUFFIXES)  # beside the files of a corpus


class Overlap:
    """The sentences of labelled corpora, by their first words.

    Attributes:
        sentences: how many different sentences were taken from each corpus and split.
        unread: files named as development and test splits are, in no format that is read here.
    """

    def __init__(self) -> None:
        self.sentences: Counter[tuple[str, str]] = Counter()
        self.unread: list[Path] = []
        self._by_start: dict[str, dict[tuple[str, ...], set[tuple[str, str]]]] = {}

    def add(self, sentence: str, corpus: str, split: str) -> None:
        """Adds a sentence, unless it is too short to be looked for."""
        words = tuple(words_of(sentence))
        if len(words) >= MIN_WORDS:
            same_start = self._by_start.setdefault(" ".join(words[:MIN_WORDS]), {})
            origins = same_start.setdefault(words, set())
            self.sentences[corpus, split] += (corpus, split) not in origins
            origins.add((corpus, split))

    def find(self, words: list[str]) -> set[tuple[str, str]]:
        """The corpora and splits that have a sentence all of whose words are in a row among these."""
        found: set[tuple[str, str]] = set()
        starts = map(" ".join, zip(*(words[shift:] for shift in range(MIN_WORDS)), strict=False))
        for place, start in enumerate(starts):
            for sentence, origins in self._by_start.get(start, {}).items():
                if tuple(words[place : place + len(sentence)]) == sentence:
                    found |= origins
        return found


def load_overlap(folders: Iterable[Path]) -> Overlap:
    """Reads every development and test split in some folders and those below, in any format that can be read.

    A file or a folder of BRAT's is one if its name has "dev" or "test" in it; `train_dev` and the like are
    taken as development splits.

    Raises:
        FormatError: if a folder isn't there, has no such split, or one of them isn't what it should be.
    """
    overlap = Overlap()
    for folder in folders:
        if not folder.is_dir():
            raise FormatError(folder, None, "there is no such folder [B502]")
        splits = list(_splits(folder))
        if not splits:
            raise FormatError(
                folder, None, "no file in it has 'dev' or 'test' in its name, as splits have [B503]"
            )
        for path, split in splits:
            format = _format(path)
            if not format:
                overlap.unread.append(path)
                continue
            corpus = path.relative_to(folder).parent.as_posix()
            for sentence in chain.from_iterable(found for _, found in read_sentences(path, format)):
                overlap.add(sentence, corpus if corpus != "." else folder.resolve().name, split)
    return overlap


def _splits(folder: Path) -> Iterator[tuple[Path, str]]:
    """The files and folders that are splits, each with which; what is in a folder of BRAT's belongs to it."""
    inside = files_in(folder)
    folders = {path for path in {file.parent for file in inside} if _split(path) and brat.is_folder(path)}
    files = (file for file in inside if file.parent not in folders and ending(file) not in _NO_TEXT)
    for path in sorted((*folders, *files)):
        if split := _split(path):
            yield path, split


def _split(path: Path) -> str:
    name = path.name.lower()
    return "test" if "test" in name else "devel" if "dev" in name else ""


def _format(path: Path) -> str:
    """The format of a file or folder; empty if it is none that is read."""
    try:
        format = format_of(path)
    except UnknownFormatError:
        return ""
    if format == "bioc-xml":
        with open_input(path) as file:  # much else is XML too
            if safe_xml.root(file.read(_HEAD).decode("utf8", errors="replace")) != "collection":
                return ""
    return format if format in (SPACY, *READ_FORMATS) else ""
