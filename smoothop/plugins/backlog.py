"""`Backlog`: what one observer has still to be told, in order and bounded."""

from __future__ import annotations

from collections import deque
from heapq import merge
from typing import TYPE_CHECKING, Any

from smoothop.engine.waiting import Waiter

if TYPE_CHECKING:
    from smoothop.engine.machine import Machine

Item = tuple[Any, ...]


class Backlog:
    """Items in the order in which they were put; one thread takes them.

    At `maxsize` the oldest gives way, as in a stream. Frequent items (each call, each message)
    and rare ones (panics, starts and stops) have that much room each, so that a busy worker never
    pushes out the news of another one's panic.

    Attributes:
        dropped: how many items gave way.
    """

    __slots__ = (
        "__weakref__",
        "_ended",
        "_frequent",
        "_lock",
        "_machine",
        "_next",
        "_rare",
        "_size",
        "_waiter",
        "dropped",
    )

    def __init__(self, machine: Machine, maxsize: int) -> None:
        self._machine = machine
        self._lock = machine.lock()
        self._size = maxsize
        self._frequent: deque[tuple[int, Item]] = deque()
        self._rare: deque[tuple[int, Item]] = deque()
        self._next = 0
        self.dropped = 0
        self._ended = False
        self._waiter: Waiter | None = None

    def put(self, item: Item, frequent: bool) -> None:
        """Add an item; never blocks. Nothing is added after the end."""
        oldest = None  # let go after the lock: to free it may run somebody's code
        with self._lock:
            if self._ended:
                return
            queue = self._frequent if frequent else self._rare
            if len(queue) >= self._size:
                oldest = queue.popleft()
                self.dropped += 1
            self._next = number = self._next + 1
            queue.append((number, item))
            waiter, self._waiter = self._waiter, None
        if waiter is not None:
            waiter.wake()
        del oldest

    def end(self) -> None:
        """Add nothing more; what is there can still be taken."""
        with self._lock:
            self._ended = True
            waiter, self._waiter = self._waiter, None
        if waiter is not None:
            waiter.wake()

    def take(self) -> list[Item]:
        """Block until there are items and return all; none when no more will come."""
        while True:
            with self._lock:
                if self._frequent or self._rare:
                    frequent, self._frequent = self._frequent, deque()
                    rare, self._rare = self._rare, deque()
                    break
                if self._ended:
                    return []
                self._waiter = waiter = Waiter(self._machine)
            waiter.wait(None)
        numbered = merge(frequent, rare) if rare else frequent
        return [item for _, item in numbered]

    def clear(self) -> int:
        """Forget what waits; return how many items those were."""
        with self._lock:
            left = [*self._frequent, *self._rare]
            self._frequent, self._rare = deque(), deque()
        return len(left)

    def __len__(self) -> int:
        return len(self._frequent) + len(self._rare)
