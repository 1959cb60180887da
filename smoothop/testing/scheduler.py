"""`Scheduler`: simulated threads of which exactly one runs, and virtual time.

Each simulated thread is a real one that waits for its baton. At every switch point (each lock,
gate, spawn, join, sleep and clock reading) the next to run is drawn from the seed. When none can
run, time jumps to the earliest timer; when there is no timer either, nobody will ever run again,
and the simulation fails with the stack of every thread.
"""

from __future__ import annotations

import heapq
import random
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import get_ident
from types import CodeType, FrameType
from typing import Any, Final, TypeVar

import smoothop.engine
from smoothop.testing.carriers import Carrier, Carriers

T = TypeVar("T")

NANOSECONDS: Final = 1_000_000_000
START: Final = 1_000 * NANOSECONDS
"""When virtual time begins; not 0, so that a forgotten time shows."""

MOST_UNWINDING: Final = 1_000
"""Switch points at which a thread that does not leave after a failure is left where it is."""

_FOREIGN: Final = (
    "a thread that is not simulated has used a simulated operator: a handler that needs threads of "
    "its own, or a test that does, needs a real Operator"
)
_ENGINE: Final = str(Path(smoothop.engine.__file__).parent)
# These use real locks for a few steps: to switch in the middle would block for good.
_NEVER_SWITCHED: Final = ("MAKING", "SYSTEM")


class Stalled(AssertionError):  # noqa: N818 - what happened, as in StopIteration
    """The simulation cannot end: everybody waits for ever, or somebody goes round for ever."""


@dataclass(frozen=True, slots=True)
class Style:
    """How a seed treats the threads.

    Attributes:
        eager: chance to let another thread on at a switch point; low values run long stretches.
        lag: chance at a switch point that time jumps to the next timer, if that is less than
            `most_lag` away, although threads could run: as on a machine that is too busy.
        most_lag: the longest such jump, in seconds.
        by_line: chance to let another thread on at each line of the engine, as the interpreter
            may; makes a simulation some ten times slower.
        spawn_fails: chance that no thread can be started.
        most_steps: switch points after which the simulation counts as endless.
    """

    eager: float = 0.5
    lag: float = 0.0
    most_lag: float = 1.0
    by_line: float = 0.0
    spawn_fails: float = 0.0
    most_steps: int = 200_000


class Abandoned(BaseException):
    """Raised where a thread stands when the simulation is over."""


class SimThread:
    """A simulated thread; is what the engine's `Machine.spawn` returns."""

    __slots__ = ("_scheduler", "carrier", "held", "joiners", "label", "turn", "waits", "woken")

    def __init__(self, scheduler: Scheduler, label: str) -> None:
        self._scheduler = scheduler
        self.carrier: Carrier | None = None
        self.label = label
        self.held = 0
        self.joiners: list[SimThread] | None = []
        self.turn = 0
        self.waits = False
        self.woken = False

    @property
    def ident(self) -> int | None:
        """What `threading.get_ident` answers on it."""
        return None if self.carrier is None else self.carrier.ident

    def is_alive(self) -> bool:
        """Tell whether it has not ended yet."""
        return self.joiners is not None

    def join(self, timeout: float | None = None) -> None:
        """Wait until it has ended, at most `timeout` virtual seconds."""
        scheduler = self._scheduler
        scheduler.switch()
        if self.joiners is not None:
            deadline = None if timeout is None else scheduler.deadline(timeout)
            scheduler.wait_in(self.joiners, deadline)


