"""General-domain corpora as a first stage: `python -m benchmarks.gerbera --models FOLDER`.

NCBI-disease with every tenth of its training sentences: trained alone, and by the two stages of workflow
`gerbera` (first with WikiGold, WNUT-17 and CrossNER, then alone from there). The same CNN, `bioner`, seeds
and number of updates on the corpus alone; strict F1, the best evaluation chosen on devel.
"""

import argparse
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import spacy

from benchmarks.common import corpora_folder, results, save, spread, train
from spacy_bioner.corpora.docbin import docbin, read_docbin
from spacy_bioner.corpora.fetching import fetch
from spacy_bioner.corpora.file_conversion import convert, convert_corpora
from spacy_bioner.evaluation.pipeline_evaluation import evaluate_docs

NAME = "NCBI-disease"
GENERAL = ["WikiGold", "WNUT-17", "CrossNER-politics", "CrossNER-science", "CrossNER-literature"]
EVERY = 10
# what bioner_cnn has: the config for several corpora has a larger one
SAME_ENCODER = {
    "components.tok2vec.model.encode.width": 96,
    "components.tok2vec.model.embed.rows": "[5000,1000,2500,2500]",
}


def prepare(data: Path) -> None:
    """Writes data/target/SPLIT.spacy and data/general/train/CORPUS.spacy."""
    target = data / "target"
    convert([corpora_folder() / "mtl" / "NCBI-disease-IOB"], target, corpus=NAME)
    docs = read_docbin(target / "train.spacy", spacy.blank("en").vocab)
    docbin(docs[::EVERY]).to_disk(target / "train.spacy")
    list(fetch(GENERAL, assets=data / "assets", corpora_base=str(corpora_folder() / "general")))
    convert_corpora(data / "assets", data / "general", GENERAL)


def run(way: str, seed: int, updates: dict[str, int], data: Path, models: Path) -> dict[str, Any]:
    """Trains in one way, and scores."""
    files = [data / "target" / "train.spacy"]
    devel = [data / "target" / "devel.spacy"]
    settings = {"training.patience": 0, "training.eval_frequency": 100}
    alone = settings | {"training.max_steps": updates["alone"]}
    first = None
    seconds = 0.0
    if way == "gerbera":
        stage_one = models / f"general-{seed}"
        general = settings | SAME_ENCODER | {"training.max_steps": updates["general"]}
        general_files = [*files, data / "general" / "train"]
        seconds = train("multitask_cnn", stage_one, general_files, devel, seed=seed, settings=general)
        first = stage_one / "model-best"
    output = models / f"{way}-{seed}"
    seconds += train("bioner_cnn", output, files, devel, seed=seed, settings=alone, start_from=first)
    row: dict[str, Any] = {"way": way, "seed": seed, "train_seconds": round(seconds, 1)}
    scored = {"": output / "model-best"} | ({"stage one ": first} if first is not None else {})
    for stage, folder in scored.items():
        for split in ("devel", "test"):
            nlp = spacy.load(folder)
            docs = read_docbin(data / "target" / f"{split}.spacy", nlp.vocab)
            row[f"{stage}{split}"] = round(100 * evaluate_docs(nlp, docs).counts.total().f1, 2)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, required=True, help="folder for the trained models")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--updates", type=int, default=1500, help="on the corpus alone")
    parser.add_argument("--general-updates", type=int, default=2000, help="on all corpora, before that")
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    updates = {"alone": arguments.updates, "general": arguments.general_updates}
    before = results("gerbera")
    runs = before["runs"] if before.get("updates") == updates else []
    known = {(row["way"], row["seed"]) for row in runs}
    todo = [
        (way, seed) for seed in arguments.seeds for way in ("alone", "gerbera") if (way, seed) not in known
    ]
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(arguments.jobs) as pool:
        data = Path(temporary)
        prepare(data)
        for row in pool.map(lambda j: run(j[0], j[1], updates, data, arguments.models), todo):
            runs.append(row)
            summary = {
                f"{way}, {key}": spread([r[key] for r in runs if r["way"] == way and key in r])
                for way in ("alone", "gerbera")
                for key in ("devel", "test", "stage one devel")
                if any(r["way"] == way and key in r for r in runs)
            }
            save("gerbera", {"summary": summary, "updates": updates, "runs": runs})


if __name__ == "__main__":
    main()
