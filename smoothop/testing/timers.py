"""`Timers`: when whose wait ends in virtual time."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smoothop.testing.threads import SimThread

Timer = tuple[int, int, int, "SimThread"]
"""``(time, number, turn of the thread, thread)``."""


class Timers:
    """The timers of one simulation.

    Attributes:
        heap: the earliest first; also those of waits that are over.
    """

    __slots__ = ("_made", "heap")

    def __init__(self) -> None:
        self.heap: list[Timer] = []
        self._made = 0

    def add(self, time: int, thread: SimThread) -> None:
        """End the wait that `thread` begins now at `time`, if that has not ended before."""
        self._made += 1
        heapq.heappush(self.heap, (time, self._made, thread.turn, thread))

    def earliest(self) -> int | None:
        """Return the time at which the next wait ends."""
        heap = self.heap
        while heap and not _is_live(heap[0]):
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def due(self, now: int) -> Iterator[SimThread]:
        """Take out, one after the other, the threads whose wait ends by `now`."""
        heap = self.heap
        while heap and heap[0][0] <= now:
            timer = heapq.heappop(heap)
            if _is_live(timer):
                yield timer[3]


def _is_live(timer: Timer) -> bool:
    _, _, turn, thread = timer
    return thread.waits and thread.turn == turn
