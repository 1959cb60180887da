"""mode-streaming: services, each with a task that sleeps; they have no mailbox.

A service is started and stopped by awaiting it; all are stopped at once, as smoothop does.
"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any, Final

from mode import Service

from bench.measuring import Figures, Measure, Scale, Ticks, resident
from bench.subjects.ways import HOUR


class Idle(Service):
    """Never has work."""

    @Service.task
    async def poll(self) -> None:
        while not self.should_stop:
            await self.sleep(HOUR)


class Ticking(Service):
    """Says when it wakes up, every tenth of a second."""

    def __init__(self, ticks: Ticks, due: float) -> None:
        super().__init__()
        self.ticks = ticks
        self.due = due

    @Service.task
    async def tick(self) -> None:
        while not self.should_stop:
            await self.sleep(max(0.0, self.due - time.monotonic()))
            self.due = self.ticks.came(self.due)


async def _fewer_idle(scale: Scale) -> Figures:
    before = resident()
    services = [Idle() for _ in range(scale.fewer_idle)]
    began = time.perf_counter()
    for service in services:
        await service.start()
    await asyncio.sleep(0)
    started = time.perf_counter()
    memory = (resident() - before) / len(services)
    stop = time.perf_counter()
    await asyncio.gather(*(service.stop() for service in services))
    return {"start": started - began, "stop": time.perf_counter() - stop, "memory": memory}


def ticks(scale: Scale) -> Figures:
    seen, loop = Ticks(), asyncio.new_event_loop()

    async def begin() -> list[Any]:
        first = time.monotonic() + 5.0
        services = [
            Ticking(seen, first + Ticks.every * number / scale.ticking)
            for number in range(scale.ticking)
        ]
        for service in services:
            await service.start()
        return services

    threading.Thread(target=loop.run_forever, daemon=True).start()
    kept = asyncio.run_coroutine_threadsafe(begin(), loop).result()
    time.sleep(6.0)
    figures = seen.figures(scale)
    del kept
    return figures


MEASURES: Final[dict[str, Measure]] = {
    "fewer idle": lambda scale: asyncio.run(_fewer_idle(scale)),
    "ticks": ticks,
}
