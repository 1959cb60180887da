"""`LoopCrew`: the carriers of one event loop, what is due for them, and what is parked."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from contextvars import Context as VariableContext
from math import inf
from typing import TYPE_CHECKING, Final

from smoothop.engine.agenda import Agenda
from smoothop.engine.machine import is_mine
from smoothop.engine.runners.loop.calls import LoopCalls
from smoothop.engine.runners.loop.carrier import IDLE_NAME, SPARE, LoopCarrier, OwnCarrier
from smoothop.engine.runners.loop.keeper import LoopKeeper
from smoothop.engine.runners.loop.place import CARRIED, DUE, NEW, OVER, PARKED

if TYPE_CHECKING:
    from smoothop.engine.machine import Machine
    from smoothop.engine.runners.loop.runner import LoopRunner

TICK: Final = 0.001
"""Seconds between two looks at what is due: of many that tick, those of a while come together."""


class LoopCrew:
    """As many carriers as handlers are suspended at the same time, and one that is at work.

    `call` and `take_out` may be used from any thread; the rest belongs to the loop's. The lock
    is for the one thing they may quarrel about: what becomes of a slot that is parked.

    Attributes:
        loop: the event loop.
        thread: identity of its thread.
        monotonic: the engine's clock.
        due: slots for the next carrier, first come, first served.
        idle: carriers with nothing to do.
        at_work: a carrier is in the middle of a step, and looks at `due` before it ends.
        pauses: a carrier has had its share and lets others have the loop; it takes up what is due
            when the loop comes back to it, and nobody else does before.
        coming: carriers that were summoned and have not begun.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, machine: Machine, thread: int | None
    ) -> None:
        self.loop = loop
        self.thread = thread
        self.monotonic = machine.monotonic
        self.due: deque[LoopRunner] = deque()
        self.idle: list[LoopCarrier] = []
        self.at_work = False
        self.pauses = False
        self.coming: set[LoopCarrier] = set()
        self._lock = machine.lock()
        self._calls = LoopCalls(loop, self._called)
        self._keeper = LoopKeeper(loop)
        self._agenda: Agenda[LoopRunner] = Agenda()
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = inf

    # -- from any thread

    def call(self, runner: LoopRunner) -> None:
        """Let `runner` look what there is to do; the first time, let it begin.

        Raises:
            RuntimeError: the loop is closed.
        """
        # In the middle of a task's step, the loop will look again by itself. On its own thread
        # but between two steps it may be a signal handler that calls, and the loop asleep.
        if threading.get_ident() == self.thread and asyncio.current_task(self.loop) is not None:
            self._called(runner)
        else:
            self._calls.put(runner)

    def take_out(self, runner: LoopRunner) -> bool:
        """Take a parked slot out for good; tell whether it was parked, and is the caller's now."""
        with self._lock:
            if runner.place is not PARKED:
                return False
            runner.place = OVER
            return True

    def is_held(self) -> bool:
        """Tell whether the calling thread has the lock, or is about to wake the loop."""
        return is_mine(self._lock) or self._calls.is_held()

    # -- on the loop's thread

    def throw_all_away(self) -> None:
        """End all slots on the spot: the loop is closed."""
        self._keeper.throw_all_away()

    # -- for the carriers

    def forget(self, runner: LoopRunner) -> None:
        """Take `runner` out of the agenda, if it is there."""
        if runner.ticket is not None:
            self._agenda.discard(runner.ticket)
            runner.ticket = None

    def park(self, runner: LoopRunner) -> None:
        """Keep `runner`, which has lain down, until it is called or its time has come."""
        until = runner.slot.until
        if until is not None:
            runner.ticket = self._agenda.push(until, runner)
            if until < self._alarm_at:
                self._set_alarm(until)
        runner.place = PARKED

    def summon(self, most: int) -> None:
        """See that carriers come for what is due, but no more than that many.

        One is enough as long as handlers do not suspend. When one does, it is several: or those
        that are due would be begun one by one, each a round of the loop later.
        """
        if self.pauses:
            return
        most = min(len(self.due), most)
        while len(self.coming) < most:
            if self.idle:
                carrier = self.idle.pop()
                carrier.wake()
            else:
                carrier = LoopCarrier(self)
                self._begin(carrier, IDLE_NAME)
            self.coming.add(carrier)

    def has_use_for_idle(self) -> bool:
        """Tell whether a carrier that finds nothing due is to wait for something."""
        return len(self._keeper.runners) > 0 and len(self.idle) < SPARE

    def gone(self, carrier: LoopCarrier) -> None:
        """`carrier` has ended; somebody cancelled it, or it was not needed any more."""
        if carrier in self.idle:
            self.idle.remove(carrier)
        self.coming.discard(carrier)
        self.at_work = False
        if self.due:
            self.summon(1)

    # -- inside

    def _called(self, runner: LoopRunner) -> None:
        place = runner.place
        if place is PARKED:
            with self._lock:
                is_over = runner.place is OVER
                if not is_over:
                    runner.place = DUE
            if not is_over:  # or whoever has taken it out calls again
                self._put_on(runner)
        elif place is CARRIED:
            runner.turn.called()  # type: ignore[union-attr]  # it is in one
        elif place is NEW:
            self._begin_slot(runner)
        elif place is OVER:
            self._left(runner)

    def _time_has_come(self, runners: list[LoopRunner]) -> None:
        """Put on all that are parked still, and not over: who had other reasons is not here."""
        with self._lock:  # once for all of them
            parked = [runner for runner in runners if runner.place is PARKED]
            for runner in parked:
                runner.place, runner.ticket = DUE, None
        for runner in parked:
            self._put_on(runner)

    def _begin_slot(self, runner: LoopRunner) -> None:
        runner.place = DUE
        self._keeper.add(runner)
        if runner.needs_own_task:
            runner.own_carrier = OwnCarrier(self, runner)
            self._begin(runner.own_carrier, f"smoothop-{runner.slot.label}")
        else:
            self._put_on(runner)

    def _left(self, runner: LoopRunner) -> None:
        self.forget(runner)
        self._keeper.remove(runner)
        if not self._keeper.runners:
            for carrier in self.idle:
                carrier.wake()
            self.idle.clear()
            self._cancel_alarm()

    def _put_on(self, runner: LoopRunner) -> None:
        if runner.own_carrier is not None:
            runner.own_carrier.wake()
            return
        self.due.append(runner)
        if not (self.at_work or self.coming):
            self.summon(1)

    def _begin(self, carrier: LoopCarrier, name: str) -> None:
        # Not here and now: this may be inside a handler, whose context variables the task would
        # get, and an eager task factory would nest the new carrier's work in the handler's.
        self.loop.call_soon(self._create, carrier, name, context=VariableContext())

    def _create(self, carrier: LoopCarrier, name: str) -> None:
        task = self.loop.create_task(carrier.work(), name=name)
        task.add_done_callback(lambda _: carrier.ended())

    def _set_alarm(self, until: float) -> None:
        self._cancel_alarm()
        self._alarm_at = until
        delay = max(0.0, until - self.monotonic())
        self._alarm = self.loop.call_later(delay, self._ring, context=VariableContext())

    def _cancel_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._alarm_at = inf

    def _ring(self) -> None:
        self._alarm, self._alarm_at = None, inf
        now = self.monotonic()
        self._time_has_come(self._agenda.pop_due(now))
        following = self._agenda.next_until()
        if following is not None:
            self._set_alarm(max(following, now + TICK))
