"""The first weights of an encoder: each head looks at one neighbour of each piece."""

import pytest
import torch
from transformers import BertConfig, BertModel

from spacy_bioner.pretraining.initial_attention import OFFSETS, look_at_neighbours


def attentions(strength: float, heads: int = 4) -> torch.Tensor:
    """How much each head of the first layer looks from each piece at each, on average over texts."""
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=500,
        hidden_size=64 * heads,
        num_hidden_layers=2,
        num_attention_heads=heads,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    config._attn_implementation = "eager"
    model = BertModel(config).eval()
    if strength:
        look_at_neighbours(model, strength, seed=1)
    with torch.inference_mode():
        found = model(torch.randint(5, 500, (8, 64)), output_attentions=True).attentions
    first: torch.Tensor = found[0].mean(dim=0)
    return first


@pytest.mark.parametrize("heads", [2, 4, 6])
def test_each_head_looks_at_the_piece_at_its_offset(heads: int):
    found = attentions(2.0, heads)
    for head in range(heads):
        offset = OFFSETS[head % len(OFFSETS)]
        for place in range(2, 62):
            assert found[head, place].argmax() == place + offset
        assert found[head].diagonal(offset).mean() > 0.5


def test_without_it_all_pieces_are_much_alike():
    assert attentions(0.0).max() < 0.05


def test_weights_follow_from_the_seed():
    def weights(seed: int) -> torch.Tensor:
        torch.manual_seed(1)
        sizes = {"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
        model = BertModel(BertConfig(vocab_size=50, **sizes))
        look_at_neighbours(model, 1.5, seed)
        return torch.cat([parameter.flatten() for parameter in model.parameters()]).detach()

    assert torch.equal(weights(3), weights(3))
    assert not torch.equal(weights(3), weights(4))
