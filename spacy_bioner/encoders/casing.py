"""Telling whether a vocabulary is cased, and whether its tokenizer keeps capital letters."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from spacy_bioner.encoders.loading import load_plain_tokenizer

_LEAST = 0.01


@dataclass(frozen=True, slots=True)
class Casing:
    """What the pieces of a vocabulary say of capital letters.

    Attributes:
        capitals: how many pieces have one.
        letters: how many have letters that there are in two cases.
    """

    capitals: int
    letters: int

    @property
    def cased(self) -> bool | None:
        """Whether the encoder tells capitals from small letters; None where there is doubt."""
        if self.letters and not self.capitals:
            return False
        # a few may have come in from somewhere; of a cased vocabulary's pieces it is every fourth or so
        return True if self.letters and self.capitals >= _LEAST * self.letters else None

    def __str__(self) -> str:
        return f"{self.capitals:,} of {self.letters:,} pieces with letters have capitals"


def casing(pieces: Iterable[str]) -> Casing:
    """Counts the pieces of a vocabulary that have capitals; special ones, [CLS] or <s>, don't count."""
    capitals = letters = 0
    for piece in pieces:
        if len(piece) > 2 and (piece[0], piece[-1]) in (("[", "]"), ("<", ">")):
            continue
        if piece != piece.lower():
            capitals += 1
            letters += 1
        elif piece != piece.upper():
            letters += 1
    return Casing(capitals, letters)


def load_tokenizer(name: str, **settings: Any) -> Any:
    """Loads a tokenizer of transformers, which keeps capitals where its vocabulary has them.

    transformers' tokenizer of a BERT lower-cases unless a setting says otherwise, and some cased checkpoints
    on the hub, BioBERT's and SciBERT's among them, come without settings.

    Args:
        name: a folder, or the id of a repository.
        settings: for transformers, among them `revision`.
    """
    from transformers.models.auto.tokenization_auto import get_tokenizer_config

    tokenizer = load_plain_tokenizer(name, **settings)
    if "do_lower_case" in settings or not getattr(tokenizer, "do_lower_case", False):
        return tokenizer
    at = {key: settings[key] for key in ("revision", "cache_dir", "token") if key in settings}
    if "do_lower_case" in get_tokenizer_config(name, **at) or not casing(tokenizer.get_vocab()).cased:
        return tokenizer
    return load_plain_tokenizer(name, **{**settings, "do_lower_case": False})
