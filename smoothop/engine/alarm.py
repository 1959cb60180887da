"""`Alarm`: wakes a thread that waits for a descriptor."""

from __future__ import annotations

import os
import select
import sys
from math import ceil
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from smoothop.engine.machine import Lock

_ONCE: Final = (1).to_bytes(8, sys.byteorder)  # an eventfd adds up numbers of this size

_DAY: Final = 86_400.0


class Alarm:
    """Has a descriptor that can be read once somebody has woken it; a `Wakeable`.

    Any thread may wake it, one at a time may wait for it. A wake that came too late for one wait
    ends the next one at once, so who waits looks whether what it waits for has happened.
    """

    __slots__ = ("_ear", "_horn", "_lock", "is_open")

    def __init__(self, lock: Lock) -> None:
        """Make one; nobody else uses `lock`.

        Raises:
            OSError: the system gives no further descriptor.
        """
        self._ear, self._horn = _ends()
        # Who wakes must not write to a descriptor that somebody else has got meanwhile.
        self._lock = lock
        self.is_open = True

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._ear

    def wake(self) -> None:
        """See `Wakeable.wake`."""
        with self._lock:
            if self.is_open:
                try:
                    os.write(self._horn, _ONCE)
                except BlockingIOError:  # nobody has looked for a long time: it is awake anyway
                    pass

    def wait(self, timeout: float | None) -> None:
        """Wait until somebody wakes it, or has, at most `timeout` seconds; forget that.

        It may be over before its time: after a day.
        """
        if timeout is None or self._is_woken_within(timeout):
            self.hush()

    def hush(self) -> None:
        """Forget that somebody has woken it; to be called only when somebody has."""
        os.read(self._ear, 4096)

    def close(self) -> None:
        """Give the descriptors back; waking it does nothing from now on."""
        with self._lock:
            if self.is_open:
                self.is_open = False
                for descriptor in {self._ear, self._horn}:
                    os.close(descriptor)

    def forked(self, lock: Lock) -> None:
        """Close it in a forked child, where nobody gives the lock back that its parent's held."""
        self._lock = lock
        self.close()

    def _is_woken_within(self, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self._ear, select.POLLIN)
        # Up to the next millisecond: who waits would look at the clock again too early.
        return bool(poll.poll(ceil(min(seconds, _DAY) * 1000)))


def _ends() -> tuple[int, int]:
    if hasattr(os, "eventfd"):
        both = os.eventfd(0)
        return both, both
    ear, horn = os.pipe()
    os.set_blocking(horn, False)
    return ear, horn


class Nudge:
    """One of many wakeables that all wake the same alarm, so that each can be taken back."""

    __slots__ = ("wake",)

    def __init__(self, alarm: Alarm) -> None:
        self.wake = alarm.wake
