"""The machine the engine runs on: time, locks, threads, chance, an event loop.

The engine takes all of these from one object that is handed to it, so that a simulator can run
the production engine under virtual time, one thread at a time, from a seed.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop


class Lock(Protocol):
    """What the engine needs of a lock; both of Python's kinds have it."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock; ``False`` when that did not work within `timeout` seconds."""
        ...

    def release(self) -> None:
        """Give the lock back."""
        ...

    def __enter__(self) -> bool: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None: ...


class Guard(Lock, Protocol):
    """A reentrant lock, which knows whose it is."""

    def _is_owned(self) -> bool:
        """Tell whether the calling thread has it; `threading.Condition` asks so, too."""
        ...


class Thread(Protocol):
    """A started thread."""

    @property
    def ident(self) -> int | None:
        """What `threading.get_ident` answers on that thread."""
        ...

    def join(self, timeout: float | None = None) -> None:
        """Wait until the thread has ended."""
        ...

    def is_alive(self) -> bool:
        """Tell whether it has not ended yet."""
        ...


def is_mine(lock: Guard) -> bool:
    """Tell whether the calling thread has `lock`: a signal handler may, from what it interrupts."""
    return lock._is_owned()  # noqa: SLF001 - the standard library has no public name for it


def if_free(lock: Guard, call: Callable[[], None]) -> None:
    """Make the call with `lock`, if no other thread has it; never blocks."""
    if lock.acquire(blocking=False):
        try:
            call()
        finally:
            lock.release()


def alive(threads: Iterable[Thread]) -> tuple[Thread, ...]:
    """Return those that have not ended yet."""
    return tuple(thread for thread in threads if thread.is_alive())


class Machine(Protocol):
    """What the engine asks of the machine."""

    monotonic: Callable[[], float]
    """Seconds on a clock that never jumps; all waiting and all durations use it."""

    time: Callable[[], float]
    """Seconds since the epoch, for people to read; it may jump."""

    processor_time: Callable[[], float]
    """Seconds for which this process has worked, on all cores; none pass while it is suspended."""

    lock: Callable[[], Guard]
    """A lock that guards state. Reentrant: a signal handler may come in between."""

    gate: Callable[[], Lock]
    """A lock to park a thread on: one thread takes it, another one releases it."""

    chance: Callable[[], float]
    """A number from 0 to 1, for jitter."""

    has_alarms: bool
    """Whether a thread can wait by one cheap descriptor, besides a gate."""

    has_processes: bool
    """Whether handlers can run in child processes; otherwise those run on threads instead."""

    def spawn(self, target: Callable[[], None], name: str) -> Thread:
        """Start a thread that does not keep the process from ending.

        Raises:
            RuntimeError: the system gives no further thread.
        """
        ...

    def event_loop(self) -> AbstractEventLoop:
        """Return a new event loop."""
        ...


class SystemMachine:
    """The real one."""

    monotonic = staticmethod(time.monotonic)
    processor_time = staticmethod(time.process_time)
    time = staticmethod(time.time)
    lock: Callable[[], Guard] = staticmethod(threading.RLock)  # type: ignore[assignment]  # `_is_owned`
    gate: Callable[[], Lock] = staticmethod(threading.Lock)
    chance = staticmethod(random.random)
    has_alarms = hasattr(os, "eventfd")
    has_processes = True

    def spawn(self, target: Callable[[], None], name: str) -> Thread:
        """See `Machine.spawn`; a daemon: a handler that never returns must not hold up the exit."""
        thread = threading.Thread(target=target, name=name, daemon=True)
        thread.start()
        return thread

    def event_loop(self) -> AbstractEventLoop:
        """See `Machine.event_loop`."""
        from asyncio import new_event_loop  # noqa: PLC0415 - most programs never need it

        return new_event_loop()


SYSTEM: Final[Machine] = SystemMachine()
