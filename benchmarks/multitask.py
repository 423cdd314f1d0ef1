"""Corpora that annotate different types: `python -m benchmarks.multitask --models FOLDER`.

Three ways to learn from NCBI-disease, BC5CDR-chem, BC2GM and LINNAEUS with the same CNN and `bioner`: a
pipeline for each (single), one pipeline for which everything that a corpus does not annotate is no entity
(naive), and one whose heads learn only from the corpora that annotate their type (masked). Every training
sentence is seen about equally often in each. Strict F1 on devel; the best of ten evaluations is chosen on
every third sentence of each devel.
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
from spacy_bioner.corpora.annotations import Annotation, set_annotation
from spacy_bioner.corpora.corpus_catalogue import load_corpora
from spacy_bioner.corpora.docbin import docbin, read_docbin
from spacy_bioner.corpora.file_conversion import convert
from spacy_bioner.evaluation.pipeline_evaluation import evaluate_docs

# corpus: its file here, the types that are kept of it
CORPORA = {
    "NCBI-disease": ("NCBI-disease-IOB", ["Disease"]),
    "BC5CDR-chem": ("BC5CDR-IOB", ["Chemical"]),
    "BC2GM": ("BC2GM-IOB", ["GENE"]),
    "LINNAEUS": ("linnaeus-IOB", ["Species"]),
}
TYPES = ("Chemical", "Disease", "Gene", "Species")
CHOOSING = 3
CHOSEN_ON = "every third sentence of devel"
WAYS = ("single", "masked", "naive")
SCALE = ("sentences", "epochs", "settings", "chosen_on")
BATCH_START, BATCH_STOP, BATCH_GROWTH = 100, 1000, 1.001  # words, as for one corpus


def prepare(data: Path, sentences: int) -> None:
    """Writes data/WAY/SPLIT/CORPUS.spacy: the first training sentences; devel, and the part to choose on."""
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
            _write(data / "masked" / f"{split}-part" / f"{name}.spacy", docs[::CHOOSING])
            # what is naive is the training alone: devel says truly what it annotates, by the common names
            annotated = TYPES if split == "train" else tuple(common.values())
            for doc in docs:
                doc.ents = [Span(doc, ent.start, ent.end, label=common[ent.label_]) for ent in doc.ents]
                set_annotation(doc, Annotation(f"{name}, common names", annotated))
            _write(data / "naive" / split / f"{name}.spacy", docs)
            _write(data / "naive" / f"{split}-part" / f"{name}.spacy", docs[::CHOOSING])


def _write(path: Path, docs: list[Doc]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    docbin(docs).to_disk(path)


def updates(files: list[Path], epochs: int, batches: int, growth: float) -> int:
    """How many batches go over some files that often: how many times as large, each how much more."""
    vocab = spacy.blank("en").vocab
    left = epochs * sum(len(doc) for file in files for doc in read_docbin(file, vocab))
    count, size = 0, float(batches * BATCH_START)
    while left > 0:
        left -= int(size)
        size = min(size * growth, batches * BATCH_STOP)
        count += 1
    return count


def run(
    way: str, batches: int, growth: float, seed: int, scale: dict[str, Any], data: Path, models: Path
) -> dict[str, Any]:
    """Trains in one way, and scores on each corpus's devel that was trained on."""
    folder = "naive" if way == "naive" else "masked"
    names = [way.removeprefix("single ")] if way.startswith("single") else list(CORPORA)
    files = [data / folder / "train" / f"{name}.spacy" for name in names]
    devel = [data / folder / "devel" / f"{name}.spacy" for name in names]
    deciding = [data / folder / "devel-part" / file.name for file in devel]
    steps = updates(files, scale["epochs"], batches, growth)
    output = models / "-".join(map(str, (way, batches, growth, seed, *scale.values())))
    settings = {
        "training.max_steps": steps,
        "training.patience": 0,
        "training.eval_frequency": steps // 10,
        "training.batcher.size.start": batches * BATCH_START,
        "training.batcher.size.stop": batches * BATCH_STOP,
        "training.batcher.size.compound": growth,
        **dict(part.split("=", 1) for part in scale["settings"].split()),
    }
    seconds = train("multitask_cnn", output, files, deciding, seed=seed, settings=settings)
    nlp = spacy.load(output / "model-best")
    scores = {
        name: round(100 * evaluate_docs(nlp, read_docbin(file, nlp.vocab)).counts.total().f1, 2)
        for name, file in zip(names, devel, strict=True)
    }
    measured = {"updates": steps, "f1": scores, "train_seconds": round(seconds, 1)}
    return {"way": way, "batches": batches, "growth": growth, "seed": seed, **scale, **measured}


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """F1 by scale, way and corpus, mean and standard deviation over seeds; and the mean over corpora."""
    by_way: dict[str, dict[int, dict[str, float]]] = {}
    for row in runs:
        way = f"{row['way'].split()[0]}, batches times {row['batches']}, growing by {row['growth'] - 1:.3%}"
        scale = [
            f"{row['sentences']} sentences",
            f"{row['epochs']} epochs",
            row["settings"],
            row["chosen_on"],
        ]
        name = ", ".join([*filter(None, scale), way])
        by_way.setdefault(name, {}).setdefault(row["seed"], {}).update(row["f1"])
    means: dict[str, Any] = {}
    for name, by_seed in by_way.items():
        complete = [scores for scores in by_seed.values() if len(scores) == len(CORPORA)]
        if complete:
            means[name] = {corpus: spread([scores[corpus] for scores in complete]) for corpus in CORPORA}
            means[name]["mean over corpora"] = spread([mean(scores.values()) for scores in complete])
    return means


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, required=True, help="folder for the trained models")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--sentences", type=int, default=4000, help="of each training split")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument(
        "--batches", type=int, default=1, help="how many times as large, where corpora share a pipeline"
    )
    parser.add_argument(
        "--growth", type=float, default=BATCH_GROWTH, help="of batches, where corpora share a pipeline"
    )
    # named although it is the config's, so that results tell it from what was measured without
    averages = "training.optimizer.use_averages=true"
    parser.add_argument("--settings", default=averages, help="of the config, with spaces")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    scale = {key: getattr(arguments, key) for key in SCALE[:-1]} | {"chosen_on": CHOSEN_ON}
    runs = results("multitask").get("runs", [])
    ways = [(f"single {name}", 1, BATCH_GROWTH) for name in CORPORA] if "single" in arguments.ways else []
    ways += [(way, arguments.batches, arguments.growth) for way in WAYS[1:] if way in arguments.ways]
    keys = ("way", "batches", "growth", "seed")
    known = [tuple(row[key] for key in keys) for row in runs if scale.items() <= row.items()]
    todo = [(*way, seed) for seed in arguments.seeds for way in ways]
    missing = [what for what in todo if what not in known]
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(arguments.jobs) as pool:
        data = Path(temporary)
        prepare(data, arguments.sentences)
        for row in pool.map(lambda j: run(j[0], j[1], j[2], j[3], scale, data, arguments.models), missing):
            runs.append(row)
            save("multitask", {"summary": summary(runs), "runs": runs})


if __name__ == "__main__":
    main()
