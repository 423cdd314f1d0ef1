"""What the measurements share: where corpora are, BC5CDR's words beside its raw text, results."""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from spacy_bioner.corpora.provenance import versions
from spacy_bioner.documents.document import Document
from spacy_bioner.documents.formats import columns, pubtator

RESULTS = Path(__file__).parent / "results"
ROOT = Path(__file__).parents[1]
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


def results(name: str) -> dict[str, Any]:
    """What was saved under a name before; nothing if there is none."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf8")) if path.exists() else {}


def stock_transformer(name: str) -> dict[str, Any]:
    """The model block of spacy-transformers' own architecture, with the windows of its documentation."""
    return {
        "@architectures": "spacy-transformers.TransformerModel.v3",
        "name": name,
        "tokenizer_config": {"use_fast": True, "model_max_length": 512},
        "get_spans": {"@span_getters": "spacy-transformers.strided_spans.v1", "window": 128, "stride": 96},
    }


def train(
    config: str | Path,
    output: Path,
    train: Sequence[Path],
    dev: Sequence[Path],
    *,
    seed: int,
    settings: Mapping[str, Any],
    own_heads: Sequence[str] = (),
    start_from: Path | None = None,
    encoder: str = "",
) -> float:
    """Trains a pipeline with `spacy bioner train`, in a process of its own with one thread.

    Args:
        config: the name of one of the project's configs, or the file of another.
        output: the folder to make.
        train, dev: the .spacy files.
        seed: the seed.
        settings: further settings of the config.
        own_heads: corpora whose types get heads of their own.
        start_from: the folder of a pipeline to go on from.
        encoder: the encoder's name.

    Returns:
        The seconds of processor time that it took: other work on the machine disturbs these less than it
        does the time of day.
    """
    file = config if isinstance(config, Path) else ROOT / "configs" / f"{config}.cfg"
    command = [sys.executable, "-m", "spacy", "bioner", "train", str(file), str(output)]
    command += ["--seed", str(seed), "--encoder", encoder]
    if start_from is not None:
        command += ["--start-from", str(start_from)]
    for option, values in (("--train", train), ("--dev", dev), ("--own-heads", own_heads)):
        for value in values:
            command += [option, str(value)]
    command += ["--settings", " ".join(f"{name}={value}" for name, value in settings.items())]
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with tempfile.TemporaryFile("w+", encoding="utf8") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **threads}, stdout=log, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            log.seek(0)
            raise RuntimeError(f"{' '.join(command)}\n{log.read()[-4000:]}")
    return usage.ru_utime + usage.ru_stime


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Mean, standard deviation and the values, rounded to hundredths."""
    return {
        "mean": round(mean(values), 2),
        "sd": round(stdev(values), 2) if len(values) > 1 else None,
        "values": [round(value, 2) for value in values],
    }


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
