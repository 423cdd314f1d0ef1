"""The service as an application of FastAPI.

    uvicorn.run(create_app(ServiceSettings(("en_bioner_sm",))))

`running.serve` does it with several processes.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Annotated, Any, TypeVar

from fastapi import FastAPI, Query, Request
from fastapi.responses import Response

from spacy_bioner.service.api_schema import Health, Pipeline, Ready, annotating, answers, refusals
from spacy_bioner.service.bodies import READ, WRITTEN, filtered, read_documents, written
from spacy_bioner.service.guarding import Guard, RefusedError, unless_gone
from spacy_bioner.service.label_studio_backend import add_label_studio
from spacy_bioner.service.metrics import CONTENT_TYPE, Metrics
from spacy_bioner.service.pages import add_page
from spacy_bioner.service.pipelines_served import Pipelines, load_pipelines
from spacy_bioner.service.service_settings import ServiceSettings

_T = TypeVar("_T")
_LARGE = 20_000
"""Bytes of a body from which on it is read in a thread."""
_DESCRIPTION = """Biomedical entities in texts: post them, and get them back with their mentions.

Nothing of a text is kept or logged. Documents of requests that come together go through the pipeline at once.
"""


def create_app(settings: ServiceSettings, pipelines: Pipelines | None = None) -> FastAPI:
    """The service.

    Args:
        settings: what it is made of.
        pipelines: its pipelines; loaded as the settings say, if None.

    Raises:
        PipelineError: if a pipeline can't be loaded.
    """
    served = pipelines or load_pipelines(settings, Metrics())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with served.running():
            yield

    app = FastAPI(
        title="spacy-bioner",
        version=version("spacy-bioner"),
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,  # their pages fetch scripts from elsewhere
        redoc_url=None,
    )
    app.state.pipelines = served
    for format in READ:
        _add_annotating(app, served, format)
    _add_telling(app, served)
    add_label_studio(app, served)
    add_page(app)
    app.add_middleware(Guard, limits=served.limits, metrics=served.metrics)
    return app


def _add_annotating(app: FastAPI, served: Pipelines, format: str) -> None:
    """Adds the route that reads a format."""
    default = format if format in WRITTEN else "jsonl"

    @app.post(
        f"/annotate/{format}",
        operation_id=f"annotate_{format.replace('-', '_')}",
        summary=f"Annotate {format}",
        responses=answers(format),
        openapi_extra=annotating(format),
        response_class=Response,
    )
    async def annotate(
        request: Request,
        to: Annotated[str, _choice(WRITTEN, "The answer's format")] = default,
        model: Annotated[str, _choice(served.names, "The pipeline")] = served.first.name,
        types: Annotated[list[str], _choices(served.types, "Entity types; all by default")] = [],  # noqa: B006
        threshold: Annotated[float, Query(ge=0, le=1, description="The least probability")] = 0.0,
    ) -> Response:
        if to not in WRITTEN:
            raise RefusedError(422, (None, f"to: use {', '.join(WRITTEN)}"))
        pipeline = served.named(model)
        if unknown := [name for name in types if name not in pipeline.types]:
            told = f"no entity type {', '.join(unknown)}: there are {', '.join(pipeline.types)}"
            raise RefusedError(422, (None, told))
        data = await request.body()
        documents = await _done(len(data), read_documents, data, format, served.limits)
        found = await unless_gone(request, served.annotate(pipeline, documents))
        kept = [filtered(document, types, threshold) for document in found]
        content = await _done(len(data), written, kept, to)
        single = format == "text" and to == "jsonl"  # a line of JSONL is JSON
        return Response(content, media_type="application/json" if single else WRITTEN[to])


async def _done(size: int, work: Callable[..., _T], *arguments: Any) -> _T:
    """What a function gives; where a body is large, without holding up other requests."""
    if size < _LARGE:
        return work(*arguments)
    return await asyncio.to_thread(work, *arguments)


def _choice(names: Iterable[str], told: str) -> Any:
    return Query(json_schema_extra={"enum": list(names)}, description=told)


def _choices(names: Iterable[str], told: str) -> Any:
    return Query(json_schema_extra={"items": {"type": "string", "enum": list(names)}}, description=told)


def _add_telling(app: FastAPI, served: Pipelines) -> None:
    """Adds the routes that say how the service is."""

    @app.get("/models", operation_id="models", summary="The pipelines")
    async def models() -> list[Pipeline]:
        return [
            Pipeline(name=p.name, version=p.version, description=p.description, types=list(p.types))
            for p in served
        ]

    @app.get("/health", operation_id="health", summary="Whether the process works")
    async def health() -> Health:
        return Health(status="UP", model_class=served.first.name)

    @app.get("/ready", operation_id="ready", summary="Whether requests can be sent", responses=refusals(503))
    async def ready() -> Ready:
        if not served.ready:
            raise RefusedError(503, (None, "starting or stopping"))
        return Ready(status="ready")

    @app.get("/metrics", operation_id="metrics", summary="Counts for Prometheus", response_class=Response)
    async def metrics() -> Response:
        return Response(served.metrics.page(), media_type=CONTENT_TYPE)
