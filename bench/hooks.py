"""What observers cost a worker, and which design keeps a bad one away from it; all in one run.

    python -m bench.hooks [--quick]

The same implementations of `smoothop_handle` are called in three ways:

- lane: as smoothop does it, each plugin on a thread of its own behind a bounded backlog;
- in the worker: by the worker itself, one by one behind a fence, with a budget of time each;
- pluggy: by the worker itself, through pluggy's own call, without any fence.

First table: what one call of a handler takes that always has work. Second: what an observer of
some kind does to the rhythm of a handler that works for 100 us, or sleeps for 200 us, per call.
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from bench import hooks_prometheus
from smoothop import Config, Operator, Registry, done, hookimpl
from smoothop.engine.completion import Completion
from smoothop.engine.watching.streams import make_event

ROUNDS: Final = 5
BUDGET: Final = 0.001
Work = Callable[[], None]


class Quick:
    """Counts, as a metrics plugin does."""

    def __init__(self) -> None:
        self.count = 0

    @hookimpl
    def smoothop_handle(self, worker: Any, event: Any) -> None:
        self.count += 1


class Sleeping(Quick):
    """Takes 5 ms for each event without using the processor: a slow network."""

    @hookimpl
    def smoothop_handle(self, worker: Any, event: Any) -> None:
        time.sleep(0.005)


class Burning(Quick):
    """Takes 100 us of processor for each event."""

    @hookimpl
    def smoothop_handle(self, worker: Any, event: Any) -> None:
        spin(100e-6)


class Hanging(Quick):
    """Never returns, until the measurement is over."""

    over = threading.Event()

    @hookimpl
    def smoothop_handle(self, worker: Any, event: Any) -> None:
        self.over.wait()


class Direct:
    """An observer of the engine that calls the hooks in the worker's own thread."""

    enter = enter_dispatch = None

    def __init__(self, call: Callable[[Any, Any], None]) -> None:
        self.kinds = frozenset({"handle"})
        self.listeners = (self,)
        self._call = call

    def put(self, raw: Any, exception: BaseException | None = None, /) -> None:
        self._call(self._worker, make_event(raw))

    def begin(self, machine: Any) -> None:
        self._machine = machine

    def watch(self, worker: Any, handler: object) -> Direct:
        self._worker = worker
        return self

    def operator_stopped(self, operator: Operator) -> Completion:
        told = Completion(self._machine)
        told.succeed()
        return told

    def ignore(self, *_: object) -> None:
        pass

    added = removed = operator_started = operator_stopping = give_up = ignore

    def infos(self) -> tuple[()]:
        return ()


def fenced_with_budget(implementations: list[Any]) -> Callable[[Any, Any], None]:
    functions = [one.smoothop_handle for one in implementations]
    over_budget = [0] * len(functions)

    def call(worker: Any, event: Any) -> None:
        for number, function in enumerate(functions):
            began = time.perf_counter()
            try:
                function(worker, event)
            except BaseException:
                over_budget[number] += 1
            if time.perf_counter() - began > BUDGET:
                over_budget[number] += 1  # known only now: it cannot be ended before

    return call


def by_lane(operator: Operator, implementations: list[Any]) -> None:
    registry = Registry()
    for number, one in enumerate(implementations):
        registry.hooks.register(one, f"observer-{number}")
    registry.observe(operator)


def in_worker(operator: Operator, implementations: list[Any]) -> None:
    operator.observe(Direct(fenced_with_budget(implementations)))


def by_pluggy(operator: Operator, implementations: list[Any]) -> None:
    registry = Registry()
    for number, one in enumerate(implementations):
        registry.hooks.register(one, f"observer-{number}")
    hook = registry.hooks.hook.smoothop_handle
    operator.observe(Direct(lambda worker, event: hook(worker=worker, event=event)))


WAYS: Final[dict[str, Callable[[Operator, list[Any]], None]]] = {
    "lane": by_lane,
    "in the worker": in_worker,
    "pluggy": by_pluggy,
}


class Rhythm:
    """Works, and notes when it was called."""

    def __init__(self, work: Work, calls: int) -> None:
        self.work = work
        self.calls = calls
        self.times: list[float] = []
        self.enough = threading.Event()

    def handle(self, _: Any) -> Any:
        self.times.append(time.perf_counter())
        if len(self.times) == self.calls:
            self.enough.set()
        self.work()
        return done()

    def intervals(self) -> list[float]:
        return [later - sooner for sooner, later in zip(self.times, self.times[1:], strict=False)]


