"""`Carrier`: an OS thread that carries simulated threads, one after the other."""

from __future__ import annotations

import threading
from _thread import LockType, allocate_lock
from collections.abc import Callable
from contextvars import Context
from types import TracebackType
from typing import Self


class Carrier:
    """An OS thread, and the baton it waits for: it runs only while it has been given that.

    The baton is a raw lock that is always held; giving it is releasing it once.
    """

    def __init__(self) -> None:
        self.baton = allocate_lock()
        self.baton.acquire()
        self.ident = threading.get_ident()


class Carriers:
    """OS threads that are used again: making one costs more than a whole small simulation."""

    def __init__(self) -> None:
        self._free: list[_Worker] = []

    def take(self, target: Callable[[], LockType]) -> Carrier:
        """Return a carrier that calls `target` in a fresh context when it is given its baton.

        Args:
            target: returns the baton to give away when it is over.
        """
        worker = self._free.pop() if self._free else _Worker(self._free)
        worker.target = target
        return worker

    def close(self) -> None:
        """End the OS threads that carry nobody."""
        for worker in self._free:
            worker.end()
        self._free.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Worker(Carrier):
    """A carrier with an OS thread of its own."""

    def __init__(self, free: list[_Worker]) -> None:
        super().__init__()
        self.target: Callable[[], LockType] | None = None
        self._free = free
        # A daemon: the threads of a simulation that has failed stay where they stood.
        self._thread = threading.Thread(target=self._run, name="simulated", daemon=True)
        self._thread.start()
        self.ident = self._thread.ident or 0

    def end(self) -> None:
        """Let the OS thread end, and wait for that."""
        self.target = None
        self.baton.release()
        self._thread.join()

    def _run(self) -> None:
        while (target := self._next_target()) is not None:
            following = Context().run(target)
            del target  # nothing of one simulation is kept into the next
            self._free.append(self)  # before the baton is given away: nobody else runs yet
            following.release()
            del following

    def _next_target(self) -> Callable[[], LockType] | None:
        self.baton.acquire()
        target, self.target = self.target, None
        return target
