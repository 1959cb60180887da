"""What an async worker is by hand: a loop around an await, a task that reads an `asyncio.Queue`.

The floor for async workers: no supervision, no metrics, no turn for others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from measuring import Measure, Scale
from smoothop import HandleResult, done

Queue = asyncio.Queue[tuple[Any, asyncio.Future[Any] | None]]


class Busy:
    """Always has work."""

    async def handle(self, _: object) -> HandleResult:
        return done()


async def _handle(scale: Scale) -> float:
    call, left = Busy().handle, scale.calls
    began = scale.clock()
    while left:
        await call(None)
        left -= 1
    return (scale.clock() - began) / scale.calls


async def _reader(inbox: Queue) -> None:
    while True:
        message, outcome = await inbox.get()
        if outcome is not None:
            outcome.set_result(message)


async def _with_reader(body: Callable[[Queue], Awaitable[float]]) -> float:
    inbox: Queue = asyncio.Queue(1024)
    reader = asyncio.create_task(_reader(inbox))
    taken = await body(inbox)
    reader.cancel()
    return taken


async def _trip(inbox: Queue) -> None:
    outcome = asyncio.get_running_loop().create_future()
    await inbox.put(("ping", outcome))
    await outcome


async def _message(scale: Scale) -> float:
    async def body(inbox: Queue) -> float:
        began = scale.clock()
        for _ in range(scale.messages - 1):
            await inbox.put(("one", None))
        await _trip(inbox)
        return (scale.clock() - began) / scale.messages

    return await _with_reader(body)


async def _round_trip(scale: Scale) -> float:
    async def body(inbox: Queue) -> float:
        began = scale.clock()
        for _ in range(scale.trips):
            await _trip(inbox)
        return (scale.clock() - began) / scale.trips

    return await _with_reader(body)


ROWS: Final[dict[str, Measure]] = {
    "async handle": lambda scale: asyncio.run(_handle(scale)),
    "async message": lambda scale: asyncio.run(_message(scale)),
    "async round trip": lambda scale: asyncio.run(_round_trip(scale)),
}
