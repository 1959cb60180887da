"""How busy a worker is: the rate and the durations of its last calls. Pure.

A busy worker leaves ``(returned at, called at, ...)`` of each call, monotonic, in a ring. When it
lies down, the two times are packed: a full ring takes 17 KB, its times 2, and of a hundred thousand
workers most lie down after each call.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection
from math import ceil
from operator import itemgetter
from typing import Any, Final, TypeAlias

CALLS: Final = 128
"""How many calls, at most, are looked back on."""

_MOST: Final = 2 * CALLS + 64
"""So many times may be kept, more than are needed: to take away each single one costs more."""

_CALLED_AT: Final = itemgetter(1)

RawCall = tuple[float, float, *tuple[Any, ...]]
"""``(returned at, called at, ...)``."""


Times: TypeAlias = "array[float] | RawCall | None"
"""The times of calls, packed; a sole call stays as it is, as it is also the worker's last event."""


def packed(times: Times, calls: Collection[RawCall]) -> Times:
    """Return `times` with those of `calls` added, without what is too old."""
    for call in calls:
        times = with_one_more(times, call)
    return times


def with_one_more(times: Times, call: RawCall) -> Times:
    """Return `times` with those of one more call; a worker that ticks does so each time."""
    if times is None:
        return call
    kept = times if isinstance(times, array) else array("d", times[:2])
    kept.append(call[0])
    kept.append(call[1])
    if len(kept) > _MOST:
        del kept[: -2 * CALLS]
    return kept


def unpacked(times: Times) -> list[RawCall]:
    """Return the calls whose times were packed, the oldest first."""
    if times is None:
        return []
    if not isinstance(times, array):
        return [times]
    kept = times[-2 * CALLS :]
    return list(zip(kept[::2], kept[1::2], strict=True))


def rate(calls: list[RawCall], now: float) -> float | None:
    """Return how many of `calls` there were per second, from the first of them until now.

    So it falls when none come any more. ``None`` if there were none.
    """
    if not calls:
        return None
    span = now - min(map(_CALLED_AT, calls))
    return len(calls) / span if span > 0 else None


def p95(calls: list[RawCall]) -> float | None:
    """Return the duration that 95 of 100 `calls` did not exceed, in seconds; ``None`` if none."""
    if not calls:
        return None
    durations = sorted([call[0] - call[1] for call in calls])
    return durations[ceil(0.95 * len(durations)) - 1]
