"""Sentences or abstracts: `python -m benchmarks.sentences --models FOLDER`.

`bioner` trained on single sentences, on several joined to a Doc (`spacy bioner convert --group`), and on Docs
that the reader makes of one and of several (`corpora.train.join`, in tokens), with the same number of
updates; scored on the sentences of devel, and on its abstracts as PubTator has them, raw, with the pipeline's
own tokens. A model that is in the folder already is taken as it is: those of
an experiment (benchmarks/experiments/heads.toml) serve for single sentences.
"""

import argparse
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import spacy

from benchmarks.common import corpora_folder, read_pubtator, results, save, spread, train
from spacy_bioner.corpora.docbin import read_docbin
from spacy_bioner.corpora.file_conversion import convert
from spacy_bioner.documents.document import Document
from spacy_bioner.documents.formats import columns
from spacy_bioner.encoders import mini
from spacy_bioner.evaluation.counts import Counts
from spacy_bioner.evaluation.pipeline_evaluation import evaluate_docs
from spacy_bioner.files import checksum

CORPORA = {
    "NCBI-disease": ("NCBI-disease-IOB", "pubtator/NCBI-disease/NCBIdisease_TrainDev.PubTator", ("Disease",)),
    "BC5CDR": (
        "BC5CDR-IOB",
        "pubtator/BC5CDR/CDR_DevelopmentSet.PubTator.txt",
        ("Chemical", "Disease"),
    ),
}
# of NCBI-disease, PubTator has four kinds of Disease
LONG = 40  # characters that make a sentence one of a kind
CONFIGS = {"cnn": "bioner_cnn", "mini": "bioner_trf"}


def _weights(encoder: str) -> str:
    """What tells an encoder's weights from others under its name: the beginning of their checksum."""
    return checksum(Path(mini.__file__).with_name(mini.WEIGHTS))[:12] if encoder == "mini" else ""


def _characters(text: str) -> str:
    return "".join(text.split())


def devel_abstracts(folder: str, file: str) -> list[Document]:
    """The abstracts of a PubTator file that have sentences of devel."""
    texts = [_characters(s.text) for s in columns.read(corpora_folder() / "mtl" / folder / "devel.tsv")]
    sentences = [text for text in texts if len(text) >= LONG]
    documents = read_pubtator(file)
    whole = [_characters(document.text) for document in documents]
    return [
        document
        for document, text in zip(documents, whole, strict=True)
        if any(sentence in text for sentence in sentences)
    ]


def score_raw(nlp: spacy.Language, abstracts: list[Document], only_type: str | None) -> float:
    """Strict F1 on raw text, by characters."""
    counts = Counts()
    for document, doc in zip(abstracts, nlp.pipe(d.text for d in abstracts), strict=True):
        counts.add(
            [(m.start, m.end, only_type or m.type) for m in document.mentions],
            [(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents],
        )
    return counts.total().f1


def run(
    corpus: str, encoder: str, group: int, join: int, seed: int, updates: int, data: Path, models: Path
) -> dict[str, Any]:
    """Trains, if it wasn't before, and scores on sentences, and on abstracts."""
    folder, file, types = CORPORA[corpus]
    config = CONFIGS[encoder]
    devel = data / corpus / "1" / "devel.spacy"
    way = f"-group{group}" * (group > 1) + f"-join{join}" * (join > 0)
    output = models / f"{corpus}-{config}-{seed}{way}"
    if not output.exists():
        settings = {"training.max_steps": updates, "training.patience": 0, "corpora.train.join": join}
        if encoder == "mini":
            settings |= {"training.max_epochs": 0, "training.optimizer.learn_rate.total_steps": updates}
        files = [data / corpus / str(group) / f"{split}.spacy" for split in ("train", "devel")]
        train(config, output, files[:1], files[1:], seed=seed, settings=settings, encoder=encoder)
    nlp = spacy.load(output / "model-best")
    abstracts = devel_abstracts(folder, file)
    return {
        "corpus": corpus,
        "encoder": encoder,
        "group": group,
        "join": join,
        "seed": seed,
        "updates": updates,
        "sentences": round(100 * evaluate_docs(nlp, read_docbin(devel, nlp.vocab)).counts.total().f1, 2),
        "abstracts": round(100 * score_raw(nlp, abstracts, types[0] if len(types) == 1 else None), 2),
        "number_of_abstracts": len(abstracts),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, required=True, help="folder for the trained models")
    parser.add_argument("--corpora", nargs="+", default=list(CORPORA))
    parser.add_argument("--encoder", default="cnn", choices=CONFIGS)
    parser.add_argument("--groups", type=int, nargs="*", default=[1, 10])
    parser.add_argument("--joins", type=int, nargs="*", default=[300])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--updates", type=int, default=3000)
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    runs = results("sentences").get("runs", [])
    keys = ("corpus", "encoder", "weights", "group", "join", "seed", "updates")
    weights = _weights(arguments.encoder)
    known = {tuple(row[key] for key in keys) for row in runs}
    wanted = [
        (corpus, arguments.encoder, weights, group, join, seed, arguments.updates)
        for seed in arguments.seeds
        for corpus in arguments.corpora
        for group, join in [*((n, 0) for n in arguments.groups), *((1, n) for n in arguments.joins)]
    ]
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(arguments.jobs) as pool:
        data = Path(temporary)
        for name in arguments.corpora:
            for group in {1, *arguments.groups}:
                source = corpora_folder() / "mtl" / CORPORA[name][0]
                convert([source], data / name / str(group), corpus=name, group=group)
        todo = [job for job in wanted if job not in known]
        for row in pool.map(lambda j: run(j[0], j[1], j[3], j[4], j[5], j[6], data, arguments.models), todo):
            runs.append(row | {"weights": weights})
            summary: dict[str, Any] = {}
            for r in runs:
                docs = f"up to {r['join']} tokens" if r["join"] else f"{r['group']}"
                encoder = " ".join(filter(None, (r["encoder"], r["weights"])))
                key = f"{r['corpus']}, {encoder}, trained on {docs} a Doc, {r['updates']} updates"
                same = [o for o in runs if all(o[k] == r[k] for k in keys if k != "seed")]
                summary[key] = {on: spread([o[on] for o in same]) for on in ("sentences", "abstracts")}
            save("sentences", {"summary": summary, "runs": runs})


if __name__ == "__main__":
    main()
