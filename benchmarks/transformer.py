"""`bioner` on a transformer, beside spaCy's `ner` and transformers' own: `python -m benchmarks.transformer`.

The same small BERT (`mini`, 4 layers of 256), sentences of NCBI-disease, batches by padded length, learning
rates, seed and number of updates for four ways: `bioner`, spaCy's `ner`, that on spacy-transformers' own
architecture (`ner_stock`), and `AutoModelForTokenClassification` of transformers, as its examples train it: a
word's first piece has its label, cross entropy, the best label of each. Each runs in one thread; the best of
the evaluations on devel is taken for all, strict F1, seqeval's for transformers.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import spacy
import torch
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2
from spacy.tokens import Doc
from spacy.training.batchers import minibatch_by_padded_size
from spacy.util import load_config
from transformers import AutoModelForTokenClassification, AutoTokenizer

from benchmarks.common import ROOT, corpora_folder, results, save, stock_transformer, train
from spacy_bioner.corpora.docbin import read_docbin
from spacy_bioner.corpora.file_conversion import convert
from spacy_bioner.encoders.encoder_catalogue import resolve_encoder
from spacy_bioner.evaluation.pipeline_evaluation import evaluate_docs

NAME = "NCBI-disease"
LABELS = ("O", "B-Disease", "I-Disease")
EVERY = 200  # updates between two evaluations, as in the configs


def tags(doc: Doc) -> list[str]:
    """IOB2 tags of a Doc's tokens."""
    return [token.ent_iob_ if token.ent_iob_ == "O" else f"{token.ent_iob_}-Disease" for token in doc]


def endless_batches(docs: list[Doc], seed: int) -> Iterator[list[Doc]]:
    """Batches as the config's, all Docs in a new order each epoch."""
    random = Random(seed)
    while True:
        random.shuffle(docs)
        yield from minibatch_by_padded_size(docs, size=1000, buffer=256, get_length=len)


def fine_tune(
    folder: Path, data: Path, seed: int, updates: int, rate: float, output: Path | None = None
) -> dict[str, Any]:
    """Trains and scores the token classifier of transformers, and saves it if asked to."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForTokenClassification.from_pretrained(folder, id2label=dict(enumerate(LABELS)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01)
    warmup = 250
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda k: min(k / warmup, max(0.0, (updates - k) / (updates - warmup)))
    )
    vocab = spacy.blank("en").vocab
    train_docs = read_docbin(data / "train.spacy", vocab)
    devel_docs = read_docbin(data / "devel.spacy", vocab)

    def encode(docs: list[Doc]) -> Any:
        words = [[token.text for token in doc] for doc in docs]
        return tokenizer(words, is_split_into_words=True, truncation=True, padding=True, return_tensors="pt")

    def first_pieces(encoded: Any, i: int) -> Iterator[tuple[int, int]]:
        """Where the first piece of each word stands, and which word."""
        last = None
        for place, word in enumerate(encoded.word_ids(i)):
            if word is not None and word != last:
                yield place, word
            last = word

    def score() -> float:
        model.eval()
        predicted = []
        with torch.inference_mode():
            for start in range(0, len(devel_docs), 64):
                docs = devel_docs[start : start + 64]
                encoded = encode(docs)
                best = model(**encoded).logits.argmax(-1).tolist()
                for i, doc in enumerate(docs):
                    labels = ["O"] * len(doc)
                    for place, word in first_pieces(encoded, i):
                        labels[word] = LABELS[best[i][place]]
                    predicted.append(labels)
        model.train()
        return float(f1_score([tags(doc) for doc in devel_docs], predicted, mode="strict", scheme=IOB2))

    start = time.process_time()
    best = 0.0
    model.train()
    for update, docs in enumerate(endless_batches(train_docs, seed)):
        if update and update % EVERY == 0:
            best = max(best, score())
        if update == updates:
            break
        encoded = encode(docs)
        labels = torch.full(encoded["input_ids"].shape, -100)
        for i, doc in enumerate(docs):
            gold = tags(doc)
            for place, word in first_pieces(encoded, i):
                labels[i, place] = LABELS.index(gold[word])
        model(**encoded, labels=labels).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    if output is not None:
        model.save_pretrained(output)
        tokenizer.save_pretrained(output)
    return {"f1": round(100 * best, 2), "train_seconds": round(time.process_time() - start, 1)}


def run(way: str, seed: int, updates: int, data: Path, models: Path) -> dict[str, Any]:
    """Trains in one way, and scores on devel."""
    encoder = resolve_encoder("mini")
    rate = encoder.encoder.learning_rate or 5e-5
    weights = encoder.weights_sha256()
    row: dict[str, Any] = {"way": way, "seed": seed, "updates": updates, "weights": weights}
    row["learning_rate"] = rate
    if way == "transformers":
        return row | fine_tune(encoder.folder, data, seed, updates, rate)
    settings = {
        "training.max_steps": updates,
        "training.max_epochs": 0,
        "training.patience": 0,
        "training.optimizer.learn_rate.total_steps": updates,
        "corpora.train.join": 0,  # sentences alone for all
    }
    output = models / f"{NAME}-{way}-{seed}"
    config: str | Path = way
    if way == "ner_stock":
        config = data / f"{way}.cfg"
        stock = load_config(ROOT / "configs" / "ner_trf.cfg", interpolate=False)
        stock["components"]["transformer"]["model"] = stock_transformer("${paths.encoder}")
        stock["components"]["transformer"]["max_batch_items"] = 4096
        stock.to_disk(config, interpolate=False)
    files = [data / "train.spacy"], [data / "devel.spacy"]
    seconds = train(config, output, *files, seed=seed, settings=settings, encoder="mini")
    nlp = spacy.load(output / "model-best")
    f1 = evaluate_docs(nlp, read_docbin(data / "devel.spacy", nlp.vocab)).counts.total().f1
    return row | {"f1": round(100 * f1, 2), "train_seconds": round(seconds, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, required=True, help="folder for the trained models")
    parser.add_argument("--ways", nargs="+", default=["bioner_trf", "transformers", "ner_trf", "ner_stock"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--updates", type=int, default=2000)
    arguments = parser.parse_args()
    runs = results("transformer").get("runs", [])
    weights = resolve_encoder("mini").weights_sha256()
    known = {(row["way"], row["seed"], row["updates"], row["weights"]) for row in runs}
    with tempfile.TemporaryDirectory() as temporary:
        data = Path(temporary)
        convert([corpora_folder() / "mtl" / "NCBI-disease-IOB"], data, corpus=NAME)
        for seed in arguments.seeds:
            for way in arguments.ways:
                if (way, seed, arguments.updates, weights) not in known:
                    runs.append(run(way, seed, arguments.updates, data, arguments.models))
                    save("transformer", {"corpus": f"{NAME}, devel", "runs": runs})


if __name__ == "__main__":
    main()
