"""Texts of one split that stand in another one of the same corpus."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from spacy_bioner.corpora.conversion import Tally
from spacy_bioner.corpora.corpus_catalogue import SPLITS

_TRAINED = {"train": ("devel", "test"), "train_dev": ("test",)}
"""What is trained on, and what should share nothing with it."""


def shared_texts(tallies: Mapping[Path, Tally]) -> Iterator[tuple[Path, Path, int]]:
    """Looks for texts to score on that are trained on as well, as in some folds of GAD.

    Args:
        tallies: what was written of one corpus, by output.

    Yields:
        The output to score on, that of training, and how many texts of the former are in the latter. Texts of
        fewer than five words don't count. Near duplicates and single sentences are what
        `evaluation.leakage` is for.
    """
    by_split = {split: path for path in tallies if (split := _split(path))}
    for trained, others in _TRAINED.items():
        for other in others:
            if trained in by_split and other in by_split:
                train, test = by_split[trained], by_split[other]
                known = set(tallies[train].texts)
                count = sum(text in known for text in tallies[test].texts)
                if count:
                    yield test, train, count


def _split(path: Path) -> str:
    """The split of an output, SPLIT.spacy or SPLIT/CORPUS.spacy; empty if its name says nothing of it."""
    return next((name for name in (path.stem, path.parent.name) if name in SPLITS.values()), "")
