"""Drives a slot of a sync handler on whichever thread of the pool is free."""

from __future__ import annotations

from contextvars import Context as VariableContext
from enum import Enum
from typing import TYPE_CHECKING, Final

from smoothop.engine.current import ThreadWait, enter_thread
from smoothop.engine.machine import is_mine
from smoothop.engine.runners import steps
from smoothop.engine.texts import thread_stack
from smoothop.engine.worker.supervision import CALL, SET_UP, Decision, End

if TYPE_CHECKING:
    from smoothop.engine.agenda import Ticket
    from smoothop.engine.messages.mailbox import Sleeper
    from smoothop.engine.runners.pool.carrier import Carrier
    from smoothop.engine.runners.pool.pool import Pool
    from smoothop.engine.worker.slot import Slot

FAIR_SHARE: Final = 0.001
"""Seconds a slot may keep its carrier before it is looked whether others wait for one."""


class Place(Enum):
    """Where a slot of the pool is; changed with the pool's lock only."""

    LAUNCHED = "(is about to line up for a thread of the pool)"
    READY = "(waits for a thread of the pool)"
    CARRIED = "(on a thread of the pool)"
    PARKED = "(sleeps, and holds no thread)"
    GONE = "(has ended)"


# By these names on hot paths: up to Python 3.11, `Place.READY` itself runs a property in Python.
LAUNCHED: Final = Place.LAUNCHED
READY: Final = Place.READY
CARRIED: Final = Place.CARRIED
PARKED: Final = Place.PARKED
GONE: Final = Place.GONE


class PoolRunner:
    """One slot of the pool, and what is kept of it while it holds no thread.

    It is what a mailbox wakes. There may be a hundred thousand of them, so it is small.

    Attributes:
        slot: the slot.
        place: where it is.
        decision: what it came to on the last carrier; ``None``: it has not begun.
        woken: it was woken while a carrier was with it.
        ticket: that of its entry in the pool's agenda.
        carrier: who is or was with it.
    """

    __slots__ = (
        "_pool",
        "_sleeper",
        "_variables",
        "carrier",
        "decision",
        "place",
        "slot",
        "ticket",
        "woken",
    )

    def __init__(self, pool: Pool, slot: Slot) -> None:
        self._pool = pool
        self.slot = slot
        self.decision: Decision | None = None
        self._sleeper: Sleeper | None = None
        # Its own, from call to call and on whichever thread, as a thread of its own would have;
        # but most set none, and use the empty ones of whoever carries them.
        self._variables: VariableContext | None = None
        self.place = LAUNCHED
        self.woken = False
        self.ticket: Ticket | None = None
        self.carrier: Carrier | None = None
        slot.runner = self

    @property
    def name(self) -> str:
        """The worker's name, with the number of every slot but the first."""
        return self.slot.label

    def stack(self) -> str:
        """Return where it stands, as a traceback's text."""
        carrier = self.carrier
        if self.place is CARRIED and carrier is not None:
            return thread_stack(carrier.ident)
        return self.place.value

    # -- from any thread

    def wake(self) -> None:
        """See `Wakeable.wake`."""
        if self._can_end_anywhere():
            self._end_if_not_carried()
        else:
            self._pool.unpark(self)

    def asked_to_stop(self) -> None:
        """End here and now, if no carrier is with it and no user code is left to be called."""
        self.wake()

    def abandoned(self) -> None:
        """See `Runner.abandoned`: nothing ends a call on a thread, so the pool does without it."""
        self._pool.abandon(self)

    def is_held(self) -> bool:
        """See `Runner.is_held`."""
        return is_mine(self._pool.lock)

    def thread_wait(self) -> ThreadWait | None:
        """See `Runner.thread_wait`: also when it sleeps, as it will need one to wake up."""
        pool = self._pool
        if pool.crew.can_grow() or (self.slot.run.leaving and self._needs_no_call()):
            return None  # whose slot takes the last thread, and then waits, looks as well
        with pool.lock:
            if self.place is CARRIED or self.place is GONE:
                return None
            holders = pool.crew.holders()
        return ThreadWait(holders) if holders else None

    # -- on a carrier

    def ride(self, variables: VariableContext) -> None:
        """Drive the slot until it sleeps, has had its share, or ends.

        Args:
            variables: those the carrier is in, which are empty; the slot keeps them if it sets any.
        """
        if self._variables is not None:
            self.decision = self._variables.run(self._drive)
            return
        self.decision = self._drive()
        if variables:
            self._variables = variables

    def _drive(self) -> Decision:
        slot = self.slot
        enter_thread(slot)
        try:
            decision = self._steps()
        except BaseException as error:  # noqa: BLE001 - not the handler: the engine itself, or no memory
            slot.core.broke(error)
            decision = End("panic limit")
        if isinstance(decision, End):
            enter_thread(None)
            self._pool.leave(self)
            slot.core.slot_finished(slot, decision.reason)
        return decision

    def _steps(self) -> Decision:
        slot = self.slot
        decision = self._resumed()
        while not isinstance(decision, End):
            if decision is CALL:
                decision = steps.handle(slot, FAIR_SHARE)
                if decision is CALL and self._pool.others_wait():
                    slot.since = None
                    return decision
            elif decision is SET_UP:
                decision = steps.set_up(slot)
            else:
                self._sleeper = slot.lie_down(decision, self)
                if self._sleeper is not None:
                    return decision
                decision = slot.woken(None)
        if slot.tears_down():
            steps.tear_down(slot)
        return decision

    def _resumed(self) -> Decision:
        """Answer how to go on from where the last carrier left it."""
        decision = self.decision
        if decision is None:
            return self.slot.begin()
        return decision if decision is CALL else self.slot.woken(self._sleeper)

    # -- the end

    def _can_end_anywhere(self) -> bool:
        return self.slot.run.stopping and self._needs_no_call()

    def _needs_no_call(self) -> bool:
        """Tell whether no user code is left to be called once it is to stop."""
        return self.slot.calls.teardown is None or not self.slot.run.is_set_up

    def _end_if_not_carried(self) -> None:
        if self._pool.take_out(self):
            (self._variables or VariableContext()).run(self._end_here)

    def _end_here(self) -> None:
        slot = self.slot
        decision = self._resumed()
        if decision is CALL:  # it had lined up again
            decision = slot.nothing_to_call()
        if isinstance(decision, End) and not slot.tears_down():  # as it is once it is to stop
            slot.core.slot_finished(slot, decision.reason)
