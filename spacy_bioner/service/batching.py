"""Documents of many requests through a pipeline together.

A pipeline is faster on batches, and its memory zone can't be shared between threads. So it has one thread,
and requests wait in a queue: whatever has come while a batch was annotated is the next one. Where the queue
is empty, a request waits a few milliseconds for company. A batch takes a document of each request in turn,
so that short requests needn't wait for all of a long one.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from spacy.language import Language

from spacy_bioner.annotation.inputs import Item, SetAside
from spacy_bioner.annotation.prediction import annotated, lacks_memory
from spacy_bioner.annotation.settings import BATCH_CHARACTERS, Settings
from spacy_bioner.documents.document import Document
from spacy_bioner.errors import trace

_LOG = logging.getLogger("spacy_bioner.service")


@dataclass(frozen=True, slots=True)
class Failed:
    """That the pipeline failed on a document.

    Attributes:
        trace: the error's type, and where it came from; see `errors.trace`.
        memory: whether there was too little memory.
    """

    trace: tuple[str, ...]
    memory: bool = False


Result = Document | SetAside | Failed


class BusyError(Exception):
    """Too much waits already."""


@dataclass(slots=True, eq=False)
class _Request:
    """The documents of a request: how many of them were taken, and what was found in those that are done."""

    items: Sequence[Item]
    done: "asyncio.Future[list[Result]]"
    characters: int
    taken: int = 0
    results: list[Result] = field(default_factory=list)


class Batcher:
    """A pipeline with its queue. To be used within one event loop, between `start` and `stop`.

    Args:
        nlp: the pipeline, see `annotation.settings.prepare`.
        settings: how to annotate.
        wait: for how many seconds a request that comes alone waits for others.
        queue: how many characters may wait or be in work.
        observe: called with the number of documents of each batch.
    """

    def __init__(
        self,
        nlp: Language,
        settings: Settings,
        *,
        wait: float = 0.0,
        queue: int = 5_000_000,
        observe: Callable[[int], object] = lambda documents: None,
    ) -> None:
        self.nlp = nlp
        self.settings = settings
        self._wait, self._most, self._observe = wait, queue, observe
        self._requests: deque[_Request] = deque()
        self._characters = 0
        self._come = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pipeline")
        self._running: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many documents wait."""
        return sum(len(request.items) - request.taken for request in self._requests)

    def start(self) -> None:
        """Begins to annotate what comes."""
        self._running = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Ends, when the batch is done that the pipeline has."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        self._thread.shutdown()

    async def annotate(self, documents: Sequence[Document]) -> list[Result]:
        """Annotates the documents of a request.

        Returns:
            For each its document with mentions, or why there is none.

        Raises:
            BusyError: if too much waits already.
        """
        if not documents:
            return []
        characters = sum(len(document.text) for document in documents)
        if self._characters and self._characters + characters > self._most:
            raise BusyError
        items = [Item(document, "", number) for number, document in enumerate(documents, start=1)]
        request = _Request(items, asyncio.get_running_loop().create_future(), characters)
        self._requests.append(request)
        self._characters += characters
        self._come.set()
        try:
            return await request.done
        finally:  # timed out or cancelled: what wasn't begun is taken out of the queue
            self._characters -= characters
            if request in self._requests:
                self._requests.remove(request)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if not self._requests:
                self._come.clear()
                await self._come.wait()
                if self._wait and self.waiting < self.settings.batch_size:
                    await asyncio.sleep(self._wait)
                continue
            batch = self._take()
            self._observe(len(batch))
            results = await loop.run_in_executor(self._thread, self._annotated, [i for _, i in batch])
            for told in dict.fromkeys(result.trace for result in results if isinstance(result, Failed)):
                _LOG.error("the pipeline failed: %s", " ".join(told))
            for (request, _), result in zip(batch, results, strict=True):
                request.results.append(result)
                if len(request.results) == len(request.items) and not request.done.done():
                    request.done.set_result(request.results)

    def _take(self) -> list[tuple[_Request, Item]]:
        """The next batch: a document of each request, one after the other, until it is full."""
        batch: list[tuple[_Request, Item]] = []
        characters = 0
        while self._requests and len(batch) < self.settings.batch_size:
            request = self._requests.popleft()
            item = request.items[request.taken]
            characters += len(item.document.text)
            if batch and characters > BATCH_CHARACTERS:
                self._requests.appendleft(request)
                break
            batch.append((request, item))
            request.taken += 1
            if request.taken < len(request.items):
                self._requests.append(request)
        return batch

    def _annotated(self, items: Sequence[Item]) -> list[Result]:
        """Annotates a batch, in the pipeline's thread; one by one if that can't be done together."""
        try:
            results = annotated(self.nlp, items, self.settings, Counter())
            return [
                Failed(result.trace) if isinstance(result, SetAside) and result.trace else result
                for result in results
            ]
        except Exception as error:  # whatever it is, the other requests of the batch must not get it
            if len(items) == 1:
                return [Failed(trace(error), lacks_memory(error))]
        return [result for item in items for result in self._annotated([item])]
