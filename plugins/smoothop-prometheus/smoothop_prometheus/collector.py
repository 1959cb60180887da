"""`SmoothopCollector`: turns what is counted and how workers stand into metrics, at each scrape."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from prometheus_client.registry import Collector

from smoothop import HandleStatus, Operator, Phase
from smoothop_prometheus import metrics, standing
from smoothop_prometheus.ledger import BOUNDS, Durations, Ledger
from smoothop_prometheus.metrics import counter, gauge, histogram
from smoothop_prometheus.standing import Standing

if TYPE_CHECKING:
    from prometheus_client.core import Metric

_LIMITS = [*map(str, BOUNDS), "+Inf"]


class SmoothopCollector(Collector):
    """All metrics of the operators of this process; register it wherever they are to be served.

    It serves no one by itself, may be registered in several registries, and may be scraped from
    any thread. A scrape never waits for a worker.
    """

    def __init__(self, operators: Callable[[], Iterable[Operator]], ledger: Ledger) -> None:
        """Make a collector.

        Args:
            operators: asked at each scrape which operators there are.
            ledger: what was counted from the events of their workers.
        """
        self._operators = operators
        self._ledger = ledger

    def describe(self) -> Iterable[Metric]:
        """Return every metric without values, so a registry finds clashes without a scrape."""
        return [family.described() for family in metrics.FAMILIES]

    def collect(self) -> Iterator[Metric]:
        """Return every metric as it is now."""
        operators = list(self._operators())
        standings = standing.read(operators, self._ledger)
        yield _handle_duration(standings)
        yield _mailbox_wait(standings)
        yield _dispatches(standings)
        yield _states(standings)
        yield _last_success(standings)
        yield from _plain(standings)
        yield from _plugins(operators)
        yield _build_info()


def _handle_duration(standings: Iterable[Standing]) -> Metric:
    family = histogram(metrics.HANDLE_DURATION)
    for one in standings:
        for status in HandleStatus:
            durations = one.figures.handled[status]
            family.add_metric([one.figures.label, status], _buckets(durations), durations.total)
    return family


def _mailbox_wait(standings: Iterable[Standing]) -> Metric:
    family = histogram(metrics.MAILBOX_WAIT)
    for one in standings:
        waited = one.figures.waited
        family.add_metric([one.figures.label], _buckets(waited), waited.total)
    return family


def _buckets(durations: Durations) -> list[tuple[str, float]]:
    return list(zip(_LIMITS, durations.up_to(), strict=True))


def _dispatches(standings: Iterable[Standing]) -> Metric:
    family = counter(metrics.DISPATCHES)
    for one in standings:
        family.add_metric([one.figures.label, "accepted"], one.figures.accepted)
        family.add_metric([one.figures.label, "refused"], one.figures.refused)
    return family


def _states(standings: Iterable[Standing]) -> Metric:
    family = gauge(metrics.WORKER_STATE)
    for one in standings:
        for phase in Phase:
            family.add_metric([one.figures.label, phase], one.states[phase])
    return family


def _last_success(standings: Iterable[Standing]) -> Metric:
    """Leave out who had none yet: a 0 would read as 1970, and every alert would fire."""
    family = gauge(metrics.LAST_SUCCESS)
    for one in standings:
        if one.figures.last_success is not None:
            family.add_metric([one.figures.label], one.figures.last_success)
    return family


def _plain(standings: Iterable[Standing]) -> Iterator[Metric]:
    panics, restarts = counter(metrics.PANICS), counter(metrics.WORKER_RESTARTS)
    depth, capacity = gauge(metrics.MAILBOX_DEPTH), gauge(metrics.MAILBOX_CAPACITY)
    for one in standings:
        label = [one.figures.label]
        panics.add_metric(label, one.panics)
        restarts.add_metric(label, one.restarts)
        depth.add_metric(label, one.mailbox_depth)
        capacity.add_metric(label, one.mailbox_capacity)
    yield from (panics, restarts, depth, capacity)


def _plugins(operators: Iterable[Operator]) -> Iterator[Metric]:
    """Count per plugin, not per operator: one that follows several tells each the same number."""
    failures: dict[tuple[str, str], int] = {}
    dropped: Counter[str] = Counter()
    for info in (info for operator in operators for info in operator.observers):
        # Known hooks of installed plugins start at 0, so that the first failure is an increase.
        known = dict.fromkeys(info.hooks, 0) if info.distribution else {}
        for hook, times in (known | dict(info.failures)).items():
            failures[info.name, hook] = max(times, failures.get((info.name, hook), 0))
        dropped[info.name] = max(info.dropped, dropped[info.name])
    errors = counter(metrics.PLUGIN_ERRORS)
    for labels, times in failures.items():
        errors.add_metric(labels, times)
    events = counter(metrics.EVENTS_DROPPED)
    events.add_metric([], dropped.total())
    yield from (errors, events)


def _build_info() -> Metric:
    try:
        used = version("smoothop")
    except PackageNotFoundError:  # copied into an application, without its metadata
        used = "unknown"
    family = metrics.BUILD_INFO.described()
    labels = {"version": used, "python": platform.python_version()}
    family.add_sample(metrics.BUILD_INFO.name, labels, 1)
    return family
