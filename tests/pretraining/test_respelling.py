"""Vectors for a new vocabulary, and pretraining that begins with a published encoder."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import BertModel

from spacy_bioner.errors import PretrainingError
from spacy_bioner.pretraining.encoder_card import make_encoder_card
from spacy_bioner.pretraining.respelling import respell, spell

OLD = ["[PAD]", "[UNK]", "kin", "##ase", "##s", "k", "##i", "##n", "mut", "##ant"]


@pytest.mark.parametrize(
    ("piece", "spelled"),
    [
        ("kinase", ["kin", "##ase"]),
        ("kin", ["kin"]),
        ("##ases", ["##ase", "##s"]),
        ("ki", ["k", "##i"]),
        ("zinc", []),
        ("##", []),
    ],
)
def test_spelling(piece: str, spelled: list[str]) -> None:
    known = {piece: number for number, piece in enumerate(OLD)}
    assert [OLD[number] for number in spell(piece, known)] == spelled


def test_vectors_are_kept_averaged_or_the_mean() -> None:
    vectors = torch.arange(20, dtype=torch.float32).reshape(10, 2)
    made, same = respell(vectors, OLD, ["[UNK]", "kinase", "zinc"])
    assert same == 1
    assert torch.equal(made[0], vectors[1])
    assert torch.equal(made[1], (vectors[2] + vectors[3]) / 2)
    assert torch.equal(made[2], vectors.mean(0))


def test_a_run_begins_with_a_published_encoder_of_another_vocabulary(
    train: Callable[..., Path | None], run: Path, tmp_path: Path
) -> None:
    published = tmp_path / "published"
    BertModel.from_pretrained(run / "model", add_pooling_layer=False).save_pretrained(published)
    pieces = (run / "model" / "vocab.txt").read_text().splitlines()
    kept = pieces[:300]
    (published / "vocab.txt").write_text("\n".join(kept) + "\n")
    model = BertModel.from_pretrained(published)
    model.resize_token_embeddings(300)
    model.save_pretrained(published)
    (published / "source.json").write_text(json.dumps({"name": "Published BERT", "licence": "Apache-2.0"}))
    made = train(tmp_path / "out", start_from=published, steps=2, neighbours=0.0)
    assert made is not None
    record = json.loads((made / "training.json").read_text())
    assert record["start_from"]["published"] == {"name": "Published BERT", "licence": "Apache-2.0"}
    assert len(record["start_from"]["sha256"]) == 64
    text = make_encoder_card(record, "mine")
    assert "from the weights of Published BERT" in text
    assert "licence Apache-2.0" in text
    with pytest.raises(PretrainingError, match="num_hidden_layers=2, and the settings say 3"):
        train(tmp_path / "other", start_from=published, layers=3)
