"""What the service takes of a client, and for how long it waits."""

from dataclasses import asdict, dataclass, field
from typing import Any

from spacy_bioner.annotation.settings import MAX_LENGTH


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the service.

    Attributes:
        body: the most bytes of a request; 413 otherwise.
        documents: the most documents of a request; 413 otherwise.
        characters: the most characters of a document; 413 otherwise.
        queue: the most characters that may wait or be in work; a request that finds the queue empty is taken
            whatever its size; 429 otherwise.
        wait: for how many seconds a request that comes alone waits for others, to go through together.
        receive: the seconds in which a request must have come in; 408 otherwise.
        answer: the seconds in which it must be annotated; 503 otherwise.
        stop: the seconds that requests have to finish when the service is stopped.
        connections: the most clients at once; 503 otherwise.
    """

    body: int = 5_000_000
    documents: int = 1000
    characters: int = MAX_LENGTH
    queue: int = 5_000_000
    wait: float = 0.002
    receive: float = 30.0
    answer: float = 120.0
    stop: float = 60.0
    connections: int = 1000


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """What a service is made of; its processes get it as JSON.

    Attributes:
        models: names of packages or folders; a request that names none gets the first.
        threshold: the probability that a mention of a type needs, "*" for the types that aren't named; empty
            for what a pipeline's own config says.
        precision: what transformers compute in; empty for what a pipeline's config says.
        gpu_id: the GPU to use; -1 for the CPU.
        threads: how many threads a process computes with; 0 for PyTorch's default.
        limits: see `Limits`.
    """

    models: tuple[str, ...]
    threshold: dict[str, float] = field(default_factory=dict)
    precision: str = ""
    gpu_id: int = -1
    threads: int = 0
    limits: Limits = Limits()

    def to_json(self) -> dict[str, Any]:
        """The settings as plain data, for the processes of the service."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> "ServiceSettings":
        """The settings that `to_json` made `found` of."""
        return cls(**{**found, "models": tuple(found["models"]), "limits": Limits(**found["limits"])})
