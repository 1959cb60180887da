"""`LoopKeeper`: the one task that all slots of an event loop have, however many are parked."""

from __future__ import annotations

import asyncio
from contextvars import Context as VariableContext
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from smoothop.engine.runners.loop.runner import LoopRunner

NAME: Final = "smoothop-keeper"


def without_obituary(task: asyncio.Task[None]) -> None:
    """Let asyncio not report that `task` was pending when its loop was closed.

    `close` has named the workers that did not stop, by what they are called and where they stand.
    """
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001 - asyncio has no other way


class LoopKeeper:
    """Stops the workers of a loop that is shut down.

    Who shuts a loop down cancels its tasks and waits for them, but a parked slot has none. So
    there is one for all of them, from the first slot to the last.

    Attributes:
        runners: the slots that are there, as keys: a set would have no order of its own.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.runners: dict[LoopRunner, None] = {}
        self._task: asyncio.Task[None] | None = None
        self._bell: asyncio.Future[None] | None = None

    def add(self, runner: LoopRunner) -> None:
        """Count a slot in."""
        self.runners[runner] = None
        if self._task is None:
            self._loop.call_soon(self._begin, context=VariableContext())

    def remove(self, runner: LoopRunner) -> None:
        """Count a slot out."""
        self.runners.pop(runner, None)
        if not self.runners and self._bell is not None and not self._bell.done():
            self._bell.set_result(None)

    def throw_all_away(self) -> None:
        """End all slots on the spot: the loop runs no more."""
        if self._task is not None:
            without_obituary(self._task)
        for runner in list(self.runners):
            runner.throw_away()

    async def keep(self) -> None:
        """Be the task: stop all slots whenever it is cancelled."""
        try:
            while self.runners:
                self._bell = self._loop.create_future()
                try:
                    await self._bell
                except asyncio.CancelledError:
                    self._stop_all()
        except GeneratorExit:  # the loop is gone: what is parked there will never go on
            self.throw_all_away()
            raise

    def _begin(self) -> None:
        if self._task is None and self.runners:
            self._task = self._loop.create_task(self.keep(), name=NAME)
            self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task = self._bell = None
        if task.cancelled():  # before its first step: it had no chance to say so
            self._stop_all()
        self._begin()  # for those that came when it had nobody left to keep

    def _stop_all(self) -> None:
        for runner in list(self.runners):
            runner.slot.core.ask_stop("cancelled")
