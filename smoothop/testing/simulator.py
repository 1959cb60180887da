"""`SimMachine`: the machine of a simulation, for ``Operator(_machine=...)``."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Callable
from typing import Final, NoReturn, TypeVar

from smoothop.engine.collector import MANY, collector_waits
from smoothop.testing.carriers import Carriers
from smoothop.testing.event_loop import SimEventLoop
from smoothop.testing.locks import SimGate, SimLock
from smoothop.testing.scheduler import NANOSECONDS, START, Scheduler
from smoothop.testing.style import Style
from smoothop.testing.threads import SimThread

T = TypeVar("T")

EPOCH: Final = 1_700_000_000
"""What the wall clock shows when a simulation begins, in seconds since 1970."""

READING: Final = 1_000
"""Nanoseconds that a reading of the clock takes: so a loop that never waits uses up time."""


_PLAIN = Style()


class SimMachine:
    """Runs the production engine under virtual time, one thread at a time, from a seed.

    The same seed, style and program give the same history, to the byte of `trace`, as long as the
    program itself takes nothing else from outside (real time, ``id()``, the order of a set).
    Everything that uses the machine must happen inside `run`, during which the garbage collector
    is off: when it runs depends on all that the process did before.

    The two clocks are apart: `jump_wall` moves `time` alone, which is what a set clock and a
    suspended machine do; `stall` lets time pass for both while nobody runs, as when
    the process was stopped.

    Args:
        seed: decides which thread runs at each switch point, and every other chance.
        style: how it does so.
        carriers: OS threads to use; default: new ones, which end with `run`.
    """

    def __init__(
        self, seed: int | str, style: Style = _PLAIN, carriers: Carriers | None = None
    ) -> None:
        self._own_carriers = None if carriers else Carriers()
        self._scheduler = Scheduler(seed, style, carriers or self._own_carriers or Carriers())
        self._style = style
        self._wall = EPOCH * NANOSECONDS - START

    def run(self, main: Callable[[], T]) -> T:
        """Call `main` as the first simulated thread; return its value when all have ended.

        Raises:
            Stalled: they can never all end; shows where each stands.
            BaseException: what left `main` or another thread.
        """
        try:
            with collector_waits(MANY):  # whatever it makes: what it finds would take switch points
                return self._scheduler.run(main)
        finally:
            if self._own_carriers is not None:
                self._own_carriers.close()

    def begin(self) -> None:
        """Make the calling thread the first simulated one, until `leave`."""
        self._scheduler.begin()

    def finish(self) -> None:
        """Wait until all other simulated threads have ended; raises as `run` does."""
        self._scheduler.finish()

    @property
    def failure(self) -> BaseException | None:
        """What it has failed with: nothing runs on it any more."""
        return self._scheduler.failure

    def leave(self) -> None:
        """End what `begin` began; threads that have not ended leave where they stand."""
        self._scheduler.leave()
        if self._own_carriers is not None:
            self._own_carriers.close()

    # -- what the engine asks of a machine

    has_alarms = False
    has_processes = False

    def monotonic(self) -> float:
        """See `Machine.monotonic`; takes a microsecond, and is a switch point."""
        scheduler = self._scheduler
        scheduler.now += READING
        scheduler.switch()
        return scheduler.now / NANOSECONDS

    def time(self) -> float:
        """See `Machine.time`."""
        return (self._scheduler.now + self._wall) / NANOSECONDS

    def processor_time(self) -> float:
        """See `Machine.processor_time`: simulated threads take none."""
        return 0.0

    def lock(self) -> SimLock:
        """See `Machine.lock`."""
        return SimLock(self._scheduler)

    def gate(self) -> SimGate:
        """See `Machine.gate`."""
        return SimGate(self._scheduler)

    def chance(self) -> float:
        """See `Machine.chance`."""
        return self._scheduler.chance()

    def spawn(self, target: Callable[[], None], name: str) -> SimThread:
        """See `Machine.spawn`; fails as often as the style says."""
        if self._style.spawn_fails and self.chance() < self._style.spawn_fails:
            self.note(f"cannot start {name}")
            raise RuntimeError("can't start new thread")
        return self.start(target, name)

    def event_loop(self) -> AbstractEventLoop:
        """See `Machine.event_loop`."""
        return SimEventLoop(self.now, self.gate(), self.start)

    # -- for the program that is simulated

    def start(self, target: Callable[[], None], name: str) -> SimThread:
        """Start a thread of the program's own: as `spawn`, but never fails."""
        return self._scheduler.spawn(target, name)

    def sleep(self, seconds: float) -> None:
        """Let virtual time pass; others run meanwhile."""
        self._scheduler.block(self._scheduler.deadline(seconds))

    def sleep_until(self, condition: Callable[[], object], seconds: float) -> bool:
        """Let others run until the condition holds, at most `seconds`; tell whether it holds.

        It is looked at on the calling thread, at every switch point at which that gets its turn.
        """
        scheduler = self._scheduler
        deadline = scheduler.deadline(seconds)
        while True:
            history = len(scheduler.trace)
            if condition():
                return True
            # Where others ran while the condition was looked at, it may hold by now.
            if len(scheduler.trace) == history and not scheduler.step(deadline):
                return bool(condition())

    def renew_steps(self) -> None:
        """Start counting towards `Style.most_steps` anew."""
        self._scheduler.renew_steps()

    def now(self) -> float:
        """Return the monotonic time without a switch point."""
        return self._scheduler.now / NANOSECONDS

    def holds_locks(self) -> bool:
        """Tell whether the running thread holds a lock of the machine."""
        return self._scheduler.running().held > 0

    def thread_name(self) -> str:
        """Return the name of the running thread with its number, as in the trace."""
        return self._scheduler.running().label

    def jump_wall(self, seconds: float) -> None:
        """Set the wall clock forwards or backwards; monotonic time stays."""
        self._wall += int(seconds * NANOSECONDS)

    def stall(self, seconds: float) -> None:
        """Let time pass while nobody runs: whatever is due then is late."""
        self._scheduler.now += int(seconds * NANOSECONDS)
        self._scheduler.switch()

    def fail(self, error: BaseException) -> NoReturn:
        """Let the simulation fail with `error`, wherever this thread is."""
        self._scheduler.fail(error)

    def note(self, event: str) -> None:
        """Write an event into the trace."""
        self._scheduler.note(event)

    @property
    def steps(self) -> int:
        """How many switch points there were."""
        return self._scheduler.steps

    def trace(self) -> str:
        """Return what happened: a line for each event, with virtual time and thread."""
        return "".join(
            f"{time / NANOSECONDS:.6f} {thread} {event}\n"
            for time, thread, event in self._scheduler.trace
        )
