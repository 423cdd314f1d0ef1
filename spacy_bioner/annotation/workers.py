"""Batches of texts in several processes.

`nlp.pipe` with `n_process` waits for ever when one of its processes is killed, as it happens when memory runs
out. Here that is an error.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from spacy.language import Language
from spacy.tokens.underscore import Underscore

from spacy_bioner.annotation.settings import Settings
from spacy_bioner.documents.document import Document
from spacy_bioner.errors import PipelineError

_T = TypeVar("_T")
Work = Callable[[Language, Sequence[Document], Settings], list[_T]]
_WAITING = 2
"""How many batches a process there are at a time: one that it works on, and one that waits."""
_own: list[Any] = []  # of a process: its pipeline, and what to do with it


def in_processes(
    work: Work[_T], nlp: Language, batches: Iterable[Sequence[Document]], settings: Settings
) -> Iterator[list[_T]]:
    """Works on batches in processes, each of which has the pipeline.

    Args:
        work: what to do with a batch; a function of a module, which gets the pipeline, a batch and settings.
        nlp: the pipeline.
        batches: the batches.
        settings: how to annotate; `n_process` is how many processes.

    Yields:
        What `work` gives, in the order of the batches.

    Raises:
        PipelineError: if a process was killed; and whatever `work` raises.
    """
    pool = ProcessPoolExecutor(
        settings.n_process, initializer=_start, initargs=(nlp, work, settings, Underscore.get_state())
    )
    running: deque[Future[list[_T]]] = deque()
    try:
        for batch in batches:
            running.append(pool.submit(_work, batch))
            if len(running) >= _WAITING * settings.n_process:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    except BrokenProcessPool:
        raise PipelineError(
            "One of the processes was killed: there may have been too little memory for so many. [B413]\n"
            "Use a smaller --n-process, --batch-size or --max-length, and go on with --resume."
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _start(nlp: Language, work: Work[Any], settings: Settings, extensions: Any) -> None:
    Underscore.load_state(extensions)  # a process that was not forked has none
    _own[:] = [nlp, work, settings]


def _work(batch: Sequence[Document]) -> list[Any]:
    nlp, work, settings = _own
    with nlp.memory_zone():
        return work(nlp, batch, settings)
