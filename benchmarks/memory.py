"""Memory of a long stream: `python -m benchmarks.memory MODEL --data ABSTRACTS.PubTator.txt`.

20,000 abstracts go through `nlp.pipe` in a memory zone each thousand: the resident memory after the first
2,000 and at the end. And the peak memory of one document of 2,000, 20,000 and 40,000 words.
"""

import argparse
import gc
import json
import subprocess
import sys
from itertools import chain, cycle, islice
from pathlib import Path

import spacy

from benchmarks.common import ROOT, save
from benchmarks.speed import read_texts


def resident(field: str = "VmRSS") -> float:
    """Memory of this process in MB: now, or with VmHWM the most that it had."""
    status = Path("/proc/self/status").read_text(encoding="utf8")
    return int(status.split(f"{field}:")[1].split()[0]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--abstracts", type=int, default=20_000)
    parser.add_argument("--words", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    nlp = spacy.load(arguments.model)
    texts = read_texts(arguments.data, 500)
    if arguments.words:
        before = resident()
        text = " ".join(islice(cycle(chain.from_iterable(t.split() for t in texts)), arguments.words))
        found = len(nlp(text).ents)
        print(json.dumps({"before_mb": before, "peak_mb": resident("VmHWM"), "entities": found}))
        return
    stream = cycle(texts)
    marks = {}
    for done in range(0, arguments.abstracts, 1000):
        with nlp.memory_zone():
            for _ in nlp.pipe(islice(stream, 1000)):
                pass
        gc.collect()
        marks[done + 1000] = round(resident())
    result = {"resident_mb": marks, "growth": round(marks[arguments.abstracts] / marks[2000] - 1, 4)}
    command = [sys.executable, "-m", "benchmarks.memory", arguments.model, "--data", str(arguments.data)]
    long = {}
    for words in (2000, 20_000, 40_000):
        done_process = subprocess.run(
            [*command, "--words", str(words)], cwd=ROOT, capture_output=True, text=True, check=True
        )
        long[words] = json.loads(done_process.stdout.splitlines()[-1])
    save("memory", {**result, "one_document": long})


if __name__ == "__main__":
    main()
