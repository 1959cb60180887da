"""`SimEventLoop`: asyncio's own event loop, waiting in virtual time."""

from __future__ import annotations

from asyncio import BaseEventLoop, Future
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from smoothop.engine.machine import Lock

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class SimEventLoop(BaseEventLoop):
    """An event loop for tasks, timers and calls from other threads; it has no sockets."""

    _clock_resolution: float

    def __init__(
        self,
        clock: Callable[[], float],
        gate: Lock,
        start: Callable[[Callable[[], None], str], object],
    ) -> None:
        super().__init__()
        self._clock = clock
        self._start = start
        self._clock_resolution = 1e-9
        self._selector = _Selector(gate, self.stop)

    def time(self) -> float:
        """Return the virtual time."""
        return self._clock()

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> Future[T]:
        """Call `func` on a simulated thread of its own, whatever the executor: see `to_thread`."""
        del executor
        future: Future[T] = self.create_future()

        def settle(how: Callable[[Any], None], value: object) -> None:
            if not future.done():
                how(value)

        def call() -> None:
            try:
                value = func(*args)
            except BaseException as error:  # noqa: BLE001 - handed on to who awaits it
                self.call_soon_threadsafe(settle, future.set_exception, error)
            else:
                self.call_soon_threadsafe(settle, future.set_result, value)

        self._start(call, "executor")
        return future

    # What BaseEventLoop asks of those who make it complete.

    def _process_events(self, event_list: list[Any]) -> None:
        """Nothing is registered, so there are none."""

    def _write_to_self(self) -> None:
        self._selector.wake()


class _Selector:
    """Waits for the call from another thread that a real loop reads from its pipe."""

    def __init__(self, gate: Lock, stop: Callable[[], None]) -> None:
        self._gate = gate
        self._stop = stop
        gate.acquire()

    def select(self, timeout: float | None) -> list[Any]:
        """Wait until woken, at most `timeout` seconds."""
        try:
            self._gate.acquire(timeout=-1 if timeout is None else max(0.0, timeout))
        except BaseException:  # noqa: BLE001 - the simulation is over, whatever it ended with
            self._stop()  # so that the one who runs the loop closes it
        return []

    def wake(self) -> None:
        """End the present wait, or the next one."""
        try:
            self._gate.release()
        except RuntimeError:  # woken before: a second time changes nothing
            pass
