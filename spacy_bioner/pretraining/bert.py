"""The model of a run of pretraining: its shape, and the weights that it begins with."""

import torch
from transformers import BertConfig, BertForMaskedLM

from spacy_bioner.errors import PretrainingError
from spacy_bioner.pretraining.initial_attention import look_at_neighbours
from spacy_bioner.pretraining.initial_vectors import static_vectors
from spacy_bioner.pretraining.packed_pieces import Packed
from spacy_bioner.pretraining.pretraining_settings import Settings

HEADER = 1 << 16
"""More bytes than the header of a file of weights takes."""


def bert_config(settings: Settings, packed: Packed, dropout: float) -> BertConfig:
    """The config of a model for the vocabulary of a packed text."""
    return BertConfig(
        vocab_size=len(packed.vocabulary),
        hidden_size=settings.width,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        intermediate_size=4 * settings.width,
        max_position_embeddings=settings.positions,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        initializer_range=settings.deviation,
        pad_token_id=packed.number("[PAD]"),
    )


def new_bert(settings: Settings, packed: Packed, device: torch.device) -> BertForMaskedLM:
    """A model with random weights, which depend on the seed alone.

    Raises:
        PretrainingError: if its largest matrix doesn't fit into a file of weights.
    """
    config = bert_config(settings, packed, settings.dropout)
    # for sequences this short, PyTorch's fused attention is slower on a CPU, backward above all
    config._attn_implementation = "eager" if device.type == "cpu" else "sdpa"
    torch.manual_seed(settings.seed)
    model = BertForMaskedLM(config)
    largest = max(parameter.numel() for parameter in model.parameters())
    if 2 * largest > settings.shard_mib * (1 << 20) - HEADER:
        raise PretrainingError(
            f"The largest matrix takes {2 * largest / (1 << 20):.1f} MiB, and a file of weights may have "
            f"{settings.shard_mib}: give a larger shard_mib, or a smaller width. [B492]"
        )
    return model


def prepare_weights(model: BertForMaskedLM, settings: Settings, packed: Packed) -> None:
    """Puts into random weights what the settings want there: static vectors, and a look at neighbours."""
    if settings.static_vectors:
        sample = packed.training[: int(settings.static_vectors * 1e6)]
        size = model.config.vocab_size
        vectors = static_vectors(sample, size, settings.width, settings.deviation, settings.seed)
        embeddings = model.bert.embeddings.word_embeddings.weight
        with torch.no_grad():
            embeddings.copy_(torch.where(vectors.abs().sum(1, keepdim=True) > 0, vectors, embeddings))
    if settings.neighbours:
        look_at_neighbours(model.bert, settings.neighbours, settings.seed)
