"""Operators that the plugin follows by way of a registry, and what it exports, in memory."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from smoothop_opentelemetry import OpenTelemetryObserver

from smoothop import Operator, Registry


class Exported:
    """The OpenTelemetry SDK with its in-memory exporters, the plugin, and operators it follows."""

    def __init__(self) -> None:
        self._spans = InMemorySpanExporter()
        self._metrics = InMemoryMetricReader()
        self.tracer_provider = TracerProvider(shutdown_on_exit=False)
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self._spans))
        self.meter_provider = MeterProvider([self._metrics], shutdown_on_exit=False)
        self.tracer = self.tracer_provider.get_tracer("the application")
        self.operators: list[Operator] = []

    def operator(self) -> Operator:
        """Return a new operator that the plugin follows."""
        registry = Registry()
        observer = OpenTelemetryObserver(
            tracer_provider=self.tracer_provider, meter_provider=self.meter_provider
        )
        registry.hooks.register(observer, "opentelemetry")
        operator = Operator()
        self.operators.append(operator)
        registry.observe(operator)
        return operator

    def spans(self) -> tuple[ReadableSpan, ...]:
        """Return all spans that have ended; those of a call have when it has an outcome."""
        return self._spans.get_finished_spans()

    def span(self, name: str) -> ReadableSpan:
        """Return the only span of that name."""
        (found,) = [span for span in self.spans() if span.name == name]
        return found

    def points(self, name: str) -> list[Any]:
        """Return the data points of a metric."""
        data = self._metrics.get_metrics_data()
        found = [] if data is None else data.resource_metrics
        return [
            point
            for resource in found
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]

    def scopes(self) -> list[Any]:
        """Return what the metrics are grouped by, with the metrics."""
        data = self._metrics.get_metrics_data()
        assert data is not None
        return [scope for resource in data.resource_metrics for scope in resource.scope_metrics]

    def close(self) -> None:
        """Close the operators; then no hook of theirs may have failed."""
        for operator in self.operators:
            operator.close()
        self.tracer_provider.shutdown()
        self.meter_provider.shutdown()


@pytest.fixture
def exported() -> Iterator[Exported]:
    made = Exported()
    yield made
    made.close()
    failures = [info.failures for one in made.operators for info in one.observers]
    assert not any(failures), failures
    made.operators.clear()
    gc.collect()


@pytest.fixture
def operator(exported: Exported) -> Operator:
    return exported.operator()
