"""`Agenda`: what is due when; a timer heap with no thread, lock or clock in it.

Shared carriers keep the sleeping slots in one: a slot with nothing to do is an entry here and
holds neither thread nor task. Whoever owns an agenda guards it and watches the clock.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Final, Generic, TypeVar

T = TypeVar("T")

SPARE: Final = 64
"""Forgotten entries that are left in a heap of any size before it is rebuilt without them."""


class Agenda(Generic[T]):
    """Items, each due at a time; those of the same time in the order they were added.

    A heap finds the earliest in a few steps, but nothing else, so a forgotten entry stays in it
    until its time has come, or until forgotten entries are the greater part: then the heap is
    rebuilt, which costs each of them one step more. An entry takes about 150 bytes.
    """

    # The items are apart from the heap: so forgetting one is one step and lets go of it at once,
    # and the garbage collector need not look into the heap's pairs of numbers.
    __slots__ = ("_added", "_heap", "_items")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int]] = []
        self._items: dict[int, T] = {}
        self._added = 0

    def __len__(self) -> int:
        return len(self._items)

    def push(self, until: float, item: T) -> int:
        """Add `item`, due at `until`; return a ticket for `discard`."""
        self._added = ticket = self._added + 1
        self._items[ticket] = item
        heappush(self._heap, (until, ticket))
        return ticket

    def discard(self, ticket: int) -> bool:
        """Forget the item of that ticket; ``False`` when it is not there any more."""
        if self._items.pop(ticket, self) is self:
            return False
        if len(self._heap) > 2 * len(self._items) + SPARE:
            self._compact()
        return True

    def pop_due(self, now: float, most: int | None = None) -> list[T]:
        """Take out what is due at `now`, the earliest first, and return it.

        Args:
            now: on the clock that `until` was of.
            most: take no more than that many; ``None``: all.
        """
        heap, items = self._heap, self._items
        due: list[T] = []
        while heap and heap[0][0] <= now and (most is None or len(due) < most):
            ticket = heappop(heap)[1]
            if ticket in items:
                due.append(items.pop(ticket))
        return due

    def next_until(self) -> float | None:
        """Return when the next item is due; ``None`` when there is none."""
        heap = self._heap
        while heap and heap[0][1] not in self._items:
            heappop(heap)
        return heap[0][0] if heap else None

    def _compact(self) -> None:
        self._heap = [entry for entry in self._heap if entry[1] in self._items]
        heapify(self._heap)
