"""`annotate` beside bare `nlp.pipe`: `python -m benchmarks.annotate MODEL --data ABSTRACTS.PubTator.txt`.

Both in this process, in turn, on the same texts with the same batch size; of each the least processor time of
several runs, which other work on the machine disturbs less than the time of day. The ratio is that of
everything that `annotate` does (checksums, reading, parts, joining, writing) but for loading the
pipeline. And the most memory of a run on the file many times over, beside that on it once.
"""

import argparse
import contextlib
import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import spacy
from spacy.language import Language

from benchmarks.common import ROOT, save
from benchmarks.memory import resident
from spacy_bioner.annotation.annotating import BATCH_SIZE, Settings, annotate
from spacy_bioner.documents import formats

FORMATS = ("jsonl", "pubtator", "bioc-xml", "bioc-json", "brat")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--times", type=int, default=10, help="how often the file, for memory")
    parser.add_argument("--memory-of", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    nlp = spacy.load(arguments.model)
    with tempfile.TemporaryDirectory() as temporary:
        if arguments.memory_of:
            run(nlp, arguments.memory_of, Path(temporary) / "out", "jsonl")
            print(json.dumps(resident("VmHWM")))
            return
        documents = list(formats.read(arguments.data))[: arguments.limit]
        texts = [document.text for document in documents]
        source = Path(temporary) / "in.jsonl"
        formats.write(documents, source, "jsonl")

        def bare() -> None:
            with nlp.memory_zone():
                for _ in nlp.pipe(texts, batch_size=BATCH_SIZE):
                    pass

        ratios = {}
        for to in FORMATS:

            def ours(to: str = to) -> None:
                run(nlp, source, Path(temporary) / to, to)

            our_time, bare_time = least(arguments.repeats, ours, bare)
            ratios[to] = {
                "seconds": round(our_time, 2),
                "nlp.pipe": round(bare_time, 2),
                "ratio": round(our_time / bare_time, 3),
            }
        longer = Path(temporary) / "longer.jsonl"
        longer.write_bytes(source.read_bytes() * arguments.times)
        peaks = {name: peak(arguments, path) for name, path in (("once", source), ("often", longer))}
    save(
        "annotate",
        {
            "pipeline": f"{nlp.meta['lang']}_{nlp.meta['name']}",
            "documents": len(texts),
            "to": ratios,
            "peak_mb": {**peaks, "times": arguments.times},
        },
    )


def least(repeats: int, *functions: Callable[[], object]) -> list[float]:
    """The least processor time in seconds that each function took, run in turn."""
    times = [float("inf")] * len(functions)
    for _ in range(repeats):
        for i, function in enumerate(functions):
            start = time.process_time()
            function()
            times[i] = min(times[i], time.process_time() - start)
    return times


def run(nlp: Language, source: Path, output: Path, to: str) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        annotate(nlp, [source], output, Settings(to))


def peak(arguments: argparse.Namespace, source: Path) -> float:
    """The most memory, in MB, of a process that annotates a file."""
    command = [sys.executable, "-m", "benchmarks.annotate", arguments.model]
    command += ["--data", str(arguments.data), "--memory-of", str(source)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return round(float(done.stdout.splitlines()[-1]), 1)


if __name__ == "__main__":
    main()
