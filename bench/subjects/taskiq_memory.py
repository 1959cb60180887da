"""taskiq with its broker in memory: async tasks on the caller's loop."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

from taskiq import InMemoryBroker

from bench.measuring import Measure, Scale, timed_trips_async
from bench.subjects.ways import BLOCKED_FOR, CROWD


async def _echo(content: str) -> str:
    return content


async def _message(scale: Scale) -> float:
    broker = InMemoryBroker(max_async_tasks=1024)
    left, finished = scale.messages, asyncio.Event()

    async def sink() -> None:
        nonlocal left
        left -= 1
        if not left:
            finished.set()

    task: Any = broker.task(task_name="sink")(sink)
    await broker.startup()
    began = scale.clock()
    for _ in range(scale.messages):
        await task.kiq()
    await finished.wait()
    taken = (scale.clock() - began) / scale.messages
    await broker.shutdown()
    return taken


async def _round_trip(scale: Scale) -> float:
    broker = InMemoryBroker(await_inplace=True)
    task: Any = broker.task(task_name="echo")(_echo)
    await broker.startup()

    async def trip() -> None:
        await (await task.kiq("ping")).wait_result(check_interval=0.0)

    taken = await timed_trips_async(trip, scale)
    await broker.shutdown()
    return taken


async def _blocking() -> float:
    broker = InMemoryBroker(max_async_tasks=CROWD)
    left, finished = CROWD, asyncio.Event()

    async def block() -> None:
        nonlocal left
        await asyncio.sleep(BLOCKED_FOR)
        left -= 1
        if not left:
            finished.set()

    task: Any = broker.task(task_name="block")(block)
    await broker.startup()
    began = time.perf_counter()
    for _ in range(CROWD):
        await task.kiq()
    await finished.wait()
    taken = time.perf_counter() - began
    await broker.shutdown()
    return taken


MEASURES: Final[dict[str, Measure]] = {
    "message": lambda scale: asyncio.run(_message(scale)),
    "round trip": lambda scale: asyncio.run(_round_trip(scale)),
    "blocking": lambda _: asyncio.run(_blocking()),
}
