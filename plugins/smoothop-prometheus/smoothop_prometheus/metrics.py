"""Every metric there is, on one screen: its name, type, labels and meaning.

The README says the same at more length; a test compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)


@dataclass(frozen=True, slots=True)
class Family:
    """What is known about a metric before it has values.

    Attributes:
        kind: its type.
        name: the name as it is scraped, for a histogram without ``_bucket``, ``_sum``, ``_count``.
        help: what it means, in one line.
        labels: the names of its labels.
    """

    kind: Literal["counter", "gauge", "histogram", "info"]
    name: str
    help: str
    labels: tuple[str, ...] = ()

    def described(self) -> Metric:
        """Return the metric without values, under the name the client library knows it by."""
        suffix = {"counter": "_total", "info": "_info"}.get(self.kind, "")
        return Metric(self.name.removesuffix(suffix), self.help, self.kind)


HANDLE_DURATION: Final = Family(
    "histogram",
    "smoothop_handle_duration_seconds",
    "How long calls of the handler took, by what they returned: none, done or fail.",
    ("worker", "status"),
)
PANICS: Final = Family(
    "counter",
    "smoothop_panics_total",
    "Exceptions that left the handler or its setup.",
    ("worker",),
)
DISPATCHES: Final = Family(
    "counter",
    "smoothop_dispatch_total",
    "Messages sent to the worker, by what became of that: accepted or refused.",
    ("worker", "result"),
)
WORKER_STATE: Final = Family(
    "gauge",
    "smoothop_worker_state",
    "1 for the state the worker is in, 0 for the others.",
    ("worker", "state"),
)
WORKER_RESTARTS: Final = Family(
    "counter",
    "smoothop_worker_restarts_total",
    "Starts of the worker after its first one.",
    ("worker",),
)
MAILBOX_DEPTH: Final = Family(
    "gauge",
    "smoothop_mailbox_depth",
    "Messages that wait in the worker's mailbox.",
    ("worker",),
)
MAILBOX_CAPACITY: Final = Family(
    "gauge",
    "smoothop_mailbox_capacity",
    "Messages that may wait in the worker's mailbox before senders are held up.",
    ("worker",),
)
MAILBOX_WAIT: Final = Family(
    "histogram",
    "smoothop_mailbox_wait_seconds",
    "How long messages were in the mailbox before the handler got them.",
    ("worker",),
)
LAST_SUCCESS: Final = Family(
    "gauge",
    "smoothop_last_success_timestamp_seconds",
    "When a call of the handler last neither failed nor panicked, as a Unix time.",
    ("worker",),
)
PLUGIN_ERRORS: Final = Family(
    "counter",
    "smoothop_plugin_errors_total",
    "Calls of a hook plugin that failed.",
    ("plugin", "hook"),
)
EVENTS_DROPPED: Final = Family(
    "counter",
    "smoothop_events_dropped_total",
    "Events that hook plugins were not told because they were too slow.",
)
BUILD_INFO: Final = Family(
    "info",
    "smoothop_build_info",
    "Always 1; its labels tell the versions in use.",
    ("version", "python"),
)

FAMILIES: Final = (
    HANDLE_DURATION,
    PANICS,
    DISPATCHES,
    WORKER_STATE,
    WORKER_RESTARTS,
    MAILBOX_DEPTH,
    MAILBOX_CAPACITY,
    MAILBOX_WAIT,
    LAST_SUCCESS,
    PLUGIN_ERRORS,
    EVENTS_DROPPED,
    BUILD_INFO,
)


def counter(family: Family) -> CounterMetricFamily:
    """Return the family without values yet."""
    return CounterMetricFamily(family.name, family.help, labels=family.labels)


def gauge(family: Family) -> GaugeMetricFamily:
    """Return the family without values yet."""
    return GaugeMetricFamily(family.name, family.help, labels=family.labels)


def histogram(family: Family) -> HistogramMetricFamily:
    """Return the family without values yet."""
    return HistogramMetricFamily(family.name, family.help, labels=family.labels)
