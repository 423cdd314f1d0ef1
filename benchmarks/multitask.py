"""Corpora that annotate different types: `python -m benchmarks.multitask --models FOLDER`.

Three ways to learn from NCBI-disease, BC5CDR-chem, BC2GM and LINNAEUS with the same CNN and `bioner`: a
pipeline for each (single), one pipeline for which everything that a corpus does not annotate is no entity
(naive), and one whose heads learn only from the corpora that annotate their type (masked). Every training
sentence is seen about equally often in each. Strict F1 on devel; the best of ten evaluations is chosen on the
first 1,000 sentences of each devel.
"""

import argparse
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import mean
from typing import Any

import spacy
from spacy.tokens import Doc, Span

from benchmarks.common import corpora_folder, results, save, spread, train
from spacy_bioner.annotations import Annotation, set_annotation
from spacy_bioner.catalogue.corpora import load_corpora
from spacy_bioner.cli.convert import convert
from spacy_bioner.docbin import docbin, read_docbin
from spacy_bioner.evaluation.evaluate import evaluate

# corpus: its file here, the types that are kept of it
CORPORA = {
    "NCBI-disease": ("NCBI-disease-IOB", ["Disease"]),
    "BC5CDR-chem": ("BC5CDR-IOB", ["Chemical"]),
    "BC2GM": ("BC2GM-IOB", ["GENE"]),
    "LINNAEUS": ("linnaeus-IOB", ["Species"]),
}
TYPES = ("Chemical", "Disease", "Gene", "Species")
CHOOSING = 1000
BATCH_START, BATCH_STOP, BATCH_GROWTH = 100, 1000, 1.001  # as in the configs


def prepare(data: Path, sentences: int) -> None:
    """Writes data/WAY/SPLIT/CORPUS.spacy: the first training sentences; devel, and its first ones."""
    for name, (folder, types) in CORPORA.items():
        source = corpora_folder() / "mtl" / folder
        # the file has chemicals and diseases; only here it stands in for the one with chemicals alone
        entry = name if name != "BC5CDR-chem" else ""
        convert([source], data / "all" / name, corpus=entry, name=name, types=types)
        vocab = spacy.blank("en").vocab
        common = load_corpora()[name].types
        for split in ("train", "devel"):
            docs = read_docbin(data / "all" / name / f"{split}.spacy", vocab)
            docs = docs[:sentences] if split == "train" else docs
            _write(data / "masked" / split / f"{name}.spacy", docs)
            _write(data / "masked" / f"{split}-first" / f"{name}.spacy", docs[:CHOOSING])
            # what is naive is the training alone: devel says truly what it annotates, by the common names
            annotated = TYPES if split == "train" else tuple(common.values())
            for doc in docs:
                doc.ents = [Span(doc, ent.start, ent.end, label=common[ent.label_]) for ent in doc.ents]
                set_annotation(doc, Annotation(f"{name}, common names", annotated))
            _write(data / "naive" / split / f"{name}.spacy", docs)
            _write(data / "naive" / f"{split}-first" / f"{name}.spacy", docs[:CHOOSING])


def _write(path: Path, docs: list[Doc]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    docbin(docs).to_disk(path)


def updates(files: list[Path], epochs: int) -> int:
    """How many batches of the configs' growing size go over some files that often."""
    vocab = spacy.blank("en").vocab
    left = epochs * sum(len(doc) for file in files for doc in read_docbin(file, vocab))
    count, size = 0, float(BATCH_START)
    while left > 0:
        left -= int(size)
        size = min(size * BATCH_GROWTH, BATCH_STOP)
        count += 1
    return count


def run(way: str, seed: int, epochs: int, data: Path, models: Path) -> dict[str, Any]:
    """Trains in one way, and scores on each corpus's devel that was trained on."""
    folder = "naive" if way == "naive" else "masked"
    names = [way.removeprefix("single ")] if way.startswith("single") else list(CORPORA)
    files = [data / folder / "train" / f"{name}.spacy" for name in names]
    devel = [data / folder / "devel" / f"{name}.spacy" for name in names]
    first = [data / folder / "devel-first" / file.name for file in devel]
    steps = updates(files, epochs)
    output = models / f"{way}-{seed}"
    settings = {"training.max_steps": steps, "training.patience": 0, "training.eval_frequency": steps // 10}
    seconds = train("multitask_cnn", output, files, first, seed=seed, settings=settings)
    nlp = spacy.load(output / "model-best")
    scores = {
        name: round(100 * evaluate(nlp, read_docbin(file, nlp.vocab)).counts.total().f1, 2)
        for name, file in zip(names, devel, strict=True)
    }
    return {"way": way, "seed": seed, "updates": steps, "f1": scores, "train_seconds": round(seconds, 1)}


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """F1 by way and corpus, mean and standard deviation over seeds; and the mean over corpora."""
    table: dict[str, Any] = {}
    for way in ("single", "naive", "masked"):
        by_seed: dict[int, dict[str, float]] = {}
        for row in runs:
            if row["way"].split()[0] == way:
                by_seed.setdefault(row["seed"], {}).update(row["f1"])
        complete = [scores for scores in by_seed.values() if len(scores) == len(CORPORA)]
        if complete:
            table[way] = {name: spread([scores[name] for scores in complete]) for name in CORPORA}
            table[way]["mean over corpora"] = spread([mean(scores.values()) for scores in complete])
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, required=True, help="folder for the trained models")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--sentences", type=int, default=4000, help="of each training split")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    scale = {"sentences": arguments.sentences, "epochs": arguments.epochs}
    runs = [row for row in results("multitask").get("runs", []) if scale.items() <= row.items()]
    known = {(row["way"], row["seed"]) for row in runs}
    ways = [*(f"single {name}" for name in CORPORA), "masked", "naive"]
    todo = [(way, seed) for seed in arguments.seeds for way in ways if (way, seed) not in known]
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(arguments.jobs) as pool:
        data = Path(temporary)
        prepare(data, arguments.sentences)
        for row in pool.map(lambda j: run(j[0], j[1], arguments.epochs, data, arguments.models), todo):
            runs.append(row | scale)
            save("multitask", {"summary": summary(runs), "runs": runs})


if __name__ == "__main__":
    main()
