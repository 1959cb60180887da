"""`SimEventLoop`: asyncio's own event loop, waiting in virtual time."""

from __future__ import annotations

from asyncio import BaseEventLoop
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smoothop.engine.machine import Lock


class SimEventLoop(BaseEventLoop):
    """An event loop for tasks, timers and calls from other threads; it has no sockets."""

    _clock_resolution: float

    def __init__(self, clock: Callable[[], float], gate: Lock) -> None:
        super().__init__()
        self._clock = clock
        self._clock_resolution = 1e-9
        self._selector = _Selector(gate)

    def time(self) -> float:
        """Return the virtual time."""
        return self._clock()

    # What BaseEventLoop asks of those who make it complete.

    def _process_events(self, event_list: list[Any]) -> None:
        """Nothing is registered, so there are none."""

    def _write_to_self(self) -> None:
        self._selector.wake()


class _Selector:
    """Waits for the call from another thread that a real loop reads from its pipe."""

    def __init__(self, gate: Lock) -> None:
        self._gate = gate
        gate.acquire()

    def select(self, timeout: float | None) -> list[Any]:
        """Wait until woken, at most `timeout` seconds."""
        if timeout is None:
            self._gate.acquire()
        else:
            self._gate.acquire(timeout=max(0.0, timeout))
        return []

    def wake(self) -> None:
        """End the present wait, or the next one."""
        try:
            self._gate.release()
        except RuntimeError:  # woken before: a second time changes nothing
            pass
