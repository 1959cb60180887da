"""A history: workers and callers drawn from a seed, on one machine, until the operator closes."""

from __future__ import annotations

import logging
from collections import Counter
from concurrent.futures import Future
from random import Random
from threading import get_ident
from typing import Any

from simulation.actors import Actor, AsyncActor, SyncActor, drawn_config
from simulation.callers import Caller
from simulation.ledger import Ledger, lifecycle_faults
from simulation.ways import LoopWays, Ways
from smoothop import (
    Cancellation,
    Completion,
    MetricStream,
    Operator,
    SmoothopError,
    StopTimeoutError,
)
from smoothop.engine.messages.mailbox import Mailbox
from smoothop.engine.waiting import Latch
from smoothop.engine.watching.streams import RawEvent, Ring
from smoothop.engine.worker.core import WorkerCore
from smoothop.engine.worker.history import Pause
from smoothop.engine.worker.run import Run
from smoothop.testing import SimMachine, Style
from smoothop.testing.carriers import Carriers

NAMES = ("a", "b", "c", "d")


class History:
    """One history; `run` raises when something in it breaks a promise.

    Attributes:
        over: the runs whose end has been announced: nothing of them may be called any more.
        released: what stuck handlers wait for; it happens after the operator has closed.
    """

    def __init__(self, seed: int, carriers: Carriers, *, wall_jumps: bool = False) -> None:
        self.seed = seed
        draw = self._draw = Random(f"history {seed}")
        style = Style(
            eager=draw.choice((0.05, 0.3, 0.8)),
            by_line=draw.choice((0,) * 8 + (0.02, 0.2)),
            lag=draw.choice((0,) * 5 + (0.02,)),
            spawn_fails=draw.choice((0,) * 6 + (0.1,)),
        )
        self.exact = not style.lag
        # By a source of its own, so that a history is the same with the jumps and without.
        self._wall = Random(f"wall {seed}") if wall_jumps else None
        self.stuck = draw.random() < 0.05
        self.pool_size = draw.choice((1, 2, 64))
        self.broken_log = draw.choice((0,) * 6 + (0.1,))
        self.machine = SimMachine(f"machine {seed}", style, carriers)
        self.abandoned = False
        self.ledger = Ledger(self.machine)
        self.names = NAMES[: draw.randrange(2, 5)]
        self.views: list[tuple[Any, Actor]] = []
        self.over: list[Run] = []
        self.threadless: Counter[str] = Counter()
        self.followed: list[tuple[Run, MetricStream]] = []
        self.run_ended: dict[Completion, Run] = {}
        self.paused: dict[WorkerCore, tuple[Pause, float]] = {}
        self.released = Latch()
        self.cancellation = Cancellation()

    def run(self) -> None:
        """Let it happen."""
        self.machine.run(self._main)

    def _main(self) -> None:
        machine, draw = self.machine, self._draw
        self.operator = Operator(
            cancellation=self.cancellation,
            logger=_Log(self),
            close_timeout=5,
            pool_size=self.pool_size,
            _machine=machine,
        )
        lifecycle = _Unending(machine, 100_000, frozenset({"lifecycle"}))
        self.operator._rings.append(lifecycle)
        for name in self.names:
            self.add(name, draw)
            if draw.random() < 0.6:
                self._try_start(name)
        callers = [Caller(self, number) for number in range(draw.randrange(1, 4))]
        threads = [machine.start(caller.run, caller.label) for caller in callers]
        machine.sleep(draw.choice((0.2, 2, 8)))
        self._check_room()
        self.close(draw.choice((None, None, None, 0, 0.01)))
        self.released.set()
        for thread in threads:
            thread.join()
        # What is stuck has to end: it does now, and only then have all threads ended.
        machine.sleep(20)
        self.ledger.check_at_end(abandoned=self.abandoned)
        told = [(worker, event, reason) for _, worker, _, event, reason in lifecycle.all()]
        faults = lifecycle_faults(told, self.threadless)
        if faults:
            self.ledger.fail(faults)
        for view, actor in self.views:
            # What waits in a coroutine when its loop ends, after a close that gave up, never ends.
            inside = actor.inside and not (self.abandoned and isinstance(actor, AsyncActor))
            if inside or view.status.value != "stopped":
                self.ledger.fail(f"{view} is left running")

    def _check_room(self) -> None:
        """Hold that nobody goes on waiting for room where there is some."""
        boxes = [core.mailbox for core in self.operator._cores.values()]
        waiting = [(box, box.senders[0]) for box in boxes if _has_room(box)]
        self.machine.sleep(0.001)
        for box, sender in waiting:
            if self.exact and _has_room(box) and box.senders[0] is sender:
                self.ledger.fail("a sender waits for room where there is some")

    def _try_start(self, name: str) -> None:
        try:
            self.operator.start(name)
        except SmoothopError as error:
            self.machine.note(f"start of {name}: {error}")

    def close(self, timeout: float | None) -> None:
        """Close the operator; when that returns, however it does, every receipt is settled."""
        self.ledger.closing = True
        try:
            self.operator.close(timeout=timeout)
            self.machine.note("closed")
        except StopTimeoutError as error:
            self.abandoned = True
            self.machine.note("closed, and gave up on some")
            if not error.stuck:
                self.ledger.fail(f"close names nobody: {error}")
            # With too few threads, those that wait for each other keep them from each other.
            enough = self.pool_size >= 3 * len(self.names)  # as many slots as there may be
            if timeout is None and not self.stuck and self.exact and enough:
                self.ledger.fail(f"close gave up on a worker that can stop: {error}")
        # With a timeout of its own it may drop a message whose handler is just about to return.
        self.abandoned |= timeout is not None
        # Who is just taking a message settles it, in the next few steps; each may take its time.
        self.machine.sleep(0.001 if self.exact else 10)
        self.ledger.check_settled()

    def add(self, name: str, draw: Random) -> None:
        """Add a worker."""
        is_async = draw.random() < 0.35
        ways = LoopWays(self) if is_async else Ways(self)
        kind = AsyncActor if is_async else SyncActor
        actor = kind(self, name, len(self.views), ways)
        config = drawn_config(draw)
        actor.crowded = config.concurrency > 1 or config.on_stuck == "replace"
        actor.replaced = config.on_stuck == "replace"
        view = self.operator.add_handler(name, actor, config)
        self.views.append((view, actor))

    def scale(self, name: str, slots: int) -> Completion:
        """Change how many slots a worker has, which from then on is known to be crowded."""
        core = self.operator._core(name)  # the name may be another worker's in a moment
        self._actor(core).crowded = True
        return core.update({"concurrency": slots})

    def _actor(self, core: WorkerCore) -> Actor:
        """Return what a worker calls; not noted by name: it may be called before that is done."""
        actor = core.calls.handler
        assert isinstance(actor, Actor)
        return actor

    def pause(self, name: str) -> None:
        """Pause a worker, and remember since when."""
        core = self.operator._core(name)
        self.operator.pause(name)
        if core.pause is not None:
            self.paused[core] = (core.pause, self.machine.now())

    def is_paused(self, core: WorkerCore) -> bool:
        """Tell whether a worker is paused, and was for longer than a step or two."""
        pause, since = self.paused.get(core, (None, 0))
        lasts = pause is not None and pause is core.pause
        return lasts and self.exact and self.machine.now() > since + 0.001

    def look(self) -> None:
        """Read all there is to read about every worker: it never raises, and is true."""
        if self._wall is not None:
            self.machine.jump_wall(self._wall.choice((-86_400, -1, 0.5, 3_600, 1e9)))
        for view, actor in self.views:
            before = actor.calls, actor.inside
            status = view.status.value
            if before == (actor.calls, actor.inside) and actor.inside and status != "running":
                self.ledger.fail(f"{view} is {status} while its code runs")
            snapshot = view.snapshot().to_dict()
            if snapshot["phase"] not in _PHASES or view.phase not in _PHASES:
                self.ledger.fail(f"{snapshot}")
            view.last_metric()

    def run_of(self, name: str) -> Run | None:
        """Return the present run of a worker."""
        core = self.operator._cores.get(name)
        return None if core is None else core.run

    def will_end(
        self,
        run: Run | None,
        completion: Completion,
        *,
        thread: bool = True,
        limit: float | None = None,
    ) -> None:
        """Hold that nothing of `run` is called once `completion` is done, and that it is in time.

        Args:
            run: what there was when the end of it was asked for.
            completion: what was given for that.
            thread: whether its thread is gone, too, for who waits.
            limit: seconds after which the completion fails at the latest.
        """
        asked = self.machine.now()

        def ended(_: object) -> None:
            if run is None:
                return
            error = Future.exception(completion, 0)
            late = self.machine.now() - asked - (1e9 if limit is None else limit)
            if late > 0.01 and self.exact:
                self.ledger.fail(f"a stop with a timeout is {late:g} s late")
            if isinstance(error, StopTimeoutError) and not error.stuck:
                self.ledger.fail(f"a stop that failed names nobody: {error}")
            if error is not None:
                return
            if not run.over:
                self.ledger.fail("a completion is done before the run is over")
            self.over.append(run)
            if any(followed is run and not stream.ended for followed, stream in self.followed):
                self.ledger.fail("a worker has stopped, and a stream of it goes on")
            if thread:
                self.run_ended[completion] = run
            for _view, actor in self.views:
                if actor.inside and actor.model is not None and actor.model.run is run:
                    self.ledger.fail(f"{actor.label} is told to have stopped, and runs")

        completion.add_done_callback(ended)

    def check_threads(self, completion: Completion) -> None:
        """Hold that the thread of a run is gone for who has waited for the run's end."""
        run = self.run_ended.get(completion)
        for thread in () if run is None else run.threads:
            if thread.is_alive() and thread.ident != get_ident() and self.exact:
                self.ledger.fail("who has waited for a stop finds its thread alive")

    def logged(self, message: str, extra: dict[str, Any]) -> None:
        """Hold what the engine says about panics against the model."""
        core = self.operator._cores.get(extra["worker"])
        actor = None if core is None else self._actor(core)
        model = None if actor is None or actor.crowded else actor.model
        wrong: str | None = None
        if message.startswith("worker broke"):
            self.ledger.fail(f"{extra['worker']}: {message}: {extra}")
        elif message.startswith("worker could not be started"):
            self.threadless[extra["worker"]] += 1
        if model is None:
            return
        if message == "panic recovered":
            wrong = model.recovered(extra["attempt"], exact=self.exact)
        elif message == "backing off after panic":
            wrong = model.backs_off(extra["attempt"], extra["duration"])
        elif message == "max panic attempts reached":
            wrong = model.gives_up(extra["attempts"])
        elif message == "handler raised while stopping":
            wrong = model.interrupted()
        if wrong:
            self.ledger.fail(f"{extra['worker']}: {wrong}")


