"""Static vectors of word pieces from a sample of text: something to begin with that costs a minute.

Positive pointwise mutual information of pieces and the pieces around them, and its largest singular vectors,
weighted by the roots of their values (Levy, Goldberg and Dagan 2015), by randomized subspace iteration
(Halko, Martinsson and Tropp 2011).
"""

import numpy as np
import torch
from torch import Tensor

from spacy_bioner.pretraining.packed_pieces import Pieces

WINDOW = 5
CONTEXTS = 4_000
SMOOTHING = 0.75
"""The power that contexts' frequencies are raised to, so that rare ones weigh less."""


def static_vectors(stream: Pieces, size: int, width: int, deviation: float, seed: int) -> Tensor:
    """Vectors of word pieces, by what stands up to five pieces before and after them.

    Args:
        stream: word pieces in a row; ten million are plenty.
        size: how many word pieces there are.
        width: of the vectors.
        deviation: the standard deviation that the numbers in them are to have.
        seed: the seed of the decomposition.

    Returns:
        A vector a row. Those of pieces that aren't in the stream are all zero.
    """
    frequencies = np.bincount(stream, minlength=size)
    contexts = np.argsort(-frequencies, kind="stable")[: min(CONTEXTS, size)]
    column = np.full(size, -1, dtype=np.int64)
    column[contexts] = np.arange(len(contexts))
    counts = np.zeros(size * len(contexts), dtype=np.float32)
    for distance in range(1, WINDOW + 1):
        before, after = stream[:-distance], stream[distance:]
        for pieces, around in ((before, after), (after, before)):
            columns = column[around]
            near = columns >= 0
            pairs = pieces[near].astype(np.int64) * len(contexts) + columns[near]
            counts += np.bincount(pairs, minlength=len(counts))
    table = torch.from_numpy(counts.reshape(size, len(contexts)))
    rows = table.sum(1, keepdim=True).clamp_(min=1)
    shares = table.sum(0).pow(SMOOTHING)
    table.div_(rows).div_((shares / shares.sum()).clamp_(min=1e-12)).clamp_(min=1).log_()  # in place: large
    kept = min(width, len(contexts))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        left, values, _ = torch.svd_lowrank(table, q=min(kept + 16, len(contexts)), niter=2)
    vectors = torch.zeros(size, width)
    vectors[:, :kept] = left[:, :kept] * values[:kept].sqrt()
    filled = vectors[vectors.abs().sum(1) > 0]
    return vectors * (deviation / filled.std().clamp(min=1e-12)) if len(filled) else vectors
