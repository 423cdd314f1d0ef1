"""Overlapping gold from a file to the score: `python -m benchmarks.overlaps FOLDER`.

Makes 40 documents with nested, overlapping and crossing mentions of five types, as GENIA has them, writes
them as BRAT, BioC and JSON lines, and for each format: converts, trains a CNN for 20 epochs, evaluates it on
the same documents, and counts again without this package's evaluation.
"""

import random
import sys
from pathlib import Path

import spacy

from spacy_bioner import Document, Mention, convert, evaluate, scored_spans, train, write

GENES = ("TP53", "BRCA1", "EGFR", "KRAS", "MYC", "PTEN")
SPECIES = ("human", "murine", "rat", "bovine")
CHEMICALS = ("cisplatin", "metformin", "aspirin", "dexamethasone")
DISEASES = ("breast cancer", "lung fibrosis", "renal failure", "type 2 diabetes")
CELLS = ("epithelial cells", "T cells", "fibroblasts", "macrophages")


def sentence(rng: random.Random) -> tuple[str, tuple[tuple[str, str], ...]]:
    """A sentence, and its mentions: type and text. Those that overlap are nested, or cross."""
    species, gene, chemical = rng.choice(SPECIES), rng.choice(GENES), rng.choice(CHEMICALS)
    disease, cell = rng.choice(DISEASES), rng.choice(CELLS)
    made = [
        (
            f"Expression of the {species} {gene} gene was reduced in {disease} {cell}.",
            # the last is nested in one of its type
            (
                ("Gene", f"{species} {gene} gene"),
                ("Species", species),
                ("Disease", disease),
                ("Cell", f"{disease} {cell}"),
                ("Gene", gene),
            ),
        ),
        (
            f"Patients with {chemical} induced {disease} were treated.",
            (("Disease", f"{chemical} induced {disease}"), ("Chemical", chemical)),
        ),
        (
            f"We studied {gene} {chemical} complex formation in {species} {cell}.",
            # the first two cross
            (
                ("Gene", f"{gene} {chemical}"),
                ("Chemical", f"{chemical} complex"),
                ("Cell", f"{species} {cell}"),
                ("Species", species),
            ),
        ),
    ]
    return rng.choice(made)


def corpus(documents: int = 40, seed: int = 1) -> list[Document]:
    """Documents of four sentences."""
    rng = random.Random(seed)
    made: list[Document] = []
    for number in range(documents):
        text, mentions = "", []
        for _ in range(4):
            said, found = sentence(rng)
            for name, words in found:
                start = len(text) + said.index(words)
                mentions.append(Mention(((start, start + len(words)),), name))
            text += said + " "
        made.append(Document(text.rstrip(), mentions=tuple(mentions), id=f"d{number}"))
    return made


def outer(mentions: set[tuple[int, int, str]]) -> set[tuple[int, int, str]]:
    """Those that are not inside another one of their type."""
    return {
        (s, e, t)
        for s, e, t in mentions
        if not any(t == other and (a, b) != (s, e) and a <= s and e <= b for a, b, other in mentions)
    }


def main(folder: Path, formats: str = "brat,bioc-xml,jsonl") -> None:
    documents = corpus()
    gold = [{(m.start, m.end, m.type) for m in document.mentions} for document in documents]
    print(f"{sum(map(len, gold))} mentions, {sum(len(outer(own)) for own in gold)} not in one of their type")
    for format, name in (("brat", "brat"), ("bioc-xml", "gold.xml"), ("jsonl", "gold.jsonl")):
        if format not in formats.split(","):
            continue
        home = folder / format
        home.mkdir(parents=True, exist_ok=True)
        write(documents, home / name, format)
        [tally] = convert([home / name], home / "train.spacy").values()
        print(f"{format}: {tally.mentions_in.total()} read, {tally.mentions_out.total()} written")
        files = [home / "train.spacy"]
        overrides = {"training.max_epochs": 20, "training.patience": 0, "training.eval_frequency": 200}
        train(Path("configs/bioner_cnn.cfg"), home / "model", train=files, dev=files, overrides=overrides)
        nlp = spacy.load(home / "model" / "model-best")
        for data in (home / "train.spacy", home / name):
            [report] = evaluate(nlp, [data])
            told = {name: round(100 * score["f1"], 2) for name, score in report["types"].items()}
            print(f"  evaluate {data.name}: {100 * report['total']['f1']:.2f} {told}, {report['total']}")
        found = [
            {(s.start_char, s.end_char, s.label_) for s, _ in scored_spans(nlp(document.text))}
            for document in documents
        ]
        for types in (None, *sorted({t for own in gold for _, _, t in own})):
            mine = [{m for m in outer(own) if types in (None, m[2])} for own in gold]
            theirs = [{m for m in own if types in (None, m[2])} for own in found]
            right = sum(len(a & b) for a, b in zip(mine, theirs, strict=True))
            f1 = 2 * right / (sum(map(len, mine)) + sum(map(len, theirs)))
            print(f"  counted {types or 'all'}: F1 {100 * f1:.2f} on mentions not in one of their type")
        right = sum(len(a & b) for a, b in zip(gold, found, strict=True))
        print(f"  counted: {right} of {sum(map(len, gold))} found, {sum(map(len, found))} predicted")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
