"""`VirtualOperator`: the production operator on virtual time, for tests of handlers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Never, cast

from smoothop._durations import Duration, seconds
from smoothop.engine.operator import Operator
from smoothop.errors import SmoothopError
from smoothop.testing.reports import Stalled
from smoothop.testing.scheduler import NANOSECONDS
from smoothop.testing.simulator import SimMachine

if TYPE_CHECKING:
    from smoothop.engine.cancellation import Cancellation
    from smoothop.engine.machine import Machine
    from smoothop.engine.worker.view import Worker

DAY: Final = 86_400.0

_SLACK: Final = 0.0001
"""Seconds past the end of `advance` in which what is due then runs: reading a clock takes time."""

_BUSY: Final = 100
"""Readings of the clock in a row, without any wait, after which each takes more time."""

_HINT: Final = (
    "A handler that returns done(), or none() without idle, is called again at once, so time goes "
    "on only in tiny steps: use run_until(...), or let the handler idle. The stacks above show "
    "who is running."
)


class NotReachedError(AssertionError):
    """What a test waited for has not come about in time; says how the workers stand."""


class VirtualMachine(SimMachine):
    """A simulated machine on which times are exact: a reading takes a nanosecond.

    Somebody who reads the clock again and again without ever waiting uses up more, so that time
    goes on for the others.
    """

    _readings = 0
    _read_at = 0

    def monotonic(self) -> float:
        """See `SimMachine.monotonic`."""
        scheduler = self._scheduler
        self._readings = self._readings + 1 if scheduler.now == self._read_at else 0
        scheduler.now += 1 if self._readings < _BUSY else 10_000
        self._read_at = scheduler.now
        scheduler.switch()
        return scheduler.now / NANOSECONDS


class VirtualOperator(Operator):
    """The production `Operator`, on virtual time: an hour passes in milliseconds.

    The thread that makes it drives it. Nothing else runs between two calls; the workers run
    while this thread waits: in `advance` and `run_until`, in ``receipt.result()``,
    ``completion.wait()``, ``stream.get()`` and `close`. When everybody waits, time jumps to
    the next moment at which something is due. So a test needs neither sleeping nor polling, and
    the same `seed` always gives the same order of things.

    What is virtual is what goes through smoothop and asyncio: the worker's sleeps, ``ctx.wait``,
    timeouts, ``asyncio.sleep``, ``asyncio.to_thread``. A handler that calls `time.sleep` really
    sleeps. Sockets, subprocesses and threads of the handler's own are not there on virtual time:
    test such a handler on a real `Operator`.

    Args:
        seed: decides who goes first where that is open. Run a test over several to find out
            whether it matters.
        cancellation: see `Operator`.
        logger: see `Operator`.
        close_timeout: see `Operator`; virtual seconds.
    """

    def __init__(
        self,
        *,
        seed: int | str = 0,
        cancellation: Cancellation | None = None,
        logger: logging.Logger | None = None,
        close_timeout: Duration = 30,
    ) -> None:
        machine = VirtualMachine(seed)
        machine.begin()
        self._simulation = machine
        self._began = machine.now()
        self._due = 0.0
        self._is_over = False
        super().__init__(
            cancellation=cancellation,
            logger=logger,
            close_timeout=close_timeout,
            # What the protocol has as attributes are methods here: called alike, never assigned.
            _machine=cast("Machine", machine),
        )

    @property
    def elapsed(self) -> float:
        """Virtual seconds since it was made, to the millisecond."""
        return round(self.clock(), 3)

    def clock(self) -> float:
        """Return the virtual seconds since it was made; for handlers that take a clock."""
        return self._simulation.now() - self._began

    def advance(self, duration: Duration) -> None:
        """Let time pass. Whatever is due by its end has been done when this returns.

        Args:
            duration: virtual seconds.

        Raises:
            ValueError: `duration` is negative, not finite or not a duration.
            Stalled: some handler goes round without ever waiting; says which.
        """
        # From where the last one ended, not from the clock: many steps add up exactly.
        begin = max(self._due, self.clock() - _SLACK)
        self._due = begin + seconds(duration, "duration")
        with self._explained():
            self._simulation.sleep(self._due + _SLACK - self.clock())

    def run_until(self, condition: Callable[[], object], *, at_most: Duration = DAY) -> None:
        """Let the workers run until a condition holds.

        Args:
            condition: called on this thread, again and again; true ends the wait.
            at_most: virtual seconds.

        Raises:
            NotReachedError: it did not hold in time.
            Stalled: some handler goes round without ever waiting; says which.
        """
        limit = seconds(at_most, "at_most")
        with self._explained():
            if not self._simulation.sleep_until(condition, limit):
                raise NotReachedError(f"not within {limit:g} virtual seconds{self._standing()}")

    def close(self, *, timeout: Duration | None = None) -> None:
        """See `Operator.close`; in virtual time. Ends the simulation."""
        if self._is_over:
            return
        self._is_over = True
        try:
            if self._simulation.failure is None:  # otherwise it was told, and nothing runs there
                self._simulation.renew_steps()
                super().close(timeout=timeout)
                self._simulation.finish()
        finally:
            self._simulation.leave()

    async def __aenter__(self) -> Never:
        raise SmoothopError(
            "a VirtualOperator has an event loop of its own, on virtual time: use 'with', not "
            "'async with'"
        )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        self._refuse_closed()
        self._simulation.renew_steps()
        try:
            yield
        except Stalled as stalled:
            stalled.add_note(_HINT)
            raise

    def _standing(self) -> str:
        workers = [f"\n  {worker!r}{_last_error(worker)}" for worker in self.workers()]
        return "; the workers:" + "".join(workers) if workers else "; there is no worker"


def _last_error(worker: Worker) -> str:
    error = worker.snapshot().last_error
    return f" after {error}" if error else ""
