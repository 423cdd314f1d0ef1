"""What the measurements share: where corpora are, BC5CDR's words beside its raw text, results."""

import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from spacy_bioner.document import Document
from spacy_bioner.formats import columns, pubtator
from spacy_bioner.provenance import versions

RESULTS = Path(__file__).parent / "results"
BC5CDR_SPLITS = {"train": "Training", "devel": "Development", "test": "Test"}


def corpora_folder() -> Path:
    """The folder of real corpora, from $SPACY_BIONER_CORPORA."""
    return Path(os.environ["SPACY_BIONER_CORPORA"])


def processor() -> str:
    """The name of this machine's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")


def save(name: str, result: dict[str, Any]) -> None:
    """Prints a result and writes it to benchmarks/results/NAME.json."""
    machine = {"processor": processor(), "cores": os.cpu_count(), "system": platform.system()}
    text = json.dumps({**result, "machine": machine, "versions": versions()}, indent=2)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf8")
    print(text)


def best_of(repeats: int, *functions: Callable[[], object]) -> list[float]:
    """The shortest time in seconds that each function took, run in turn."""
    times = [float("inf")] * len(functions)
    for _ in range(repeats):
        for i, function in enumerate(functions):
            start = time.perf_counter()
            function()
            times[i] = min(times[i], time.perf_counter() - start)
    return times


def bc5cdr_sentences(split: str) -> Iterator[tuple[list[str], list[bool]]]:
    """The words of each sentence of BC5CDR's columns, and whether a space follows each in the raw text.

    Words and raw text are matched by their characters other than white space, which are the same. The
    last word's value is False.
    """
    folder = corpora_folder()
    raw_file = folder / f"pubtator/BC5CDR/CDR_{BC5CDR_SPLITS[split]}Set.PubTator.txt"
    characters: list[str] = []
    after_space: list[bool] = []
    for document in pubtator.read(raw_file):
        space = True
        for character in document.text:
            if not character.isspace():
                characters.append(character)
                after_space.append(space)
            space = character.isspace()
    text = "".join(characters)
    position = 0
    for sentence in columns.read(folder / f"mtl/BC5CDR-IOB/{split}.tsv"):
        words = [sentence.text[start:end] for start, end in sentence.tokens or ()]
        joined = "".join(words)
        # the two files have the abstracts in nearly the same order
        found = text.find(joined, position)
        if found < 0:
            found = text.find(joined)
        if found < 0:
            raise ValueError(f"not in the raw text: {joined}")
        position = found
        spaces = []
        for word in words:
            position += len(word)
            spaces.append(position < len(text) and after_space[position])
        yield words, [*spaces[:-1], False]


def read_pubtator(*names: str) -> list[Document]:
    """The documents of PubTator files of the corpora folder."""
    return [document for name in names for document in pubtator.read(corpora_folder() / name)]
