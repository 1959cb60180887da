"""`Cancellation`: one signal to stop, handed down a tree."""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakSet

from smoothop._durations import Duration, seconds
from smoothop.engine.machine import SYSTEM
from smoothop.engine.waiting import Latch


class Cancellation:
    """A signal that is given once and reaches every child; safe from any thread.

    Hand one to `Operator`: cancelling it stops every worker. It takes the place of the context of
    the Go package.
    """

    __slots__ = ("__weakref__", "_callbacks", "_children", "_latch", "_lock")

    def __init__(self) -> None:
        self._lock = SYSTEM.lock()
        self._latch = Latch()
        self._children: WeakSet[Cancellation] = WeakSet()
        self._callbacks: list[Callable[[], None]] = []

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` has been called here or on a parent."""
        return self._latch.is_set

    def cancel(self) -> None:
        """Give the signal; returns at once, without waiting for those it stops.

        Calling it again does nothing. May be called from a signal handler.
        """
        with self._lock:
            if self._latch.is_set:
                return
            self._latch.set()
            children, callbacks = list(self._children), self._callbacks
            self._callbacks = []
        for callback in callbacks:
            callback()
        for child in children:
            child.cancel()

    def wait(self, timeout: Duration | None = None) -> bool:
        """Block until cancelled, at most `timeout` seconds; tell whether it is cancelled."""
        limit = None if timeout is None else seconds(timeout, "timeout")
        return self._latch.wait(SYSTEM, limit)

    def child(self) -> Cancellation:
        """Return a new cancellation that is cancelled with this one, but can be alone."""
        child = Cancellation()
        with self._lock:
            self._children.add(child)
        if self._latch.is_set:
            child.cancel()
        return child

    def on_cancel(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` once when cancelled, on the cancelling thread; now if it already is.

        Returns:
            A function that takes the callback back.
        """
        with self._lock:
            if not self._latch.is_set:
                self._callbacks.append(callback)
                return lambda: self._forget(callback)
        callback()
        return lambda: None

    def _forget(self, callback: Callable[[], None]) -> None:
        with self._lock:
            if callback in self._callbacks:
                self._callbacks.remove(callback)
