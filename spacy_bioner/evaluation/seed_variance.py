"""What another choice of seeds would change in a difference of F1, and what of that documents show already.

What was scored is a table of runs and documents, both drawn from many (as readers and cases are in radiology:
Obuchowski and Rockette 1995; Gallas 2006). The error of a difference has three parts: documents on which one
system is better than the other, runs that are better than others on all documents, and what a run happens to
find in a document. The last part is in the spread over documents as well as in the spread over runs.
"""

from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from spacy_bioner.evaluation.document_counts import f1

Floats = NDArray[np.float64]

_RARE = 0.05


def seed_noise(
    a: Floats, b: Floats, by_document: float, draws: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """What other seeds would change in b - a: for the interval, and for p. Zeros where each was trained once.

    Both systems are taken to vary alike by seed: two or three runs each say too little to tell them apart.
    Few runs can have nearly the same F1 by chance. So their spread is taken to be no smaller than what it
    would fall below one time in twenty if runs differed in single documents only.

    Args:
        a, b: F1 of each run.
        by_document: the variance of b - a for what runs find in single documents, of `counted_twice`.
        draws: how many differences to draw.
        rng: draws them, by Student's t with the spread over both systems' runs.
    """
    freedom = len(a) + len(b) - 2
    if not freedom:
        return np.zeros(draws), np.zeros(draws)
    squares = sum(float(((scores - scores.mean()) ** 2).sum()) for scores in (a, b))
    variance = squares / freedom * (1 / len(a) + 1 / len(b))
    least = by_document * float(chi2.ppf(_RARE, freedom)) / freedom
    noise = rng.standard_t(freedom, size=(2, draws)) * sqrt(max(variance, least))
    return noise[0], noise[1]


def counted_twice(a: Floats, b: Floats) -> Floats:
    """The variance of the difference of two means of F1 for what runs happen to find in single documents.

    F1 is taken as a sum over documents: its derivative (the delta method).

    Args:
        a, b: counts of each system's runs, of shape (runs, documents, types, 3).

    Returns:
        The variance for each type, of F1 from 0 to 1; zeros where each system was trained once.
    """
    freedom = len(a) + len(b) - 2
    if not freedom:
        return np.zeros(a.shape[2])
    found: Floats = (_squares(a) + _squares(b)) / freedom * (1 / len(a) + 1 / len(b))
    return found


def _squares(table: Floats) -> Floats:
    """Sums of squares of what each run gives in each document, less what the runs give there on average."""
    totals = table.sum(1)
    scores = f1(totals)[:, None]
    sizes = np.maximum(totals[..., 1] + totals[..., 2], 1)[:, None]
    parts = (2 * table[..., 0] - scores * (table[..., 1] + table[..., 2])) / sizes
    documents = table.shape[1]
    found: Floats = ((parts - parts.mean(0)) ** 2).sum((0, 1)) * documents / max(documents - 1, 1)
    return found


def without(draws: Floats, variance: float) -> Floats:
    """Draws, drawn together so that their variance is smaller by some amount, or nothing is left of it."""
    spread, middle = float(draws.var()), draws.mean()
    if not spread or not variance:
        return draws
    found: Floats = middle + (draws - middle) * sqrt(max(0.0, 1 - variance / spread))
    return found
