"""smoothop, async workers: messages come from the same loop, as they do in an async program."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

from bench.measuring import Measure, Scale, timed_trips_async
from bench.subjects.ways import (
    BLOCKED_FOR,
    CROWD,
    HOUR,
    Countdown,
    Echo,
    Sink,
    crowds,
    measures,
)
from smoothop import AsyncContext, Config, HandleResult, Operator, none

TAKING: Final = Config(message_only=True, mailbox_size=1024)


class Async:
    """Runs the `handle` of a sync handler, which never blocks, as a coroutine."""

    def __init__(self, handler: Any) -> None:
        self._handle = handler.handle

    async def handle(self, ctx: AsyncContext) -> HandleResult:
        return self._handle(ctx)  # type: ignore[no-any-return]


class SleepingOnce:
    """Sleeps once, then has nothing to do."""

    def __init__(self, finished: Countdown) -> None:
        self.finished = finished

    async def handle(self, _: AsyncContext) -> HandleResult:
        await asyncio.sleep(BLOCKED_FOR)
        self.finished()
        return none(HOUR)


async def _message(scale: Scale) -> float:
    async with Operator() as operator:
        operator.add_handler("worker", Async(Sink()), TAKING)
        operator.start_all()
        await (await operator.dispatch_async("worker", "first"))
        began = scale.clock()
        for _ in range(scale.messages - 1):
            await operator.dispatch_async("worker", "one")
        await (await operator.dispatch_async("worker", "last"))
        return (scale.clock() - began) / scale.messages


async def _round_trip(scale: Scale) -> float:
    async with Operator() as operator:
        operator.add_handler("worker", Async(Echo()), TAKING)
        operator.start_all()

        async def trip() -> None:
            await (await operator.dispatch_async("worker", "ping"))

        return await timed_trips_async(trip, scale)


def blocking(_: Scale) -> float:
    with Operator() as operator:
        finished = Countdown(CROWD)
        for number in range(CROWD):
            operator.add_handler(f"worker-{number}", SleepingOnce(finished))
        began = time.perf_counter()
        operator.start_all()
        finished.wait()
        return time.perf_counter() - began


MEASURES: Final[dict[str, Measure]] = {
    **measures(Async),
    **crowds(Async),
    "message": lambda scale: asyncio.run(_message(scale)),
    "round trip": lambda scale: asyncio.run(_round_trip(scale)),
    "blocking": blocking,
}
