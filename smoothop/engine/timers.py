"""`Timers`: functions to be called later, by one thread that exists only while there are any."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING

from smoothop.engine.waiting import Waiter

if TYPE_CHECKING:
    from smoothop.engine.machine import Machine

_Entry = tuple[float, int, Callable[[], None]]


class Timers:
    """Functions to be called later; safe from any thread."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._lock = machine.lock()
        self._heap: list[_Entry] = []
        self._numbers = count()
        self._waiter: Waiter | None = None
        self._runs = False

    def call_later(self, delay: float, function: Callable[[], None]) -> Callable[[], None]:
        """Call `function`, which must neither block nor raise, in `delay` seconds.

        Returns:
            A function that takes it back; calling that twice, or too late, does nothing.

        Raises:
            RuntimeError: the system gives no further thread.
        """
        entry = (self._machine.monotonic() + delay, next(self._numbers), function)
        with self._lock:
            if not self._runs:
                # With the lock: who comes meanwhile must not count on a thread that never runs.
                self._machine.spawn(self._run, "smoothop-timers")
                self._runs = True
            heapq.heappush(self._heap, entry)
        self._wake()
        return lambda: self._forget(entry)

    def _run(self) -> None:
        while (due := self._next()) is not None:
            for function in due:
                function()

    def _next(self) -> list[Callable[[], None]] | None:
        """Sleep until something is due and return it; ``None`` when there is nothing left."""
        now = self._machine.monotonic()
        with self._lock:
            if not self._heap:
                self._runs = False
                self._waiter = None
                return None
            due = []
            while self._heap and self._heap[0][0] <= now:
                due.append(heapq.heappop(self._heap)[2])
            if due:
                return due
            # First: an object that is collected meanwhile may set a timer.
            self._waiter = waiter = Waiter(self._machine)
            pause = self._heap[0][0] - now
        waiter.wait(pause)
        return []

    def _forget(self, entry: _Entry) -> None:
        with self._lock:
            if entry not in self._heap:
                return
            self._heap.remove(entry)
            heapq.heapify(self._heap)
        self._wake()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None:
            waiter.wake()
