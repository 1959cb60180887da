"""The metrics of messages on a real operator: what is counted and timed, and as what."""

from __future__ import annotations

import pytest
from smoothop_opentelemetry import conventions

from smoothop import (
    Config,
    DispatchTimeoutError,
    HandlerFailedError,
    HandlerPanickedError,
    done,
    fail,
    none,
)

DEADLINE = 30
ON_MESSAGE = Config(message_only=True, panic_backoff=0.0001)
SENT = {
    "messaging.system": "smoothop",
    "messaging.destination.name": "worker",
    "messaging.operation.name": "send",
}
PROCESSED = {**SENT, "messaging.operation.name": "process"}


def handle(ctx):
    """Do what the message says."""
    match ctx.message:
        case "fail":
            return fail("no")
        case "panic":
            raise LookupError("no")
        case "none":
            return none()
    return done()


async def handle_async(ctx):
    return handle(ctx)


@pytest.fixture(params=[handle, handle_async])
def outcomes(request, operator):
    """Send messages one by one to a worker and wait for each outcome, good or bad."""
    operator.add_handler("worker", request.param, ON_MESSAGE)
    operator.start("worker")

    def of(*messages):
        for message in messages:
            receipt = operator.dispatch("worker", message)
            try:
                receipt.result(DEADLINE)
            except (HandlerFailedError, HandlerPanickedError):
                assert message in ("fail", "panic")

    return of


def values(points, value):
    """Return the values of data points by their attributes."""
    return {frozenset(point.attributes.items()): getattr(point, value) for point in points}


def keyed(*pairs):
    """Return the same for what is expected."""
    return {frozenset(attributes.items()): value for attributes, value in pairs}


def test_messages_are_counted_where_they_are_sent_and_where_they_are_handled(exported, outcomes):
    outcomes("done", "done", "none")
    sent = values(exported.points("messaging.client.sent.messages"), "value")
    consumed = values(exported.points("messaging.client.consumed.messages"), "value")
    assert sent == keyed((SENT, 3))
    assert consumed == keyed((PROCESSED, 3))


def test_each_kind_of_error_is_counted_and_timed_by_itself(exported, outcomes):
    outcomes("done", "fail", "panic", "done", "fail")
    expected = keyed(
        (PROCESSED, 2),
        ({**PROCESSED, "error.type": "Exception"}, 2),
        ({**PROCESSED, "error.type": "LookupError"}, 1),
    )
    consumed = exported.points("messaging.client.consumed.messages")
    durations = exported.points("messaging.process.duration")
    assert values(consumed, "value") == expected
    assert values(durations, "count") == expected


def test_durations_are_those_of_the_spans_in_seconds(exported, outcomes):
    outcomes("done", "done", "panic")
    for metric, name in (
        ("messaging.client.operation.duration", "send worker"),
        ("messaging.process.duration", "process worker"),
    ):
        spans = [span for span in exported.spans() if span.name == name]
        taken = sum(span.end_time - span.start_time for span in spans) / 1e9
        points = exported.points(metric)
        assert sum(point.count for point in points) == 3
        assert sum(point.sum for point in points) == pytest.approx(taken)


def test_a_refused_message_counts_as_an_attempt_with_its_error(exported, operator):
    operator.add_handler("worker", handle, Config(mailbox_size=1))
    operator.dispatch("worker", "fits")
    with pytest.raises(DispatchTimeoutError):
        operator.dispatch("worker", "does not", timeout=0)
    refused = {**SENT, "error.type": "smoothop.errors.DispatchTimeoutError"}
    expected = keyed((SENT, 1), (refused, 1))
    sent = exported.points("messaging.client.sent.messages")
    durations = exported.points("messaging.client.operation.duration")
    assert values(sent, "value") == expected
    assert values(durations, "count") == expected
    assert exported.points("messaging.client.consumed.messages") == []


def test_calls_without_a_message_are_not_measured(exported, operator, monkeypatch):
    monkeypatch.setenv("SMOOTHOP_OPENTELEMETRY_POLLS", "on")
    operator.add_handler("worker", lambda ctx: none(60))
    operator.start("worker")
    operator.dispatch("worker", "hello").result(DEADLINE)
    operator.stop("worker").result(DEADLINE)
    (point,) = exported.points("messaging.process.duration")
    assert point.count == 1


def test_the_instruments_are_those_of_the_conventions(exported, outcomes):
    outcomes("done")
    (scope,) = exported.scopes()
    assert scope.scope.name == "smoothop_opentelemetry"
    assert scope.scope.schema_url == conventions.SCHEMA_URL
    found = {(one.name, one.unit, one.description) for one in scope.metrics}
    assert found == {(one.name, one.unit, one.description) for one in conventions.INSTRUMENTS}


@pytest.mark.parametrize(
    "name", ["messaging.client.operation.duration", "messaging.process.duration"]
)
def test_histograms_have_the_buckets_that_the_conventions_advise(exported, outcomes, name):
    outcomes("done")
    (point,) = exported.points(name)
    bounds = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
    assert tuple(point.explicit_bounds) == bounds


def test_an_exemplar_leads_from_a_duration_to_the_span_it_was_measured_in(exported, outcomes):
    outcomes("done")
    (point,) = exported.points("messaging.process.duration")
    assert [one.span_id for one in point.exemplars] == [
        exported.span("process worker").context.span_id
    ]


def test_operators_of_one_process_add_to_the_same_metrics(exported, outcomes):
    outcomes("done")
    other = exported.operator()
    other.add_handler("worker", handle, ON_MESSAGE)
    other.start("worker")
    other.dispatch("worker", "done").result(DEADLINE)
    sent = exported.points("messaging.client.sent.messages")
    assert values(sent, "value") == keyed((SENT, 2))
