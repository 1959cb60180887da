"""What all measurements share: how much to measure, and the ways to take a time."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

Figures = Mapping[str, float]
"""Name of a figure -> seconds, bytes, or a bare number."""

Measure = Callable[["Scale"], float | Figures]
"""Takes one measurement: the seconds of one operation, or several figures."""

IDLE_FOR: Final = 0.0005
"""Seconds to leave a worker alone before it counts as idle."""

WARM_UP: Final = 0.05
"""Seconds of round trips that do not count: by then the interpreter has specialised its code, and
the system's scheduler has found where to run whom."""

FEWEST: Final = 5
"""Round trips that are made, however long they take."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much one measurement does.

    Attributes:
        rounds: how often each measurement is taken, all of them in turn.
        calls: operations timed where one takes less than a microsecond.
        messages: messages sent one way.
        tripping_for: seconds of round trips, or of wakes of an idle worker.
        idle: workers that are idle at once, for whom that is cheap.
        fewer_idle: the same for everybody.
        ticking: workers that tick every 100 ms.
        ticking_for: seconds that they do.
        clock: wall clock, or the processor's time that this process has used.
    """

    rounds: int
    calls: int
    messages: int
    tripping_for: float
    idle: int = 100_000
    fewer_idle: int = 10_000
    ticking: int = 10_000
    ticking_for: float = 5.0
    clock: Callable[[], float] = time.perf_counter


FULL: Final = Scale(rounds=7, calls=300_000, messages=40_000, tripping_for=1.0)
QUICK: Final = Scale(rounds=3, calls=50_000, messages=10_000, tripping_for=0.3, ticking_for=2.0)


def timed_trips(trip: Callable[[], object], scale: Scale) -> float:
    """Make round trips for as long as the scale says; return the seconds that one took."""
    for _ in _numbers(WARM_UP, 1):
        trip()
    began = scale.clock()
    for made in _numbers(scale.tripping_for, FEWEST):  # noqa: B007 - used after the loop
        trip()
    return (scale.clock() - began) / made


async def timed_trips_async(trip: Callable[[], Awaitable[object]], scale: Scale) -> float:
    """Do the same on the running event loop."""
    for _ in _numbers(WARM_UP, 1):
        await trip()
    began = scale.clock()
    for made in _numbers(scale.tripping_for, FEWEST):  # noqa: B007 - used after the loop
        await trip()
    return (scale.clock() - began) / made


def wake_latency(send: Callable[[], float], scale: Scale) -> float:
    """Return the median seconds from a send to an idle receiver until that has it.

    Args:
        send: sends one message, waits until it was handled, and returns when its handling began.
        scale: for how long to send some.
    """
    for _ in _numbers(WARM_UP, 1):
        send()
    latencies = []
    for _ in _numbers(scale.tripping_for, FEWEST):
        time.sleep(IDLE_FOR)
        began = time.perf_counter()
        latencies.append(send() - began)
    return statistics.median(latencies)


def _numbers(seconds: float, fewest: int) -> Iterator[int]:
    """Count from 1 for so long, and at least so far."""
    until, number = time.perf_counter() + seconds, 0
    while number < fewest or time.perf_counter() < until:
        number += 1
        yield number


def resident() -> int:
    """Return the bytes of memory that this process holds."""
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - read while measuring
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this thread, and those it starts meanwhile, on one core."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


class Ticks:
    """When the ticks of many came that were due every `every` seconds, and what that cost.

    Each of them says `came(due)` at each tick; those of the first second are not counted.
    """

    every: Final = 0.1

    def __init__(self) -> None:
        self._late: list[float] = []

    def came(self, due: float) -> float:
        """Note a tick that was due at `due`, monotonic; return when the next one is."""
        now = time.monotonic()
        self._late.append(now - due)
        following = due + self.every
        return following if following > now else now + self.every

    def figures(self, scale: Scale) -> Figures:
        """Let them tick for as long as the scale says; return what came of it."""
        time.sleep(1.0)
        self._late.clear()
        before, began = time.process_time(), time.monotonic()
        time.sleep(scale.ticking_for)
        used, took = time.process_time() - before, time.monotonic() - began
        late = sorted(self._late.copy())
        return {
            "core": used / took,
            "late": late[int(len(late) * 0.99)] if late else float("inf"),
            "rate": len(late) / took,
        }
