"""What stands before every route: limits on bodies, counts, headers for browsers, errors without a text."""

import asyncio
import logging
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import HTTPException
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spacy_bioner.service.metrics import Metrics
from spacy_bioner.service.service_settings import Limits

_T = TypeVar("_T")
_LOG = logging.getLogger("spacy_bioner.service")
GONE = 499
"""The status, as nginx counts it, of a client that went before it had its answer."""
_RETRY = {429: "1", 503: "5"}  # seconds, for Retry-After
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)


class RefusedError(HTTPException):
    """A request that isn't answered as it was meant.

    Args:
        status: the status of HTTP.
        reasons: why; for each the number of the document that is meant, from 1, or None.
    """

    def __init__(self, status: int, *reasons: tuple[int | None, str]) -> None:
        detail = [
            {"loc": ["body"] if number is None else ["body", number], "msg": reason, "type": "refused"}
            for number, reason in reasons
        ]
        headers = {"Retry-After": _RETRY[status]} if status in _RETRY else {}
        if status in (408, 413):  # the rest of the body isn't read
            headers["Connection"] = "close"
        super().__init__(status, detail, headers)


class Guard:
    """An application of ASGI around another.

    Args:
        app: the other.
        limits: the limits on bodies.
        metrics: counts requests.
    """

    def __init__(self, app: ASGIApp, limits: Limits, metrics: Metrics) -> None:
        self._app, self._limits, self._metrics = app, limits, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 0
        begun = time.perf_counter()

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        try:
            await self._app(scope, _limited(receive, self._limits), observed)
        except ClientDisconnect:
            status = status or GONE
        except Exception as error:  # anything; its message may have words of the text
            _LOG.error("%s in %s", type(error).__name__, _path(scope))
            if not status:
                answer = {"detail": [{"loc": [], "msg": type(error).__name__, "type": "error"}]}
                await JSONResponse(answer, 500)(scope, receive, observed)
        self._metrics.requests.labels(_path(scope), str(status)).inc()
        self._metrics.seconds.labels(_path(scope)).observe(time.perf_counter() - begun)


async def unless_gone(request: Request, work: Coroutine[Any, Any, _T]) -> _T:
    """What some work gives; it is cancelled if the client goes. To be used when the body has been read.

    Raises:
        ClientDisconnect: if the client has gone.
    """
    working = asyncio.create_task(work)
    going = asyncio.create_task(_gone(request))
    try:
        await asyncio.wait((working, going), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        working.cancel()
        going.cancel()
        await asyncio.gather(working, going, return_exceptions=True)


async def _gone(request: Request) -> None:
    """Waits until the client has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _limited(receive: Receive, limits: Limits) -> Receive:
    """Receives a body up to the limit on its size, and within the time that it has."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + limits.receive
    size, whole = 0, False

    async def limited() -> Message:
        nonlocal size, whole
        if whole:  # what comes is that the client has gone
            return await receive()
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            told = f"the body didn't come in {limits.receive:g} seconds"
            raise RefusedError(408, (None, told)) from None
        size += len(message.get("body", b""))
        whole = not message.get("more_body", False)
        if size > limits.body:
            raise RefusedError(413, (None, f"more than {limits.body:,} bytes: send it in several requests"))
        return message

    return limited


def _path(scope: Scope) -> str:
    """The route of a request: what was asked beyond it may be anything."""
    return getattr(scope.get("route"), "path", "other")
