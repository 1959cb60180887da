"""`Bell`: for a thread that listens to a child, and to whoever rings."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING

from smoothop.engine.alarm import Alarm

if TYPE_CHECKING:
    from smoothop.engine.machine import Lock


class Bell:
    """Waits for one thread; any may `ring`.

    Attributes:
        ring: ends the thread's `listen`, or its next one.
        close: gives everything back; to ring does nothing from then on.
    """

    def __init__(self, lock: Lock) -> None:
        """Make one; nobody else uses `lock`.

        Raises:
            OSError: the system gives no further descriptor.
        """
        self._alarm = Alarm(lock)
        self.ring = self._alarm.wake
        self.close = self._alarm.close
        self._poll = select.poll()
        self._poll.register(self._alarm, select.POLLIN)
        self._ear: int | None = None

    def listen(self, ear: int | None) -> bool:
        """Wait until somebody rings, or something can be read at `ear`; tell whether one rang."""
        if ear != self._ear:
            self._turn_to(ear)
        ready = self._poll.poll()
        rang = len(ready) > 1 or ready[0][0] != ear
        if rang:
            self._alarm.hush()
        return rang

    def _turn_to(self, ear: int | None) -> None:
        if self._ear is not None:
            self._poll.unregister(self._ear)
        if ear is not None:
            self._poll.register(ear, select.POLLIN)
        self._ear = ear
