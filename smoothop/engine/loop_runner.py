"""Drives a slot of an async handler as a task on an event loop."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable
from contextvars import Context as VariableContext
from typing import TYPE_CHECKING, Any, Final

from smoothop._durations import seconds
from smoothop.engine.current import enter_task, leave_task
from smoothop.engine.supervision import ABANDONED, CALL, SET_UP, Decision, End, LeaveReason, Wait
from smoothop.engine.texts import awaited_frames, frame_stack, thread_stack
from smoothop.engine.waiting import LoopWaiter

if TYPE_CHECKING:
    from smoothop.engine.slot import Slot

FAIR_SHARE: Final = 0.001
"""Seconds a worker may keep calling a handler that never suspends before others get the loop."""


class LoopRunner:
    """One slot's task, and the grace it has after it was asked to stop."""

    def __init__(self, slot: Slot, loop: asyncio.AbstractEventLoop) -> None:
        self._slot = slot
        self._loop = loop
        self._task: asyncio.Task[None] | None = None
        self._in_call = False
        self._grace_timer: asyncio.TimerHandle | None = None
        self._grace = seconds(slot.run.config.stop_grace, "stop_grace")
        slot.runner = self
        slot.stack = self._stack

    def launch(self) -> None:
        """Start the task; from any thread.

        Raises:
            RuntimeError: the loop is closed.
        """
        # An empty context, as a new thread has: what the starter had set is not the worker's.
        self._loop.call_soon_threadsafe(self._create_task, context=VariableContext())

    def asked_to_stop(self) -> None:
        """Begin the grace time; from any thread."""
        try:
            self._loop.call_soon_threadsafe(self._begin_grace)
        except RuntimeError:  # the loop was closed under the worker: its task runs no more
            self._slot.core.slot_finished(self._slot, "cancelled")

    def abandoned(self) -> None:
        """Cancel the running call; from any thread."""
        try:
            self._loop.call_soon_threadsafe(self._cancel)
        except RuntimeError:  # the loop is closed: nothing runs there any more
            pass

    # -- on the loop's thread

    def _cancel(self) -> None:
        if self._in_call and self._task is not None:
            self._task.cancel()

    def _create_task(self) -> None:
        self._task = self._loop.create_task(self._run(), name=f"smoothop-{self._slot.label}")
        enter_task(self._task, self._slot)
        self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        # A task that is cancelled before its first step never gets to say so itself.
        leave_task(task)
        if task.cancelled():
            self._slot.core.slot_finished(self._slot, "cancelled")

    async def _run(self) -> None:
        slot = self._slot
        reason: LeaveReason = "panic limit"
        try:
            reason = await self._drive()
        except BaseException as error:
            if isinstance(error, GeneratorExit):
                raise  # the loop is gone and the coroutine is being thrown away
            slot.core.broke(error)
        finally:
            leave_task(self._task)
            slot.core.slot_finished(slot, reason)

    async def _drive(self) -> LeaveReason:
        slot = self._slot
        decision = slot.begin()
        while not isinstance(decision, End):
            if decision is CALL:
                decision = await self._handle()
            elif decision is SET_UP:
                decision = await self._set_up()
            else:
                decision = await self._sleep(decision)
        if slot.tears_down():
            await self._tear_down()
        return decision.reason

    async def _handle(self) -> Decision:
        slot, monotonic = self._slot, self._slot.core.machine.monotonic
        handle = slot.calls.handle
        turn = began = monotonic()
        while True:
            if began - turn > FAIR_SHARE:
                await self._pause(asyncio.sleep(0))
                turn = monotonic()
            context = slot.next_context()
            if context is None:
                return slot.nothing_to_call()
            slot.since = began = monotonic()
            try:
                result = await self._call(handle(context))
            except BaseException as error:  # noqa: BLE001 - the fence around handlers
                return self._raised(error)
            decision = slot.returned(result, began)
            if decision is not CALL:
                return decision

    async def _set_up(self) -> Decision:
        slot = self._slot
        context = slot.setup_context()
        try:
            await self._call(slot.calls.setup(context))  # type: ignore[misc]  # there is one here
        except BaseException as error:  # noqa: BLE001 - the fence around handlers
            return self._raised(error)
        return slot.set_up()

    async def _tear_down(self) -> None:
        slot = self._slot
        context = slot.setup_context()
        try:
            await self._call(slot.calls.teardown(context))  # type: ignore[misc]  # there is one here
        except BaseException as error:  # noqa: BLE001 - the fence around handlers
            slot.core.teardown_failed(error)

    async def _call(self, coroutine: Awaitable[Any]) -> Any:
        """Await user code; while the worker is stopping, within the grace time."""
        self._in_call = True
        if self._slot.run.stopping:
            self._begin_grace()
        try:
            return await coroutine
        finally:
            self._in_call = False
            if self._grace_timer is not None:
                self._grace_timer.cancel()
                self._grace_timer = None

    async def _sleep(self, wait: Wait) -> Decision:
        slot = self._slot
        waiter = LoopWaiter(self._loop)
        sleeper = slot.lie_down(wait, waiter)
        if sleeper is not None:
            monotonic = slot.core.machine.monotonic
            left = None if wait.until is None else wait.until - monotonic()
            await self._pause(waiter.wait(left))
        return slot.woken(sleeper)

    async def _pause(self, sleep: Awaitable[object]) -> None:
        try:
            await sleep
        except asyncio.CancelledError:
            self._take_cancellation()

    def _raised(self, error: BaseException) -> Decision:
        if isinstance(error, GeneratorExit) and self._loop.is_closed():
            raise error  # the coroutine is being thrown away: it must not go on
        if isinstance(error, asyncio.CancelledError):
            self._take_cancellation()
        return self._slot.panicked(error)

    def _take_cancellation(self) -> None:
        """Take a cancellation of the task for a request to stop; one the handler made up is not."""
        task = self._task
        if task is None or not task.cancelling():
            return
        # Swallowed here, so it must be taken back, or the next timeout inside would misfire.
        while task.cancelling():
            task.uncancel()
        if not self._slot.run.stopping and self._slot.dismissed != ABANDONED:
            self._slot.core.ask_stop("cancelled")  # not by us: as when a loop shuts down

    def _begin_grace(self) -> None:
        if self._in_call and self._grace_timer is None and self._task is not None:
            self._grace_timer = self._loop.call_later(self._grace, self._task.cancel)

    def _stack(self) -> str:
        task = self._task
        if task is None:
            return "(not begun yet)"
        coroutine = task.get_coro()
        if inspect.getcoroutinestate(coroutine) == inspect.CORO_RUNNING:  # type: ignore[arg-type]  # of _run()
            return thread_stack(self._slot.run.loop_thread)  # it holds up the whole loop
        frames = awaited_frames(coroutine)
        return frame_stack(frames) if frames else "(the task has ended)"
