"""pykka: `tell` and `ask` to a threading actor.

An actor does nothing unless told, so for the busy worker it tells itself again and again. There
is no bound on its inbox: a `tell` never waits for room. It has neither metrics nor async actors.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any, Final

from pykka import ActorRef, ThreadingActor

from bench.measuring import Figures, Measure, Scale, resident, timed_trips, wake_latency


class Busy(ThreadingActor):
    """Tells itself so many times to go on."""

    def __init__(self, calls: int, finished: Event) -> None:
        super().__init__()
        self.left = calls
        self.finished = finished

    def on_receive(self, message: Any) -> None:
        if self.left:
            self.left -= 1
            self.actor_ref.tell(message)
        else:
            self.finished.set()


class Echo(ThreadingActor):
    def on_receive(self, message: Any) -> Any:
        return message


class Timekeeper(ThreadingActor):
    def on_receive(self, _: Any) -> float:
        return time.perf_counter()


class Sink(ThreadingActor):
    def on_receive(self, message: Any) -> None:
        pass


@contextmanager
def _running(ref: ActorRef[Any]) -> Iterator[ActorRef[Any]]:
    yield ref
    ref.stop()


def handle(scale: Scale) -> float:
    calls, finished = scale.calls // 10, Event()
    with _running(Busy.start(calls, finished)) as ref:
        began = scale.clock()
        ref.tell("go on")
        finished.wait()
        return (scale.clock() - began) / calls


def message(scale: Scale) -> float:
    with _running(Sink.start()) as ref:
        began = scale.clock()
        for _ in range(scale.messages - 1):
            ref.tell("one")
        ref.ask("last")
        return (scale.clock() - began) / scale.messages


def round_trip(scale: Scale) -> float:
    with _running(Echo.start()) as ref:

        def trip() -> None:
            ref.ask("ping")

        return timed_trips(trip, scale)


def wake(scale: Scale) -> float:
    with _running(Timekeeper.start()) as ref:

        def send() -> float:
            began: float = ref.ask("ping")
            return began

        return wake_latency(send, scale)


def fewer_idle(scale: Scale) -> Figures:
    """Measure actors that nobody tells anything."""
    before = resident()
    began = time.perf_counter()
    refs = [Sink.start() for _ in range(scale.fewer_idle)]
    started = time.perf_counter()
    memory = (resident() - before) / len(refs)
    stop = time.perf_counter()
    for ref in refs:
        ref.stop(block=False)
    for ref in refs:
        ref.actor_stopped.wait()
    return {"start": started - began, "stop": time.perf_counter() - stop, "memory": memory}


MEASURES: Final[dict[str, Measure]] = {
    "handle": handle,
    "message": message,
    "round trip": round_trip,
    "wake": wake,
    "fewer idle": fewer_idle,
}
