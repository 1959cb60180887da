"""`Watchdog`: looks at the running calls from outside, and tells which are stuck.

One thread per operator, and only while a worker runs that has `Config.stuck_after`. It takes no
lock that a handler could hold, and costs the workers nothing: a slot notes anyway since when it is
in its call.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from smoothop._durations import seconds
from smoothop.engine import logs
from smoothop.engine.runners.loop.beat import LoopBeat
from smoothop.engine.texts import typed_text
from smoothop.engine.waiting import Waiter
from smoothop.engine.watching.stuck import SHORTEST_STEP, Ages, Call, step_for
from smoothop.engine.worker.replacing import MOST_ABANDONED, replace
from smoothop.engine.worker.snapshots import recent_calls
from smoothop.engine.worker.supervision import ABANDONED
from smoothop.events import HANDLING, StuckEvent

if TYPE_CHECKING:
    from smoothop.engine.means import Means
    from smoothop.engine.operator import Operator
    from smoothop.engine.worker.core import WorkerCore
    from smoothop.engine.worker.run import Run
    from smoothop.engine.worker.slot import Slot

SILENCE: Final = 0.5
"""Seconds by which the alarm is later than the watchdog: long enough for its thread to come on."""

LAST_WORD: Final = 1.0
"""The same for the alarm that ends the process: later than the one that tells why."""

RETURNED: Final = "(it has returned before anybody could look where it stood)"
"""In place of the stack of a call that kept the interpreter's lock, and is over."""

Alarm = Callable[[float | None], None]
"""Told at each look in how many seconds to ring, unless it is told again; ``None``: not at all."""


class Alarms(NamedTuple):
    """What rings when some code keeps the interpreter's lock, and with it the watchdog."""

    tell: Alarm
    """Tells where every thread stands."""

    end: Alarm
    """Ends the process: a worker is stuck that has ``on_stuck="exit"``."""


