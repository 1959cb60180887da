"""`LoopHost`: the event loop of async workers, the caller's or one of the operator's own."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Final

from smoothop.engine.runners.loop.crew import LoopCrew
from smoothop.engine.runners.loop.keeper import without_obituary
from smoothop.engine.runners.loop.runner import LoopRunner

if TYPE_CHECKING:
    from smoothop.engine.machine import Machine, Thread
    from smoothop.engine.worker.core import WorkerCore
    from smoothop.engine.worker.slot import Slot

LAST_TASKS: Final = 1.0
"""Seconds that tasks which handlers left behind have to end when the own loop closes."""


class LoopHost:
    """Has an event loop for the async workers of one operator.

    With ``async with Operator()`` it is the caller's running loop; otherwise a loop on a thread of
    the operator's own, which starts with the first async worker and ends with `close`.
    """

    def __init__(
        self, machine: Machine, logger: logging.Logger, loop: asyncio.AbstractEventLoop | None
    ) -> None:
        self._machine = machine
        self._logger = logger
        self._lock = machine.lock()
        self._crew: LoopCrew | None = None
        if loop is not None:
            self._crew = LoopCrew(loop, machine, threading.get_ident())
        self._thread: Thread | None = None
        self._left: Collection[WorkerCore] = ()
        self._is_closed = False

    def launch(self, slot: Slot) -> None:
        """Drive `slot` on the loop; from any thread.

        Raises:
            RuntimeError: the loop is closed, or the system gives no thread for it.
        """
        crew = self._crew or self._ready_crew()  # once there is one, it stays
        slot.run.loop_thread = crew.thread
        crew.call(LoopRunner(slot, crew))

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop, if it has one by now."""
        return None if self._crew is None else self._crew.loop

    @property
    def thread_ident(self) -> int | None:
        """The identity of the thread that runs it."""
        return None if self._crew is None else self._crew.thread

    def call_soon(self, function: Callable[[], None]) -> bool:
        """Have `function` called on the loop, from any thread; ``False`` if no loop runs."""
        with self._lock:
            crew = self._crew
        try:
            if crew is not None:
                crew.loop.call_soon_threadsafe(function)
        except RuntimeError:  # it is closed
            return False
        return crew is not None

    def close(self, cores: Collection[WorkerCore], *, stuck: bool) -> None:
        """End the own loop and its thread; the caller's loop is left alone.

        Args:
            cores: the workers; those that are still on the loop then end with it.
            stuck: some worker did not stop. If it is one of the loop's, the loop will not end
                either, so nobody waits for that.
        """
        with self._lock:
            crew, thread, self._thread = self._crew, self._thread, None
            self._left = cores
            self._is_closed = True
        if crew is None or thread is None:
            return
        crew.loop.call_soon_threadsafe(crew.loop.stop)
        if not stuck and thread.ident != threading.get_ident():
            thread.join(2 * LAST_TASKS)

    def _ready_crew(self) -> LoopCrew:
        with self._lock:
            if self._crew is None:
                if self._is_closed:  # nobody would end it
                    raise RuntimeError("the operator is closed")
                loop = self._machine.event_loop()
                try:
                    self._thread = self._machine.spawn(lambda: self._run(loop), "smoothop-loop")
                except RuntimeError:
                    loop.close()
                    raise
                self._crew = LoopCrew(loop, self._machine, self._thread.ident)
            return self._crew

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            while not self._run_until_stopped(loop):
                pass
            loop.run_until_complete(_clear_up(loop))
        finally:
            asyncio.set_event_loop(None)
            _forget_unbegun(loop)
            loop.close()
            self._finish_left()

    def _finish_left(self) -> None:
        """Say the last word for slots that did not end, or that never came as far as the loop."""
        if self._crew is not None:
            self._crew.throw_all_away()
        for core in self._left:
            run = core.run
            if run is not None and run.loop_thread is not None:
                for slot in run.slots:
                    core.slot_finished(slot, "cancelled")

    def _run_until_stopped(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Run the loop; ``False`` when a task threw it out and it must go on for the others."""
        try:
            loop.run_forever()
        except BaseException as error:
            self._logger.error("a task on the workers' event loop raised", exc_info=error)
            return False
        return True


async def _clear_up(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel the tasks that handlers left behind and close their async generators."""
    left = asyncio.all_tasks(loop) - {asyncio.current_task()}
    for task in sorted(left, key=asyncio.Task.get_name):  # a set has no order of its own
        task.cancel()
    if left:
        await asyncio.wait(left, timeout=LAST_TASKS)
    await loop.shutdown_asyncgens()


def _forget_unbegun(loop: asyncio.AbstractEventLoop) -> None:
    """Let go of tasks that were made in the very last round, as if cancelled before they began."""
    for task in asyncio.all_tasks(loop):
        steps = task.get_coro()
        if inspect.iscoroutine(steps) and inspect.getcoroutinestate(steps) == inspect.CORO_CREATED:
            without_obituary(task)
            steps.close()
