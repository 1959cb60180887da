"""Every span, attribute and metric there is, on one screen, under the names of the conventions.

They are OpenTelemetry's semantic conventions for messaging in the version of `SCHEMA_URL`, which
goes with all that is exported. These conventions are still in development: a newer version may
rename what is here, and here is where that is done. The README says the same at more length; a
test compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

VERSION: Final = "1.44.0"
SCHEMA_URL: Final = f"https://opentelemetry.io/schemas/{VERSION}"
SCOPE: Final = "smoothop_opentelemetry"
"""The name of the instrumentation scope: this package."""

# -- attributes

SYSTEM: Final = "messaging.system"
DESTINATION: Final = "messaging.destination.name"
OPERATION_NAME: Final = "messaging.operation.name"
OPERATION_TYPE: Final = "messaging.operation.type"
ERROR_TYPE: Final = "error.type"
STATUS: Final = "messaging.smoothop.status"
"""What a handler returned; the conventions leave names below ``messaging.{system}`` to us."""
WORKER: Final = "messaging.smoothop.worker"
"""The worker of a call without a message, which has no destination."""

SMOOTHOP: Final = "smoothop"
"""The value of `SYSTEM`."""

# -- spans

SEND: Final = "send"
PROCESS: Final = "process"
POLL: Final = "poll"


def span_name(operation: str, worker: str) -> str:
    """Return ``{operation} {destination}``."""
    return f"{operation} {worker}"


def error_type(error: BaseException) -> str:
    """Return the class of an error by its full name, as `ERROR_TYPE` and exceptions have it."""
    kind = type(error)
    module = kind.__module__
    return kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"


def metric_attributes(operation: str, worker: str) -> dict[str, str]:
    """Return what every metric of an operation says of it."""
    return {SYSTEM: SMOOTHOP, DESTINATION: worker, OPERATION_NAME: operation}


def operation_attributes(operation: str, worker: str) -> dict[str, str]:
    """Return what the span of an operation says of it from its start, for samplers to see."""
    # Both operations are called as the type is that the conventions give them.
    return {**metric_attributes(operation, worker), OPERATION_TYPE: operation}


# -- metrics


@dataclass(frozen=True, slots=True)
class Instrument:
    """What is known about a metric before it has values."""

    kind: Literal["counter", "histogram"]
    name: str
    unit: str
    description: str


OPERATION_DURATION: Final = Instrument(
    "histogram",
    "messaging.client.operation.duration",
    "s",
    "Duration of messaging operation initiated by a producer or consumer client.",
)
PROCESS_DURATION: Final = Instrument(
    "histogram", "messaging.process.duration", "s", "Duration of processing operation."
)
SENT_MESSAGES: Final = Instrument(
    "counter",
    "messaging.client.sent.messages",
    "{message}",
    "Number of messages producer attempted to send to the broker.",
)
CONSUMED_MESSAGES: Final = Instrument(
    "counter",
    "messaging.client.consumed.messages",
    "{message}",
    "Number of messages that were delivered to the application.",
)
INSTRUMENTS: Final = (OPERATION_DURATION, PROCESS_DURATION, SENT_MESSAGES, CONSUMED_MESSAGES)

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""The bounds of both histograms, in seconds, as the conventions advise."""
