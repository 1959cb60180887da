"""`Run`: one life of a worker, from a start to its stop, and the slots it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smoothop.engine.waiting import MAKING, Latch
from smoothop.engine.worker.slot import Slot
from smoothop.engine.worker.supervision import ABANDONED, SURPLUS, LeaveReason, PanicBudget

if TYPE_CHECKING:
    from smoothop.config import Config
    from smoothop.engine.completion import Completion, Told
    from smoothop.engine.machine import Thread
    from smoothop.engine.worker.core import WorkerCore
    from smoothop.events import StopReason


class Run:
    """The state of one life of a worker; its owner is `WorkerCore`.

    Its first slot leads: it calls `setup`; the others are launched after that. What changes,
    changes with the worker's lock.

    Attributes:
        slots: those that have not ended, in the order of their launch; replaced, never changed,
            so others read it without the lock.
        wanted: how many slots there should be.
        budget: that of its panics, from the first one on.
        begun: set by its first slot; a task that is cancelled before never gets there. The run
            itself is told of before, by who starts it.
        is_set_up: `setup` has succeeded, or there is none: the other slots may come, and
            `teardown` is due at the end.
        leaving: set once: it was decided that this run ends, because the worker was asked to
            stop or has reached its panic limit. What comes after it is for those who come after
            that moment to decide.
        reason: why it is leaving.
        recipe: how to make its handler in a child process, if that is where it lives; each slot
            then has one of its own, and `setup` is for each.
        stopping: set once, when the slots are told that it is leaving; read without a lock.
        over: set by the last step of its last slot: none of its code runs any more.
        handled: how many calls of `handle` returned in the slots that have ended.
        ended: who is told when it has ended: those who asked it to stop.
        scaled: the completions of those who wait for surplus slots to end.
        threads: the own threads of its slots, if they have any, but for some that ended before.
        loop_thread: identity of the thread whose event loop it runs on, if it does.
    """

    __slots__ = (
        "_core",
        "_stop",
        "begun",
        "budget",
        "config",
        "ended",
        "handled",
        "is_set_up",
        "leaving",
        "loop_thread",
        "over",
        "reason",
        "recipe",
        "scaled",
        "slots",
        "started_at",
        "stopping",
        "threads",
        "wanted",
    )

    def __init__(self, core: WorkerCore) -> None:
        self._core = core
        self.config: Config = core.config
        self.budget: PanicBudget | None = None
        self.begun = False
        self.recipe: bytes | None = core.recipe()
        self.is_set_up: bool = core.calls.setup is None and self.recipe is None
        self.started_at = core.machine.time()
        self.stopping = False
        self._stop: Latch | None = None
        self.leaving = False
        self.over = False
        self.reason: StopReason = "requested"
        self.handled = 0
        self.ended: tuple[Told, ...] = ()
        self.scaled: tuple[Completion, ...] = ()
        self.threads: tuple[Thread, ...] = ()
        self.loop_thread: int | None = None
        self.wanted = core.config.concurrency
        self.slots: tuple[Slot, ...] = (Slot(core, self, 0),)

    @property
    def stop(self) -> Latch:
        """The same as `stopping`, for those who wait for it; made when somebody first does."""
        if self._stop is None:
            with MAKING:
                if self._stop is None:
                    self._stop = Latch()
            # Make it, then read the flag; `end_waits` comes after the flag was set.
            if self.stopping:
                self._stop.set()
        return self._stop

    def end_waits(self) -> None:
        """Wake those who wait for `stopping`, which is set."""
        if self._stop is not None:
            self._stop.set()

    def total_handled(self) -> int:
        """Return how many calls of `handle` have returned; with the worker's lock."""
        return self.handled + sum(slot.handled for slot in self.slots)

    # -- with the worker's lock

    def counting_budget(self) -> PanicBudget:
        """Return the budget, which the first panic makes."""
        if self.budget is None:
            self.budget = PanicBudget(self._core.means.policies.of(self.config))
        return self.budget

    def leave(self, reason: LeaveReason) -> bool:
        """Decide that it ends, unless that is decided; tell whether it is news."""
        if self.leaving:
            return False
        match reason:
            case "surplus" | "abandoned":  # that is for one slot alone
                return False
            case _:
                self.leaving, self.reason = True, reason
                return True

    def active(self) -> list[Slot]:
        """Return the slots that go on handling."""
        return [slot for slot in self.slots if slot.is_active]

    def add_slot(self) -> Slot | None:
        """Return a new slot if one is missing."""
        ready = self.begun and self.is_set_up and not self.leaving
        if not ready or len(self.active()) >= self.wanted:
            return None
        taken = {slot.number for slot in self.slots}
        number = next(number for number in range(len(taken) + 1) if number not in taken)
        slot = Slot(self._core, self, number)
        if self.leaving:  # by now: a signal handler may have come in between
            return None
        self.slots = (*self.slots, slot)
        return slot

    def is_short(self) -> bool:
        """Tell whether there are fewer slots than should be; may be asked without the lock."""
        return len(self.active()) < self.wanted

    def remove(self, slot: Slot) -> bool:
        """Forget a slot that has ended; ``False`` when that was done before."""
        if slot not in self.slots:
            return False
        if self.slots == (slot,):  # as mostly: three times as fast
            self.slots = ()
        else:
            self.slots = tuple(other for other in self.slots if other is not slot)
        self.handled += slot.handled
        return True

    def call_attention(self) -> None:
        """Let every slot look what is wanted of it."""
        for slot in self.slots:
            slot.attention = True

    def called_away(self, slot: Slot) -> LeaveReason | None:
        """Return why `slot` has to leave, if it has to; of more than are wanted, who asks first.

        Those that stay ask later than it: so no message is left lying for which it was woken.
        """
        if self.stopping:
            return self.reason
        if slot.dismissed is None and len(self.active()) > self.wanted:
            slot.dismissed = SURPLUS
        return slot.dismissed

    def is_scaled(self) -> bool:
        """Tell whether all surplus slots have ended."""
        return sum(slot.dismissed != ABANDONED for slot in self.slots) <= self.wanted
