"""`Crew`: the carriers of a pool: who is there, who is idle, who is on the way."""

from __future__ import annotations

import logging
from itertools import count
from typing import TYPE_CHECKING, Final

from smoothop.engine import logs
from smoothop.engine.runners.pool.carrier import Carrier
from smoothop.engine.runners.pool.runner import CARRIED

if TYPE_CHECKING:
    from smoothop.engine.machine import Thread
    from smoothop.engine.runners.pool.pool import Pool
    from smoothop.engine.worker.slot import Slot

RETIRED_AFTER: Final = 5.0
"""Seconds without work after which a carrier ends; one stays while there are slots."""


class Crew:
    """The carriers of one pool. All of it belongs to the pool's lock, but for `add`.

    A carrier that is with an abandoned slot may never come back, so another may take its place: it
    is none of the `carriers` then, and one of them again when it does come back.

    Attributes:
        carriers: all that there are, but for those with an abandoned slot.
        coming: how many were called up, or have been started, and have not come yet.
        returned: how often a carrier has come back from a slot, ever.
    """

    def __init__(self, pool: Pool, limit: int) -> None:
        self.carriers: list[Carrier] = []
        self.coming = 0
        self.returned = 0
        self._pool = pool
        self._limit = limit
        self._idle: list[Carrier] = []
        self._abandoned: list[Carrier] = []
        self._numbers = count(1)
        self._cannot_grow = False

    # -- for those who need a carrier

    def ensure(self) -> None:
        """Start a carrier if there is none.

        Raises:
            RuntimeError: the system gives no further thread.
        """
        if not self.carriers:
            self._start()

    def call_up_one(self) -> bool:
        """Call up the carrier that has been idle for the shortest time, if one is idle."""
        if not self._idle:
            return False
        try:
            carrier = self._idle.pop()
        except IndexError:  # a signal handler came in between
            return False
        carrier.coming = True
        self.coming += 1
        carrier.waiter.wake()
        return True

    def call_up(self, number: int) -> int:
        """Call up so many idle carriers; return how many more are to be added, and may be."""
        while number and self.call_up_one():
            number -= 1
        return min(number, self._limit - len(self.carriers))

    def somebody_rests(self) -> bool:
        """Tell whether a carrier is idle; may be asked without the lock."""
        return bool(self._idle)

    def can_grow(self) -> bool:
        """Tell whether one more can be called up or added."""
        return len(self.carriers) < self._limit or bool(self._idle)

    def add(self, number: int) -> None:
        """Start so many carriers, or as many as the system gives; without the lock."""
        try:
            for _ in range(number):
                self._start()
                self._cannot_grow = False
        except RuntimeError as error:
            if not self._cannot_grow:
                logs.write(self._pool.logger, logging.WARNING, "pool cannot grow: %s", error)
            self._cannot_grow = True

    # -- for the carriers

    def came(self, carrier: Carrier) -> bool:
        """`carrier` has come, because it was called up or from a slot, and asks for the next.

        Tells whether it may have one: when it has been abandoned meanwhile, others may be enough.
        """
        if carrier.runner is not None:
            carrier.runner = None
            carrier.turns += 1
            self.returned += 1
            if self._abandoned and carrier in self._abandoned:
                self._abandoned.remove(carrier)
                if len(self.carriers) >= self._limit:
                    return False
                self.carriers.append(carrier)
        elif carrier.coming:
            carrier.coming = False
            self.coming -= 1
        elif carrier in self._idle:
            self._idle.remove(carrier)
        return True

    def rests(self, carrier: Carrier) -> float | None:
        """`carrier` has nothing to do; return how long it waits at most, ``None``: no limit."""
        self._idle.append(carrier)
        return None if self._is_last(carrier) else RETIRED_AFTER

    def retires(self, carrier: Carrier) -> bool:
        """Let `carrier` go, who was idle for long, unless it was just called up or is the last."""
        if carrier not in self._idle or self._is_last(carrier):
            return False
        self._idle.remove(carrier)
        self.leaves(carrier)
        return True

    def leaves(self, carrier: Carrier) -> None:
        """`carrier` is about to end."""
        if carrier in self.carriers:
            self.carriers.remove(carrier)

    # -- for the pool and its watch

    def abandon(self, carrier: Carrier) -> None:
        """`carrier` is with a slot that was abandoned: do without it until it comes back."""
        if carrier in self.carriers:
            self.carriers.remove(carrier)
            self._abandoned.append(carrier)

    def wake_idle(self) -> None:
        """Let those who are idle look whether they are still needed."""
        for carrier in self._idle:
            carrier.waiter.wake()

    def without_slot(self) -> list[Thread]:
        """Return the threads that are with no slot."""
        return [c.thread for c in self.carriers if c.runner is None and c.thread is not None]

    def carried(self) -> int:
        """Return how many slots are with a carrier, and have not ended."""
        runners = [carrier.runner for carrier in (*self.carriers, *self._abandoned)]
        return sum(runner is not None and runner.place is CARRIED for runner in runners)

    def blockers(self) -> list[tuple[str, str]]:
        """Return the workers that hold a carrier now, each with its stack."""
        runners = [carrier.runner for carrier in self.carriers]
        return [(runner.name, runner.stack()) for runner in runners if runner is not None]

    def holders(self) -> tuple[tuple[Slot, int], ...]:
        """Return the slots that hold all threads there may be, as in `ThreadWait`.

        None, if a thread can still come.
        """
        holders = []
        for carrier in self.carriers:
            runner = carrier.runner
            if runner is None or runner.place is not CARRIED:
                return ()
            holders.append((runner.slot, carrier.turns))
        return () if self.can_grow() else tuple(holders)

    def forget_all(self) -> None:
        """Know that there are no threads."""
        self.carriers.clear()
        self._abandoned.clear()
        self._idle.clear()
        self.coming = 0

    def _is_last(self, carrier: Carrier) -> bool:
        return self.carriers == [carrier] and self._pool.has_slots()

    def _start(self) -> None:
        carrier = Carrier(self._pool, next(self._numbers))
        with self._pool.lock:
            self.carriers.append(carrier)
            self.coming += 1
        try:
            carrier.start()
        except RuntimeError:
            with self._pool.lock:
                self.carriers.remove(carrier)
                self.coming -= 1
            raise
