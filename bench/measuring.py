"""What all measurements share: how much to measure, and the ways to take a time."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

Figures = Mapping[str, float]
"""Name of a figure -> seconds, bytes, or a bare number."""

Measure = Callable[["Scale"], float | Figures]
"""Takes one measurement: the seconds of one operation, or several figures."""

IDLE_FOR: Final = 0.0005
"""Seconds to leave a worker alone before it counts as idle."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much one measurement does.

    Attributes:
        rounds: how often each measurement is taken, all of them in turn.
        calls: operations timed where one takes less than a microsecond.
        messages: messages sent one way.
        trips: round trips, and wakes of an idle worker.
        idle: workers that are idle at once, for whom that is cheap.
        fewer_idle: the same for everybody.
        ticking: workers that tick every 100 ms.
        ticking_for: seconds that they do.
        clock: wall clock, or the processor's time that this process has used.
    """

    rounds: int
    calls: int
    messages: int
    trips: int
    idle: int = 100_000
    fewer_idle: int = 10_000
    ticking: int = 10_000
    ticking_for: float = 5.0
    clock: Callable[[], float] = time.perf_counter


FULL: Final = Scale(rounds=7, calls=300_000, messages=40_000, trips=400)
QUICK: Final = Scale(rounds=3, calls=50_000, messages=10_000, trips=100, ticking_for=2.0)


def timed_trips(trip: Callable[[], object], scale: Scale) -> float:
    """Make all the trips of `scale`, after one to warm up; return the seconds that one took."""
    trip()
    began = scale.clock()
    for _ in range(scale.trips):
        trip()
    return (scale.clock() - began) / scale.trips


def wake_latency(send: Callable[[], float], times: int) -> float:
    """Return the median seconds from a send to an idle receiver until that has it.

    Args:
        send: sends one message, waits until it was handled, and returns when its handling began.
        times: how many to send.
    """
    latencies = []
    for _ in range(times):
        time.sleep(IDLE_FOR)
        began = time.perf_counter()
        latencies.append(send() - began)
    return statistics.median(latencies)


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