class _Unending(Ring):
    """Goes on when the operator is closed: the workers that it gave up on stop later."""

    __slots__ = ()

    def end(self) -> None:
        """See `Ring.end`: it does not."""

    def all(self) -> list[RawEvent]:
        """Return all events there were."""
        return list(self._items)


def _has_room(box: Mailbox) -> bool:
    return len(box.senders) > 0 and len(box.queue) < box.size


_PHASES = ("stopped", "starting", "handling", "idle", "backoff", "stopping", "failed")


class _Log(logging.Logger):
    """A log handler as users write them: slow, and sometimes it raises."""

    def __init__(self, history: History) -> None:
        super().__init__("simulation")
        self._history = history

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - the standard library's name
        return level >= logging.INFO

    def error(self, msg: object, *_: object, **__: object) -> None:
        """The loop's own trouble: a fence did not hold."""
        self._history.ledger.fail(str(msg))

    def handle(self, record: logging.LogRecord) -> None:
        """Take a record that was made for it: it shows a stack."""
        extra = {"worker": "(nobody)", **vars(record)}
        self.log(record.levelno, record.msg, *(record.args or ()), extra=extra)

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        history, machine = self._history, self._history.machine
        extra = kwargs["extra"]
        machine.note(f"log {extra['worker']}: {str(msg) % args if args else msg}")
        if machine.holds_locks():
            history.ledger.fail(f"{msg!r} is logged with a lock held")
        history.logged(str(msg), extra)
        machine.sleep(0)
        if history.broken_log and machine.chance() < history.broken_log:
            raise history._draw.choice((OSError, SystemExit))("the log is broken")
