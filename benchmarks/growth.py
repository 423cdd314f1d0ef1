"""Time against length for inputs of ten shapes: `python -m benchmarks.growth [--rounds 5] [--collect]`.

Each function of the package that looks at text gets texts of each shape, from 1,000 characters to 200,000.
Printed: seconds of the processor, and the ratio of those for 200,000 to those for 100,000, which is 2 where
time is linear. The exit code is 1 if it is above 2.3 for any, or 200,000 take more than two seconds.

Each time is the median of several rounds, in each of which all lengths take turns. Python's garbage collector
is off, as it is in timeit: it looks at all objects of the process, 0.2 s with spaCy and PyTorch loaded, each
time that their number has grown by a quarter. A text of many marks makes so many that it runs once for some
lengths and never for others, and the ratio of two neighbours says nothing. `--collect` leaves it on.
"""

import argparse
import contextlib
import gc
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import spacy
from wasabi import msg

from benchmarks.common import save
from spacy_bioner.documents.document import Document, Mention
from spacy_bioner.documents.formats import detect
from spacy_bioner.documents.formats.html import write as write_html
from spacy_bioner.errors import UnknownFormatError
from spacy_bioner.pretraining.cleaning import clean
from spacy_bioner.text.alignment import align
from spacy_bioner.text.folding import fold_with_origins
from spacy_bioner.text.occurrences import abbreviations_of
from spacy_bioner.text.spacing import join, natural_spaces
from spacy_bioner.text.tokenizer import create_tokenizer

LENGTHS = (1_000, 10_000, 50_000, 100_000, 200_000)
MOST_GROWTH = 2.3
"""The ratio of times that is allowed for texts of twice the length."""
MOST_SECONDS = 2
"""For 200,000 characters."""
SHAPES: dict[str, Callable[[int], str]] = {
    "words": lambda n: ("Aspirin helps in asthma of mice . " * n)[:n],
    "one word": lambda n: "a" * n,
    "dots": lambda n: "." * n,
    "a word and dashes": lambda n: "a" + "-" * (n - 1),
    "words and dashes": lambda n: ("a-" * n)[:n],
    "nested brackets": lambda n: "(" * (n // 2) + ")" * (n // 2),
    "spaced brackets": lambda n: ("( " * n)[: n // 2] + (" )" * n)[: n // 2],
    "definitions": lambda n: "".join(f"atom {i:x} bond (AB{i:x}) " for i in range(n // 15))[:n],
    "accents": lambda n: "a" + "\u0301" * (n - 1),
    "white space": lambda n: ("a \n\t " * n)[:n],
}
"""A text of a length, by the name of its shape."""


def functions(folder: Path) -> Mapping[str, Callable[[str], object]]:
    """What looks at a text, by what it does."""
    nlp = spacy.blank("en")

    def detection(text: str) -> object:
        path = folder / "in"
        path.write_text(text + "\n", encoding="utf8")
        with contextlib.suppress(UnknownFormatError):
            return detect(path)
        return None

    def abbreviations(text: str) -> object:
        align.cache_clear()  # of earlier rounds
        return abbreviations_of(text)

    def spacing(text: str) -> object:
        words = text.split() if " " in text else list(text)
        return join(words, natural_spaces(words))

    def displaying(text: str) -> object:
        mentions = tuple(
            Mention(((start, min(start + 5, len(text))),), "Gene") for start in range(0, len(text), 20)
        )
        return list(write_html([Document(text, mentions=mentions)]))

    return {
        "tokenizer": lambda text: create_tokenizer()(nlp)(text),  # a new one, which has seen nothing before
        "folding": fold_with_origins,
        "spacing": spacing,
        "detection": detection,
        "cleaning": lambda text: clean(f"some words here {text}", Counter()),
        "abbreviations": abbreviations,
        "displaying": displaying,
    }


def measure(
    function: Callable[[str], object], make: Callable[[int], str], rounds: int, longest: float
) -> dict[int, float]:
    """Seconds of the processor's time for each length: the median of rounds in which the lengths take turns.

    Lengths beyond one that takes longer than `longest` seconds are left out.
    """
    texts = {length: make(length) for length in LENGTHS}
    times: dict[int, list[float]] = {length: [] for length in texts}
    for _ in range(rounds):
        for length, text in texts.items():
            start = time.process_time()
            function(text)
            times[length].append(time.process_time() - start)
            if times[length][-1] > longest:
                texts = {shorter: text for shorter, text in texts.items() if shorter < length}
                break
    return {length: round(statistics.median(found), 5) for length, found in times.items() if found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--seconds", type=float, default=20, help="no longer texts after one that takes so long"
    )
    parser.add_argument("--collect", action="store_true", help="with Python's garbage collector on")
    arguments = parser.parse_args()
    result: dict[str, dict[str, dict[int, float]]] = {}
    bad = []
    with tempfile.TemporaryDirectory() as folder:
        found = functions(Path(folder))
        if not arguments.collect:
            gc.disable()
        for name, function in found.items():
            rows = []
            for shape, make in SHAPES.items():
                times = measure(function, make, arguments.rounds, arguments.seconds)
                gc.collect()
                result.setdefault(name, {})[shape] = times
                half, whole = times.get(LENGTHS[-2], 0), times.get(LENGTHS[-1], float("inf"))
                ratio = whole / max(half, 0.00001)
                # shorter times than a tenth of a millisecond are those of the call
                if (ratio > MOST_GROWTH and whole > 0.0001) or whole > MOST_SECONDS:
                    bad.append(f"{name} of {shape}")
                told = [f"{times[n]:.5f}" if n in times else "-" for n in LENGTHS]
                rows.append((shape, *told, f"{ratio:.2f}"))
            msg.divider(name)
            header = ("shape", *(f"{length:,}" for length in LENGTHS), "ratio")
            msg.table(rows, header=header, aligns=("l", *"r" * (len(header) - 1)))
    save("growth", {"seconds": result})
    if bad:
        msg.fail(f"Not linear, or too slow: {', '.join(bad)}", exits=1)


if __name__ == "__main__":
    main()
