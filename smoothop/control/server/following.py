"""The route that follows the events, as server-sent events."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from smoothop.control.failures import Failure
from smoothop.control.server.waits import unless_gone
from smoothop.control.wire import dump
from smoothop.events import MetricEvent, event_dict

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from smoothop.control.server.connections import Connection
    from smoothop.control.server.room import Room
    from smoothop.engine.watching.streams import MetricStream

logger = logging.getLogger("smoothop.control")

MOST_READERS: Final = 32
ROOM: Final = 1024
"""Events that may wait for one reader; beyond that the oldest is dropped, and counted."""
BATCH: Final = 64
"""Events that are sent at once; other clients wait meanwhile."""
PAUSE: Final = 0.02
"""Seconds between two batches: a worker at full speed shall not notice who follows it."""
SIGN_OF_LIFE: Final = 15.0
"""Seconds without an event after which a line says that there was none."""
STALLED: Final = 10.0
"""Seconds after which a reader that takes nothing is dropped."""


async def follow(room: Room, request: Request) -> Response:
    """Send the events from now on, as server-sent events."""
    query = request.query_params
    unknown = set(query) - {"worker", "kind"}
    if unknown:
        raise Failure("bad_request", f"{ascii(min(unknown))[:80]}: only worker and kind")
    worker = query.get("worker") or None
    if worker is not None:
        room.worker(worker)
    if room.readers >= MOST_READERS:
        raise Failure("too_many", f"{MOST_READERS} follow the events already")
    kinds = [kind for kind in query.getlist("kind") if kind] or None
    stream = room.operator.metrics(maxsize=ROOM, kinds=kinds, worker=worker)
    return EventResponse(room, request, stream)


class EventResponse(Response):
    """The response that goes on until the operator, or the reader, ends."""

    def __init__(self, room: Room, request: Request, stream: MetricStream) -> None:
        super().__init__(media_type="text/event-stream", headers={"cache-control": "no-store"})
        del self.headers["content-length"]
        self._room = room
        self._request = request
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them until one side has enough."""
        del receive  # the request has it
        connection: Connection = scope["state"]["connection"]
        self._room.readers += 1
        try:
            await unless_gone(self._request, self._send(scope["method"], send))
        except TimeoutError:
            self._room.readers_dropped += 1
            connection.abort()  # a mere close would wait for the reader
            text = "a reader of events was dropped: %s has taken nothing for %g s"
            logger.warning(text, connection.peer, STALLED)
        finally:
            self._room.readers -= 1
            self._stream.close()

    async def _send(self, method: str, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        if method != "HEAD":
            async for lines in _lines(self._stream):
                async with asyncio.timeout(STALLED):
                    await send({"type": "http.response.body", "body": lines, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _lines(stream: MetricStream) -> AsyncIterator[bytes]:
    """Give what is to be sent, in portions, until the stream ends."""
    told = 0
    yield b": following\n\n"
    while True:
        try:
            async with asyncio.timeout(SIGN_OF_LIFE):
                first = await stream.get_async()
        except TimeoutError:
            yield b": still there\n\n"
            continue
        if first is None:
            return
        lines = [b"data: %b\n\n" % dump(event_dict(one)) for one in (first, *_more(stream))]
        if stream.dropped > told:
            lines.append(b'event: dropped\ndata: {"dropped":%d}\n\n' % (stream.dropped - told))
            told = stream.dropped
        yield b"".join(lines)
        await asyncio.sleep(PAUSE)


def _more(stream: MetricStream) -> Iterator[MetricEvent]:
    """Give what waits already, up to a batch."""
    for _ in range(BATCH - 1):
        try:
            event = stream.get(0)
        except TimeoutError:
            return
        if event is None:
            return
        yield event
