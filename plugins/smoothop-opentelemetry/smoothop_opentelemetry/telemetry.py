"""`Telemetry`: makes the operations, each with its span, and has the instruments they use."""

from __future__ import annotations

from contextvars import Context as VariableContext
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final

from opentelemetry import metrics, trace
from opentelemetry.context import Context, get_current
from opentelemetry.trace import INVALID_SPAN, Link, SpanKind, get_current_span, set_span_in_context

from smoothop_opentelemetry import conventions as named
from smoothop_opentelemetry.operation import Measure, Operation
from smoothop_opentelemetry.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.metrics import Histogram, MeterProvider
    from opentelemetry.trace import TracerProvider

DISTRIBUTION: Final = "smoothop-opentelemetry"


class Telemetry:
    """The tracer and the instruments of the plugin; may be used from any thread."""

    def __init__(
        self,
        settings: Settings,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        """Make one; a provider that is ``None`` is OpenTelemetry's global one.

        Where no global provider is set, nothing is recorded until one is.
        """
        self.settings = settings
        self._tracer = trace.get_tracer(
            named.SCOPE, _version(), tracer_provider, schema_url=named.SCHEMA_URL
        )
        self._meter = metrics.get_meter(
            named.SCOPE, _version() or "", meter_provider, schema_url=named.SCHEMA_URL
        )
        self._sent = Measure(
            self._counter(named.SENT_MESSAGES), self._histogram(named.OPERATION_DURATION)
        )
        self._consumed = Measure(
            self._counter(named.CONSUMED_MESSAGES), self._histogram(named.PROCESS_DURATION)
        )

    def send(self, worker: str) -> Operation:
        """Return what goes around one dispatch; a child of whatever span is current there."""
        return Operation(
            self._tracer,
            named.span_name(named.SEND, worker),
            SpanKind.PRODUCER,
            named.operation_attributes("send", worker),
            measure=self._sent,
            measured_as=named.metric_attributes(named.SEND, worker),
        )

    def process(self, worker: str, sender_context: VariableContext | None) -> Operation:
        """Return what goes around the handling of one message; linked to its `send` span."""
        sent_in = Context() if sender_context is None else sender_context.run(get_current)
        spans = (get_current_span(sent_in), get_current_span())
        contexts = (span.get_span_context() for span in spans)
        if not self.settings.continues_trace:
            sent_in = set_span_in_context(INVALID_SPAN, sent_in)  # the baggage stays
        return Operation(
            self._tracer,
            named.span_name(named.PROCESS, worker),
            SpanKind.CONSUMER,
            named.operation_attributes("process", worker),
            parent=sent_in,
            links=[Link(context) for context in contexts if context.is_valid],
            measure=self._consumed,
            measured_as=named.metric_attributes(named.PROCESS, worker),
        )

    def poll(self, worker: str) -> Operation:
        """Return what goes around a call without a message; it is not measured."""
        return Operation(
            self._tracer,
            named.span_name(named.POLL, worker),
            SpanKind.INTERNAL,
            {named.WORKER: worker},
        )

    def _counter(self, one: named.Instrument) -> metrics.Counter:
        return self._meter.create_counter(one.name, one.unit, one.description)

    def _histogram(self, one: named.Instrument) -> Histogram:
        return self._meter.create_histogram(
            one.name,
            one.unit,
            one.description,
            explicit_bucket_boundaries_advisory=named.BUCKETS,
        )


def _version() -> str | None:
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:  # used from a checkout
        return None
