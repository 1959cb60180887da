"""`LoopRunner`: one slot of an async handler on an event loop."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Coroutine
from contextvars import Context as VariableContext
from typing import TYPE_CHECKING, Any, Final

from smoothop._durations import seconds
from smoothop.engine.runners.loop.keeper import without_obituary
from smoothop.engine.runners.loop.place import NEW, OVER, Place
from smoothop.engine.texts import awaited_frames, frame_stack, thread_stack
from smoothop.engine.worker.supervision import (
    ABANDONED,
    CALL,
    SET_UP,
    Decision,
    End,
    LeaveReason,
    Wait,
)

if TYPE_CHECKING:
    from smoothop.engine.messages.mailbox import Sleeper
    from smoothop.engine.runners.loop.carrier import OwnCarrier
    from smoothop.engine.runners.loop.crew import LoopCrew
    from smoothop.engine.worker.slot import Slot

    Turn = Coroutine[Any, Any, LeaveReason | None]

FAIR_SHARE: Final = 0.001
"""Seconds that handlers which never suspend may go on before others get the loop."""


class LoopRunner:
    """Carries out a slot's decisions, in turns: from when it is due until it is parked again.

    A parked one holds no task. In a turn the task of a carrier drives it, inside context
    variables that are the slot's own and last from start to stop. All but `call`, `wake`,
    `asked_to_stop` and `abandoned` belongs to the loop's thread.

    Attributes:
        slot: the slot.
        place: where it is.
        ticket: that of its entry in the agenda, or 0.
        woken: it was called in the present turn, after it had looked whether there is more to do.
        variables: its context variables, or ``None`` between two turns if it has set none.
        own_carrier: the carrier that serves only this one, if it needs one.
        turn: the coroutine of the present turn.
    """

    __slots__ = (
        "_crew",
        "_grace_timer",
        "_in_call",
        "_sleeper",
        "_task",
        "_thrown_away",
        "own_carrier",
        "place",
        "slot",
        "ticket",
        "turn",
        "variables",
        "woken",
    )

    def __init__(self, slot: Slot, crew: LoopCrew) -> None:
        self.slot = slot
        self.place: Place = NEW
        self.ticket = 0
        self.woken = False
        self.variables: VariableContext | None = None
        self.own_carrier: OwnCarrier | None = None
        self.turn: Turn | None = None
        self._thrown_away = False
        self._crew = crew
        self._task: asyncio.Task[None] | None = None
        self._in_call = False
        self._grace_timer: asyncio.TimerHandle | None = None
        self._sleeper: Sleeper | None = None
        slot.runner = self
        slot.stack = self._stack

    @property
    def needs_own_task(self) -> bool:
        """Whether all of it must run in one task.

        What `setup` opens may belong to the task that opened it, as a task group does and a
        cancel scope of anyio; then `teardown` has to close it in the same one.
        """
        calls = self.slot.calls
        return calls.setup is not None or calls.teardown is not None

    # -- from any thread

    def call(self) -> None:
        """Let it look what there is to do; the first time, let it begin.

        Raises:
            RuntimeError: the loop is closed.
        """
        self._crew.call(self)

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
            self._crew.loop.call_soon_threadsafe(self._cancel)
        except RuntimeError:  # the loop is closed: nothing runs there any more
            pass

    # -- on the loop's thread

    def enter(self, task: asyncio.Task[None]) -> Turn:
        """Begin a turn in `task`; to be driven inside `variables`."""
        self._task = task
        if self.variables is None:
            # Empty, as those of a new thread: what the starter had set is not the worker's.
            self.variables = VariableContext()
        self.turn = self._drive()
        return self.turn

    def leave(self) -> None:
        """End the turn."""
        self._task = self.turn = None
        if not self.variables:  # a new one is the same, and need not be kept
            self.variables = None

    def finish(self, reason: LeaveReason) -> None:
        """Say the last word: none of its code runs any more."""
        self.place = OVER
        self.slot.core.slot_finished(self.slot, reason)
        self._call_if_open()  # so that the crew forgets it

    def throw_away(self) -> None:
        """End it on the spot, in the middle of a turn even: its loop runs no more."""
        self._thrown_away = True
        if self._task is not None:
            without_obituary(self._task)
        if self.turn is not None and self.variables is not None:
            try:
                self.variables.run(self.turn.close)
            except BaseException as error:  # noqa: BLE001 - of the handler, which will not go on
                self.slot.core.broke(error)
        self.finish("cancelled")

    def called_in_turn(self) -> None:
        """Somebody has called it while it is carried."""
        self.woken = True
        if self._in_call and self.slot.run.stopping:
            self._begin_grace()

    def take_cancellation(self, task: asyncio.Task[None]) -> None:
        """Take a cancellation of its task for a request to stop; one the handler made up is not."""
        if not task.cancelling():
            return
        # Swallowed here, so it must be taken back, or the next timeout inside would misfire.
        while task.cancelling():
            task.uncancel()
        if not self.slot.run.stopping and self.slot.dismissed != ABANDONED:
            self.slot.core.ask_stop("cancelled")  # not by us: as when a loop shuts down

    # -- inside

    def _call_if_open(self) -> None:
        try:
            self._crew.call(self)
        except RuntimeError:  # the loop is closed: nothing is handled there any more
            pass

    def _cancel(self) -> None:
        if self._in_call and self._task is not None:
            self._task.cancel()

    async def _drive(self) -> LeaveReason | None:
        """Go on until it can be parked again (``None``) or has come to its end (then why)."""
        slot, decision = self.slot, self._resumed()
        while not isinstance(decision, End):
            if decision is CALL:
                decision = await self._handle()
            elif decision is SET_UP:
                decision = await self._set_up()
            elif self._lies_down(decision):
                return None
            else:
                decision = slot.woken(None)
        if slot.tears_down():
            await self._tear_down()
        return decision.reason

    def _end_parked(self) -> None:
        decision = self.slot.woken(self._sleeper)
        if isinstance(decision, End) and not self.slot.tears_down():  # as it is, once it is to stop
            self.finish(decision.reason)

    def _resumed(self) -> Decision:
        return self.slot.begin() if self._sleeper is None else self.slot.woken(self._sleeper)

    def _lies_down(self, wait: Wait) -> bool:
        self.woken = False
        if (sleeper := self.slot.lie_down(wait, self)) is not None:
            self._sleeper = sleeper
        return sleeper is not None

    async def _handle(self) -> Decision:
        slot, monotonic = self.slot, self.slot.core.machine.monotonic
        handle = slot.calls.handle
        turn = began = monotonic()
        while True:
            if began - turn > FAIR_SHARE:
                slot.since = None  # between two calls nobody is stuck, whoever has the loop
                await self._pause()
                turn = monotonic()
            context = slot.next_context()
            if context is None:
                return slot.nothing_to_call()
            slot.since = began = monotonic()
            self._in_call = True
            try:
                result = await handle(context)
            except BaseException as error:  # noqa: BLE001 - the fence around handlers
                return self._raised(error)
            finally:
                self._in_call = False
                if self._grace_timer is not None:
                    self._end_grace()
            decision = slot.returned(result, began)
            if decision is not CALL:
                return decision

    async def _set_up(self) -> Decision:
        slot = self.slot
        context = slot.setup_context()
        try:
            await self._call(slot.calls.setup(context))  # type: ignore[misc]  # there is one here
        except BaseException as error:  # noqa: BLE001 - the fence around handlers
            return self._raised(error)
        return slot.set_up()

    async def _tear_down(self) -> None:
        slot = self.slot
        context = slot.setup_context()
        try:
            await self._call(slot.calls.teardown(context))  # type: ignore[misc]  # there is one here
        except BaseException as error:  # noqa: BLE001 - the fence around handlers
            slot.core.teardown_failed(error)

    async def _call(self, coroutine: Awaitable[Any]) -> None:
        """Await user code; while the worker is stopping, within the grace time."""
        self._in_call = True
        self.called_in_turn()
        try:
            await coroutine
        finally:
            self._in_call = False
            self._end_grace()

    async def _pause(self) -> None:
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            self._take_own_cancellation()

    def _raised(self, error: BaseException) -> Decision:
        if self._thrown_away:
            raise error
        if isinstance(error, asyncio.CancelledError):
            self._take_own_cancellation()
        return self.slot.panicked(error)

    def _take_own_cancellation(self) -> None:
        if self._task is not None:
            self.take_cancellation(self._task)

    def _begin_grace(self) -> None:
        if self._grace_timer is None and self._task is not None:
            grace = seconds(self.slot.run.config.stop_grace, "stop_grace")
            self._grace_timer = self._crew.loop.call_later(grace, self._task.cancel)

    def _end_grace(self) -> None:
        if self._grace_timer is not None:
            self._grace_timer.cancel()
            self._grace_timer = None

    def _stack(self) -> str:
        turn = self.turn
        if turn is None:
            return f"({self.place.value}: none of its code runs)"
        if inspect.getcoroutinestate(turn) == inspect.CORO_RUNNING:
            return thread_stack(self.slot.run.loop_thread)  # it holds up the whole loop
        return frame_stack(awaited_frames(turn))
