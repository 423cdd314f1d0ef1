"""Where a run of pretraining stands, and the learning rate there."""

from dataclasses import dataclass

from spacy_bioner.pretraining.pretraining_settings import Settings


def learning_rate(share: float, settings: Settings) -> float:
    """The learning rate when some share of the run is over."""
    rising = share / settings.warmup if settings.warmup else 1.0
    falling = (1.0 - share) / (1.0 - settings.warmup)
    return settings.learning_rate * max(0.0, min(rising, falling))


@dataclass(slots=True)
class Progress:
    """Where a run stands.

    Attributes:
        step, pieces, seconds: updates made, word pieces seen, time taken.
        reserve: the seconds that an evaluation takes.
        evaluated, saved: how many evaluations and sets of weights there are.
        loss, guesses: the sum of the losses since the last evaluation, and of how many guesses.
    """

    step: int = 0
    pieces: int = 0
    seconds: float = 0.0
    reserve: float = 0.0
    evaluated: int = 0
    saved: int = 0
    loss: float = 0.0
    guesses: int = 0

    def share(self, settings: Settings) -> float:
        """The share of the run that is over."""
        limit = max(60 * settings.minutes - self.reserve, 1e-9)
        done = self.step / settings.steps if settings.steps else 0.0
        return min(1.0, max(done, self.seconds / limit if settings.minutes else 0.0))
