"""What smoothop-prometheus costs, beside the Prometheus client called by hand in the handler.

    python -m bench.hooks_prometheus.py [--quick]

By hand the handler takes the time of its own work and observes it, with the labels looked up at
each call or once before. The plugin counts in the same buckets, and panics, messages and states
besides. `bench/hooks.py` shows this table last.

First column: time per call of a worker that always has work and does none. Such a worker outruns
any plugin, so the second is the share of its events the plugin was not told. Third: processor time
of the whole process per call, above that of the work, of a handler that works for 100 us: what the
counting takes on whatever thread.
"""

from __future__ import annotations

import argparse
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from prometheus_client import CollectorRegistry, Histogram
from smoothop_prometheus import PrometheusObserver
from smoothop_prometheus.ledger import BOUNDS

from smoothop import Operator, Registry, Worker, done

Handler = Callable[[Any], Any]
ANSWER: Final = done()
WORK: Final = 100e-6


def nothing(_: Any) -> Any:
    return ANSWER


def spin(_: Any) -> Any:
    end = time.perf_counter() + WORK
    while time.perf_counter() < end:
        pass
    return ANSWER


def plain(work: Handler) -> Handler:
    return work


def labels_each_time(work: Handler) -> Handler:
    histogram = _histogram()

    def handle(ctx: Any) -> Any:
        began = time.perf_counter()
        result = work(ctx)
        histogram.labels(ctx.worker, result.status).observe(time.perf_counter() - began)
        return result

    return handle


def labels_once(work: Handler) -> Handler:
    histogram = _histogram()
    by_status = {status: histogram.labels("worker", status) for status in ("none", "done", "fail")}

    def handle(ctx: Any) -> Any:
        began = time.perf_counter()
        result = work(ctx)
        by_status[result.status].observe(time.perf_counter() - began)
        return result

    return handle


def _histogram() -> Histogram:
    labels = ("worker", "status")
    return Histogram("handle_seconds", "-", labels, buckets=BOUNDS, registry=CollectorRegistry())


WAYS: Final = {
    "nobody counts": (plain, False),
    "by hand, labels at each call": (labels_each_time, False),
    "by hand, labels once": (labels_once, False),
    "smoothop-prometheus": (plain, True),
}


@contextmanager
def running(handler: Handler, *, plugin: bool) -> Iterator[tuple[Operator, Worker]]:
    operator = Operator()
    if plugin:
        registry = Registry()
        registry.hooks.register(PrometheusObserver(registry=CollectorRegistry()), "prometheus")
        registry.observe(operator)
    worker = operator.add_handler("worker", handler)
    operator.start_all()
    try:
        yield operator, worker
    finally:
        operator.close()


def measured(worker: Worker, calls: int, clock: Callable[[], float]) -> float:
    """Return the seconds by that clock from call to call."""
    pause = threading.Event()
    pause.wait(0.2)  # for the plugin's import of the client library
    before, began = worker.snapshot().handled, clock()
    while True:
        pause.wait(0.02)
        handled, now = worker.snapshot().handled - before, clock()
        if handled >= calls:
            return (now - began) / handled


def cost(way: str, calls: int) -> tuple[float, float, float]:
    """Return ns per call of a busy worker, % of events dropped, and ns of processor per call."""
    wrap, plugin = WAYS[way]
    with running(wrap(nothing), plugin=plugin) as (operator, worker):
        busy = measured(worker, calls, time.perf_counter)
        dropped = sum(info.dropped for info in operator.observers) / worker.snapshot().handled
    with running(wrap(spin), plugin=plugin) as (_, worker):
        processor = measured(worker, calls // 20, time.process_time) - WORK
    return busy * 1e9, dropped * 100, processor * 1e9


def show(rounds: int, calls: int) -> None:
    found: dict[str, list[tuple[float, float, float]]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way, taken in found.items():
            taken.append(cost(way, calls))
    print(f"\ncounting calls for Prometheus, medians of {rounds} rounds")
    print(f"{'':30}{'ns per call':>14}{'% not told':>14}{'ns processor':>14}")
    for way, taken in found.items():
        figures = (statistics.median(column) for column in zip(*taken, strict=True))
        print(f"{way:30}" + "".join(f"{figure:>14,.0f}" for figure in figures))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    quick = parser.parse_args().quick
    os.environ["SMOOTHOP_PROMETHEUS_LISTEN"] = "off"
    show(*((3, 50_000) if quick else (7, 200_000)))


if __name__ == "__main__":
    main()
