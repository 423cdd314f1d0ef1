"""What a pretrained model and its training are like."""

import shlex
from dataclasses import dataclass, fields
from typing import Any

from spacy_bioner.errors import PretrainingError


@dataclass(frozen=True, slots=True)
class Settings:
    """What a model and its training are like. A run goes on only with the settings that it began with.

    Attributes:
        layers, width, heads: of the model; the feed-forward layers are four times as wide.
        positions: the longest sequence that the model can take.
        length: of the sequences, special pieces included.
        long_length, long_share: the length in the last share of the run.
        batch: word pieces an update.
        learning_rate: the highest.
        warmup: the share of the run in which it rises.
        weight_decay, clip: of AdamW, on matrices; the largest norm of a gradient.
        deviation: the standard deviation of the weights that it begins with.
        neighbours: how strongly heads begin by looking at the neighbours of each piece; 0 for not at all.
        dropout: in training. Less than an epoch needs none; the model's config says 0.1, for fine-tuning.
        masked: the share of the words that is masked.
        static_vectors: how many millions of word pieces to make first embeddings from; 0 for random ones.
        steps, minutes: the end of the run; 0 for none, but one is needed.
        evaluations: how often the held-out text is looked at, beside the beginning.
        evaluation_pieces: how much of it.
        saves: how often weights are written, the last ones included.
        shard_mib: the largest file of weights, in MiB.
        seed: of everything that is drawn.
    """

    layers: int = 4
    width: int = 256
    heads: int = 4
    positions: int = 512
    length: int = 128
    long_length: int = 512
    long_share: float = 0.1
    batch: int = 8192
    learning_rate: float = 1e-3
    warmup: float = 0.05
    weight_decay: float = 0.01
    clip: float = 1.0
    deviation: float = 0.02
    neighbours: float = 1.5
    dropout: float = 0.0
    masked: float = 0.15
    static_vectors: float = 0.0
    steps: int = 0
    minutes: float = 0.0
    evaluations: int = 20
    evaluation_pieces: int = 65_536
    saves: int = 4
    shard_mib: int = 4096
    seed: int = 1

    def check(self) -> None:
        """Raises PretrainingError if they can't be."""
        wrong = {
            "steps or minutes must say where the run ends": self.steps <= 0 and self.minutes <= 0,
            "width must be a multiple of heads": self.heads > 0 and self.width % self.heads,
            "length and long_length must be from 8 to positions": not (
                8 <= self.length <= self.positions and 8 <= self.long_length <= self.positions
            ),
            "batch must be no less than length and long_length": self.batch
            < max(self.length, self.long_length),
            "neighbours must be 0 or more, and 0 where width / heads is odd": self.neighbours < 0
            or (self.neighbours > 0 and self.heads > 0 and self.width // self.heads % 2),
            "masked must be from over 0 to under 1": not 0 < self.masked < 1,
            "warmup must be from 0 to under 1, long_share from 0 to 1": not (
                0 <= self.warmup < 1 and 0 <= self.long_share <= 1
            ),
            "layers, heads, evaluations, evaluation_pieces, saves and shard_mib must be 1 or more": min(
                self.layers, self.heads, self.evaluations, self.evaluation_pieces, self.saves, self.shard_mib
            )
            < 1,
        }
        if found := [message for message, is_wrong in wrong.items() if is_wrong]:
            raise PretrainingError(f"These settings can't be: {'; '.join(found)}. [B509]")


def parse_settings(text: str) -> Settings:
    """Reads settings such as "layers=6 width=384".

    Raises:
        PretrainingError: if there is no such setting, or its value isn't a number.
    """
    known: dict[str, Any] = {field.name: type(field.default) for field in fields(Settings)}
    values: dict[str, Any] = {}
    for part in shlex.split(text):
        name, _, value = part.partition("=")
        if name not in known:
            raise PretrainingError(f"There is no setting '{name}'. There are: {', '.join(known)}. [B510]")
        try:
            values[name] = known[name](value)
        except ValueError:
            kind = "a whole number" if known[name] is int else "a number"
            raise PretrainingError(f"The setting {name} needs {kind}: {name}={value}. [B511]") from None
    return Settings(**values)
