"""`Ledger`: what is counted from events, by worker. It knows nothing of Prometheus.

Only what nobody else keeps is counted here: the two histograms, the dispatches and the time of the
last success. What a worker's snapshot tells is read from that when the metrics are scraped, so it
stays exact when events had to be dropped.

The histograms are two additions and a bisection under one lock, 300 ns; the metric types of the
client library take a lock for each number and 700 ns, or 1,700 ns with the look-up of the labels.
That time is taken from the workers, which share the interpreter.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import accumulate
from threading import Lock
from typing import Final

from smoothop import DispatchEvent, HandleEvent, HandleStatus, PanicEvent, WorkerSnapshot
from smoothop_prometheus.settings import DEFAULT_MAX_WORKERS

OTHER: Final = "_other"
"""Stands for the workers above the limit; no worker can have this name."""

BOUNDS: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0, 300.0)
"""Upper bounds of the histograms' buckets in seconds: background work takes ms to minutes."""


class Durations:
    """A histogram of seconds."""

    __slots__ = ("_counts", "total")

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self._counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds

    def up_to(self) -> list[int]:
        """Return for each bound, and then for no bound, how many durations were within it."""
        return list(accumulate(self._counts))

    def copy(self) -> Durations:
        """Return another one with the same counts."""
        twin = Durations()
        twin._counts, twin.total = self._counts.copy(), self.total
        return twin


@dataclass(slots=True)
class Figures:
    """What is counted under one value of the label ``worker``.

    Attributes:
        label: that value.
        handled: how long calls of `handle` took, by what they returned.
        waited: how long messages were in the mailbox until they were handled.
        accepted: how many messages were put in the mailbox.
        refused: how many could not be.
        last_success: when a call last returned `done` or `none`, in seconds since the epoch.
        panics_before: the panics of the workers that were removed while others with this label
            remained; a counter must not fall.
        restarts_before: their restarts.
    """

    label: str
    handled: dict[HandleStatus, Durations] = field(
        default_factory=lambda: {status: Durations() for status in HandleStatus}
    )
    waited: Durations = field(default_factory=Durations)
    accepted: int = 0
    refused: int = 0
    last_success: float | None = None
    panics_before: int = 0
    restarts_before: int = 0

    def copy(self) -> Figures:
        """Return the figures as they are now."""
        return Figures(
            self.label,
            {status: durations.copy() for status, durations in self.handled.items()},
            self.waited.copy(),
            self.accepted,
            self.refused,
            self.last_success,
            self.panics_before,
            self.restarts_before,
        )


class Ledger:
    """The figures of all workers. Safe from any thread; nothing here blocks for long.

    Attributes:
        max_workers: how many workers have figures of their own; one that comes when there are
            that many shares the figures labelled `OTHER` until it is removed.
    """

    def __init__(self, max_workers: int = DEFAULT_MAX_WORKERS) -> None:
        self.max_workers = max_workers
        self._lock = Lock()
        self._by_worker: dict[str, Figures] = {}
        self._other = Figures(OTHER)
        self._owners = 0

    def handled(self, event: HandleEvent) -> None:
        """Count a call that returned."""
        with self._lock:
            figures = self._of(event.worker)
            figures.handled[event.status].observe(event.duration)
            if event.waited is not None:
                figures.waited.observe(event.waited)
            if event.status is not HandleStatus.FAIL:
                figures.last_success = max(event.time, figures.last_success or 0.0)

    def panicked(self, event: PanicEvent) -> None:
        """Count how long the message had waited that was handled when the handler panicked."""
        if event.waited is not None:
            with self._lock:
                self._of(event.worker).waited.observe(event.waited)

    def dispatched(self, event: DispatchEvent) -> None:
        """Count a message that was accepted or refused."""
        with self._lock:
            figures = self._of(event.worker)
            if event.ok:
                figures.accepted += 1
            else:
                figures.refused += 1

    def label(self, worker: str) -> str:
        """Return the label of a worker, which it keeps until it is forgotten."""
        with self._lock:
            return self._of(worker).label

    def figures(self, worker: str) -> Figures:
        """Return a copy of what was counted under the label of a worker."""
        with self._lock:
            return self._of(worker).copy()

    def removed(self, last: WorkerSnapshot) -> None:
        """Keep in a shared label's counters what a worker that is gone has added to them."""
        with self._lock:
            figures = self._of(last.name)
            figures.panics_before += last.panics
            figures.restarts_before += restarts(last)

    def workers(self) -> list[str]:
        """Return the names of the workers that anything was counted or asked of."""
        with self._lock:
            return list(self._by_worker)

    def forget(self, worker: str) -> None:
        """Forget a worker that is gone, and its figures unless it shared them."""
        with self._lock:
            figures = self._by_worker.pop(worker, None)
            if figures is not None and figures is not self._other:
                self._owners -= 1

    def _of(self, worker: str) -> Figures:
        figures = self._by_worker.get(worker)
        if figures is None:
            figures = self._by_worker[worker] = self._opened(worker)
        return figures

    def _opened(self, worker: str) -> Figures:
        if self._owners >= self.max_workers:
            return self._other
        self._owners += 1
        return Figures(worker)


def restarts(worker: WorkerSnapshot) -> int:
    """Return how often a worker was started after its first start."""
    return max(worker.starts - 1, 0)
