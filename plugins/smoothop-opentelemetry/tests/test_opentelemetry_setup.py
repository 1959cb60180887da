"""How the plugin stands to the application's set-up of OpenTelemetry, or to none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from smoothop_opentelemetry import OpenTelemetryObserver, conventions

from smoothop import Operator, Registry, done

DEADLINE = 30
HERE = Path(__file__).parent.parent

FOLLOWED = """
import sys
from smoothop import Config, Operator, Registry, done
import smoothop_opentelemetry
print("imported:", "opentelemetry" in sys.modules)

registry = Registry()
registry.hooks.register(smoothop_opentelemetry.plugin, "opentelemetry")
operator = Operator()
registry.observe(operator)
operator.add_handler("worker", lambda ctx: done(), Config(message_only=True))
operator.start("worker")
print("started:", "opentelemetry" in sys.modules)
operator.dispatch("worker", 1).result(30)
"""


def run(code, **environment):
    """Return what a process of its own prints."""
    path = os.pathsep.join([*sys.path, str(HERE)])
    ended = subprocess.run(
        [sys.executable, "-P", "-W", "error", "-c", code],
        env={**os.environ, "PYTHONPATH": path, **environment},
        check=False,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout.splitlines()


def test_opentelemetry_is_imported_by_the_first_message_and_nothing_earlier():
    assert run(FOLLOWED)[:2] == ["imported: False", "started: False"]


def test_without_an_sdk_messages_go_on_and_no_sdk_is_imported():
    code = (
        FOLLOWED
        + """
print("sdk:", any(name.startswith("opentelemetry.sdk") for name in sys.modules))
print(dict(operator.observers[0].failures))
operator.close()
"""
    )
    assert run(code)[2:] == ["sdk: False", "{}"]


def test_an_sdk_that_the_application_sets_up_after_the_first_message_is_used_from_then_on():
    code = (
        FOLLOWED
        + """
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
tracer_provider = TracerProvider()
tracer_provider.add_span_processor(SimpleSpanProcessor(spans))
trace.set_tracer_provider(tracer_provider)
metrics.set_meter_provider(MeterProvider([reader]))
operator.dispatch("worker", 2).result(30)
operator.close()
print(sorted(span.name for span in spans.get_finished_spans()))
scopes = reader.get_metrics_data().resource_metrics[0].scope_metrics
print(sorted(metric.name for metric in scopes[0].metrics))
"""
    )
    assert run(code)[2:] == [
        "['process worker', 'send worker']",
        str(sorted(one.name for one in conventions.INSTRUMENTS)),
    ]


def test_an_sdk_that_is_switched_off_by_its_own_variable_records_nothing():
    code = (
        FOLLOWED
        + """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
trace.set_tracer_provider(TracerProvider())
operator.dispatch("worker", 2).result(30)
print(dict(operator.observers[0].failures))
operator.close()
"""
    )
    assert run(code, OTEL_SDK_DISABLED="true")[2:] == ["{}"]


def test_a_setting_that_means_nothing_is_logged_and_no_message_is_lost(monkeypatch, caplog):
    monkeypatch.setenv("SMOOTHOP_OPENTELEMETRY_PARENT", "maybe")
    registry = Registry()
    registry.hooks.register(OpenTelemetryObserver(), "opentelemetry")
    with Operator() as operator:
        registry.observe(operator)
        operator.add_handler("worker", lambda ctx: done(ctx.message))
        operator.start("worker")
        assert operator.dispatch("worker", 1).result(DEADLINE) == 1
    assert "SMOOTHOP_OPENTELEMETRY_PARENT: 'maybe' is neither 'send' nor 'none'" in caplog.text


class Broken:
    """A tracer provider of which nothing works."""

    def get_tracer(self, *arguments, **named):
        return self

    def start_span(self, *arguments, **named):
        raise OSError("the exporter is gone")


@pytest.mark.parametrize("count", [1, 20])
def test_a_broken_sdk_costs_no_message(count):
    registry = Registry()
    registry.hooks.register(OpenTelemetryObserver(tracer_provider=Broken()), "opentelemetry")
    with Operator() as operator:
        registry.observe(operator)
        operator.add_handler("worker", lambda ctx: done(ctx.message))
        operator.start("worker")
        answers = [operator.dispatch("worker", n).result(DEADLINE) for n in range(count)]
        (info,) = operator.observers
    assert answers == list(range(count))
    assert info.failures["smoothop_around_dispatch"] == min(count, 10)
