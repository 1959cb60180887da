"""`Run`: one life of a worker, from a start to its stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smoothop.engine.supervision import PanicBudget, Policy
from smoothop.engine.waiting import Latch

if TYPE_CHECKING:
    from smoothop.config import Config
    from smoothop.engine.completion import Completion
    from smoothop.engine.loop_runner import LoopRunner
    from smoothop.engine.machine import Machine, Thread
    from smoothop.engine.slot import Slot
    from smoothop.events import StopReason


class Run:
    """The state of one life of a worker; its owner is `WorkerCore`.

    Attributes:
        begun: set by its loop's first step; a task that is cancelled before never gets there.
        leaving: set once, with the worker's lock: it was decided that this run ends, because the
            worker was asked to stop or has reached its panic limit. What comes after it is for
            those who come after that moment to decide.
        stopping: set once, when the worker is asked to stop; read by its loop without a lock.
        stop: the same for those who wait for it.
        over: set by the worker's own last step: none of its code runs any more.
        reason: why it stops.
        ended: the completions of those who asked it to stop.
        thread: its own thread, if it has one.
        loop_runner: who drives it there, if it runs on an event loop.
        loop_thread: identity of the thread whose event loop it runs on, if it does.
    """

    __slots__ = (
        "begun",
        "budget",
        "config",
        "ended",
        "handled",
        "leaving",
        "loop_runner",
        "loop_thread",
        "over",
        "reason",
        "slot",
        "started_at",
        "stop",
        "stopping",
        "thread",
    )

    slot: Slot

    def __init__(self, config: Config, machine: Machine) -> None:
        self.config = config
        self.budget = PanicBudget(Policy.of(config))
        self.begun = False
        self.started_at = machine.time()
        self.stopping = False
        self.stop = Latch()
        self.leaving = False
        self.over = False
        self.reason: StopReason = "requested"
        self.handled = 0
        self.ended: list[Completion] = []
        self.thread: Thread | None = None
        self.loop_runner: LoopRunner | None = None
        self.loop_thread: int | None = None
