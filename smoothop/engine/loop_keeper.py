"""`LoopKeeper`: the one task that all slots of an event loop have, however many are parked."""

from __future__ import annotations

import asyncio
from contextvars import Context as VariableContext
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from smoothop.engine.loop_runner import LoopRunner

NAME: Final = "smoothop-keeper"


class LoopKeeper:
    """Stops the workers of a loop that is shut down.

    Who shuts a loop down cancels its tasks and waits for them, but a parked slot has none. So
    there is one for all of them, from the first slot to the last.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._runners: dict[LoopRunner, None] = {}  # a set would have no order of its own
        self._task: asyncio.Task[None] | None = None
        self._bell: asyncio.Future[None] | None = None

    def __bool__(self) -> bool:
        return bool(self._runners)

    def add(self, runner: LoopRunner) -> None:
        """Count a slot in."""
        self._runners[runner] = None
        if self._task is None:
            self._loop.call_soon(self._begin, context=VariableContext())

    def remove(self, runner: LoopRunner) -> None:
        """Count a slot out."""
        self._runners.pop(runner, None)
        if not self._runners and self._bell is not None and not self._bell.done():
            self._bell.set_result(None)

    def _begin(self) -> None:
        if self._task is None and self._runners:
            self._task = self._loop.create_task(self._keep(), name=NAME)
            self._task.add_done_callback(self._ended)

    async def _keep(self) -> None:
        try:
            while self._runners:
                self._bell = self._loop.create_future()
                try:
                    await self._bell
                except asyncio.CancelledError:
                    self._stop_all()
        except GeneratorExit:  # the loop is gone: what is parked there will never go on
            for runner in list(self._runners):
                runner.finish("cancelled")
            raise

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task = self._bell = None
        if task.cancelled():  # before its first step: it had no chance to say so
            self._stop_all()
        self._begin()  # for those that came when it had nobody left to keep

    def _stop_all(self) -> None:
        for runner in list(self._runners):
            runner.slot.core.ask_stop("cancelled")
