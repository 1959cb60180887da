"""`Operation`: one span that is current inside, and what is recorded when it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter_ns, time_ns
from types import TracebackType
from typing import TYPE_CHECKING

from opentelemetry.context import Context, attach, detach, get_current
from opentelemetry.trace import Link, SpanKind, StatusCode, Tracer, set_span_in_context

from smoothop import HandleResult
from smoothop_opentelemetry import conventions as named

if TYPE_CHECKING:
    from opentelemetry.metrics import Counter, Histogram


@dataclass(frozen=True, slots=True)
class Measure:
    """The instruments of one kind of operation."""

    messages: Counter
    duration: Histogram

    def record(self, seconds: float, attributes: Mapping[str, str]) -> None:
        """Count one message and how long its operation took."""
        self.messages.add(1, attributes)
        self.duration.record(seconds, attributes)


class Operation:
    """A context manager: its span begins when it is entered and ends when it is left.

    Inside, the span is the current one, in the parent's context with all its baggage.
    """

    __slots__ = (
        "_attributes",
        "_began",
        "_clock",
        "_error_type",
        "_kind",
        "_links",
        "_measure",
        "_measured_as",
        "_name",
        "_parent",
        "_span",
        "_token",
        "_tracer",
    )

    def __init__(
        self,
        tracer: Tracer,
        name: str,
        kind: SpanKind,
        attributes: Mapping[str, str],
        *,
        parent: Context | None = None,
        links: Sequence[Link] = (),
        measure: Measure | None = None,
        measured_as: Mapping[str, str] | None = None,
    ) -> None:
        """Make one; see `Telemetry`.

        Args:
            tracer: begins the span.
            name: the span's name.
            kind: the span's kind.
            attributes: what the span says from its start.
            parent: the context it belongs in; ``None``: that in which it is entered.
            links: the spans it is linked to.
            measure: what counts and times it; ``None``: nothing does.
            measured_as: what is said there of it, beside its error.
        """
        self._tracer = tracer
        self._name = name
        self._kind = kind
        self._attributes = attributes
        self._parent = parent
        self._links = links
        self._measure = measure
        self._measured_as = measured_as or {}
        self._error_type: str | None = None

    def __enter__(self) -> None:
        parent = get_current() if self._parent is None else self._parent
        self._began, self._clock = time_ns(), perf_counter_ns()
        self._span = self._tracer.start_span(
            self._name, parent, self._kind, self._attributes, self._links, self._began
        )
        self._token = attach(set_span_in_context(self._span, parent))

    def handle_returned(self, result: object) -> None:
        """Note what a handler has returned: a `fail` is an error of the span."""
        if not isinstance(result, HandleResult):  # the worker makes a panic of it
            self._failed(TypeError(f"the handler returned {type(result).__name__}"))
            return
        self._span.set_attribute(named.STATUS, result.status)
        if result.error is not None:
            self._failed(result.error)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        elapsed = perf_counter_ns() - self._clock
        try:
            if error is not None:
                self._failed(error)
            if self._measure is not None:  # while the span is current: for exemplars
                self._measure.record(elapsed / 1e9, self._measured_attributes())
        finally:
            detach(self._token)
            self._span.end(self._began + elapsed)

    def _failed(self, error: BaseException) -> None:
        self._error_type = named.error_type(error)
        if self._span.is_recording():
            self._span.set_attribute(named.ERROR_TYPE, self._error_type)
            self._span.set_status(StatusCode.ERROR, str(error))
            self._span.record_exception(error)

    def _measured_attributes(self) -> Mapping[str, str]:
        if self._error_type is None:
            return self._measured_as
        return {**self._measured_as, named.ERROR_TYPE: self._error_type}
