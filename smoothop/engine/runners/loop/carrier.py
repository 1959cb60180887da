"""`LoopCarrier`: a task that drives whichever slot of its event loop is due."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from types import coroutine
from typing import TYPE_CHECKING, Any, Final

from smoothop.engine.current import enter_task, leave_task
from smoothop.engine.runners.loop.place import DUE, OVER, PARKED
from smoothop.engine.runners.loop.runner import FAIR_SHARE

if TYPE_CHECKING:
    from smoothop.engine.runners.loop.crew import LoopCrew
    from smoothop.engine.runners.loop.runner import LoopRunner, Turn
    from smoothop.engine.worker.slot import Slot
    from smoothop.engine.worker.supervision import LeaveReason

IDLE_NAME: Final = "smoothop-carrier"


class LoopCarrier:
    """A task that serves one slot after the other, each until it is parked.

    A handler that suspends suspends the carrier with it, and another one takes over what is due.
    To the handler it is its own task: it bears the worker's name, and what is asked of it
    (`asyncio.timeout`, a task group, a cancellation) begins and ends within the turn.

    Attributes:
        slot: the one it drives.
        task: itself, from its first step on.
    """

    __slots__ = ("_bell", "_crew", "_fair_until", "slot", "task")

    task: asyncio.Task[None]

    def __init__(self, crew: LoopCrew) -> None:
        self.slot: Slot | None = None
        self._crew = crew
        self._bell: asyncio.Future[None] | None = None
        self._fair_until = 0.0

    async def work(self) -> None:
        """Be the task: drive what is due until this carrier is not needed any more."""
        self.task = asyncio.current_task()  # type: ignore[assignment]  # this one
        enter_task(self.task, self)
        self._back()
        try:
            await self._serve()
        finally:
            leave_task(self.task)

    def wake(self) -> None:
        """End its rest; also in a signal handler."""
        if self._bell is not None:
            try:
                self._bell.set_result(None)
            except asyncio.InvalidStateError:  # it has ended already
                pass

    def ended(self) -> None:
        """Its task is done, maybe without ever having begun."""
        self._crew.gone(self)

    async def _serve(self) -> None:
        crew, due = self._crew, self._crew.due
        while True:
            while due:
                runner = due.popleft()
                if runner.place is not DUE:  # it was there twice
                    continue
                await self._carry(runner)
                if self._is_marked():
                    return
                if due and self._has_had_its_share():
                    await self._pause()
            if not crew.has_use_for_idle():
                return
            await self._rest()

    def _is_marked(self) -> bool:
        """Tell whether a cancellation is left over, which the next slot would get: then it goes."""
        # Up to Python 3.12, one that was taken back before it arrived still comes.
        return self.task.cancelling() > 0 or getattr(self.task, "_must_cancel", False)

    @coroutine
    def _rest(self) -> Generator[Any, Any, None]:
        crew = self._crew
        self.task.set_name(IDLE_NAME)
        self._bell = bell = crew.loop.create_future()
        crew.idle.append(self)
        self._away()
        try:
            yield from bell
        finally:
            self._back()

    @coroutine
    def _carry(self, runner: LoopRunner) -> Generator[Any, Any, None]:
        """Drive a turn by hand: a task has one context of variables, and each slot its own."""
        self.slot = runner.slot
        self.task.set_name(f"smoothop-{runner.slot.label}")
        self._crew.take_up(runner)
        turn = runner.enter(self.task)
        run: Callable[..., Any] = runner.variables.run  # type: ignore[union-attr]  # in a turn
        reason: LeaveReason | None = "panic limit"
        step: tuple[Any, ...] = (turn.send, None)
        try:
            while True:
                step = yield from self._suspended(turn, run(*step))
        except StopIteration as returned:
            reason = returned.value
        except GeneratorExit:  # not the handler's: it comes from outside, at the end of the loop
            runner.throw_away()
            raise
        except BaseException as error:  # noqa: BLE001 - not the handler: the engine itself
            runner.slot.core.broke(error)
        self.slot = None
        runner.leave()
        if reason is None:
            self._crew.park(runner)
        else:
            runner.finish(reason)

    def _suspended(self, turn: Turn, waits_for: Any) -> Generator[Any, Any, tuple[Any, ...]]:
        """Hand on to the loop what the turn waits for; return how the turn goes on after that."""
        self._away()
        try:
            yield waits_for
        except GeneratorExit:
            raise
        except BaseException as error:  # noqa: BLE001 - the turn gets it, whatever it is
            return turn.throw, error
        finally:
            self._back()
        return turn.send, None

    def _has_had_its_share(self) -> bool:
        now = self._crew.monotonic()
        if not self._fair_until:  # the first look since others had the loop
            self._fair_until = now + FAIR_SHARE
        return now > self._fair_until

    async def _pause(self) -> None:
        self._away()
        try:
            await asyncio.sleep(0)
        finally:
            self._back()

    def _back(self) -> None:
        self._crew.coming.discard(self)
        self._crew.at_work = True
        self._fair_until = 0.0

    def _away(self) -> None:
        crew = self._crew
        crew.at_work = False
        if crew.due:
            crew.summon()


class OwnCarrier(LoopCarrier):
    """The task of one slot that needs the same one all its life."""

    __slots__ = ("_runner",)

    def __init__(self, crew: LoopCrew, runner: LoopRunner) -> None:
        super().__init__(crew)
        self._runner = runner

    def ended(self) -> None:
        """See `LoopCarrier.ended`: a task that is cancelled before its first step cannot say so."""
        if self._runner.place is not OVER:
            self._runner.finish("cancelled")

    async def _serve(self) -> None:
        runner = self._runner
        while runner.place is not OVER:
            if runner.place is DUE:
                await self._carry(runner)
            else:
                await self._rest()

    @coroutine
    def _rest(self) -> Generator[Any, Any, None]:
        self._bell = bell = self._crew.loop.create_future()
        try:
            if self._runner.place is PARKED:  # a signal handler may have called it just now
                yield from bell
        except asyncio.CancelledError:
            self._runner.take_cancellation(self.task)

    def _back(self) -> None: ...

    def _away(self) -> None: ...
