"""`Completion`: a future for something a worker will have done."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Generator
from concurrent.futures import Future, InvalidStateError
from itertools import count
from typing import TYPE_CHECKING, Final, Protocol, cast

from smoothop._durations import Duration, seconds
from smoothop.engine.beneath import refuse_held_up
from smoothop.engine.current import (
    current_slot,
    end_of,
    refuse_blocking_loop,
    refuse_own_wait,
    waits_without_limit,
)
from smoothop.engine.waiting import LoopWaiter, Waiter, running_loop

if TYPE_CHECKING:
    from smoothop.engine.machine import Machine, Thread
    from smoothop.engine.worker.core import WorkerCore

LAST_BREATH: Final = 1.0
"""Seconds: a worker says that it has stopped as its last step, so its thread ends at once."""


class Completion(Future[None]):
    """A `concurrent.futures.Future` that can also be awaited, and has `wait`.

    It cannot be cancelled: what it stands for happens whether anybody waits or not. A worker that
    waits for its own stop inside its own handler gets `SmoothopError` at once.
    """

    def __init__(
        self,
        machine: Machine,
        cores: Collection[WorkerCore] = (),
        what: str = "its own stop",
        *,
        every: bool = True,
    ) -> None:
        """Make one that is not done.

        Args:
            machine: to wait on.
            cores: the workers whose handlers have to return before it is done.
            what: it stands for, as an error calls it.
            every: whether all their slots have to, not only some.
        """
        super().__init__()
        self.set_running_or_notify_cancel()  # from now on cancel() answers False
        self._machine = machine
        self._cores = cores
        self._what = what
        self._every = every
        self.threads: list[Thread] = []

    def wait(self, timeout: Duration | None = None) -> bool:
        """Block until done, at most `timeout` seconds; tell whether it is done.

        Raises:
            SmoothopError: the wait could never end: the caller is inside the handler it waits
                for, on the event loop that handler runs on, or in a signal handler that has
                interrupted a start of the worker or a message to it.
        """
        limit = None if timeout is None else seconds(timeout, "timeout")
        if not self.done():
            self._refuse_own_wait()
            refuse_blocking_loop(self._cores)
            refuse_held_up(self._cores)
            waiter = Waiter(self._machine)
            self.add_done_callback(lambda _: waiter.wake())
            if limit is None:
                self._wait_without_limit(waiter)
            else:
                waiter.wait(limit)
        if not self.done():
            return False
        for thread in self.threads:
            if thread.ident != threading.get_ident():
                thread.join(LAST_BREATH)
        return True

    def result(self, timeout: Duration | None = None) -> None:
        """Block until done and return ``None``.

        Raises:
            TimeoutError: it was not done within `timeout` seconds.
            StopTimeoutError: the stop had a timeout of its own, and that ran out.
            SmoothopError: as in `wait`.
        """
        self._wait_or_raise(timeout)
        return super().result(0)

    def exception(self, timeout: Duration | None = None) -> BaseException | None:
        """Block until done and return the exception `result` would raise, or ``None``."""
        self._wait_or_raise(timeout)
        return super().exception(0)

    def __await__(self) -> Generator[object, None, None]:
        if not self.done():
            self._refuse_own_wait()
            yield from self._wait_without_limit_async().__await__()
        super().result(0)

    # -- for the engine

    def run_ended(self, threads: Collection[Thread]) -> None:
        """See `Told.run_ended`."""
        self.threads += threads
        self.succeed()

    def succeed(self) -> None:
        """Let it be done, unless it is."""
        self._settle(lambda: self.set_result(None))

    def fail(self, error: BaseException) -> None:
        """Let it have failed, unless it is done."""
        self._settle(lambda: self.set_exception(error))

    def _refuse_own_wait(self) -> None:
        if self._every:
            refuse_own_wait(self._cores, self._what)

    def _wait_without_limit(self, waiter: Waiter) -> None:
        slot = current_slot()
        need = end_of(self._cores, every=self._every)
        with waits_without_limit(slot, need, self._what, self.done) as look_again:
            if slot is not None:
                waiter.wait_or(slot.run.stop)
            while not self.done():
                look_again()
                waiter.wait(None)

    async def _wait_without_limit_async(self) -> None:
        slot = current_slot()
        need = end_of(self._cores, every=self._every)
        with waits_without_limit(slot, need, self._what, self.done) as look_again:
            if slot is not None:
                await self._loop_waiter().wait_or(slot.run.stop)
            if not self.done():
                look_again()
                await self._loop_waiter().wait(None)

    def _loop_waiter(self) -> LoopWaiter:
        waiter = LoopWaiter(running_loop())
        self.add_done_callback(lambda _: waiter.wake())
        return waiter

    def _settle(self, settle: Callable[[], None]) -> None:
        # Two may settle at once: the worker that has stopped and the timer that gave up on it.
        # The standard library's own lock lets one of them through.
        try:
            settle()
        except InvalidStateError:
            pass
        except BaseException:
            logging.getLogger("smoothop").exception("a callback on a completion raised")

    def _wait_or_raise(self, timeout: Duration | None) -> None:
        if not self.wait(timeout):
            raise TimeoutError(f"{self._what} was not done within {timeout} seconds")


class Told(Protocol):
    """Is told when a run has ended."""

    def run_ended(self, threads: Collection[Thread]) -> None:
        """Nothing of it runs any more but, for a moment, its own `threads`; never raises."""
        ...


class Tally:
    """Counts the runs that have ended: one completion for however many there are.

    Attributes:
        whole: done when all have been asked to end, and have.
    """

    __slots__ = ("_all", "_ended", "_lock", "whole")

    def __init__(
        self,
        machine: Machine,
        cores: Collection[WorkerCore],
        what: str,
        parting: Collection[Thread] = (),
    ) -> None:
        """Make one for the runs of `cores`; those who wait wait for the `parting` threads, too."""
        self.whole = Completion(machine, cores, what)
        self.whole.threads += parting
        self._lock = machine.lock()
        self._all = len(cores) + 1  # and `all_asked`
        self._ended = count(1)

    def all_asked(self) -> Completion:
        """Every run that there is was asked to end: return the completion."""
        self.run_ended(())
        return self.whole

    def run_ended(self, threads: Collection[Thread]) -> None:
        """See `Told.run_ended`."""
        if threads:
            with self._lock:
                self.whole.threads += threads
        if next(self._ended) == self._all:  # one step, so no two get the same number
            self.whole.succeed()


def all_of(
    machine: Machine, parts: Collection[Completion], cores: Collection[WorkerCore], what: str
) -> Completion:
    """Return a completion that is done when all `parts` are; it fails with the first error."""
    whole = Completion(machine, cores, what)
    lock = machine.lock()
    left = len(parts)
    errors: list[BaseException] = []

    def part_done(done: Future[None]) -> None:
        nonlocal left
        part = cast("Completion", done)
        error = Future.exception(part, 0)
        with lock:
            left -= 1
            whole.threads += part.threads
            if error is not None:
                errors.append(error)
            if left:
                return
        if errors:
            whole.fail(errors[0])
        else:
            whole.succeed()

    for part in parts:
        part.add_done_callback(part_done)
    if not parts:
        whole.succeed()
    return whole
