"""`bioner` beside spaCy's `ner` on the same CNN: `python -m benchmarks.heads --seeds 1 2 3`.

Both are trained on the same .spacy files with the same batches, seeds and number of updates, each in a
process of its own with one thread, and the best of their evaluations on devel is taken for both. Runs that
were measured before are taken from the results, so that the script can be stopped and started again.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import spacy

from benchmarks.common import RESULTS, corpora_folder, save
from spacy_bioner.cli.convert import convert
from spacy_bioner.docbin import read_docbin
from spacy_bioner.evaluation.evaluate import evaluate

CORPORA = {"NCBI-disease": "NCBI-disease-IOB", "BC5CDR": "BC5CDR-IOB"}
CONFIGS = ("ner_cnn", "bioner_cnn")
ROOT = Path(__file__).parents[1]


def run(corpus: str, config: str, seed: int, updates: int, data: Path) -> dict[str, Any]:
    """Trains once, and scores the best model on devel."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = data / corpus
        command = [sys.executable, "-m", "spacy", "train", str(ROOT / "configs" / f"{config}.cfg")]
        command += ["--paths.train", str(folder / "train.spacy"), "--paths.dev", str(folder / "devel.spacy")]
        command += ["--output", temporary, "--system.seed", str(seed), "--training.patience", "0"]
        command += ["--training.max_steps", str(updates)]
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        start = time.perf_counter()
        done = subprocess.run(
            command, env={**os.environ, **threads}, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
        seconds = time.perf_counter() - start
        nlp = spacy.load(Path(temporary) / "model-best")
        docs = read_docbin(folder / "devel.spacy", nlp.vocab)
        result = min((evaluate(nlp, docs) for _ in range(3)), key=lambda r: r.seconds)
    steps = len(re.findall(r"^\s*\d+\s+\d+\s", done.stdout, flags=re.MULTILINE))
    return {
        "corpus": corpus,
        "config": config,
        "seed": seed,
        "updates": updates,
        "f1": round(100 * result.counts.total().f1, 2),
        "train_seconds": round(seconds, 1),
        "evaluations": steps,
        "predict_tokens_per_second": round(result.tokens / result.seconds),
    }


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean and standard deviation by corpus and config."""
    table: dict[str, Any] = {}
    for corpus in CORPORA:
        for config in CONFIGS:
            scores = [r["f1"] for r in runs if (r["corpus"], r["config"]) == (corpus, config)]
            if scores:
                spread = round(stdev(scores), 2) if len(scores) > 1 else None
                table[f"{corpus}, {config}"] = {"mean": round(mean(scores), 2), "sd": spread, "f1": scores}
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--updates", type=int, default=3000)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    path = RESULTS / "heads.json"
    runs = json.loads(path.read_text(encoding="utf8"))["runs"] if path.exists() else []
    known = {(r["corpus"], r["config"], r["seed"], r["updates"]) for r in runs}
    todo = [
        (corpus, config, seed, arguments.updates)
        for seed in arguments.seeds
        for corpus in CORPORA
        for config in CONFIGS
        if (corpus, config, seed, arguments.updates) not in known
    ]
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(arguments.jobs) as pool:
        data = Path(temporary)
        for name, folder in CORPORA.items():
            convert([corpora_folder() / "mtl" / folder], data / name, corpus=name)
        for result in pool.map(lambda job: run(job[0], job[1], job[2], job[3], data), todo):
            runs.append(result)
            save("heads", {"summary": summary(runs), "runs": runs})


if __name__ == "__main__":
    main()
