"""`RecordedEvents`: every event of an operator, in order, for a test to look at and wait for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload

from smoothop._durations import Duration, seconds
from smoothop.events import MetricEvent
from smoothop.testing.virtual import NotReachedError

if TYPE_CHECKING:
    from smoothop.engine.operator import Operator

_Event = TypeVar("_Event", bound=MetricEvent)

MOST: Final = 100_000
"""Events that are kept unread; a test that makes more must look at them in between."""


class RecordedEvents:
    """The events of all workers of an operator, from the moment this is made.

    Works with any operator; on a `VirtualOperator` waiting takes virtual time. To be used by one
    thread.

    Args:
        operator: whose events.
    """

    def __init__(self, operator: Operator) -> None:
        self._stream = operator.metrics(maxsize=MOST)
        self._seen: list[MetricEvent] = []
        self._next = 0

    def all(self) -> list[MetricEvent]:
        """Return every event so far."""
        while self._read(0):
            pass
        if self._stream.dropped:
            raise AssertionError(f"{self._stream.dropped} events are lost: look more often")
        return list(self._seen)

    @overload
    def of(self, kind: type[_Event], worker: str | None = None) -> list[_Event]: ...

    @overload
    def of(self, kind: None = None, worker: str | None = None) -> list[MetricEvent]: ...

    def of(self, kind: type[Any] | None = None, worker: str | None = None) -> list[Any]:
        """Return the events so far of this class and this worker.

        Args:
            kind: for example `PanicEvent`; ``None``: any.
            worker: the name of a worker; ``None``: any.
        """
        return [event for event in self.all() if _fits(event, kind, worker)]

    def wait(
        self,
        kind: type[_Event],
        worker: str | None = None,
        *,
        where: Callable[[_Event], object] = lambda _: True,
        timeout: Duration = 60,
    ) -> _Event:
        """Wait for the next such event and return it; each `wait` begins after the last one's.

        Args:
            kind: for example `PanicEvent`.
            worker: the name of a worker; ``None``: any.
            where: what else must be true of the event.
            timeout: seconds to wait at most.

        Raises:
            NotReachedError: there was none in time; shows the events there were.
        """
        limit = seconds(timeout, "timeout")
        while self._next < len(self._seen) or self._read(limit):
            event = self._seen[self._next]
            self._next += 1
            if _fits(event, kind, worker) and where(event):  # type: ignore[arg-type]
                return event  # type: ignore[return-value]
        raise NotReachedError(_missing(kind, worker, limit, self._seen))

    def _read(self, limit: float) -> bool:
        try:
            event = self._stream.get(timeout=limit)
        except TimeoutError:
            return False
        if event is not None:
            self._seen.append(event)
        return event is not None


def _fits(event: MetricEvent, kind: type[MetricEvent] | None, worker: str | None) -> bool:
    return (kind is None or isinstance(event, kind)) and worker in (None, event.worker)


def _missing(kind: type, worker: str | None, limit: float, seen: list[MetricEvent]) -> str:
    whose = f" of worker {worker}" if worker else ""
    last = "".join(f"\n  {event!r}" for event in seen[-10:]) or " none"
    return f"no such {kind.__name__}{whose} within {limit:g} seconds; the last events:{last}"
