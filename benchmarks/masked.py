"""Masked word pieces guessed right, by their place: `python -m benchmarks.masked PACKED ENCODER...`.

Sequences as long as the encoder takes, of the held-out part of a packed text (`spacy bioner pretrain-pack`);
words are masked as in training, the same ones for every encoder. An encoder is a name of the catalogue or a
folder, with the vocabulary of the packed text and the head that guesses.
"""

import argparse
from pathlib import Path

import torch
from transformers import BertForMaskedLM

from benchmarks.common import results, save
from spacy_bioner.encoders.encoder_catalogue import resolve_encoder
from spacy_bioner.pretraining.masking import Masked, WordMasker
from spacy_bioner.pretraining.packed_pieces import load_packed, sequences

LENGTH = 512
QUARTER = LENGTH // 4
BATCH = 8


def held_out(packed: Path, most: int) -> Masked:
    """Masked sequences of the held-out text."""
    text = load_packed(packed)
    rows = sequences(text.held_out, LENGTH, text.number("[CLS]"), text.number("[SEP]"))[:most]
    generator = torch.Generator().manual_seed(5)
    return WordMasker(text.vocabulary, 0.15)(torch.from_numpy(rows.astype("int64")), generator)


@torch.no_grad()
def right_by_quarter(folder: Path, masked: Masked) -> list[float]:
    """The share of masked pieces that are guessed right in each quarter of the sequences, in percent."""
    model = BertForMaskedLM.from_pretrained(folder).float().eval()
    right, count = torch.zeros(4), torch.zeros(4)
    for start in range(0, len(masked.inputs), BATCH):
        part = masked.slice(start, min(start + BATCH, len(masked.inputs)))
        scores = model.cls(model.bert(part.inputs)[0][part.rows, part.columns])
        found = (scores.argmax(1) == part.labels).float()
        right.index_add_(0, part.columns // QUARTER, found)
        count.index_add_(0, part.columns // QUARTER, torch.ones_like(found))
    return [round(100 * float(share), 1) for share in right / count]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packed", type=Path, help="folder of packed text")
    parser.add_argument("encoders", nargs="+", help="names or folders")
    parser.add_argument("--sequences", type=int, default=160)
    given = parser.parse_args()
    masked = held_out(given.packed, given.sequences)
    found = results("masked").get("right by quarter", {})
    for name in given.encoders:
        encoder = resolve_encoder(name)
        found[encoder.weights_sha256()] = right_by_quarter(encoder.folder, masked)
        save("masked", {"sequences": given.sequences, "length": LENGTH, "right by quarter": found})


if __name__ == "__main__":
    main()
