"""What can be observed of a worker: metric events, its phase, its snapshot.

Events are immutable and hold plain data only; errors are kept as text, so an event can be
kept, sent and shown anywhere without holding the objects of a handler alive.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar, Final, Literal

from smoothop._frozen import field_dict, record
from smoothop.results import HandleStatus

Kind = Literal["handle", "panic", "dispatch", "stuck", "lifecycle"]
KINDS: tuple[Kind, ...] = ("handle", "panic", "dispatch", "stuck", "lifecycle")

StopReason = Literal["requested", "panic limit", "cancelled"]


class Status(StrEnum):
    """Whether a worker's code may be running: `RUNNING` until it has really ended."""

    RUNNING = "running"
    STOPPED = "stopped"


class Phase(StrEnum):
    """What a worker is doing, finer than `Status`."""

    STOPPED = "stopped"
    STARTING = "starting"
    HANDLING = "handling"
    IDLE = "idle"
    BACKOFF = "backoff"
    STOPPING = "stopping"
    FAILED = "failed"


# By these names where a slot goes from one to the next; see `smoothop.results.DONE`.
STARTING: Final = Phase.STARTING
HANDLING: Final = Phase.HANDLING
IDLE: Final = Phase.IDLE
BACKOFF: Final = Phase.BACKOFF
STOPPING: Final = Phase.STOPPING


@record
class HandleEvent:
    """One call of `handle` has returned.

    Attributes:
        worker: the worker's name.
        time: when it returned, in seconds since the epoch.
        status: what it returned.
        duration: how long it took, in seconds.
        had_message: whether it was given a message.
        error: the text of a `fail`'s error, otherwise ``None``.
        waited: how long its message had waited in the mailbox, in seconds; ``None`` if there
            was no message.
    """

    kind: ClassVar[Literal["handle"]] = "handle"
    worker: str
    time: float
    status: HandleStatus
    duration: float
    had_message: bool
    error: str | None = None
    waited: float | None = None


@record
class PanicEvent:
    """An exception has left `setup` or `handle`.

    Attributes:
        worker: the worker's name.
        time: when, in seconds since the epoch.
        attempt: which panic this is of those that count: 1, 2, ...
        error: the exception's type and text.
        waited: how long the message being handled had waited in the mailbox, in seconds;
            ``None`` if there was no message.
    """

    kind: ClassVar[Literal["panic"]] = "panic"
    worker: str
    time: float
    attempt: int
    error: str
    waited: float | None = None


@record
class DispatchEvent:
    """A message was put in the mailbox, or found no room there.

    Attributes:
        worker: the name of the worker it was sent to.
        time: when, in seconds since the epoch.
        ok: whether the message was accepted.
        error: why not, otherwise ``None``.
    """

    kind: ClassVar[Literal["dispatch"]] = "dispatch"
    worker: str
    time: float
    ok: bool
    error: str | None = None


@record
class StuckEvent:
    """A call of `handle` takes longer than `Config.stuck_after`.

    Attributes:
        worker: the worker's name.
        time: when it was noticed, in seconds since the epoch.
        duration: how long the call has taken so far, in seconds.
        stack: where it stands, as a traceback's text.
    """

    kind: ClassVar[Literal["stuck"]] = "stuck"
    worker: str
    time: float
    duration: float
    stack: str


@record
class LifecycleEvent:
    """The worker has started or stopped.

    Attributes:
        worker: the worker's name.
        time: when, in seconds since the epoch.
        event: ``"started"`` or ``"stopped"``.
        reason: ``None`` for a start; for a stop ``"requested"``, ``"panic limit"`` or
            ``"cancelled"`` (the operator's cancellation, or its event loop's end); ``None`` if
            there was no thread for it, which the log and `WorkerSnapshot.last_error` say.
    """

    kind: ClassVar[Literal["lifecycle"]] = "lifecycle"
    worker: str
    time: float
    event: Literal["started", "stopped"]
    reason: StopReason | None = None


MetricEvent = HandleEvent | PanicEvent | DispatchEvent | StuckEvent | LifecycleEvent
"""Any of the five event classes; `kind` tells them apart."""


@record
class WorkerSnapshot:
    """Everything known about a worker at one moment; plain data, ready for JSON.

    Attributes:
        name: the worker's name.
        status: ``"running"`` or ``"stopped"``.
        phase: what it is doing; see `Phase`.
        handler: the handler's type or function, as ``module:qualname``.
        config: the fields of its `Config`.
        time: when the snapshot was taken, in seconds since the epoch.
        started_at: when it last started, in seconds since the epoch; ``None`` if never.
        stopped_at: when it last stopped; ``None`` while it runs or if it never ran.
        stop_reason: why it last stopped; ``None`` while it runs or if it never ran.
        starts: how often it has been started.
        handled: how many `handle` calls returned, since the worker was added.
        panics: how many panics there were, since the worker was added.
        panic_attempts: the panics that count towards the limit now.
        retry_at: when the present backoff or idle sleep ends, in seconds since the epoch.
        last_error: the type and text of the last panic or `fail`.
        last_error_at: when that was.
        mailbox_depth: how many messages wait in the mailbox.
        mailbox_size: how many may.
        senders_waiting: how many dispatchers wait for room.
        handling_since: when the running `handle` call began; ``None`` when there is none.
        stuck: whether the running call has been reported as stuck.
        last_event: the most recent event, as by `last_metric`, as a dict with its `kind`.
        paused_since: when it was paused, in seconds since the epoch; ``None`` if it is not.
        paused_by: who paused it, as they called themselves.
        slots: what each slot is doing: dicts with ``number``, ``phase``, ``handling_since``,
            ``starting_since`` (when the running `setup` began), ``stuck`` and ``abandoned``; none
            while it does not run.
        history: the latest things that happened to it, the oldest first: dicts with ``time``,
            ``event`` (``"started"``, ``"stopped"``, ``"panic"``, ``"paused"``, ``"resumed"``,
            ``"config changed"``, ``"stuck"``) and ``detail``.
        last_traceback: the last exception that left user code, with its traceback.
        rate: how many `handle` calls returned per second, over the last 128 (if there were so
            many), from the first of them until now; ``None`` before the first.
        p95: the seconds that 95 of 100 of those calls took at most; ``None`` before the first.
    """

    name: str
    status: str
    phase: str
    handler: str
    config: dict[str, Any]
    time: float
    started_at: float | None
    stopped_at: float | None
    stop_reason: str | None
    starts: int
    handled: int
    panics: int
    panic_attempts: int
    retry_at: float | None
    last_error: str | None
    last_error_at: float | None
    mailbox_depth: int
    mailbox_size: int
    senders_waiting: int
    handling_since: float | None
    stuck: bool
    last_event: dict[str, Any] | None
    paused_since: float | None
    paused_by: str | None
    slots: list[dict[str, Any]]
    history: list[dict[str, Any]]
    last_traceback: str | None
    rate: float | None
    p95: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the snapshot as a new dict of plain values."""
        return {name: _copied(value) for name, value in field_dict(self).items()}


def event_dict(event: MetricEvent) -> dict[str, Any]:
    """Return an event as a dict of plain values, its `kind` first."""
    return {"kind": event.kind, **field_dict(event)}


def _copied(value: Any) -> Any:
    """Return a value that may be changed without changing the other one."""
    # Of what is deeper in a snapshot, nothing can be changed.
    if isinstance(value, list):
        return [one.copy() for one in value]
    return value.copy() if isinstance(value, dict) else value
