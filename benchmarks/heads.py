"""`bioner` beside spaCy's `ner` on the same CNN: `python -m benchmarks.heads --models FOLDER`.

Both are trained on the same .spacy files with the same batches, seeds and number of updates, each in a
process of its own with one thread, and the best of their evaluations on devel is taken for both. Then the
two predict devel in turn. What was measured before is taken from the results, so that the script can be
stopped and started again.
"""

import argparse
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import spacy

from benchmarks.common import best_of, corpora_folder, results, save, spread, train
from spacy_bioner.corpora.augmentation import with_same_tokens
from spacy_bioner.corpora.docbin import read_docbin
from spacy_bioner.corpora.file_conversion import convert
from spacy_bioner.evaluation.pipeline_evaluation import evaluate_docs

CORPORA = {"NCBI-disease": "NCBI-disease-IOB", "BC5CDR": "BC5CDR-IOB"}
KEYS = ("f1", "test_f1", "train_seconds", "predict_tokens_per_second")
CONFIGS = ("ner_cnn", "bioner_cnn")


def run(corpus: str, seed: int, updates: int, data: Path, models: Path) -> list[dict[str, Any]]:
    """Trains both once, and scores the best model of each on devel, on which it was chosen, and on test."""
    folder = data / corpus
    settings = {"training.max_steps": updates, "training.patience": 0}
    rows = []
    pipelines = []
    for config in CONFIGS:
        output = models / f"{corpus}-{config}-{seed}"
        seconds = train(
            config, output, [folder / "train.spacy"], [folder / "devel.spacy"], seed=seed, settings=settings
        )
        nlp = spacy.load(output / "model-best")
        pipelines.append(nlp)
        row = {"corpus": corpus, "config": config, "seed": seed, "updates": updates}
        for key, split in (("f1", "devel"), ("test_f1", "test")):
            f1 = evaluate_docs(nlp, read_docbin(folder / f"{split}.spacy", nlp.vocab)).counts.total().f1
            row[key] = round(100 * f1, 2)
        rows.append(row | {"train_seconds": round(seconds, 1)})
    docs = [read_docbin(folder / "devel.spacy", nlp.vocab) for nlp in pipelines]
    tokens = sum(map(len, docs[0]))

    def predict(i: int) -> None:
        for _ in pipelines[i].pipe(with_same_tokens(doc) for doc in docs[i]):
            pass

    for row, seconds in zip(rows, best_of(5, lambda: predict(0), lambda: predict(1)), strict=True):
        row["predict_tokens_per_second"] = round(tokens / seconds)
    return rows


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean and standard deviation by corpus and config."""
    table: dict[str, Any] = {}
    for corpus in CORPORA:
        for config in CONFIGS:
            rows = [r for r in runs if (r["corpus"], r["config"]) == (corpus, config)]
            for key in KEYS if rows else ():
                table.setdefault(f"{corpus}, {config}", {})[key] = spread([r[key] for r in rows])
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, required=True, help="folder for the trained models")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--updates", type=int, default=3000)
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    runs = results("heads").get("runs", [])
    known = {(r["corpus"], r["seed"], r["updates"]) for r in runs}
    todo = [
        (corpus, seed)
        for seed in arguments.seeds
        for corpus in CORPORA
        if (corpus, seed, arguments.updates) not in known
    ]
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(arguments.jobs) as pool:
        data = Path(temporary)
        for name, folder in CORPORA.items():
            convert([corpora_folder() / "mtl" / folder], data / name, corpus=name)
        for rows in pool.map(lambda j: run(j[0], j[1], arguments.updates, data, arguments.models), todo):
            runs += rows
            save("heads", {"summary": summary(runs), "runs": runs})


if __name__ == "__main__":
    main()
