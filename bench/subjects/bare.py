"""What a worker is by hand: a loop around a method call, a thread that reads a queue.

The floor for everything else: no supervision, no metrics, no outcome, no bound on what waits.
"""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any, Final

from bench.measuring import Figures, Measure, Scale, resident, timed_trips, wake_latency
from bench.subjects.processes import KILOBYTE, PIECES, TURNS, count_down
from bench.subjects.ways import BLOCKED_FOR, CROWD
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

        return wake_latency(send, scale)


def fewer_idle(scale: Scale) -> Figures:
    """Measure threads that wait for a lock each."""
    before = resident()
    locks = [threading.Lock() for _ in range(scale.fewer_idle)]
    for lock in locks:
        lock.acquire()
    threads = [threading.Thread(target=lock.acquire) for lock in locks]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    started = time.perf_counter()
    memory = (resident() - before) / len(locks)
    stop = time.perf_counter()
    for lock in locks:
        lock.release()
    for thread in threads:
        thread.join()
    return {"start": started - began, "stop": time.perf_counter() - stop, "memory": memory}


def blocking(_: Scale) -> float:
    began = time.perf_counter()
    with ThreadPoolExecutor(256) as executor:
        for _ in range(CROWD):
            executor.submit(time.sleep, BLOCKED_FOR)
    return time.perf_counter() - began


def _echo(connection: Connection) -> None:
    while (message := connection.recv()) is not None:
        connection.send(message)


def process_trip(scale: Scale) -> float:
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    child = multiprocessing.get_context("spawn").Process(target=_echo, args=(theirs,))
    child.start()

    def trip() -> None:
        ours.send(KILOBYTE)
        ours.recv()

    taken = timed_trips(trip, scale)
    ours.send(None)
    child.join()
    return taken


def _seconds_for_pieces(processes: int) -> float:
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        pool.map(count_down, [TURNS // 10] * 2 * processes, chunksize=1)  # all are there
        began = time.perf_counter()
        pool.map(count_down, [TURNS] * PIECES, chunksize=1)
        return time.perf_counter() - began


def two_cores(_: Scale) -> Figures:
    one, two = _seconds_for_pieces(1), _seconds_for_pieces(2)
    return {"speedup": one / two}


MEASURES: Final[dict[str, Measure]] = {
    "handle": handle,
    "message": message,
    "round trip": round_trip,
    "wake": wake,
    "fewer idle": fewer_idle,
    "blocking": blocking,
    "process trip": process_trip,
    "two cores": two_cores,
}