class Watchdog:
    """Watches the runs of one operator; safe from any thread.

    Attributes:
        blocked: the runs that cannot get on, as their event loop is blocked by something else than
            a call of `handle`; while that has been told.
        alarms: set by who owns the process, as they are for all of it.
    """

    def __init__(self, means: Means) -> None:
        self.blocked: Collection[Run] = ()
        self.alarms: Alarms | None = None
        self._machine = means.machine
        self._logger = means.logger
        self._lock = self._machine.lock()
        self._runs: dict[Run, WorkerCore] = {}
        self._is_there = False
        self._waiter: Waiter | None = None
        self._ages: Ages[Slot | LoopBeat] = Ages()
        self._not_replaced: dict[Slot, Call] = {}
        self._beat = LoopBeat(means)

    def watch(self, core: WorkerCore, run: Run) -> None:
        """Look at the calls of `run` from now on."""
        if self.alarms is not None:  # its first call may keep the interpreter's lock at once
            self._set_alarms(self.alarms, [*self._runs, run], SHORTEST_STEP)
        with self._lock:
            self._runs[run] = core
            if self._is_there:
                self._wake()
                return
            try:
                # With the lock: who comes meanwhile must not count on a thread that never runs.
                self._machine.spawn(self._run, "smoothop-watchdog")
                self._is_there = True
            except RuntimeError as error:
                failure = error
            else:
                return
        core.log.error("stuck calls are not looked for: %s", typed_text(failure), cause=failure)

    def forget(self, run: Run) -> None:
        """Look at it no longer."""
        with self._lock:
            self._runs.pop(run, None)
            if not self._runs:
                self._wake()

    def _wake(self) -> None:
        if self._waiter is not None:
            self._waiter.wake()

    # -- on its thread

    def _run(self) -> None:
        while True:
            with self._lock:
                runs = self._runs.copy()
                if not runs:
                    self._is_there = False
                    self._ages = Ages()
                    self._not_replaced.clear()
                    self.blocked = ()
                    break
                self._waiter = waiter = Waiter(self._machine)
            step = step_for(min(_limit(run) for run in runs))
            self._look(runs, step)
            waiter.wait(step)
        for alarm in self.alarms or ():
            alarm(None)

    def _look(self, runs: dict[Run, WorkerCore], step: float) -> None:
        now, worked = self._machine.monotonic(), self._machine.processor_time()
        calls: dict[Slot | LoopBeat, Call] = {}
        on_loop = [run for run, core in runs.items() if core.calls.is_async]
        blocker = self._beat.look(now) if on_loop else None
        for run in runs:
            for slot in run.slots:
                since, receipt = slot.since, slot.receipt
                if since is None or slot.phase is not HANDLING or slot.dismissed == ABANDONED:
                    continue
                held_up = blocker is not None and run in on_loop and blocker.slot is not slot
                # A call that waits for others to let go of the loop is given time to go on.
                patience = 2 * step if run in on_loop else step
                calls[slot] = Call(since, _limit(run) + patience, held_up, receipt)
        if blocker is None:
            self.blocked = ()
        elif blocker.slot not in calls:
            calls[self._beat] = Call(blocker.since, min(map(_limit, on_loop)) + step)
        self._replace_now(runs, calls)
        if self._ages.is_late(now, step):  # after that: a call that is over by now is noted
            self._look_back(runs, calls, self._ages.passed(now, step, worked))
        for who, call in self._ages.look(now, step, calls, worked).items():
            if isinstance(who, LoopBeat):
                own = None if blocker is None or blocker.slot is None else blocker.slot.run
                self.blocked = [own] if own in runs else on_loop
                self._tell_blocked(who, now - call.since, [runs[run] for run in self.blocked])
            else:
                self._tell_stuck(runs[who.run], who, call)
        if self.alarms is not None:
            self._set_alarms(self.alarms, runs, step)

    def _set_alarms(self, alarms: Alarms, runs: Collection[Run], step: float) -> None:
        ending = [run for run in runs if run.config.on_stuck == "exit"]
        for alarm, meant, silence in (
            (alarms.tell, runs, SILENCE),
            (alarms.end, ending, LAST_WORD),
        ):
            limit = min(map(_limit, meant), default=None)
            alarm(None if limit is None else max(self._ages.next_in(limit), 2 * step) + silence)

    def _look_back(
        self, runs: dict[Run, WorkerCore], calls: dict[Slot | LoopBeat, Call], passed: float
    ) -> None:
        """Tell of calls that are over: they kept the interpreter's lock, so nobody could look.

        Args:
            runs: those that are watched.
            calls: those that are not over, or not for long.
            passed: how much time counts since the last look: such a call took no more.
        """
        seen = {call.since for call in calls.values()}
        for run, core in runs.items():
            told = seen.union(slot.reported for slot in run.slots)
            for returned_at, called_at, *_ in recent_calls(core):
                duration = returned_at - called_at
                is_new = self._ages.looked_at < returned_at and called_at not in told
                if is_new and min(duration, passed) >= _limit(run):
                    self._tell(core, "it has returned", duration, RETURNED)

    def _tell_stuck(self, core: WorkerCore, slot: Slot, call: Call) -> None:
        stack = slot.stack()
        duration = self._machine.monotonic() - call.since
        if slot.since != call.since or slot.phase is not HANDLING:
            self._tell(core, "it has just returned", duration, RETURNED)
            return
        slot.reported = call.since
        self._tell(core, f"slot {slot.number}", duration, stack)
        if slot.run.config.on_stuck == "replace" and not _is_replaced(core, slot, call):
            core.log.error("stuck slot is not replaced: %d are abandoned", MOST_ABANDONED)
            self._not_replaced[slot] = call

    def _replace_now(self, runs: Mapping[Run, WorkerCore], calls: Mapping[Any, Call]) -> None:
        """Replace those that could not be when they were told, and are in that call still."""
        for slot, call in self._not_replaced.copy().items():
            goes_on = slot in calls and calls[slot].since == call.since
            if not goes_on or _is_replaced(runs[slot.run], slot, call):
                del self._not_replaced[slot]

    def _tell(self, core: WorkerCore, how: str, duration: float, stack: str) -> None:
        core.log.stuck("handler stuck", stack, duration=duration)
        self._publish(core, how, duration, stack)

    def _tell_blocked(self, beat: LoopBeat, duration: float, cores: Collection[WorkerCore]) -> None:
        message, who, stack = "event loop blocked by %s", beat.blocked_by(), beat.stack()
        logs.write_stack(self._logger, message, who, stack=stack, duration=duration)
        for core in cores:
            self._publish(core, message % who, duration, stack)

    def _publish(self, core: WorkerCore, how: str, duration: float, stack: str) -> None:
        core.note("stuck", how)
        raw = (StuckEvent, core.name, self._machine.time(), duration, stack)
        core.publish(core.audience.stuck, raw)


def set_alarms(operator: Operator, alarms: Alarms) -> None:
    """Have `alarms` told by the operator's watchdog; for who owns the process."""
    operator._means.watchdog.alarms = alarms  # noqa: SLF001 - the engine's own door


def _is_replaced(core: WorkerCore, slot: Slot, call: Call) -> bool:
    return replace(core, slot, call.since, call.subject)  # type: ignore[arg-type]  # as `_look` put it in


def _limit(run: Run) -> float:
    return seconds(run.config.stuck_after, "stuck_after")
