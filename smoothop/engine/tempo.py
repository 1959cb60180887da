"""How busy a worker is: the rate and the durations of its last calls. Pure.

A busy worker leaves ``(returned at, called at, ...)`` of each call, monotonic, in a ring. When it
lies down, the two times are packed: a full ring takes 17 KB, its times 2, and of a hundred thousand
workers most lie down after each call.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from math import ceil
from typing import Any, Final

CALLS: Final = 128
"""How many calls, at most, are looked back on."""

RawCall = tuple[float, float, *tuple[Any, ...]]
"""``(returned at, called at, ...)``."""


def packed(times: array[float] | None, calls: Iterable[RawCall]) -> array[float]:
    """Return `times`, or new ones, with those of `calls` added, without what is too old."""
    kept = array("d") if times is None else times
    for call in calls:
        kept.append(call[0])
        kept.append(call[1])
    del kept[: -2 * CALLS]
    return kept


def unpacked(times: array[float] | None) -> list[RawCall]:
    """Return the calls whose times were packed, the oldest first."""
    return [] if times is None else list(zip(times[::2], times[1::2], strict=True))


def rate(calls: list[RawCall], now: float) -> float | None:
    """Return how many of `calls` there were per second, from the first of them until now.

    So it falls when none come any more. ``None`` if there were none.
    """
    if not calls:
        return None
    span = now - min(call[1] for call in calls)
    return len(calls) / span if span > 0 else None


def p95(calls: list[RawCall]) -> float | None:
    """Return the duration that 95 of 100 `calls` did not exceed, in seconds; ``None`` if none."""
    if not calls:
        return None
    durations = sorted(call[0] - call[1] for call in calls)
    return durations[ceil(0.95 * len(durations)) - 1]
