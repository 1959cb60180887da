"""`Pool`: the threads that the pool workers of one operator share.

A slot of the pool is parked (an entry in the agenda, or in its mailbox only), ready (in line for a
thread), or carried by one of the *carriers*. Each carrier takes the next that is ready, drives it
until it sleeps, ends, or has had its share while others wait, and comes back for the next. The
`Watch` moves what is due from the agenda to the line, and adds carriers where they are missing.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import TYPE_CHECKING, Final

from smoothop.engine.agenda import Agenda
from smoothop.engine.current import enter_thread
from smoothop.engine.runners.pool.crew import Crew
from smoothop.engine.runners.pool.runner import CARRIED, GONE, LAUNCHED, PARKED, READY, PoolRunner
from smoothop.engine.runners.pool.watch import Watch
from smoothop.engine.worker.supervision import Wait

if TYPE_CHECKING:
    from smoothop.engine.machine import Machine
    from smoothop.engine.runners.pool.carrier import Carrier
    from smoothop.engine.worker.slot import Slot

LAST_STEPS: Final = 1.0
"""Seconds that `close` waits for threads that have nothing left to do."""

BATCH: Final = 64
"""Slots that are due which a carrier moves into the line at a time."""


class Pool:
    """The slots that are in the pool, and the line in which they wait for a carrier.

    Attributes:
        lock: guards everything here, and in the crew, the runners and the watch what says so. It
            is taken last: no other lock is taken, and no user code called, while it is held.
        crew: the carriers.
        taken: how often a slot was taken out of the line, ever.
    """

    def __init__(self, machine: Machine, logger: logging.Logger, size: int) -> None:
        self.machine = machine
        self.logger = logger
        self.lock = machine.lock()
        self.crew = Crew(self, size)
        self.taken = 0
        self._launched: deque[PoolRunner] = deque()
        self._line: deque[PoolRunner] = deque()
        self._agenda: Agenda[PoolRunner] = Agenda()
        self._slots = 0
        self._closed = False
        self._watch = Watch(self, size)

    # -- from any thread

    def launch(self, slot: Slot) -> None:
        """Drive `slot` from now on.

        Takes no lock when others wait already, and the watch is about to look: very many are
        launched at once, and who starts them would have to wait for the lock for each, because
        the carriers take it for each.

        Raises:
            RuntimeError: there is no thread yet, and the system gives none.
        """
        runner = PoolRunner(self, slot)
        # Line up, then look who sees it; who looks or rests says so, then looks who has lined up.
        self._launched.append(runner)
        if self._slots and self._watch.alerted and not self.crew.somebody_rests():
            return
        with self.lock:
            if runner.place is not LAUNCHED:  # another launch has seen to it, or a stop took it out
                return
            if not self._slots:  # they stay as long as there are any
                self._ensure_threads_for(runner)
            self._line_up_launched()

    def unpark(self, runner: PoolRunner) -> None:
        """Put a parked slot in line; one that is carried will find that it was woken."""
        with self.lock:
            if runner.place is PARKED:
                runner.place = READY  # first: a signal handler may take it out in between
                self._forget(runner)
                self._line_up(runner)
            else:
                runner.woken = True

    def take_out(self, runner: PoolRunner) -> bool:
        """Take out for good a slot that is parked or in line; tell whether it was.

        If so it belongs to the caller now; otherwise it will find that it was woken.
        """
        with self.lock:
            place = runner.place
            if place is LAUNCHED:  # passed over when it is to line up
                runner.place = GONE
                return True
            if place is not PARKED and place is not READY:
                runner.woken = True
                return False
            runner.place = GONE  # first, as above
            self._forget(runner)
            self._leave(runner)  # in line, it is passed over
            return True

    def abandon(self, runner: PoolRunner) -> None:
        """Let others have a thread in place of the one that a carried slot keeps."""
        with self.lock:
            if runner.place is CARRIED and runner.carrier is not None:
                self.crew.abandon(runner.carrier)

    def close(self) -> None:
        """End all threads: at once, or when they come back from a slot and none is left behind."""
        with self.lock:
            self._closed = True
            self.crew.wake_idle()
            self._watch.wake()
            leaving = self.crew.without_slot()
        for thread in leaving:
            if thread.ident != threading.get_ident():
                thread.join(LAST_STEPS)

    def forked(self) -> None:
        """Know, in a forked child, that there are no threads; its one thread may be a carrier."""
        self.lock = self.machine.lock()  # who held the other one is not in this process
        self._closed = True
        self._slots = 0
        self._launched.clear()
        self._line.clear()
        self.crew.forget_all()
        self._agenda = Agenda()

    # -- from carriers

    def take(self, carrier: Carrier) -> PoolRunner | None:
        """Put down what `carrier` comes with, and return the next; ``None``: it is to end."""
        while True:
            with self.lock:
                if carrier.runner is not None:
                    self._put_down(carrier.runner)
                if not self.crew.came(carrier):
                    return None
                runner = self._next()
                if runner is not None:
                    runner.carrier, carrier.runner = carrier, runner
                    return runner
                if self._closed and not self._leaves_some():
                    self.crew.leaves(carrier)
                    return None
                limit = self.crew.rests(carrier)
                if self._launched:  # after it was seen that nobody was
                    continue
            enter_thread(None)
            if not carrier.waiter.wait(limit) and self._retires(carrier):
                return None

    def leave(self, runner: PoolRunner) -> None:
        """Forget a carried slot that has ended."""
        with self.lock:
            self._leave(runner)

    def others_wait(self) -> bool:
        """Tell whether a slot waits for a carrier."""
        with self.lock:
            self._line_up_launched()
            if self._agenda:
                self._move(self.machine.monotonic(), BATCH)
            return bool(self._line)

    # -- from the watch and the crew, with the lock

    @property
    def waiting(self) -> int:
        """How many slots are in line."""
        return len(self._line)

    def has_slots(self) -> bool:
        """Tell whether there are slots that have not ended."""
        return self._slots > 0 or bool(self._launched)

    def is_over(self) -> bool:
        """Tell whether nobody needs the watch any more."""
        return self._closed or not (self.has_slots() or self.crew.carriers)

    def is_short(self) -> bool:
        """Tell whether more slots are in line than carriers are on their way."""
        return len(self._line) > self.crew.coming

    def next_until(self) -> float | None:
        """Return when the next slot is due."""
        return self._agenda.next_until()

    def move_due(self, now: float) -> None:
        """Put those in line that were launched, or are due."""
        self._line_up_launched()
        if self._agenda and self._move(now, None) and not self.crew.coming:
            self.crew.call_up_one()

    # -- inside, with the lock

    def _put_down(self, runner: PoolRunner) -> None:
        """Let a carried slot sleep, unless it has been woken, or line up again."""
        if runner.place is not CARRIED:  # it has ended
            return
        wait = runner.decision
        if runner.woken or not isinstance(wait, Wait):
            runner.place = READY
            self._line_up(runner)
            return
        runner.place = PARKED
        if wait.until is not None:
            runner.ticket = self._agenda.push(wait.until, runner)
            if wait.until < self._watch.wakes_at:
                self._watch.wake_by(wait.until)

    def _ensure_threads_for(self, runner: PoolRunner) -> None:
        # With the lock: who comes meanwhile must not count on threads that never run.
        try:
            self._watch.ensure()
            self.crew.ensure()
        except RuntimeError:
            self._launched.remove(runner)
            runner.place = GONE  # who asks it to stop from now on leaves its end to its launcher
            raise

    def _line_up_launched(self) -> None:
        some = False
        while self._launched:
            try:
                runner = self._launched.popleft()
            except IndexError:  # a signal handler came in between
                break
            if runner.place is LAUNCHED:
                runner.place = READY
                self._slots += 1
                self._line.append(runner)
                some = True
        if some:
            self._see_to_line()

    def _line_up(self, runner: PoolRunner) -> None:
        self._line.append(runner)
        self._see_to_line()

    def _see_to_line(self) -> None:
        """See that somebody comes, or looks, for whom has just lined up."""
        if not self.crew.coming:
            self.crew.call_up_one()
        if not self._watch.alerted and self.is_short():
            self._watch.alert()

    def _leave(self, runner: PoolRunner) -> None:
        runner.place = GONE
        self._slots -= 1
        if not self._slots or (self._closed and not self._leaves_some()):
            self.crew.wake_idle()

    def _leaves_some(self) -> bool:
        """Tell whether no carrier is with some slot: whoever closes is still to ask it to stop."""
        return bool(self._launched) or self._slots > self.crew.carried()

    def _forget(self, runner: PoolRunner) -> None:
        ticket, runner.ticket = runner.ticket, None
        if ticket is not None:
            self._agenda.discard(ticket)

    def _next(self) -> PoolRunner | None:
        line = self._line
        if not line:
            self._line_up_launched()
            if not line and self._agenda:
                self._move(self.machine.monotonic(), BATCH)
        while line:
            runner = line.popleft()
            self.taken += 1
            if runner.place is READY:
                runner.place = CARRIED
                runner.woken = False
                return runner
        return None

    def _move(self, now: float, most: int | None) -> bool:
        due = self._agenda.pop_due(now, most)
        for runner in due:
            runner.place, runner.ticket = READY, None
        self._line.extend(due)
        return bool(due)

    # -- inside, without it

    def _retires(self, carrier: Carrier) -> bool:
        with self.lock:
            retires = self.crew.retires(carrier)
            if retires and not self.crew.carriers:
                self._watch.wake()
            return retires
