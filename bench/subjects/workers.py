"""This engine, with sync handlers: each worker on a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from measuring import Measure, Scale, pinned, timed_trips, wake_latency
from smoothop import Config, Context, HandleResult, MetricStream, Operator, Worker, done

MAILBOX: Final = Config(message_only=True, mailbox_size=1024)


class Busy:
    """Always has work."""

    def handle(self, _: Context) -> HandleResult:
        return done()


class Echo:
    """Answers a message with itself."""

    def handle(self, ctx: Context) -> HandleResult:
        return done(ctx.message)


class Timekeeper:
    """Answers when it was called."""

    def handle(self, _: Context) -> HandleResult:
        return done(time.perf_counter())


class Sink:
    """Takes messages and answers nothing."""

    def handle(self, _: Context) -> HandleResult:
        return done()


@contextmanager
def running(handler: object, config: Config) -> Iterator[Operator]:
    with Operator() as operator:
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


def handle(scale: Scale) -> float:
    with running(Busy(), Config()) as operator:
        return per_handle(operator.worker("worker"), scale)


def handle_unread(scale: Scale) -> float:
    with running(Busy(), Config()) as operator, operator.worker("worker").metrics():
        return per_handle(operator.worker("worker"), scale)


def handle_read(scale: Scale) -> float:
    with running(Busy(), Config()) as operator:
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


def message(scale: Scale) -> float:
    with running(Sink(), MAILBOX) as operator:
        began = scale.clock()
        for _ in range(scale.messages - 1):
            operator.dispatch("worker", "one")
        operator.dispatch("worker", "last").result()
        return (scale.clock() - began) / scale.messages


def round_trip(scale: Scale) -> float:
    with running(Echo(), MAILBOX) as operator:

        def trip() -> None:
            operator.dispatch("worker", "ping").result()

        return timed_trips(trip, scale)


def wake(scale: Scale) -> float:
    with running(Timekeeper(), MAILBOX) as operator:

        def send() -> float:
            return operator.dispatch("worker", "ping").result()  # type: ignore[no-any-return]

        return wake_latency(send, scale.trips)


ROWS: Final[dict[str, Measure]] = {
    "handle": handle,
    "handle, stream unread": handle_unread,
    "handle, stream read": handle_read,
    "message": message,
    "round trip": round_trip,
    "round trip, one core": pinned(round_trip),
    "wake": wake,
}
