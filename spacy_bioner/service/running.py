"""Running the service, in one process or several."""

import json
import multiprocessing
import os
import signal
import tempfile
from concurrent.futures import ProcessPoolExecutor

import uvicorn
from fastapi import FastAPI

from spacy_bioner.components.pipelines import load_pipeline
from spacy_bioner.service.app import create_app
from spacy_bioner.service.metrics import SHARED, Metrics
from spacy_bioner.service.pipelines_served import Pipelines
from spacy_bioner.service.service_settings import ServiceSettings

_SETTINGS = "SPACY_BIONER_SERVICE"


def serve(settings: ServiceSettings, *, host: str = "127.0.0.1", port: int = 8000, workers: int = 1) -> None:
    """Runs the service until it is told to stop, by SIGTERM or SIGINT; what it has accepted it finishes.

    Args:
        settings: what it is made of.
        host, port: where it listens.
        workers: how many processes there are, each with the pipelines.

    Raises:
        PipelineError: if a pipeline can't be loaded.
    """
    if workers > 1:
        _check(settings)
    # uvicorn stops, and sends itself the signal once more: by default that would end this process at once
    signal.signal(signal.SIGTERM, lambda *_: None)
    with tempfile.TemporaryDirectory(prefix="spacy-bioner-") as folder:
        os.environ[_SETTINGS] = json.dumps(settings.to_json())
        if workers > 1:
            os.environ[SHARED] = folder
        uvicorn.run(
            "spacy_bioner.service.running:app_of_environment",
            factory=True,
            host=host,
            port=port,
            workers=workers,
            access_log=False,  # a text may be in an address by mistake
            server_header=False,
            timeout_graceful_shutdown=int(settings.limits.stop),
            limit_concurrency=settings.limits.connections,
            log_level="warning" if workers == 1 else "info",
        )


def app_of_environment() -> FastAPI:
    """The application in a process of the service."""
    return create_app(ServiceSettings.from_json(json.loads(os.environ[_SETTINGS])))


def _check(settings: ServiceSettings) -> None:
    """Loads the pipelines once in a process of its own: workers that can't would be started for ever."""
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawned) as pool:
        pool.submit(_load, settings).result()


def _load(settings: ServiceSettings) -> None:
    Pipelines([load_pipeline(name) for name in settings.models], settings, Metrics())
