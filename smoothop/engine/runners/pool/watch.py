"""`Watch`: the thread that looks after a pool: what is due, who waits, who is stuck."""

from __future__ import annotations

import logging
import sys
from math import inf
from types import CodeType
from typing import TYPE_CHECKING, Final

from smoothop.engine import logs
from smoothop.engine.runners.pool.growth import EXHAUSTED_AFTER, LATE, TICK, Growth, Look
from smoothop.engine.texts import last_line
from smoothop.engine.waiting import Waiter

if TYPE_CHECKING:
    from smoothop.engine.runners.pool.pool import Pool

SLOW_TICK: Final = 0.1
"""Seconds between two looks at a pool that may not grow any more."""

_Stand = tuple[int, CodeType, int]
"""With how many slots a carrier has been, and the instruction it stands at."""


class Watch:
    """Sleeps until something is due or somebody waits, and then ticks as long as somebody does.

    Attributes:
        wakes_at: monotonic time at which it looks again by itself.
        alerted: it was told that somebody waits, and has not looked since.
    """

    def __init__(self, pool: Pool, limit: int) -> None:
        self._pool = pool
        self._growth = Growth(limit)
        self._waiter = Waiter(pool.machine)
        self._runs = False
        self._ticks = False
        self.alerted = False
        self._seen_through = 0
        self._stands: dict[str, _Stand] = {}
        self.wakes_at = inf

    # -- with the pool's lock

    def ensure(self) -> None:
        """Start its thread, unless it runs.

        Raises:
            RuntimeError: the system gives no further thread.
        """
        if not self._runs:
            # With the lock: who comes meanwhile must not count on a thread that never runs.
            self._pool.machine.spawn(self._run, "smoothop-pool-watch")
            self._runs = True

    def alert(self) -> None:
        """Somebody waits and nobody was free: have a look within a tick."""
        self.alerted = True
        if not self._ticks:
            self._ticks = True
            self._waiter.wake()

    def wake_by(self, until: float) -> None:
        """Something is due at `until`, before `wakes_at`."""
        if not self._ticks:
            self.wakes_at = until
            self._waiter.wake()

    def wake(self) -> None:
        """Look now, maybe for the last time."""
        self._waiter.wake()

    # -- its thread

    def _run(self) -> None:
        monotonic = self._pool.machine.monotonic
        timed_out = late = False
        while (pause := self._fenced_look(timed_out=timed_out, late=late)) is not None:
            began = monotonic()
            timed_out = not self._waiter.wait(pause)
            late = timed_out and monotonic() - began > pause + LATE

    def _fenced_look(self, *, timed_out: bool, late: bool) -> float | None:
        try:
            return self._look(timed_out=timed_out, late=late)
        except Exception as error:  # noqa: BLE001 - no memory, perhaps: without it nothing would be due
            logger = self._pool.logger
            logs.write(logger, logging.ERROR, "the watch of the pool failed", cause=error)
            return SLOW_TICK

    def _look(self, *, timed_out: bool, late: bool) -> float | None:
        """Do what is to be done now; return for how long to wait, ``None``: it is over."""
        pool = self._pool
        with pool.lock:
            if pool.is_over():
                self._runs = False
                return None
            now = pool.machine.monotonic()
            # First: who is launched without the lock lines up, then reads it.
            alerted, self.alerted = self.alerted, False
            pool.move_due(now)
            waited = timed_out and self._ticks and pool.taken < self._seen_through
            look = self._seen(now, waited=waited, late=late)
            missing = pool.crew.call_up(self._growth.more(look))
            exhausted = self._growth.is_exhausted(look)
            pause = self._pause(now, alerted=alerted)
        pool.crew.add(missing)
        if exhausted:
            self._report(look)
        return pause

    def _seen(self, now: float, *, waited: bool, late: bool) -> Look:
        return Look(
            now=now,
            late=late,
            waiting=self._pool.waiting,
            waited=waited,
            carriers=len(self._pool.crew.carriers),
            returned=self._pool.crew.returned,
            stands_still=waited and self._stands_still(),
        )

    def _pause(self, now: float, *, alerted: bool) -> float:
        pool = self._pool
        self._seen_through = pool.taken + pool.waiting
        self._ticks = alerted or self.alerted or pool.is_short()
        if self._ticks:
            return TICK if pool.crew.can_grow() else SLOW_TICK
        until = pool.next_until()
        self.wakes_at = inf if until is None else max(until, now + TICK)
        return self.wakes_at - now

    def _stands_still(self) -> bool:
        """Tell whether every carrier stands where it did when this was last asked."""
        frames = sys._current_frames()  # noqa: SLF001 - the only way
        before, self._stands = (
            self._stands,
            {
                carrier.name: (carrier.turns, frame.f_code, frame.f_lasti)
                for carrier in self._pool.crew.carriers
                if (frame := frames.get(carrier.ident or 0)) is not None
            },
        )
        return all(self._stands.get(name) == stand for name, stand in before.items())

    def _report(self, look: Look) -> None:
        blockers = self._pool.crew.blockers()
        lines = [f"  {name}: {last_line(stack)}" for name, stack in blockers]
        text = (
            f"pool exhausted: none of its threads ({look.carriers}) has come back for "
            f"{EXHAUSTED_AFTER:g} s, and others wait for one ({look.waiting}); allow more with "
            "pool_size, or give these threads of their own"
        )
        logs.write(
            self._pool.logger,
            logging.WARNING,
            "\n".join([text, *lines]).replace("%", "%%"),
            blockers=[name for name, _ in blockers],
            waiting=look.waiting,
        )
