"""smoothop, measured alike whichever way its handlers run."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from bench.measuring import Figures, Measure, Scale, Ticks, resident, timed_trips, wake_latency
from smoothop import Config, Context, HandleResult, MetricStream, Operator, Worker, done, none

CROWD: Final = 1_000
"""Workers that block once."""
BLOCKED_FOR: Final = 0.05
HOUR: Final = 3600
AWAKE_AT_MOST: Final = 64  # those that somebody is just putting down
LIMIT: Final = 120.0
"""Seconds after which a measurement that waits for workers fails."""


class Busy:
    """Always has work."""

    def handle(self, _: Context) -> HandleResult:
        return done()


class Sink(Busy):
    """Takes messages and answers nothing."""


class Echo:
    """Answers a message with itself."""

    def handle(self, ctx: Context) -> HandleResult:
        return done(ctx.message)


class Timekeeper:
    """Answers when it was called."""

    def handle(self, _: Context) -> HandleResult:
        return done(time.perf_counter())


class Idle:
    """Never has work, and says that it has found that out."""

    def __init__(self, found_out: Countdown) -> None:
        self.found_out = found_out

    def handle(self, _: Context) -> HandleResult:
        self.found_out()
        return none(HOUR)


class Ticking:
    """Says when it is called, every tenth of a second."""

    def __init__(self, ticks: Ticks, due: float) -> None:
        self.ticks = ticks
        self.due = due

    def handle(self, _: Context) -> HandleResult:
        self.due = self.ticks.came(self.due)
        return none(max(0.0, self.due - time.monotonic()))


class BlockingOnce:
    """Blocks once, then has nothing to do."""

    def __init__(self, finished: Callable[[], None]) -> None:
        self.finished = finished

    def handle(self, _: Context) -> HandleResult:
        time.sleep(BLOCKED_FOR)
        self.finished()
        return none(HOUR)


class Countdown:
    """Says when so many have come."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._came = itertools.count(1)  # a step of it is one step of the interpreter: no lock
        self._all = threading.Event()

    def __call__(self) -> None:
        if next(self._came) == self._count:
            self._all.set()

    def wait(self) -> None:
        if not self._all.wait(LIMIT):
            raise TimeoutError(f"of {self._count} not all have come within {LIMIT:g} s")


Made = Callable[[object], object]
"""Makes the handler of a way from a sync one."""


def as_it_is(handler: object) -> object:
    return handler


@contextmanager
def running(handler: object, config: Config, **options: Any) -> Iterator[Operator]:
    """Give an operator whose worker ``worker`` runs."""
    with Operator(**options) as operator:
        operator.add_handler("worker", handler, config)
        operator.start_all()
        yield operator


def per_handle(worker: Worker, scale: Scale) -> float:
    """Return the seconds that one call takes a worker that is busy, seen from outside."""
    pause = threading.Event()
    before, began = worker.snapshot().handled, scale.clock()
    while True:
        pause.wait(0.02)
        handled, now = worker.snapshot().handled - before, scale.clock()
        if handled >= scale.calls:
            return (now - began) / handled


def handle(made: Made, config: Config, scale: Scale) -> float:
    with running(made(Busy()), config) as operator:
        return per_handle(operator.worker("worker"), scale)


def stream_unread(made: Made, config: Config, scale: Scale) -> float:
    with running(made(Busy()), config) as operator, operator.worker("worker").metrics():
        return per_handle(operator.worker("worker"), scale)


def stream_read(made: Made, config: Config, scale: Scale) -> float:
    with running(made(Busy()), config) as operator:
        stream = operator.worker("worker").metrics()
        reader = threading.Thread(target=_read_all, args=(stream,))
        reader.start()
        taken = per_handle(operator.worker("worker"), scale)
        operator.stop_all().wait()  # which ends the stream, and so the reader
        reader.join()
        return taken


def _read_all(stream: MetricStream) -> None:
    for _ in stream:
        pass


