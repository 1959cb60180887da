"""`LoopRunner`: one slot of an async handler on an event loop."""

from __future__ import annotations

from contextvars import Context as VariableContext
from typing import TYPE_CHECKING

from smoothop.engine.runners.loop.place import NEW, OVER, Place
from smoothop.engine.texts import steps_stack
from smoothop.engine.worker.supervision import End, LeaveReason
from smoothop.events import STOPPING

if TYPE_CHECKING:
    from smoothop.engine.agenda import Ticket
    from smoothop.engine.messages.mailbox import Sleeper
    from smoothop.engine.runners.loop.carrier import OwnCarrier
    from smoothop.engine.runners.loop.crew import LoopCrew
    from smoothop.engine.runners.loop.turn import LoopTurn
    from smoothop.engine.worker.slot import Slot


class LoopRunner:
    """Where a slot is, between its turns and in them, and what others want of it.

    A parked one holds no task. `wake`, `asked_to_stop`, `abandoned` and `stack` may be called from
    any thread; the rest belongs to the loop's.

    Attributes:
        slot: the slot.
        place: where it is.
        ticket: that of its entry in the agenda, if it is there.
        task_name: what a task is called that drives it.
        variables: its context variables, which last from start to stop, once it has set one.
        sleeper: what it was registered as when it was parked, once it was.
        own_carrier: the carrier that serves only this one, if it needs one.
        turn: its present turn, if it is in one.
    """

    __slots__ = (
        "_crew",
        "own_carrier",
        "place",
        "sleeper",
        "slot",
        "task_name",
        "ticket",
        "turn",
        "variables",
    )

    def __init__(self, slot: Slot, crew: LoopCrew) -> None:
        self.slot = slot
        self.place: Place = NEW
        self.ticket: Ticket | None = None
        self.task_name = f"smoothop-{slot.label}"
        self.variables: VariableContext | None = None
        self.sleeper: Sleeper | None = None
        self.own_carrier: OwnCarrier | None = None
        self.turn: LoopTurn | None = None
        self._crew = crew
        slot.runner = self

    @property
    def needs_own_task(self) -> bool:
        """Whether all of it must run in one task.

        What `setup` opens may belong to the task that opened it, as a task group does and a
        cancel scope of anyio; then `teardown` has to close it in the same one.
        """
        calls = self.slot.calls
        return calls.setup is not None or calls.teardown is not None

    # -- from any thread

    def wake(self) -> None:
        """See `Wakeable.wake`."""
        if self.slot.run.stopping:
            self.asked_to_stop()
        else:
            self._call_if_open()

    def asked_to_stop(self) -> None:
        """End here if no code of the worker is left to run, or else on the loop."""
        if self.own_carrier is None and self._crew.take_out(self):
            (self.variables or VariableContext()).run(self._end_parked)
        if self.place is OVER:
            return
        try:
            self._crew.call(self)
        except RuntimeError:  # the loop was closed under the worker: none of its code runs
            self.finish("cancelled")

    def abandoned(self) -> None:
        """Cancel the present call."""
        try:
            self._crew.loop.call_soon_threadsafe(self._cancel_call)
        except RuntimeError:  # the loop is closed: nothing runs there any more
            pass

    def is_held(self) -> bool:
        """See `Runner.is_held`."""
        return self._crew.is_held()

    def thread_wait(self) -> None:
        """See `Runner.thread_wait`: a loop has a turn for everybody."""

    def stack(self) -> str:
        """See `Runner.stack`."""
        turn = self.turn
        steps = None if turn is None else turn.steps
        if steps is None:
            return f"({self.place.value}: none of its code runs)"
        return steps_stack(steps, self.slot.run.loop_thread)

    # -- on the loop's thread

    def finish(self, reason: LeaveReason) -> None:
        """Say the last word: none of its code runs any more."""
        self.place = OVER
        self.slot.core.slot_finished(self.slot, reason)
        self._call_if_open()  # so that the crew forgets it

    def throw_away(self) -> None:
        """End it on the spot, in the middle of a turn even: its loop runs no more."""
        if self.turn is not None:
            self.turn.throw_away()
        else:
            self.finish("cancelled")

    # -- inside

    def _call_if_open(self) -> None:
        try:
            self._crew.call(self)
        except RuntimeError:  # the loop is closed: nothing is handled there any more
            pass

    def _cancel_call(self) -> None:
        if self.turn is not None and self.slot.phase is not STOPPING:  # it has come back already
            self.turn.cancel_call()

    def _end_parked(self) -> None:
        decision = self.slot.woken(self.sleeper)
        if isinstance(decision, End) and not self.slot.tears_down():  # as it is, once it is to stop
            self.finish(decision.reason)
