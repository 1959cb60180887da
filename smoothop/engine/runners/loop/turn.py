"""`LoopTurn`: one slot's way from being due until it is parked again or has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context as VariableContext
from typing import TYPE_CHECKING, Any, Final

from smoothop._durations import seconds
from smoothop.engine.runners.loop.keeper import without_obituary
from smoothop.engine.runners.loop.place import CARRIED, DUE
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
    from smoothop.engine.runners.loop.crew import LoopCrew
    from smoothop.engine.runners.loop.runner import LoopRunner
    from smoothop.engine.worker.slot import Slot

FAIR_SHARE: Final = 0.001
"""Seconds that handlers which never suspend may go on before others get the loop."""

AT_END: Final = object()
"""In place of what a turn waits for: it is over."""


class LoopTurn:
    """Carries out slots' decisions in a carrier's task; a carrier uses one again and again.

    A task has one context of variables for life, and each slot has its own. So the turn is a
    coroutine that is driven by hand, inside the slot's. Those that have set no variable share an
    empty one: the coroutine stays in it and takes the next that is due, which costs half of what
    a new one would. All of it belongs to the loop's thread.

    Attributes:
        task: the carrier's task, from its first step on.
        slot: the one that is driven, if one is.
        steps: the coroutine that drives it.
        woken: the slot was called, by a signal handler even, after it had looked whether there is
            more to do.
        fair_until: monotonic time from which on others are to get the loop.
    """

    __slots__ = (
        "_blank",
        "_crew",
        "_grace_timer",
        "_in_call",
        "_runner",
        "_thrown_away",
        "_variables",
        "fair_until",
        "slot",
        "steps",
        "task",
        "woken",
    )

    task: asyncio.Task[None]
    _runner: LoopRunner

    def __init__(self, crew: LoopCrew) -> None:
        self.slot: Slot | None = None
        self.steps: Coroutine[Any, Any, LeaveReason | None] | None = None
        self.fair_until = 0.0
        self._crew = crew
        self._in_call = False
        self.woken = False
        self._grace_timer: asyncio.TimerHandle | None = None
        self._thrown_away = False
        # Empty, as those of a new thread: what the starter had set is not the worker's. One
        # serves all slots that set nothing, and becomes the slot's that does.
        self._blank = self._variables = VariableContext()

    # -- what the carrier does with it

    def begin(self, runner: LoopRunner) -> Any:
        """Begin to drive `runner`, and who is due then; return what they wait for, or `AT_END`."""
        self._variables = runner.variables or self._blank
        self.steps = steps = self._drive(self._take(runner))
        return self._step(steps.send, None)

    def go_on(self, error: BaseException | None) -> Any:
        """Go on after what it waited for, which has raised `error` or nothing; as `begin`."""
        steps: Coroutine[Any, Any, Any] = self.steps  # type: ignore[assignment]  # it waits
        return self._step(steps.send, None) if error is None else self._step(steps.throw, error)

    def throw_away(self) -> None:
        """End it on the spot, wherever it stands: its loop runs no more."""
        if self.steps is None:
            return
        self._thrown_away = True
        without_obituary(self.task)
        try:
            self._variables.run(self.steps.close)
        except BaseException as error:  # noqa: BLE001 - of the handler, which will not go on
            self._runner.slot.core.broke(error)
        self._end("cancelled")

    # -- what others want of it

    def called(self) -> None:
        """Somebody has called the slot: it may have looked already whether there is more to do."""
        self.woken = True
        if self._in_call and self._runner.slot.run.stopping:
            self._begin_grace()

    def cancel_call(self) -> None:
        """Cancel the present call, if it is in one."""
        if self._in_call:
            self.task.cancel()

    def is_marked(self) -> bool:
        """Tell whether a cancellation is left over, which the next slot would get."""
        # Up to Python 3.12, one that was taken back before it arrived still comes.
        return self.task.cancelling() > 0 or getattr(self.task, "_must_cancel", False)

    # -- inside

    def _take(self, runner: LoopRunner) -> Slot:
        runner.turn = self
        runner.place = CARRIED
        if runner.ticket is not None:
            self._crew.forget(runner)
        self._runner = runner
        self.slot = slot = runner.slot
        self.task.set_name(runner.task_name)
        return slot

    def _step(self, go_on: Callable[[Any], Any], value: object) -> Any:
        try:
            return self._variables.run(go_on, value)
        except StopIteration as returned:
            self._end(returned.value)
        except BaseException as error:  # noqa: BLE001 - not the handler: the engine itself
            self._runner.slot.core.broke(error)
            self._end("panic limit")
        return AT_END

    def _end(self, reason: LeaveReason | None) -> None:
        runner = self._runner
        self.slot = self.steps = None
        if self._blank:
            runner.variables, self._blank = self._blank, VariableContext()
        if reason is None:
            self._park(runner)
        else:
            runner.finish(reason)
            runner.turn = None

    def _park(self, runner: LoopRunner) -> None:
        self._crew.park(runner)
        if self.woken:
            self._crew.call(runner)
        runner.turn = None  # last: until it is parked, it is here that it is called

    def _next(self) -> Slot | None:
        """Park the slot and return the next, if that is due and can go on in these variables."""
        crew, variables = self._crew, self._variables
        if not crew.due or crew.pauses or variables or variables is not self._blank:
            return None
        following = crew.due[0]
        if following.place is not DUE or following.variables or self._runner.own_carrier:
            return None
        if self.is_marked() or crew.monotonic() > self.fair_until:
            return None
        self._park(self._runner)
        return self._take(crew.due.popleft())

    async def _drive(self, slot: Slot) -> LeaveReason | None:
        """Go on until no other is to be driven in here (``None``) or one has ended (then why)."""
        decision = self._resumed(slot)
        while True:
            if decision is CALL:
                decision = await self._handle(slot)
            if type(decision) is Wait:
                if not self._lies_down(slot, decision):
                    decision = slot.woken(None)
                    continue
                following = self._next()
                if following is None:
                    return None
                slot = following
                decision = self._resumed(slot)
            elif decision is SET_UP:
                decision = await self._set_up(slot)
            elif isinstance(decision, End):
                if slot.tears_down():
                    await self._tear_down(slot)
                return decision.reason

    def _resumed(self, slot: Slot) -> Decision:
        sleeper = self._runner.sleeper
        return slot.begin() if sleeper is None else slot.woken(sleeper)

    def _lies_down(self, slot: Slot, wait: Wait) -> bool:
        self.woken = False
        sleeper = slot.lie_down(wait, self._runner)
        if sleeper is None:
            return False
        self._runner.sleeper = sleeper
        return True

    async def _handle(self, slot: Slot) -> Decision:
        handle, monotonic = slot.calls.handle, self._crew.monotonic
        while True:
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
            if began > self.fair_until:
                slot.since = None  # between two calls nobody is stuck, whoever has the loop
                await self._pause()

    async def _set_up(self, slot: Slot) -> Decision:
        context = slot.setup_context()
        try:
            await self._call(slot.calls.setup(context))  # type: ignore[misc]  # there is one here
        except BaseException as error:  # noqa: BLE001 - the fence around handlers
            return self._raised(error)
        return slot.set_up()

    async def _tear_down(self, slot: Slot) -> None:
        context = slot.setup_context()
        try:
            await self._call(slot.calls.teardown(context))  # type: ignore[misc]  # there is one here
        except BaseException as error:  # noqa: BLE001 - the fence around handlers
            slot.core.teardown_failed(error)

    async def _call(self, coroutine: Awaitable[Any]) -> None:
        """Await user code; while the worker is stopping, within the grace time."""
        self._in_call = True
        self.called()
        try:
            await coroutine
        finally:
            self._in_call = False
            self._end_grace()

    async def _pause(self) -> None:
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            take_cancellation(self.task, self._runner.slot)

    def _raised(self, error: BaseException) -> Decision:
        if self._thrown_away:
            raise error
        if isinstance(error, asyncio.CancelledError):
            take_cancellation(self.task, self._runner.slot)
        return self._runner.slot.panicked(error)

    def _begin_grace(self) -> None:
        if self._grace_timer is None:
            grace = seconds(self._runner.slot.run.config.stop_grace, "stop_grace")
            self._grace_timer = self._crew.loop.call_later(grace, self.task.cancel)

    def _end_grace(self) -> None:
        if self._grace_timer is not None:
            self._grace_timer.cancel()
            self._grace_timer = None


def take_cancellation(task: asyncio.Task[None], slot: Slot) -> None:
    """Take a cancellation of a slot's task for a request to stop; a made-up one is not."""
    if not task.cancelling():
        return
    # Swallowed here, so it must be taken back, or the next timeout inside would misfire.
    while task.cancelling():
        task.uncancel()
    if not slot.run.stopping and slot.dismissed != ABANDONED:
        slot.core.ask_stop("cancelled")  # not by us: as when a loop shuts down
