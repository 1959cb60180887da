"""Waiting for something another thread will do: `Waiter`, `LoopWaiter`, `Latch`.

All blocking of the engine goes through here (and `Completion`), by the machine's gates, so the
simulator sees every wait.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future

    from smoothop.engine.machine import Machine

# Guards only the making of the lists below: two threads that begin to wait at once must share one.
MAKING = threading.RLock()


class Wakeable(Protocol):
    """Somebody who waits once."""

    def wake(self) -> None:
        """End the wait; safe from any thread, more than once, and when nobody waits."""
        ...


class Waiter:
    """One thread's one wait."""

    __slots__ = ("_gate",)

    def __init__(self, machine: Machine) -> None:
        self._gate = machine.gate()
        self._gate.acquire()

    def wait(self, timeout: float | None) -> bool:
        """Block until woken, at most `timeout` seconds; tell whether it was woken."""
        if timeout is None:
            return self._gate.acquire()
        # A lock refuses a timeout of more than 292 years.
        return self._gate.acquire(timeout=min(max(timeout, 0.0), threading.TIMEOUT_MAX))

    def wake(self) -> None:
        """See `Wakeable.wake`."""
        try:
            self._gate.release()
        except RuntimeError:  # woken before: a second time changes nothing
            pass


class LoopWaiter:
    """One coroutine's one wait, woken from any thread."""

    __slots__ = ("_future", "_loop")

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._future: Future[bool] = loop.create_future()

    async def wait(self, timeout: float | None) -> bool:
        """Wait until woken, at most `timeout` seconds; tell whether it was woken."""
        if timeout is None:
            return await self._future
        timer = self._loop.call_later(max(timeout, 0.0), self._set, False)
        try:
            return await self._future
        finally:
            timer.cancel()

    def wake(self) -> None:
        """See `Wakeable.wake`."""
        try:
            self._loop.call_soon_threadsafe(self._set, True)
        except RuntimeError:  # the loop is closed: nobody waits there any more
            pass

    def _set(self, woken: bool) -> None:
        if not self._future.done():
            self._future.set_result(woken)


class Latch:
    """Something that happens once, and whoever waits for it.

    No lock is held between the two sides. `set` writes the fact, then reads the list; `add`
    writes the list, then reads the fact: whatever the order, one of them sees the other.
    """

    __slots__ = ("_waiters", "is_set")

    def __init__(self) -> None:
        self.is_set = False
        self._waiters: list[Wakeable] | None = None

    def set(self) -> None:
        """Let it have happened; wakes everybody."""
        self.is_set = True
        if self._waiters is not None:
            for waiter in self._waiters.copy():
                waiter.wake()

    def add(self, waiter: Wakeable) -> None:
        """Wake `waiter` when it happens, or now if it has."""
        if self._waiters is None:
            with MAKING:
                if self._waiters is None:
                    self._waiters = []
        self._waiters.append(waiter)
        if self.is_set:
            waiter.wake()

    def discard(self, waiter: Wakeable) -> None:
        """Forget a waiter that was added."""
        if self._waiters is not None and waiter in self._waiters:
            self._waiters.remove(waiter)

    def wait(self, machine: Machine, timeout: float | None) -> bool:
        """Block until it happens, at most `timeout` seconds; tell whether it has."""
        if not self.is_set:
            waiter = Waiter(machine)
            self.add(waiter)
            try:
                waiter.wait(timeout)
            finally:
                self.discard(waiter)
        return self.is_set

    async def wait_async(self, timeout: float | None) -> bool:
        """Wait on the running event loop until it happens; tell whether it has."""
        if not self.is_set:
            from asyncio import get_running_loop  # noqa: PLC0415 - loaded already: a loop runs

            waiter = LoopWaiter(get_running_loop())
            self.add(waiter)
            try:
                await waiter.wait(timeout)
            finally:
                self.discard(waiter)
        return self.is_set
