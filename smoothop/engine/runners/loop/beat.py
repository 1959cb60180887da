"""`LoopBeat`: whether the event loop gets on, and who keeps it from that."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from smoothop.engine.current import slot_of
from smoothop.engine.texts import thread_stack

if TYPE_CHECKING:
    from asyncio import Task

    from smoothop.engine.means import Means
    from smoothop.engine.worker.slot import Slot


class Blocker(NamedTuple):
    """What runs on a loop that does not get on.

    Attributes:
        since: monotonic time from which on the loop was found not to get on.
        slot: whose handler it is, if it is one; a task that a handler started is not.
    """

    since: float
    slot: Slot | None


class LoopBeat:
    """Asks the loop of an operator to answer, from outside, again and again."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._asked_at = 0.0
        self._answered = True

    def look(self, now: float) -> Blocker | None:
        """Return who blocks the loop, if it has not answered since the last look."""
        if not self._answered:
            task = self._task()
            return Blocker(self._asked_at, None if task is None else slot_of(task))
        host = self._means.host
        self._answered, self._asked_at = False, now
        if host is None or not host.call_soon(self._answer):
            self._answered = True
        return None

    def blocked_by(self) -> str:
        """Return what runs on the loop now, in words."""
        task = self._task()
        if task is None:
            return "a callback"
        slot = slot_of(task)
        return f"task {task.get_name()!r}" if slot is None else f"worker {slot.label}"

    def stack(self) -> str:
        """Return where the loop's thread stands."""
        host = self._means.host
        return thread_stack(None if host is None else host.thread_ident)

    def _answer(self) -> None:
        self._answered = True

    def _task(self) -> Task[None] | None:
        host = self._means.host
        loop = None if host is None else host.loop
        return None if loop is None else sys.modules["asyncio"].current_task(loop)
