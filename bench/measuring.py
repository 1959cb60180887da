"""What all measurements share: how much to measure, and the ways to take a time."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

Measure = Callable[["Scale"], float]
"""Takes one measurement; answers seconds for one operation."""

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
        clock: wall clock, or the processor's time that this process has used.
    """

    rounds: int
    calls: int
    messages: int
    trips: int
    clock: Callable[[], float] = time.perf_counter


FULL: Final = Scale(rounds=9, calls=300_000, messages=40_000, trips=400)
QUICK: Final = Scale(rounds=3, calls=50_000, messages=10_000, trips=100)


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


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this thread, and those it starts meanwhile, on one core."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def pinned(measure: Measure) -> Measure:
    """Return `measure` with all its threads on one core."""

    def on_one_core(scale: Scale) -> float:
        with one_core():
            return measure(scale)

    return on_one_core
