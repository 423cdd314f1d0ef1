"""The service as an application of FastAPI.

    uvicorn.run(create_app(ServiceSettings(("en_bioner_sm",))))

`running.serve` does it with several processes.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Annotated

from fastapi import FastAPI, Query, Request
from fastapi.responses import Response

from spacy_bioner.service.api_schema import Health, Pipeline, Ready, annotating, answers, refusals
from spacy_bioner.service.bodies import READ, WRITTEN, filtered, read_documents, written
from spacy_bioner.service.guarding import Guard, RefusedError
from spacy_bioner.service.label_studio_backend import add_label_studio
from spacy_bioner.service.metrics import CONTENT_TYPE, Metrics
from spacy_bioner.service.pages import add_page
from spacy_bioner.service.pipelines_served import Pipelines, load_pipelines
from spacy_bioner.service.service_settings import ServiceSettings

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
        to: Annotated[
            str, Query(json_schema_extra={"enum": list(WRITTEN)}, description="The answer's format")
        ] = (default),
        model: Annotated[str, Query(description="The pipeline, see /models; the first by default")] = "",
        types: Annotated[
            list[str] | None, Query(description="The entity types that are wanted; all by default")
        ] = None,
        threshold: Annotated[
            float, Query(ge=0, le=1, description="The least probability of a mention")
        ] = 0.0,
    ) -> Response:
        if to not in WRITTEN:
            raise RefusedError(422, (None, f"to: use {', '.join(WRITTEN)}"))
        pipeline = served.named(model)
        if unknown := [name for name in types or () if name not in pipeline.types]:
            told = f"no entity type {', '.join(unknown)}: there are {', '.join(pipeline.types)}"
            raise RefusedError(422, (None, told))
        documents = await asyncio.to_thread(read_documents, await request.body(), format, served.limits)
        found = await served.annotate(pipeline, documents)
        kept = [filtered(document, types or (), threshold) for document in found]
        content = await asyncio.to_thread(written, kept, to)
        single = format == "text" and to == "jsonl"  # a line of JSONL is JSON
        return Response(content, media_type="application/json" if single else WRITTEN[to])


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
