"""What leaves the process: OTLP over HTTP, as the official exporters send it.

The other end is no collector: it is an endpoint of the standard library that decodes what arrives
with the official protobuf classes. So it shows that everything can be encoded and sent, and what
is then in the message; not what a collector would make of it.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from smoothop_opentelemetry import OpenTelemetryObserver, conventions

from smoothop import Config, HandlerFailedError, Operator, Registry, done, fail

DEADLINE = 30
SERVICE = Resource({"service.name": "shop"})
SERVICES = {
    "/v1/traces": (ExportTraceServiceRequest, ExportTraceServiceResponse),
    "/v1/metrics": (ExportMetricsServiceRequest, ExportMetricsServiceResponse),
}


class Endpoint(ThreadingHTTPServer):
    """Takes OTLP over HTTP and keeps what it was sent."""

    daemon_threads = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiving)
        self.received: list[tuple[str, object]] = []

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"


class Receiving(BaseHTTPRequestHandler):
    """One connection."""

    server: Endpoint

    def do_POST(self) -> None:
        request, response = SERVICES[self.path]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.headers["Content-Type"] == "application/x-protobuf"
        self.server.received.append((self.path, request.FromString(body)))
        answer = response().SerializeToString()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def endpoint(monkeypatch) -> Iterator[Endpoint]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Endpoint() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def received(endpoint):
    """Return what arrives of two messages, one of which fails, between two workers."""
    tracer_provider = TracerProvider(resource=SERVICE, shutdown_on_exit=False)
    spans = OTLPSpanExporter(endpoint.url("/v1/traces"), compression=Compression.NoCompression)
    tracer_provider.add_span_processor(BatchSpanProcessor(spans))
    metrics = OTLPMetricExporter(endpoint.url("/v1/metrics"), compression=Compression.NoCompression)
    reader = PeriodicExportingMetricReader(metrics, export_interval_millis=float("inf"))
    meter_provider = MeterProvider([reader], SERVICE, shutdown_on_exit=False)
    registry = Registry()
    registry.hooks.register(
        OpenTelemetryObserver(tracer_provider=tracer_provider, meter_provider=meter_provider)
    )
    with Operator() as operator:
        registry.observe(operator)
        run(operator)
    meter_provider.force_flush()
    tracer_provider.shutdown()  # sends what is left, and waits
    meter_provider.shutdown()
    yield dict(endpoint.received)
    gc.collect()  # sockets of the exporters' sessions


def run(operator: Operator) -> None:
    async def store(ctx):
        return fail(ValueError("no room")) if ctx.message == "bad" else done()

    def take(ctx):
        return done(ctx.dispatch("store", ctx.message))

    operator.add_handler("take", take, Config(message_only=True))
    operator.add_handler("store", store, Config(message_only=True))
    operator.start_all()
    operator.dispatch("take", "good").result(DEADLINE).result(DEADLINE)
    with pytest.raises(HandlerFailedError):
        operator.dispatch("take", "bad").result(DEADLINE).result(DEADLINE)


def texts(attributes):
    """Return string attributes as a dict."""
    return {one.key: one.value.string_value for one in attributes}


def test_spans_arrive_with_kinds_parents_links_and_status(received):
    (resource,) = received["/v1/traces"].resource_spans
    (scope,) = resource.scope_spans
    assert texts(resource.resource.attributes)["service.name"] == "shop"
    assert scope.scope.name == "smoothop_opentelemetry"
    assert scope.schema_url == conventions.SCHEMA_URL

    traces = {}
    for span in scope.spans:
        traces.setdefault(span.trace_id, {})[span.name] = span
    assert len(traces) == 2
    for named in traces.values():
        way = ["send take", "process take", "send store", "process store"]
        assert sorted(named) == sorted(way)
        spans = [named[name] for name in way]
        assert spans[0].parent_span_id == b""
        for parent, child in pairwise(spans):
            assert child.parent_span_id == parent.span_id
        producer, consumer = Span.SPAN_KIND_PRODUCER, Span.SPAN_KIND_CONSUMER
        assert [span.kind for span in spans] == [producer, consumer, producer, consumer]
        (link,) = spans[3].links
        assert (link.trace_id, link.span_id) == (spans[2].trace_id, spans[2].span_id)

    outcomes = [named["process store"] for named in traces.values()]
    assert [span.status.code for span in outcomes] == [
        Status.STATUS_CODE_UNSET,
        Status.STATUS_CODE_ERROR,
    ]
    assert texts(outcomes[1].attributes) == {
        "messaging.system": "smoothop",
        "messaging.destination.name": "store",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.smoothop.status": "fail",
        "error.type": "ValueError",
    }


def test_metrics_arrive_with_units_and_values(received):
    (resource,) = received["/v1/metrics"].resource_metrics
    (scope,) = resource.scope_metrics
    assert scope.schema_url == conventions.SCHEMA_URL
    metrics = {metric.name: metric for metric in scope.metrics}
    assert {(one.name, one.unit) for one in metrics.values()} == {
        (one.name, one.unit) for one in conventions.INSTRUMENTS
    }
    sent = metrics["messaging.client.sent.messages"].sum
    assert sent.is_monotonic
    assert {
        texts(point.attributes)["messaging.destination.name"]: point.as_int
        for point in sent.data_points
    } == {"take": 2, "store": 2}
    durations = metrics["messaging.process.duration"].histogram.data_points
    failed = [point for point in durations if "error.type" in texts(point.attributes)]
    assert [(point.count, texts(point.attributes)["error.type"]) for point in failed] == [
        (1, "ValueError")
    ]
    assert sum(point.count for point in durations) == 4