class Scheduler:
    """Decides which thread runs, and when time goes on."""

    def __init__(self, seed: int | str, style: Style, carriers: Carriers) -> None:
        self.random = random.Random(seed)  # noqa: S311 - to be repeatable is the point
        self.style = style
        self._most_lag = int(style.most_lag * NANOSECONDS) if style.lag else 0
        self.now = START
        self.trace: list[tuple[int, str, str]] = []
        self.steps = 0
        self._last_step = style.most_steps
        self.current: SimThread | None = None
        self._carriers = carriers
        self._main = SimThread(self, "main")
        self._threads: list[SimThread] = []
        self._runnable: list[SimThread] = []
        self._timers: list[tuple[int, int, int, SimThread]] = []
        self._timers_made = 0
        self._spawned = 0
        self._failure: BaseException | None = None
        self._unwound = 0
        self._traced: dict[CodeType, bool] = {}

    # -- the whole

    def run(self, main: Callable[[], T]) -> T:
        """Call `main` as the first thread; return what it returned when all threads have ended.

        Raises:
            Stalled: they cannot all end.
            BaseException: what left `main` or any other thread.
        """
        self.begin()
        tracer = sys.gettrace()
        if self.style.by_line:
            sys.settrace(self._trace_call)
        try:
            value = main()
            self.finish()
        finally:
            if self.style.by_line:
                sys.settrace(tracer)
            if self._failure is not None:
                self._unwind()
            self.current = None
        return value

    def begin(self) -> None:
        """Make the calling thread the first simulated one; for those who cannot use `run`."""
        first = self._main
        first.carrier = Carrier()
        self._threads = [first]
        self._runnable = [first]
        self.current = first

    def finish(self) -> None:
        """Wait, on the first thread, until all others have ended; raises as `run` does."""
        while len(self._threads) > 1:
            self.block(None)

    def leave(self) -> None:
        """End what `begin` began: threads that have not ended get `Abandoned` where they stand."""
        self._failure = self._failure or Abandoned("the simulation is over")
        self._unwind()
        self.current = None

    def renew_steps(self) -> None:
        """Count the steps until the simulation counts as endless from here."""
        self._last_step = self.steps + self.style.most_steps

    @property
    def failure(self) -> BaseException | None:
        """What the simulation has failed with; nothing can run in it any more."""
        return self._failure

    def fail(self, error: BaseException) -> None:
        """Let the simulation fail now: `error` is raised from `run`, all threads leave."""
        me = self.running()
        if self._failure is None:
            self._failure = error
        if me is not self._main:
            self._hand_over(me, self._main)
        raise self._failure

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
        thread.carrier = self._carriers.take(lambda: self._carry(thread, target))
        self._threads.append(thread)
        self._runnable.append(thread)
        self.note(f"starts {thread.label}")
        self.switch()
        return thread

    def _carry(self, thread: SimThread, target: Callable[[], None]) -> Carrier:
        if self.style.by_line:
            sys.settrace(self._trace_call)
        try:
            if self._failure is None:
                target()
        except BaseException as error:  # noqa: BLE001 - whatever it is, it fails the simulation
            self._failure = self._failure or error
        finally:
            sys.settrace(None)
        self.note("ends")
        self._threads.remove(thread)
        if thread in self._runnable:  # not, if the end of the simulation threw it out of a wait
            self._runnable.remove(thread)
        joiners, thread.joiners = thread.joiners or [], None
        for joiner in joiners:
            self.wake(joiner)
        if len(self._threads) == 1:
            self.wake(self._main)
        following = self._main if self._failure else self._chosen()
        self._went_to(following)
        return _carrier(following)

    # -- switch points

    def switch(self) -> None:
        """Maybe let another thread on; the running one could go on."""
        me = self.current
        if me is None:
            return
        if self._failure is not None:
            self._count_unwinding(me)
            return
        self.steps += 1
        if get_ident() != _carrier(me).ident:
            raise RuntimeError(_FOREIGN)
        if self.steps > self._last_step:
            steps = self.steps - self._last_step + self.style.most_steps
            self.fail(Stalled(self._report(f"no end after {steps} steps")))
        chance = self.random.random
        if self._timers:
            ahead = self._timers[0][0] - self.now
            if ahead <= 0 or (ahead < self._most_lag and chance() < self.style.lag):
                self._jump(self.now + self._most_lag)
        if len(self._runnable) > 1 and chance() < self.style.eager:
            following = self._chosen()
            if following is not me:
                self._hand_over(me, following)

    def block(self, deadline: int | None) -> bool:
        """Let others run until woken, or until the time `deadline`; tell whether woken."""
        me = self.running()
        if self._failure is not None:
            self._count_unwinding(me)
            raise self._failure
        me.waits, me.woken = True, False
        me.turn += 1
        self._runnable.remove(me)
        if deadline is not None:
            self._timers_made += 1
            heapq.heappush(self._timers, (deadline, self._timers_made, me.turn, me))
        following = self._chosen()
        if following is not me:
            self._hand_over(me, following)
        elif self._failure is not None:
            raise self._failure
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
        self._hand_over(me, others[int(self.random.random() * len(others))])
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
                self._failure = Stalled(self._report("everybody waits, and nothing will happen"))
                return self._main
        runnable = self._runnable
        if len(runnable) == 1:
            return runnable[0]
        return runnable[int(self.random.random() * len(runnable))]

    def _jump(self, latest: int | None = None) -> bool:
        """Go on to the earliest timer, not past `latest`, and wake who waited for it."""
        timers = self._timers
        while timers and not _is_live(timers[0]):
            heapq.heappop(timers)
        if not timers or (latest is not None and timers[0][0] > latest):
            return False
        self.now = max(self.now, timers[0][0])
        while timers and timers[0][0] <= self.now:
            timer = heapq.heappop(timers)
            if _is_live(timer):
                thread = timer[3]
                thread.waits = False
                self._runnable.append(thread)
        return True

    def _hand_over(self, me: SimThread, following: SimThread) -> None:
        self._went_to(following)
        _carrier(following).baton.release()
        _carrier(me).baton.acquire()
        if self._failure is not None:
            raise self._failure

    def _unwind(self) -> None:
        """After a failure: let each thread leave by the failure that is raised where it stands."""
        main = self._main
        for thread in self._threads[1:]:
            self._unwound = 0
            self.current = thread
            _carrier(thread).baton.release()
            _carrier(main).baton.acquire()
            self.current = main

    def _count_unwinding(self, me: SimThread) -> None:
        self._unwound += 1
        if me is not self._main and self._unwound > MOST_UNWINDING:
            self.current = self._main
            _carrier(self._main).baton.release()
            _carrier(me).baton.acquire()  # for good: it catches whatever is raised

    def _went_to(self, following: SimThread) -> None:
        self.current = following
        self.trace.append((self.now, following.label, "runs"))

    def _trace_call(self, frame: FrameType, event: str, _argument: Any) -> Any:
        code = frame.f_code
        traced = self._traced.get(code)
        if traced is None:
            traced = code.co_filename.startswith(_ENGINE) and not any(
                name in code.co_names for name in _NEVER_SWITCHED
            )
            self._traced[code] = traced
        return self._trace_line if traced and event == "call" else None

    def _trace_line(self, _frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "line" and self.random.random() < self.style.by_line:
            self.switch()
        return self._trace_line

    def _report(self, what: str) -> str:
        frames = sys._current_frames()  # noqa: SLF001 - the only way
        lines = [f"{what}; at {self.now / NANOSECONDS:.6f} s the threads stand here:"]
        for thread in self._threads:
            frame = frames.get(thread.ident or 0)
            stack = "".join(traceback.format_stack(frame)) if frame else "  (not begun)\n"
            state = "waits" if thread.waits else "could run"
            lines.append(f"--- {thread.label} ({state})\n{stack}")
        return "\n".join(lines)


def _is_live(timer: tuple[int, int, int, SimThread]) -> bool:
    _, _, turn, thread = timer
    return thread.waits and thread.turn == turn


def _carrier(thread: SimThread) -> Carrier:
    assert thread.carrier is not None  # noqa: S101 - it has been started
    return thread.carrier
