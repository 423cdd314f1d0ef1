"""How good an encoder is: `python -m benchmarks.encoders --models FOLDER --encoders mini FOLDER`.

Each encoder, a name of the catalogue or a folder, is fine-tuned on one corpus at a time with the project's
own config `bioner_trf` (or another), each in a process of its own with one thread, and the best of its
evaluations on devel is taken. `--test` scores what was trained before on test: once, when all is chosen. What
was measured is taken from the results, so that the script can be stopped and started again.
"""

import argparse
import re
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import spacy

from benchmarks.common import corpora_folder, results, save, spread, train
from spacy_bioner.corpora.docbin import read_docbin
from spacy_bioner.corpora.file_conversion import convert
from spacy_bioner.encoders.encoder_catalogue import resolve_encoder
from spacy_bioner.evaluation.pipeline_evaluation import evaluate_docs

CORPORA = {"NCBI-disease": "NCBI-disease-IOB", "BC5CDR": "BC5CDR-IOB"}
WHAT = ("encoder", "weights", "config", "settings", "corpus", "seed")


def run(what: dict[str, Any], data: Path, output: Path) -> dict[str, Any]:
    """Trains a pipeline, and scores it on devel, on which it was chosen."""
    folder = data / what["corpus"]
    encoder = what["encoder"]
    settings = dict(part.split("=", 1) for part in what["settings"].split())
    files = [folder / "train.spacy"], [folder / "devel.spacy"]
    seconds = train(what["config"], output, *files, seed=what["seed"], settings=settings, encoder=encoder)
    f1 = score(output, folder / "devel.spacy")
    return what | {"devel": f1, "train_seconds": round(seconds, 1)}


def score(output: Path, file: Path) -> float:
    """Strict F1 of what was trained in a folder."""
    nlp = spacy.load(output / "model-best")
    return round(100 * evaluate_docs(nlp, read_docbin(file, nlp.vocab)).counts.total().f1, 2)


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean and standard deviation by encoder, weights, config, settings and corpus."""
    by_what: dict[str, list[dict[str, Any]]] = {}
    for row in runs:
        by_what.setdefault(", ".join(row[key] for key in WHAT[:-1] if row[key]), []).append(row)
    return {
        what: {
            split: spread([row[split] for row in rows if split in row])
            for split in ("devel", "test")
            if any(split in row for row in rows)
        }
        for what, rows in by_what.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, required=True, help="folder for the trained models")
    parser.add_argument("--encoders", nargs="+", default=["mini"], help='"" where the config has none')
    parser.add_argument("--corpora", nargs="+", choices=CORPORA, default=list(CORPORA))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--config", default="bioner_trf")
    parser.add_argument("--settings", default="", help='others than the config\'s: "training.max_epochs=10"')
    parser.add_argument("--test", action="store_true", help="score on test too")
    parser.add_argument("--jobs", type=int, default=1)
    given = parser.parse_args()
    runs = results("encoders").get("runs", [])
    checksums = {name: resolve_encoder(name).weights_sha256() if name else "" for name in given.encoders}
    wanted = [
        dict(zip(WHAT, (encoder, weights, given.config, given.settings, corpus, seed), strict=True))
        for seed in given.seeds
        for corpus in given.corpora
        for encoder, weights in checksums.items()
    ]

    def keep() -> None:
        save("encoders", {"summary": summary(runs), "runs": runs})

    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(given.jobs) as pool:
        data = Path(temporary)
        for name in given.corpora:
            convert([corpora_folder() / "mtl" / CORPORA[name]], data / name, corpus=name)
        known = [{key: row[key] for key in WHAT} for row in runs]
        todo = [what for what in wanted if what not in known]
        for row in pool.map(lambda what: run(what, data, given.models / folder_name(what)), todo):
            runs.append(row)
            keep()
        for row in runs if given.test else ():
            what = {key: row[key] for key in WHAT}
            if what in wanted and "test" not in row:
                file = data / row["corpus"] / "test.spacy"
                row["test"] = score(given.models / folder_name(what), file)
                keep()


def folder_name(what: dict[str, Any]) -> str:
    """Where a pipeline is kept."""
    return re.sub(r"[^\w.=-]+", "_", "-".join(str(what[key]) for key in WHAT if what[key]))


if __name__ == "__main__":
    main()
