"""`Alarm`: wakes a thread that polls."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smoothop.engine.machine import Lock


class Alarm:
    """Has a descriptor that can be read once somebody has woken it; a `Wakeable`."""

    __slots__ = ("_ear", "_horn", "_is_open", "_lock")

    def __init__(self, lock: Lock) -> None:
        self._ear, self._horn = socket.socketpair()
        self._ear.setblocking(False)
        self._horn.setblocking(False)
        # Who wakes must not write to a descriptor that somebody else has got meanwhile.
        self._lock = lock
        self._is_open = True

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._ear.fileno()

    def wake(self) -> None:
        """See `Wakeable.wake`."""
        with self._lock:
            if self._is_open:
                try:
                    self._horn.send(b"\0")
                except BlockingIOError:  # nobody has looked for a long time: it is awake anyway
                    pass

    def hush(self) -> None:
        """Forget that somebody has woken it."""
        try:
            self._ear.recv(4096)
        except BlockingIOError:
            pass

    def close(self) -> None:
        """Give the descriptors back; waking it does nothing from now on."""
        with self._lock:
            self._is_open = False
            self._ear.close()
            self._horn.close()


class Nudge:
    """One of many wakeables that all wake the same alarm, so that each can be taken back."""

    __slots__ = ("wake",)

    def __init__(self, alarm: Alarm) -> None:
        self.wake = alarm.wake
