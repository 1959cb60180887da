"""huey with its storage in memory and a consumer in this process.

A task is pickled and unpickled, which smoothop does not do. A worker that found nothing sleeps, a
tenth of a second at first, so a wake and a round trip wait for that; so they are left out.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from huey import MemoryHuey
from huey.consumer import Consumer

from bench.measuring import Measure, Scale
from bench.subjects.ways import BLOCKED_FOR, CROWD, Countdown


class _Inside(Consumer):
    """A consumer that leaves the signals of the process alone."""

    def _set_signal_handlers(self) -> None:
        pass


@contextmanager
def _working(function: Any, *, threads: int = 1) -> Iterator[Any]:
    huey = MemoryHuey(results=False)
    task = huey.task()(function)
    consumer = _Inside(huey, workers=threads, periodic=False, initial_delay=0.001, max_delay=0.001)
    consumer.start()
    try:
        yield task
    finally:
        consumer.stop(graceful=True)


def message(scale: Scale) -> float:
    finished = Countdown(scale.messages)

    def sink() -> None:
        finished()

    with _working(sink) as task:
        began = scale.clock()
        for _ in range(scale.messages):
            task()
        finished.wait()
        return (scale.clock() - began) / scale.messages


def blocking(_: Scale) -> float:
    finished = Countdown(CROWD)

    def block() -> None:
        time.sleep(BLOCKED_FOR)
        finished()

    with _working(block, threads=256) as task:
        began = time.perf_counter()
        for _ in range(CROWD):
            task()
        finished.wait()
        return time.perf_counter() - began


MEASURES: Final[dict[str, Measure]] = {"message": message, "blocking": blocking}
