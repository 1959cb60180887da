"""What a worker is by hand: a loop around a method call, a thread that reads a queue.

The floor for everything else: no supervision, no metrics, no outcome, no bound on what waits.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, Final

from measuring import Measure, Scale, pinned, timed_trips, wake_latency
from smoothop import HandleResult, done


class Busy:
    """Always has work."""

    def handle(self, _: object) -> HandleResult:
        return done()


def handle(scale: Scale) -> float:
    busy = Busy()
    call, left = busy.handle, scale.calls
    began = scale.clock()
    while left:
        call(None)
        left -= 1
    return (scale.clock() - began) / scale.calls


@contextmanager
def _thread(handle: Callable[[Any], object]) -> Iterator[tuple[SimpleQueue[Any], SimpleQueue[Any]]]:
    """Handle what is put in the first queue on a thread; the outcomes come in the second."""
    inbox: SimpleQueue[Any] = SimpleQueue()
    outcomes: SimpleQueue[Any] = SimpleQueue()

    def loop() -> None:
        while (message := inbox.get()) is not None:
            outcome = handle(message)
            if outcome is not None:
                outcomes.put(outcome)

    thread = threading.Thread(target=loop)
    thread.start()
    yield inbox, outcomes
    inbox.put(None)
    thread.join()


def message(scale: Scale) -> float:
    with _thread(lambda message: message if message == "last" else None) as (inbox, outcomes):
        began = scale.clock()
        for _ in range(scale.messages - 1):
            inbox.put("one")
        inbox.put("last")
        outcomes.get()
        return (scale.clock() - began) / scale.messages


def round_trip(scale: Scale) -> float:
    with _thread(lambda message: message) as (inbox, outcomes):

        def trip() -> None:
            inbox.put("ping")
            outcomes.get()

        return timed_trips(trip, scale)


def wake(scale: Scale) -> float:
    with _thread(lambda _: time.perf_counter()) as (inbox, outcomes):

        def send() -> float:
            inbox.put("ping")
            return outcomes.get()  # type: ignore[no-any-return]

        return wake_latency(send, scale.trips)


ROWS: Final[dict[str, Measure]] = {
    "handle": handle,
    "handle, stream unread": handle,
    "handle, stream read": handle,
    "message": message,
    "round trip": round_trip,
    "round trip, one core": pinned(round_trip),
    "wake": wake,
}
