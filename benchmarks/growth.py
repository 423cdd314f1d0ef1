"""Time against length for inputs of ten shapes: `python -m benchmarks.growth [--seconds 20]`.

Each function of the package that looks at text gets texts of each shape, from 1,000 characters to 200,000.
Printed: seconds of the processor for 200,000, and the ratio to those for 100,000, which is 2 where time is
linear. A function that has taken longer than `--seconds` for a shape isn't given longer texts of it.
"""

import argparse
import contextlib
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
from spacy_bioner.text.folding import fold_with_origins
from spacy_bioner.text.occurrences import abbreviations_of
from spacy_bioner.text.spacing import join, natural_spaces
from spacy_bioner.text.tokenizer import create_tokenizer

LENGTHS = (1_000, 10_000, 50_000, 100_000, 200_000)
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
        "abbreviations": abbreviations_of,
        "displaying": displaying,
    }


def measure(function: Callable[[str], object], text: str) -> float:
    """Seconds of the processor's time, the least of three runs where they are short."""
    times: list[float] = []
    while len(times) < 3 and sum(times) < 1:
        start = time.process_time()
        function(text)
        times.append(time.process_time() - start)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    longest = parser.parse_args().seconds
    result: dict[str, dict[str, dict[int, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, function in functions(Path(folder)).items():
            rows = []
            for shape, make in SHAPES.items():
                times: dict[int, float] = {}
                for length in LENGTHS:
                    times[length] = round(measure(function, make(length)), 4)
                    if times[length] > longest:
                        break
                result.setdefault(name, {})[shape] = times
                ratio = times[LENGTHS[-1]] / max(times[LENGTHS[-2]], 0.0001) if LENGTHS[-1] in times else None
                told = [f"{times[n]:.3f}" if n in times else "-" for n in (1_000, 100_000, 200_000)]
                rows.append((shape, *told, "-" if ratio is None else f"{ratio:.2f}"))
            msg.divider(name)
            msg.table(rows, header=("shape", "1,000", "100,000", "200,000", "ratio"), aligns=("l", *"rrrr"))
    save("growth", {"seconds": result})


if __name__ == "__main__":
    main()
