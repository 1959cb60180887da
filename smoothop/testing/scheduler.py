"""`Scheduler`: simulated threads of which exactly one runs, and virtual time.

Each simulated thread is a real one that waits for its baton. At every switch point (each lock,
gate, spawn, join, sleep and clock reading) the next to run is drawn from the seed. When none can
run, time jumps to the earliest timer; when there is no timer either, nobody will ever run again,
and the simulation fails with the stack of every thread.
"""

from __future__ import annotations

import random
import sys
from _thread import LockType, get_ident
from collections.abc import Callable
from typing import Final, NoReturn, TypeVar

import smoothop.engine.runners.loop.host  # noqa: F401 - or the first simulation to need it would run it
from smoothop.engine import current
from smoothop.testing.by_line import LineSwitches
from smoothop.testing.carriers import Carrier, Carriers
from smoothop.testing.reports import FOREIGN, Failed, Stalled, report
from smoothop.testing.style import Style
from smoothop.testing.threads import SimThread
from smoothop.testing.timers import Timers

T = TypeVar("T")

NANOSECONDS: Final = 1_000_000_000
START: Final = 1_000 * NANOSECONDS
"""When virtual time begins; not 0, so that a forgotten time shows."""

MOST_UNWINDING: Final = 50
"""Switch points at which a thread that does not leave after a failure is left where it is."""


