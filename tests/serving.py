"""A service in a thread of the tests' own process, on a port of its own."""

import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import uvicorn

from spacy_bioner.components.pipelines import load_pipeline
from spacy_bioner.service.app import create_app
from spacy_bioner.service.metrics import Metrics
from spacy_bioner.service.pipelines_served import Pipelines
from spacy_bioner.service.service_settings import Limits, ServiceSettings


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def reasons(self) -> list[str]:
        return [one["msg"] for one in self.json["detail"]]


@dataclass(frozen=True)
class Running:
    """A service that runs."""

    address: tuple[str, int]
    pipelines: Pipelines

    def send(self, path: str, body: bytes | str | None = None, **headers: str) -> Answer:
        """Posts a body, or gets what is there if there is none."""
        data = body.encode() if isinstance(body, str) else body
        request = urllib.request.Request(f"{self.url}{path}", data, headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, dict(error.headers), error.read())

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=60)

    @property
    def url(self) -> str:
        return f"http://{self.address[0]}:{self.address[1]}"


@contextmanager
def running(folder: Path, nlp: Any = None, **limits: float) -> Iterator[Running]:
    """Runs a service with a pipeline, and stops it."""
    settings = ServiceSettings((str(folder),), limits=replace(Limits(wait=0.01), **limits))  # type: ignore[arg-type]
    pipelines = Pipelines([nlp or load_pipeline(folder)], settings, Metrics())
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(create_app(settings, pipelines), log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield Running(listening.getsockname(), pipelines)
    finally:
        server.should_exit = True
        thread.join(60)
        listening.close()
