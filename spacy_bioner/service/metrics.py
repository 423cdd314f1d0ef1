"""What the service counts, for Prometheus. Nothing of a text is in it, nor of an address."""

import os

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = CONTENT_TYPE_LATEST
SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that names the folder in which several processes keep their counts."""
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The counts of a process; `page` gives those of all processes of the service."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.requests = Counter(
            "bioner_requests",
            "Requests by what was asked and how it was answered",
            ["path", "status"],
            registry=registry,
        )
        self.seconds = Histogram(
            "bioner_request_seconds",
            "From the request to its answer",
            ["path"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.documents = Counter("bioner_documents", "Documents annotated", ["model"], registry=registry)
        self.characters = Counter("bioner_characters", "Characters annotated", ["model"], registry=registry)
        self.mentions = Counter("bioner_mentions", "Mentions found", ["model", "type"], registry=registry)
        self.batches = Histogram(
            "bioner_batch_documents", "Documents in a batch", ["model"], buckets=_SIZES, registry=registry
        )
        self.waiting = Gauge(
            "bioner_waiting_documents",
            "Documents that wait for the pipeline",
            ["model"],
            registry=registry,
            multiprocess_mode="livesum",
        )

    def page(self) -> bytes:
        """All counts, as Prometheus reads them."""
        if not os.environ.get(SHARED):
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)
        return generate_latest(together)
