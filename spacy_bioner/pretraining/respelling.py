"""Vectors for the word pieces of a new vocabulary, from those of an old one."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from spacy_bioner.pretraining.masking import CONTINUATION


def spell(piece: str, known: Mapping[str, int]) -> list[int]:
    """Spells a word piece with those of another vocabulary, the longest first (Schuster and Nakajima 2012).

    Args:
        piece: the word piece; one that continues a word begins with "##".
        known: the other vocabulary's pieces and their numbers.

    Returns:
        The numbers of the pieces that spell it; none if they can't.
    """
    inside = piece.startswith(CONTINUATION) and piece != CONTINUATION
    rest, numbers = piece.removeprefix(CONTINUATION) if inside else piece, list[int]()
    while rest:
        prefix = CONTINUATION if inside or numbers else ""
        length = next((end for end in range(len(rest), 0, -1) if prefix + rest[:end] in known), 0)
        if not length:
            return []
        numbers.append(known[prefix + rest[:length]])
        rest = rest[length:]
    return numbers


def respell(vectors: Tensor, old: Sequence[str], new: Sequence[str]) -> tuple[Tensor, int]:
    """Makes vectors for the pieces of a new vocabulary.

    A piece of both vocabularies keeps its vector. Another one gets the mean of those that spell it in the old
    vocabulary; one that can't be spelled gets the mean of all.

    Args:
        vectors: the old pieces' vectors, (pieces, width).
        old, new: the two vocabularies, in the order of their numbers.

    Returns:
        The new pieces' vectors, (pieces, width), and how many of these pieces the old vocabulary has.
    """
    known = {piece: number for number, piece in enumerate(old)}
    mean = vectors.mean(0)
    rows = [vectors[spelled].mean(0) if (spelled := spell(piece, known)) else mean for piece in new]
    return torch.stack(rows), sum(piece in known for piece in new)
