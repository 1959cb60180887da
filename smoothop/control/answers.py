"""What a running operator answers, as records; the server writes them, the client reads them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, TypeVar

from smoothop.events import (
    DispatchEvent,
    HandleEvent,
    LifecycleEvent,
    MetricEvent,
    PanicEvent,
    StuckEvent,
    WorkerSnapshot,
)
from smoothop.results import HandleStatus

T = TypeVar("T")

_EVENTS: dict[str, type[MetricEvent]] = {
    event.kind: event
    for event in (HandleEvent, PanicEvent, DispatchEvent, StuckEvent, LifecycleEvent)
}


@dataclass(frozen=True, slots=True)
class OperatorInfo:
    """The running operator.

    Attributes:
        name: its name.
        pid: its process.
        version: its version of smoothop.
        started_at: when its control server started, in seconds since the epoch.
        state: ``"stopping"`` from the moment it was asked to stop.
        workers: how many workers it has.
        read_only: whether it refuses every change.
        event_readers: how many follow its events now.
        event_readers_dropped: how many were dropped because they did not read.
    """

    name: str
    pid: int
    version: str
    started_at: float
    state: Literal["running", "stopping"]
    workers: int
    read_only: bool
    event_readers: int
    event_readers_dropped: int


@dataclass(frozen=True, slots=True)
class Health:
    """Whether an operator is well.

    Attributes:
        ok: whether it is.
        reasons: why not; none are told to those who may not look.
    """

    ok: bool
    reasons: list[str]


@dataclass(frozen=True, slots=True)
class WorkerDetails:
    """Everything a running operator tells about one worker.

    Attributes:
        snapshot: as by `Worker.snapshot`.
        stack: where its code stands now, as a traceback's text; ``None`` if it does not run.
        config_origins: field of the config -> where its value comes from; ``None`` if unknown.
        handler: which handler it runs and who brings it; ``None`` if unknown.
    """

    snapshot: WorkerSnapshot
    stack: str | None
    config_origins: dict[str, str] | None
    handler: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class ActionResult:
    """What became of a worker that was asked to do something.

    Attributes:
        worker: its name.
        action: what it was asked.
        changed: whether that made a difference.
        status: ``"running"`` or ``"stopped"``, afterwards.
        phase: see `Phase`, afterwards.
    """

    worker: str
    action: str
    changed: bool
    status: str
    phase: str


@dataclass(frozen=True, slots=True)
class Stacks:
    """Where all code stands, as texts of tracebacks.

    Attributes:
        workers: name of each worker that runs -> its stack, and then those of its tasks.
        threads: name of each other thread -> its stack.
        tasks: name of each other task of the event loop that async workers run on -> its stack;
            with a number where several have the same name.
    """

    workers: dict[str, str]
    threads: dict[str, str]
    tasks: dict[str, str]


def read(kind: type[T], document: dict[str, Any]) -> T:
    """Make a record of what a server has written.

    What a newer server adds is left out, and what an older one does not tell is ``None``: an
    operator goes on running while its package is upgraded.
    """
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    return kind(**{name: document.get(name) for name in known})


def read_details(document: dict[str, Any]) -> WorkerDetails:
    """Make the record of one worker."""
    return read(WorkerDetails, {**document, "snapshot": read(WorkerSnapshot, document["snapshot"])})


def read_event(document: dict[str, Any]) -> MetricEvent | None:
    """Make the event; ``None`` if it is of a kind that this version does not know."""
    kind = _EVENTS.get(document["kind"])
    if kind is HandleEvent:
        document = {**document, "status": HandleStatus(document["status"])}
    return None if kind is None else read(kind, document)


def plain(record: Any) -> dict[str, Any]:
    """Return a record as a dict, ready for JSON."""
    return asdict(record)
