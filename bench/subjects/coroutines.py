"""What an async worker is by hand: a loop around an await, a task that reads an `asyncio.Queue`.

The floor for async workers: no supervision, no metrics, no turn for others.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from bench.measuring import Figures, Measure, Scale, Ticks, resident, timed_trips_async
from bench.subjects.ways import BLOCKED_FOR, CROWD, HOUR
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
        return await timed_trips_async(lambda: _trip(inbox), scale)

    return await _with_reader(body)


async def _idle(count: int) -> Figures:
    """Measure tasks that sleep for an hour."""
    before = resident()
    began = time.perf_counter()
    tasks = [asyncio.create_task(asyncio.sleep(HOUR)) for _ in range(count)]
    await asyncio.sleep(0)
    started = time.perf_counter()
    memory = (resident() - before) / count
    stop = time.perf_counter()
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    return {"start": started - began, "stop": time.perf_counter() - stop, "memory": memory}


async def _tick(ticks: Ticks, due: float) -> None:
    while True:
        await asyncio.sleep(due - time.monotonic())
        due = ticks.came(due)


def ticks(scale: Scale) -> Figures:
    seen, loop = Ticks(), asyncio.new_event_loop()

    async def begin() -> list[asyncio.Task[None]]:
        first = time.monotonic() + 0.5
        return [
            asyncio.create_task(_tick(seen, first + Ticks.every * number / scale.ticking))
            for number in range(scale.ticking)
        ]

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    kept = asyncio.run_coroutine_threadsafe(begin(), loop).result()
    figures = seen.figures(scale)
    del kept
    return figures


async def _blocking() -> float:
    began = time.perf_counter()
    await asyncio.gather(*(asyncio.sleep(BLOCKED_FOR) for _ in range(CROWD)))
    return time.perf_counter() - began


MEASURES: Final[dict[str, Measure]] = {
    "handle": lambda scale: asyncio.run(_handle(scale)),
    "message": lambda scale: asyncio.run(_message(scale)),
    "round trip": lambda scale: asyncio.run(_round_trip(scale)),
    "idle": lambda scale: asyncio.run(_idle(scale.idle)),
    "fewer idle": lambda scale: asyncio.run(_idle(scale.fewer_idle)),
    "ticks": ticks,
    "blocking": lambda _: asyncio.run(_blocking()),
}
