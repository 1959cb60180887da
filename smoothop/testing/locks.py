"""The two kinds of lock of a simulated machine: each use of one is a switch point."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smoothop.testing.scheduler import Scheduler
    from smoothop.testing.threads import SimThread


class SimLock:
    """A reentrant lock that guards state, as `threading.RLock`."""

    __slots__ = ("_count", "_owner", "_scheduler", "_waiting")

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._owner: SimThread | None = None
        self._count = 0
        self._waiting: list[SimThread] = []

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock; ``False`` when that did not work within `timeout` virtual seconds."""
        scheduler = self._scheduler
        me = scheduler.current
        if me is None:  # after the simulation, where the collector finishes what is left of it
            return True
        if self._owner is not me:
            scheduler.switch()
            deadline = None if timeout < 0 else scheduler.deadline(timeout)
            while self._owner is not None and self._owner is not me:
                if not blocking:
                    return False
                if not scheduler.wait_in(self._waiting, deadline):
                    return False
            self._owner = me
            me.held += 1
        self._count += 1
        return True

    def release(self, *_: object) -> None:
        """Give the lock back; whoever waits for it may try again."""
        me = self._scheduler.current
        if me is None:
            return
        if self._owner is not me:
            raise RuntimeError("cannot release a lock that is not held")
        self._count -= 1
        if self._count:
            return
        me.held -= 1
        self._owner = None
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            for thread in waiting:
                self._scheduler.wake(thread)

    def _is_owned(self) -> bool:
        return self._owner is not None and self._owner is self._scheduler.current

    __enter__ = acquire
    __exit__ = release


class SimGate:
    """A lock that one thread takes and another releases, as `threading.Lock`."""

    __slots__ = ("_closed", "_scheduler", "_waiting")

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._closed = False
        self._waiting: list[SimThread] = []

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Close the gate; ``False`` when that did not work within `timeout` virtual seconds."""
        scheduler = self._scheduler
        scheduler.switch()
        deadline = None if timeout < 0 else scheduler.deadline(timeout)
        while self._closed:
            if not blocking:
                return False
            if not scheduler.wait_in(self._waiting, deadline) and self._closed:
                return False
        self._closed = True
        return True

    def release(self, *_: object) -> None:
        """Open the gate; the one who waits goes through."""
        if not self._closed:
            raise RuntimeError("release unlocked lock")
        self._closed = False
        waiting, self._waiting = self._waiting, []
        for thread in waiting:
            self._scheduler.wake(thread)
        self._scheduler.switch()

    __enter__ = acquire
    __exit__ = release
