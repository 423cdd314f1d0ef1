"""The pipelines of a service, each with its queue, and requests through them."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import torch
from spacy.language import Language
from spacy.tokens import Doc, Span

from spacy_bioner.annotation.settings import BATCH_SIZE, Settings, prepare
from spacy_bioner.components.pipelines import entity_types, load_pipeline
from spacy_bioner.documents.document import Document
from spacy_bioner.errors import PipelineError, told
from spacy_bioner.models.devices import use_device
from spacy_bioner.service.batching import Batcher, BusyError, Failed, Result
from spacy_bioner.service.bodies import refuse_bad
from spacy_bioner.service.guarding import RefusedError
from spacy_bioner.service.metrics import Metrics
from spacy_bioner.service.service_settings import Limits, ServiceSettings


@dataclass(frozen=True, slots=True)
class Served:
    """A pipeline that is served.

    Attributes:
        name: how requests name it.
        version, description: of its meta.
        types: the entity types that it finds.
        batcher: its queue.
    """

    name: str
    version: str
    description: str
    types: tuple[str, ...]
    batcher: Batcher


class Pipelines:
    """The pipelines of a process of the service.

    Args:
        loaded: the pipelines; the first is for requests that name none.
        settings: what the service is made of.
        metrics: counts what goes through them.

    Raises:
        PipelineError: if two have one name, or one can't do what the settings ask.
    """

    def __init__(self, loaded: Sequence[Language], settings: ServiceSettings, metrics: Metrics) -> None:
        self.limits: Limits = settings.limits
        self.metrics = metrics
        self.ready = False
        self._served: dict[str, Served] = {}
        for nlp in loaded:
            served = _served(nlp, settings, metrics)
            if served.name in self._served:
                raise PipelineError(
                    f"Two pipelines are called {served.name}: requests can't tell them apart. [B414]"
                )
            self._served[served.name] = served

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Within this, requests can be made."""
        for served in self:
            served.batcher.start()
        self.ready = True
        try:
            yield
        finally:
            self.ready = False
            for served in self:
                await served.batcher.stop()

    def __iter__(self) -> Iterator[Served]:
        return iter(self._served.values())

    @property
    def names(self) -> list[str]:
        """The names that requests can give, the default pipeline's first."""
        return list(self._served)

    @property
    def types(self) -> list[str]:
        """The entity types of all pipelines."""
        return sorted({name for served in self for name in served.types})

    @property
    def first(self) -> Served:
        """The default pipeline, which annotates where a request names none."""
        return next(iter(self))

    def named(self, name: str) -> Served:
        """The pipeline of a name; raises RefusedError if there is none."""
        if name not in self._served:
            raise RefusedError(422, (None, f"no pipeline of this name: use {', '.join(self._served)}"))
        return self._served[name]

    async def annotate(self, served: Served, documents: Sequence[Document]) -> list[Document]:
        """Annotates the documents of a request.

        Raises:
            RefusedError: 429 if too much waits, 503 if it takes too long or too much memory, 422 if it is a
                document's fault that it can't be annotated, 500 if the pipeline fails.
        """
        waiting = self.metrics.waiting.labels(served.name)
        waiting.inc(len(documents))
        try:
            async with asyncio.timeout(self.limits.answer):
                results = await served.batcher.annotate(documents)
        except BusyError:
            raise RefusedError(429, (None, "too much waits already: try again later")) from None
        except TimeoutError:
            raise RefusedError(503, (None, f"not done in {self.limits.answer:g} seconds")) from None
        finally:
            waiting.dec(len(documents))
        _refuse_failed(results)
        refuse_bad(result for result in results if not isinstance(result, Failed))
        found = [result for result in results if isinstance(result, Document)]
        self._count(served.name, found)
        return found

    def _count(self, name: str, found: Sequence[Document]) -> None:
        self.metrics.documents.labels(name).inc(len(found))
        self.metrics.characters.labels(name).inc(sum(len(document.text) for document in found))
        for document in found:
            for mention in document.mentions:
                self.metrics.mentions.labels(name, mention.type).inc()


def _refuse_failed(results: Sequence[Result]) -> None:
    """Raises RefusedError if the pipeline failed on a document: 503 for lack of memory, 500 otherwise."""
    failed = [(n, result) for n, result in enumerate(results, start=1) if isinstance(result, Failed)]
    if failed:
        memory = "too little memory for it: try again later, or send less at a time"
        status = 503 if all(result.memory for _, result in failed) else 500
        told = [(n, memory if r.memory else f"the pipeline failed ({r.trace[0]})") for n, r in failed]
        raise RefusedError(status, *told)


def load_pipelines(settings: ServiceSettings, metrics: Metrics) -> Pipelines:
    """Loads the pipelines of a service; raises PipelineError if one can't be."""
    if settings.threads:
        torch.set_num_threads(settings.threads)
    use_device(settings.gpu_id)
    return Pipelines([load_pipeline(name) for name in settings.models], settings, metrics)


def _served(nlp: Language, settings: ServiceSettings, metrics: Metrics) -> Served:
    limits = settings.limits
    name = f"{nlp.meta['lang']}_{nlp.meta['name']}"
    how = Settings(
        "jsonl",
        threshold=settings.threshold,
        max_length=limits.characters,
        split_long=True,
        batch_size=min(nlp.batch_size, BATCH_SIZE),
        precision=settings.precision,
    )
    prepare(nlp, how)
    _warm_up(nlp)
    observe = metrics.batches.labels(name).observe
    batcher = Batcher(nlp, how, wait=limits.wait, queue=limits.queue, observe=observe)
    return Served(name, nlp.meta["version"], nlp.meta["description"], tuple(entity_types(nlp)), batcher)


def _warm_up(nlp: Language) -> None:
    """Has each component work once, on an entity of each type: some build what they need at the first one.

    Raises:
        PipelineError: if one fails.
    """
    types = entity_types(nlp)
    with nlp.memory_zone():
        doc = Doc(nlp.vocab, ["aspirin"] * max(len(types), 1))
        for name, component in nlp.pipeline:
            try:
                doc = component(doc)
            except Exception as error:  # any component's
                raise PipelineError(
                    f"The pipeline's '{name}' fails ({type(error).__name__}): {told(error)} [B415]"
                ) from error
            if "doc.ents" in nlp.get_pipe_meta(name).assigns:
                doc.ents = [Span(doc, i, i + 1, label) for i, label in enumerate(types)]
