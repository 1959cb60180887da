"""`Parking`: where a thread waits for what a worker will tell it."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING

from smoothop.engine.alarm import Alarm

if TYPE_CHECKING:
    from smoothop.engine.machine import Machine
    from smoothop.engine.waiting import Latch


class Parking:
    """One alarm of an operator's, for one waiting thread at a time; the others wait by a lock.

    To release a lock wakes its thread while the waker still has the interpreter's own. On one
    core the woken one runs at once, finds that taken, and sleeps again. To wake an alarm is a
    call of the system, for which the interpreter lets go of its lock first. An alarm is dear to
    make and takes a descriptor, so there is one, and it is kept.
    """

    __slots__ = ("__weakref__", "_alarm", "_is_closed", "_machine", "_place")

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._alarm: Alarm | None = None
        self._place = threading.Lock()  # nobody waits for it, so it is none of the machine's
        self._is_closed = not machine.has_alarms

    def wait(self, latch: Latch, timeout: float | None, other: Latch | None = None) -> bool:
        """Do what `Latch.wait` does."""
        alarm = None if latch.is_set else self._take()
        if alarm is None:
            return latch.wait(self._machine, timeout, other)
        try:
            latch.add_to_both(alarm, other)
            self._wait(alarm, latch, other or latch, timeout)
        except OSError:
            if alarm.is_open:  # what a signal handler has raised
                raise
            # One has forked, and this is the child. It has no alarm, and all is settled.
            return latch.wait(self._machine, timeout, other)
        finally:
            latch.discard_from_both(alarm, other)
            self._give_back()
        return latch.is_set

    def close(self) -> None:
        """Give the descriptor back, or let the thread do it that waits for it now."""
        self._is_closed = True
        if self._place.acquire(blocking=False):
            if self._alarm is not None:
                self._alarm.close()
                self._alarm = None
            self._place.release()

    def forked(self) -> None:
        """Have none in a forked child: a write there would wake a thread of the parent."""
        self._is_closed = True
        if self._alarm is not None:
            self._alarm.forked(self._machine.lock())

    def _wait(self, alarm: Alarm, latch: Latch, other: Latch, timeout: float | None) -> None:
        """Wait for one of the two facts: the alarm may have been woken for an earlier wait."""
        clock = self._machine.monotonic
        until = None if timeout is None else clock() + timeout
        left = timeout
        while not (latch.is_set or other.is_set) and (left is None or left > 0):
            alarm.wait(left)
            left = None if until is None else until - clock()

    def _take(self) -> Alarm | None:
        if self._is_closed or not self._place.acquire(blocking=False):
            return None
        if self._alarm is None:
            try:
                self._alarm = self._make()
            except OSError:  # too many open files
                self._place.release()
                return None
        return self._alarm

    def _make(self) -> Alarm:
        alarm = Alarm(self._machine.lock())
        # An operator that nobody closes ends with the last that refers to it.
        weakref.finalize(self, alarm.close).atexit = False
        return alarm

    def _give_back(self) -> None:
        self._place.release()
        # After that, as `close` looks after it has written: so one of the two closes it.
        if self._is_closed:
            self.close()
