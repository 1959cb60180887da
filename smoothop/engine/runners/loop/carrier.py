"""`LoopCarrier`: a task that drives whichever slot of its event loop is due."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from types import coroutine
from typing import TYPE_CHECKING, Any, Final

from smoothop.engine.current import enter_task, leave_task
from smoothop.engine.runners.loop.place import DUE, OVER, PARKED
from smoothop.engine.runners.loop.turn import AT_END, FAIR_SHARE, LoopTurn, take_cancellation

if TYPE_CHECKING:
    from smoothop.engine.runners.loop.crew import LoopCrew
    from smoothop.engine.runners.loop.runner import LoopRunner

IDLE_NAME: Final = "smoothop-carrier"

SPARE: Final = 16
"""Carriers that come at once, and those that are kept while nothing is due."""


class LoopCarrier:
    """A task that serves one slot after the other, each until it is parked.

    A handler that suspends suspends the carrier with it, and another one takes over what is due.
    To the handler it is its own task: it bears the worker's name, and what is asked of it
    (`asyncio.timeout`, a task group, a cancellation) begins and ends within the turn.
    """

    __slots__ = ("_bell", "_crew", "_turn")

    def __init__(self, crew: LoopCrew) -> None:
        self._crew = crew
        self._turn = LoopTurn(crew)
        self._bell: asyncio.Future[None] | None = None

    async def work(self) -> None:
        """Be the task: drive what is due until this carrier is not needed any more."""
        task: asyncio.Task[None] = asyncio.current_task()  # type: ignore[assignment]  # this one
        self._turn.task = task
        enter_task(task, self._turn)
        self._back()
        try:
            await self._serve()
        finally:
            leave_task(task)

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
        crew, due, turn, monotonic = self._crew, self._crew.due, self._turn, self._crew.monotonic
        while True:
            while due and not crew.pauses:
                runner = due.popleft()
                if runner.place is not DUE:  # it was there twice
                    continue
                waits_for = turn.begin(runner)
                if waits_for is not AT_END:
                    await self._suspended(waits_for)
                if turn.is_marked():
                    return
                if due and monotonic() > turn.fair_until:
                    await self._pause()
            if not crew.has_use_for_idle():
                return
            await self._rest()

    @coroutine
    def _suspended(self, waits_for: Any) -> Generator[Any, Any, None]:
        """Hand on to the loop whatever the turn waits for, until its end."""
        turn = self._turn
        while waits_for is not AT_END:
            error: BaseException | None = None
            self._away()
            try:
                yield waits_for
            except GeneratorExit:  # not the handler's: from outside, at the end of the loop
                turn.throw_away()
                raise
            except BaseException as raised:  # noqa: BLE001 - the turn gets it, whatever it is
                error = raised
            finally:
                self._back()
            waits_for = turn.go_on(error)

    @coroutine
    def _rest(self) -> Generator[Any, Any, None]:
        crew = self._crew
        self._turn.task.set_name(IDLE_NAME)
        self._bell = bell = crew.loop.create_future()
        crew.idle.append(self)
        self._away()
        try:
            yield from bell
        finally:
            self._back()

    async def _pause(self) -> None:
        """Let others have the loop; no other carrier takes over, or they would have to wait on."""
        self._crew.pauses = True
        self._away()
        try:
            await asyncio.sleep(0)
        finally:
            self._crew.pauses = False
            self._back()

    def _back(self) -> None:
        crew = self._crew
        crew.coming.discard(self)
        crew.at_work = True
        self._turn.fair_until = crew.monotonic() + FAIR_SHARE

    def _away(self) -> None:
        crew = self._crew
        crew.at_work = False
        if crew.due:
            crew.summon(SPARE)


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
                await self._suspended(self._turn.begin(runner))
            else:
                await self._rest()

    @coroutine
    def _rest(self) -> Generator[Any, Any, None]:
        self._bell = bell = self._crew.loop.create_future()
        try:
            if self._runner.place is PARKED:  # a signal handler may have called it just now
                yield from bell
        except asyncio.CancelledError:
            take_cancellation(self._turn.task, self._runner.slot)
        self._back()

    def _back(self) -> None:
        self._turn.fair_until = self._crew.monotonic() + FAIR_SHARE

    def _away(self) -> None: ...
