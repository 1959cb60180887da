"""Waiting for something another thread will do: `Waiter`, `LoopWaiter`, `Latch`.

All blocking of the engine goes through here (and `Completion`), by the machine's gates, so the
simulator sees every wait. Where the machine has something quicker, `Parking` waits by that.
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future

    from smoothop.engine.machine import Machine

# Guards only the making of the lists below: two threads that begin to wait at once must share one.
MAKING = threading.RLock()


class Wakeable(Protocol):
    """Somebody who waits."""

    def wake(self) -> None:
        """End the wait; safe from any thread, more than once, and when nobody waits."""
        ...


class Waiter:
    """One thread's wait; if it waits again, a wake left over from before ends that at once."""

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

    def wait_or(self, other: Latch) -> None:
        """Block until woken, or until `other` happens."""
        other.add(self)
        try:
            self.wait(None)
        finally:
            other.discard(self)

    def wake(self) -> None:
        """See `Wakeable.wake`."""
        try:
            self._gate.release()
        except RuntimeError:  # woken before: a second time changes nothing
            pass


def running_loop() -> AbstractEventLoop:
    """Return the event loop that runs the caller.

    Raises:
        RuntimeError: none does.
    """
    # Loaded already, or no loop could run; an import statement would cost more than the call.
    return sys.modules["asyncio"].get_running_loop()  # type: ignore[no-any-return]


class LoopWaiter:
    """One coroutine's one wait, woken from any thread; to be made on the thread of its loop."""

    __slots__ = ("_future", "_loop", "_thread")

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._thread = threading.get_ident()
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

    async def wait_or(self, other: Latch) -> None:
        """Wait until woken, or until `other` happens."""
        other.add(self)
        try:
            await self._future
        finally:
            other.discard(self)

    def wake(self) -> None:
        """See `Wakeable.wake`."""
        if self._loop_sees():
            self._set(True)
            return
        try:
            self._loop.call_soon_threadsafe(self._set, True)
        except RuntimeError:  # the loop is closed: nobody waits there any more
            pass

    def _loop_sees(self) -> bool:
        """Tell whether the loop will look again by itself: it is in the middle of a task's step.

        Otherwise it has to be woken, by a write to a pipe, which costs ten times the rest. On its
        own thread but between two steps it may be a signal handler that calls, and the loop asleep.
        """
        if threading.get_ident() != self._thread:
            return False
        return sys.modules["asyncio"].current_task(self._loop) is not None

    def _set(self, woken: bool) -> None:
        if not self._future.done():
            try:
                self._future.set_result(woken)
            except sys.modules["asyncio"].InvalidStateError:
                pass  # a signal handler came in between and set it


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

    def wait(self, machine: Machine, timeout: float | None, other: Latch | None = None) -> bool:
        """Block until it happens, at most `timeout` seconds; tell whether it has.

        What `other` stands for ends the wait as well.
        """
        if not self.is_set:
            waiter = Waiter(machine)
            self.add_to_both(waiter, other)
            try:
                waiter.wait(timeout)
            finally:
                self.discard_from_both(waiter, other)
        return self.is_set

    async def wait_async(self, timeout: float | None, other: Latch | None = None) -> bool:
        """Do the same on the running event loop."""
        if not self.is_set:
            waiter = LoopWaiter(running_loop())
            self.add_to_both(waiter, other)
            try:
                await waiter.wait(timeout)
            finally:
                self.discard_from_both(waiter, other)
        return self.is_set

    def add_to_both(self, waiter: Wakeable, other: Latch | None) -> None:
        """Wake `waiter` when it or `other` happens."""
        self.add(waiter)
        if other is not None:
            other.add(waiter)

    def discard_from_both(self, waiter: Wakeable, other: Latch | None) -> None:
        """Forget a waiter that was added to both."""
        self.discard(waiter)
        if other is not None:
            other.discard(waiter)
