"""A progress bar over the documents of some inputs."""

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

from tqdm import tqdm

from spacy_bioner.annotation.inputs import read_items
from spacy_bioner.annotation.parts import size
from spacy_bioner.annotation.table_inputs import TableColumns

_COUNTED = 50 << 20  # bytes of input that are read once before, on a terminal, to count documents

Advance = Callable[[Iterable[Any]], Iterator[Any]]
"""Passes results on, and moves the bar with each."""


@contextlib.contextmanager
def progress(inputs: list[tuple[Path, str]], done: int, columns: TableColumns) -> Iterator[Advance]:
    """A progress bar on standard error if that is a terminal, with the number of documents there will be.

    Args:
        inputs: the inputs; see `find_inputs`.
        done: how many documents are done already.
        columns: where the text is in those that are tables.
    """
    total = count_documents(inputs, columns) if sys.stderr.isatty() else None
    with tqdm(
        desc="annotating", total=total, initial=done, unit=" documents", leave=False, disable=None
    ) as bar:

        def advance(results: Iterable[Any]) -> Iterator[Any]:
            for result in results:
                bar.update()
                yield result

        yield advance


def count_documents(inputs: list[tuple[Path, str]], columns: TableColumns) -> int:
    """How many documents there are: those of the first inputs are counted, the others go by their size."""
    sizes = [size(path) for path, _ in inputs]
    seen = 1 + next((i for i, total in enumerate(accumulate(sizes)) if total >= _COUNTED), len(sizes) - 1)
    counted = sum(1 for _ in read_items(inputs[:seen], columns))
    return round(counted * sum(sizes) / max(sum(sizes[:seen]), 1))