class Scheduler:
    """Decides which thread runs, and when time goes on."""

    def __init__(self, seed: int | str, style: Style, carriers: Carriers) -> None:
        self.chance = random.Random(seed).random  # noqa: S311 - to be repeatable is the point
        self.style = style
        self._most_lag = int(style.most_lag * NANOSECONDS) if style.lag else 0
        self.now = START
        self.trace: list[tuple[int, str, str]] = []
        self.steps = 0
        self._most_steps = style.most_steps
        self.current: SimThread | None = None
        self._carriers = carriers
        self._main = SimThread(self, "main")
        self._threads: list[SimThread] = []
        self._runnable: list[SimThread] = []
        self._timers = Timers()
        self._spawned = 0
        self.failure: BaseException | None = None
        self._unwound = 0
        self._lines = LineSwitches(self.switch, self.chance, style.by_line)

    # -- the whole

    def run(self, main: Callable[[], T]) -> T:
        """Call `main` as the first thread; return what it returned when all threads have ended.

        Raises:
            Stalled: they cannot all end.
            BaseException: what left `main` or any other thread.
        """
        tracer = sys.gettrace()
        self.begin()
        self._lines.begin()
        try:
            value = main()
            self.finish()
        finally:
            self._lines.end(tracer)
            if self.failure is not None:
                self._unwind()
            self.current = None
        return value

    def begin(self) -> None:
        """Make the calling thread the first simulated one; for those who cannot use `run`."""
        first = self._main
        first.carried_by(Carrier())
        self._threads = [first]
        self._runnable = [first]
        self.current = first
        _forget_here()

    def finish(self) -> None:
        """Wait, on the first thread, until all others have ended; raises as `run` does."""
        while len(self._threads) > 1:
            self.block(None)

    def leave(self) -> None:
        """End what `begin` began: threads that have not ended get `Failed` where they stand."""
        self.failure = self.failure or Failed()
        self._unwind()
        self.current = None

    def renew_steps(self) -> None:
        """Count the steps until the simulation counts as endless from here."""
        self._most_steps = self.steps + self.style.most_steps

    def fail(self, error: BaseException) -> NoReturn:
        """Let the simulation fail now: `error` is raised from `run`, all threads leave."""
        me = self.running()
        if self.failure is None:
            self.failure = error
        if me is not self._main:
            self._hand_over(me, self._main)
        self._leave(me)

    def note(self, event: str) -> None:
        """Write an event into the trace."""
        self.trace.append((self.now, self.current.label if self.current else "-", event))

    def running(self) -> SimThread:
        """Return the thread that runs."""
        if self.current is None:
            raise RuntimeError("outside of SimMachine.run there is no simulated thread")
        return self.current

    # -- threads

    def spawn(self, target: Callable[[], None], name: str) -> SimThread:
        """Start a thread."""
        self._spawned += 1
        thread = SimThread(self, f"{name}#{self._spawned}")
        # In a list, to be taken out: what dies with the target dies on the simulated thread.
        targets = [target]
        thread.carried_by(self._carriers.take(lambda: self._carry(thread, targets)))
        self._threads.append(thread)
        self._runnable.append(thread)
        self.note(f"starts {thread.label}")
        self.switch()
        return thread

    def _carry(self, thread: SimThread, targets: list[Callable[[], None]]) -> LockType:
        _forget_here()
        self._lines.begin()
        try:
            targets.pop()()
        except BaseException as error:  # noqa: BLE001 - whatever it is, it fails the simulation
            self.failure = self.failure or error
        finally:
            self._lines.end()
        self._threads.remove(thread)
        if self.failure is not None:
            thread.joiners, self.current = None, self._main
            return self._main.baton
        self.note("ends")
        self._runnable.remove(thread)
        joiners, thread.joiners = thread.joiners or [], None
        for joiner in joiners:
            self.wake(joiner)
        if len(self._threads) == 1:
            self.wake(self._main)
        following = self._chosen()
        self._went_to(following)
        return following.baton

    # -- switch points

    def switch(self) -> None:
        """Maybe let another thread on; the running one could go on."""
        me = self.current
        if me is None:
            return
        if self.failure is not None:
            self._count_unwinding(me)
            return
        if get_ident() != me.ident:
            raise RuntimeError(FOREIGN)
        self.steps += 1
        if self.steps > self._most_steps:
            steps = self.steps - self._most_steps + self.style.most_steps
            self.fail(self._stalled(f"no end after {steps} steps"))
        heap = self._timers.heap
        if heap:
            ahead = heap[0][0] - self.now
            if ahead <= 0 or (ahead < self._most_lag and self.chance() < self.style.lag):
                self._jump(self.now + self._most_lag)
        if len(self._runnable) > 1 and self.chance() < self.style.eager:
            following = self._chosen()
            if following is not me:
                self._hand_over(me, following)

    def block(self, deadline: int | None) -> bool:
        """Let others run until woken, or until the time `deadline`; tell whether woken."""
        me = self.running()
        if self.failure is not None:
            self._count_unwinding(me)
            self._leave(me)
        me.waits, me.woken = True, False
        me.turn += 1
        self._runnable.remove(me)
        if deadline is not None:
            self._timers.add(deadline, me)
        following = self._chosen()
        if following is not me:
            self._hand_over(me, following)
        elif self.failure is not None:
            self._leave(me)
        return me.woken

    def step(self, deadline: int) -> bool:
        """Let another thread on, or time go on to the next timer; ``False``: it is `deadline`."""
        me = self.running()
        if len(self._runnable) == 1 and not self._jump(deadline):
            self.now = max(self.now, deadline)
            return False
        if self.now > deadline:  # somebody busy has used the time up
            return False
        others = [thread for thread in self._runnable if thread is not me]
        self._hand_over(me, others[int(self.chance() * len(others))])
        return True

    def wait_in(self, waiting: list[SimThread], deadline: int | None) -> bool:
        """Block as one of those who are `waiting` for the same thing; tell whether woken."""
        me = self.running()
        waiting.append(me)
        woken = self.block(deadline)
        if not woken:
            waiting.remove(me)
        return woken

    def wake(self, thread: SimThread) -> None:
        """End the wait of a thread, if it waits."""
        if thread.waits:
            thread.waits, thread.woken = False, True
            self._runnable.append(thread)

    def deadline(self, timeout: float) -> int:
        """Return the time in `timeout` seconds; never earlier, so that a wait always ends."""
        return self.now + max(0, -int(-timeout * NANOSECONDS // 1))

    # -- inside

    def _chosen(self) -> SimThread:
        while not self._runnable:
            if not self._jump():
                self.failure = self._stalled("everybody waits, and nothing will happen")
                return self._main
        runnable = self._runnable
        if len(runnable) == 1:
            return runnable[0]
        return runnable[int(self.chance() * len(runnable))]

    def _jump(self, latest: int | None = None) -> bool:
        """Go on to the earliest timer, not past `latest`, and wake who waited for it."""
        earliest = self._timers.earliest()
        if earliest is None or (latest is not None and earliest > latest):
            return False
        self.now = max(self.now, earliest)
        for thread in self._timers.due(self.now):
            thread.waits = False
            self._runnable.append(thread)
        return True

    def _stalled(self, what: str) -> Stalled:
        return Stalled(report(f"{what}; it is {self.now / NANOSECONDS:.6f} s", self._threads))

    def _hand_over(self, me: SimThread, following: SimThread) -> None:
        self._went_to(following)
        following.baton.release()
        me.baton.acquire()
        if self.failure is not None:
            self._leave(me)

    def _unwind(self) -> None:
        """After a failure: let each thread leave by the failure that is raised where it stands."""
        main = self._main
        for thread in self._threads[1:]:
            self._unwound = 0
            self.current = thread
            thread.baton.release()
            main.baton.acquire()
            self.current = main

    def _leave(self, me: SimThread) -> NoReturn:
        if me is self._main and self.failure is not None:
            raise self.failure
        raise Failed  # not the failure itself: it would collect the calls of every thread

    def _count_unwinding(self, me: SimThread) -> None:
        self._unwound += 1
        if me is not self._main and self._unwound > MOST_UNWINDING:
            self.current = self._main
            self._main.baton.release()
            me.baton.acquire()  # for good: it catches whatever is raised

    def _went_to(self, following: SimThread) -> None:
        self.current = following
        self.trace.append((self.now, following.label, "runs"))


def _forget_here() -> None:
    """Make this OS thread know as little of earlier simulations as a new one does."""
    vars(current._here).clear()  # noqa: SLF001 - the engine's own, and the engine is what runs here
