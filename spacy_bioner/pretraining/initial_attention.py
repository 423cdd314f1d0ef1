"""First weights with which the heads of a BERT look at the neighbours of each word piece."""

import math
from typing import Any

import torch
from torch import Tensor
from transformers import BertModel

OFFSETS = (-1, 1, -2, 2)
"""Which neighbour the heads of each layer look at, in turn."""


@torch.no_grad()
def look_at_neighbours(model: BertModel, strength: float, seed: int) -> None:
    """Changes a model's random weights so that each head looks at the piece at one offset from each.

    A new model sees a bag of words for its first thousands of updates, until heads have found out that places
    matter. Here places begin as waves in the last dimensions of the vectors, as many as a head is wide (their
    frequencies spread over the whole range, so that no two places look alike), and each head's queries begin
    with these turned by its offset (a turned wave is the wave of another place: Vaswani et al. 2017, 3.5),
    its keys with them as they are. All of that is then trained like other weights.

    Args:
        model: the model, with heads of an even width.
        strength: of queries and keys; from 1 on most of the first layer's attention is at the offset.
        seed: of the frequencies.
    """
    layers: Any = model.encoder.layer  # whose types transformers doesn't tell
    positions: Any = model.embeddings.position_embeddings.weight
    config = model.config
    size = config.hidden_size // config.num_attention_heads
    half = size // 2
    generator = torch.Generator().manual_seed(seed)
    frequencies = math.pi * (torch.arange(half) + torch.rand(half, generator=generator)) / half
    angles = torch.arange(config.max_position_embeddings)[:, None] * frequencies
    positions.zero_()
    # twice as large as what words have in the same dimensions
    positions[:, -size:] = 2 * config.initializer_range * torch.cat([angles.cos(), angles.sin()], dim=1)
    for layer in layers:
        attention = layer.attention.self
        for head in range(config.num_attention_heads):
            rows = slice(head * size, (head + 1) * size)
            turn = _turn(OFFSETS[head % len(OFFSETS)] * frequencies)
            attention.query.weight[rows, -size:] += strength * turn
            attention.key.weight[rows, -size:] += strength * torch.eye(size)


def _turn(angles: Tensor) -> Tensor:
    """The matrix that turns waves, cosines first and sines behind them, by an angle each."""
    cos, sin = torch.diag(angles.cos()), torch.diag(angles.sin())
    return torch.cat([torch.cat([cos, -sin], dim=1), torch.cat([sin, cos], dim=1)])