def spin(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


WORKS: Final[dict[str, Work]] = {
    "works 100 us": lambda: spin(100e-6),
    "sleeps 200 us": lambda: time.sleep(200e-6),
}


@contextmanager
def observed(handler: object, way: str, implementations: list[Any]) -> Iterator[Operator]:
    operator = Operator()
    if implementations:
        WAYS[way](operator, implementations)
    operator.add_handler("worker", handler, Config())
    operator.start_all()
    try:
        yield operator
    finally:
        stopped = operator.stop_all()
        Hanging.over.set()
        stopped.wait()
        operator.close()
        Hanging.over.clear()


def per_handle(way: str, observers: int, calls: int) -> tuple[float, float]:
    """Return what one call takes a worker that always has work: seconds, and of all processors."""
    answer = done()
    with observed(lambda ctx: answer, way, [Quick() for _ in range(observers)]) as operator:
        worker, pause = operator.worker("worker"), threading.Event()
        before, began, used = worker.snapshot().handled, time.perf_counter(), time.process_time()
        while True:
            pause.wait(0.02)
            handled, now = worker.snapshot().handled - before, time.perf_counter()
            if handled >= calls:
                return (now - began) / handled, (time.process_time() - used) / handled


def rhythm(way: str, observer: type[Quick] | None, work: Work, calls: int) -> tuple[float, ...]:
    """Return the 50th, 99th and 100th percentile of the time from call to call, in seconds."""
    handler = Rhythm(work, calls)
    with observed(handler, way, [] if observer is None else [observer()]):
        # Where the observer hangs in the worker itself, this is never reached.
        handler.enough.wait(max(2.0, calls * 0.001))
        taken = sorted(handler.intervals())
    if len(taken) < 100:
        return float("inf"), float("inf"), float("inf")
    return statistics.median(taken), taken[int(len(taken) * 0.99)], taken[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    quick = parser.parse_args().quick
    rounds, calls, beats = (3, 50_000, 1_000) if quick else (ROUNDS, 200_000, 4_000)
    show_costs(rounds, calls)
    show_rhythms(rounds, beats)
    hooks_prometheus.show(rounds, calls)


def show_costs(rounds: int, calls: int) -> None:
    cells: dict[tuple[str, int], list[tuple[float, float]]]
    cells = {(way, number): [] for number in (0, 1, 5) for way in WAYS}
    for _ in range(rounds):
        for (way, number), found in cells.items():
            found.append(per_handle(way, number, calls))
    print(f"ns per call of a busy worker (of processors in all), medians of {rounds} rounds")
    print(f"{'observers':>10}" + "".join(f"{way:>20}" for way in WAYS))
    for number in (0, 1, 5):
        print(f"{number:>10}" + "".join(f"{cost_cell(cells[way, number]):>20}" for way in WAYS))


def cost_cell(taken: list[tuple[float, float]]) -> str:
    passed, used = (statistics.median(column) * 1e9 for column in zip(*taken, strict=True))
    return f"{passed:,.0f} ({used:,.0f})"


def show_rhythms(rounds: int, beats: int) -> None:
    print(f"\nus from call to call, p50 / p99 / longest, medians of {rounds} rounds")
    print(f"{'handler':16}{'observer':12}" + "".join(f"{way:>28}" for way in WAYS))
    for title, work in WORKS.items():
        for observer in (None, Quick, Sleeping, Burning, Hanging):
            name = "none" if observer is None else observer.__name__.lower()
            cells = "".join(
                f"{rhythm_cell(way, observer, work, rounds, beats):>28}" for way in WAYS
            )
            print(f"{title:16}{name:12}{cells}")


def rhythm_cell(way: str, observer: type[Quick] | None, work: Work, rounds: int, beats: int) -> str:
    taken = [rhythm(way, observer, work, beats) for _ in range(rounds)]
    figures = (statistics.median(column) * 1e6 for column in zip(*taken, strict=True))
    return " / ".join("never" if one == float("inf") else f"{one:,.0f}" for one in figures)


if __name__ == "__main__":
    main()