def message(made: Made, config: Config, scale: Scale) -> float:
    with running(made(Sink()), config) as operator:
        operator.dispatch("worker", "first").result(LIMIT)
        began = scale.clock()
        for _ in range(scale.messages - 1):
            operator.dispatch("worker", "one")
        operator.dispatch("worker", "last").result(LIMIT)
        return (scale.clock() - began) / scale.messages


def round_trip(made: Made, config: Config, scale: Scale, content: object = "ping") -> float:
    with running(made(Echo()), config) as operator:

        def trip() -> None:
            operator.dispatch("worker", content).result()

        return timed_trips(trip, scale)


def wake(made: Made, config: Config, scale: Scale) -> float:
    with running(made(Timekeeper()), config) as operator:

        def send() -> float:
            return operator.dispatch("worker", "ping").result()  # type: ignore[no-any-return]

        return wake_latency(send, scale)


def idle(count: int, made: Made, config: Config, scale: Scale) -> Figures:
    """Measure workers that have nothing to do; started is who has found that out.

    That all of them sleep by then is looked at when the time has been taken, as a look at very many
    takes long.
    """
    all_found_out = Countdown(count)
    handler = made(Idle(all_found_out))
    before = resident()
    operator = Operator(close_timeout=LIMIT)
    began = time.perf_counter()
    for number in range(count):
        operator.add_handler(f"worker-{number}", handler, config)
    added = time.perf_counter()
    workers = operator.workers()
    start = time.perf_counter()
    operator.start_all()
    all_found_out.wait()
    started = time.perf_counter()
    awake = sum(worker.phase != "idle" for worker in workers)
    if awake > AWAKE_AT_MOST:
        raise RuntimeError(f"{awake} of {count} workers do not sleep yet")
    memory = (resident() - before) / count
    core = _core_used(scale)
    stop = time.perf_counter()
    if not operator.stop_all().wait(LIMIT):
        raise TimeoutError(f"not stopped within {LIMIT:g} s")
    stopped = time.perf_counter()
    operator.close()
    return {
        "add": added - began,
        "start": started - start,
        "stop": stopped - stop,
        "memory": memory,
        "core": core,
    }


def _core_used(scale: Scale) -> float:
    before, began = time.process_time(), time.perf_counter()
    time.sleep(scale.ticking_for)
    return (time.process_time() - before) / (time.perf_counter() - began)


def ticks(made: Made, config: Config, scale: Scale) -> Figures:
    with Operator(close_timeout=LIMIT) as operator:
        seen = Ticks()
        begin = time.monotonic() + 0.5
        for number in range(scale.ticking):
            due = begin + Ticks.every * number / scale.ticking
            operator.add_handler(f"worker-{number}", made(Ticking(seen, due)), config)
        operator.start_all()
        return seen.figures(scale)


def blocking(made: Made, config: Config, scale: Scale, **options: Any) -> float:
    with Operator(close_timeout=LIMIT, **options) as operator:
        finished = Countdown(CROWD)
        for number in range(CROWD):
            operator.add_handler(f"worker-{number}", made(BlockingOnce(finished)), config)
        began = time.perf_counter()
        operator.start_all()
        finished.wait()
        return time.perf_counter() - began


def measures(made: Made, **config: Any) -> dict[str, Measure]:
    """Return the measurements that make sense for every way."""
    polling, taking = Config(**config), Config(**config, message_only=True, mailbox_size=1024)
    return {
        "handle": partial(handle, made, polling),
        "stream unread": partial(stream_unread, made, polling),
        "stream read": partial(stream_read, made, polling),
        "message": partial(message, made, taking),
        "round trip": partial(round_trip, made, taking),
        "wake": partial(wake, made, taking),
    }


def crowds(made: Made, **config: Any) -> dict[str, Measure]:
    """Return the measurements of many workers, for the ways that are made for that."""
    polling = Config(**config)
    return {
        "idle": lambda scale: idle(scale.idle, made, polling, scale),
        "fewer idle": lambda scale: idle(scale.fewer_idle, made, polling, scale),
        "ticks": partial(ticks, made, polling),
    }
