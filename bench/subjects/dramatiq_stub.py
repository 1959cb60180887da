"""dramatiq with its broker in memory, which is meant for tests; results by its result backend.

A message is turned into JSON bytes and back, which smoothop does not do. A result is looked for
with pauses that grow, so a round trip takes a tenth of a second, and there are fewer of them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import dramatiq
from dramatiq.brokers.stub import StubBroker
from dramatiq.results import Results
from dramatiq.results.backends.stub import StubBackend

from bench.measuring import Measure, Scale, timed_trips, wake_latency
from bench.subjects.ways import BLOCKED_FOR, CROWD, LIMIT, Countdown


@contextmanager
def _working(function: Any, *, threads: int = 1, results: bool = False) -> Iterator[Any]:
    """Give an actor that calls `function` on the threads of a worker."""
    broker = StubBroker()
    dramatiq.set_broker(broker)  # a message asks it for its result
    if results:
        broker.add_middleware(Results(backend=StubBackend()))
    actor = dramatiq.actor(function, broker=broker, **({"store_results": True} if results else {}))
    worker = dramatiq.Worker(broker, worker_timeout=100, worker_threads=threads)
    worker.start()
    try:
        yield actor
    finally:
        worker.stop()


def message(scale: Scale) -> float:
    finished = Countdown(scale.messages)

    def sink() -> None:
        finished()

    with _working(sink) as actor:
        began = scale.clock()
        for _ in range(scale.messages):
            actor.send()
        finished.wait()
        return (scale.clock() - began) / scale.messages


def _echo(content: str) -> str:
    return content


def round_trip(scale: Scale) -> float:
    with _working(_echo, results=True) as actor:
        return timed_trips(
            lambda: actor.send("ping").get_result(block=True, timeout=int(LIMIT * 1000)),
            scale,
        )


def wake(scale: Scale) -> float:
    def when() -> float:
        return time.perf_counter()

    with _working(when, results=True) as actor:

        def send() -> float:
            taken: float = actor.send().get_result(block=True, timeout=int(LIMIT * 1000))
            return taken

        return wake_latency(send, scale)


def blocking(_: Scale) -> float:
    finished = Countdown(CROWD)

    def block() -> None:
        time.sleep(BLOCKED_FOR)
        finished()

    with _working(block, threads=256) as actor:
        began = time.perf_counter()
        for _ in range(CROWD):
            actor.send()
        finished.wait()
        return time.perf_counter() - began


MEASURES: Final[dict[str, Measure]] = {
    "message": message,
    "round trip": round_trip,
    "wake": wake,
    "blocking": blocking,
}
