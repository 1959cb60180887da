"""The spans of messages on a real operator: names, kinds, how they are linked, and errors."""

from __future__ import annotations

import asyncio
import threading
from itertools import pairwise

import pytest
from opentelemetry import baggage, propagate, trace
from opentelemetry.context import attach, detach, get_current
from opentelemetry.trace import SpanKind, StatusCode
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


class RefusalError(Exception):
    """An error of a handler's own."""


def handle(ctx):
    """Do what the message says; answer with the headers a request would be sent with."""
    match ctx.message:
        case "fail":
            return fail(RefusalError("no"))
        case "fail with a text":
            return fail("just no")
        case "panic":
            raise RefusalError("no")
        case "exit":
            raise SystemExit(1)
        case "wrong":
            return "no result"
        case "none":
            return none()
    headers = {}
    propagate.inject(headers)
    return done(headers)


async def handle_async(ctx):
    await ctx.wait(0)
    return handle(ctx)


def relay(ctx):
    return done(ctx.dispatch("worker", ctx.message))


async def relay_async(ctx):
    return done(await ctx.dispatch("worker", ctx.message))


@pytest.fixture(params=["sync", "async"])
def is_async(request):
    return request.param == "async"


@pytest.fixture
def handler(is_async):
    return handle_async if is_async else handle


@pytest.fixture
def send(operator, handler, is_async):
    """Send a message from outside to a running worker, return its outcome."""
    operator.add_handler("worker", handler, ON_MESSAGE)
    operator.start("worker")

    def from_outside(message="hello"):
        if is_async:
            receipt = asyncio.run(operator.dispatch_async("worker", message))
        else:
            receipt = operator.dispatch("worker", message)
        return receipt.result(DEADLINE)

    return from_outside


def is_child(child, parent):
    """Tell whether one span is the child of another, in the same trace."""
    return (
        child.parent is not None
        and child.parent.span_id == parent.context.span_id
        and child.context.trace_id == parent.context.trace_id
    )


def linked(span):
    """Return the identities of the spans that one is linked to."""
    return [link.context.span_id for link in span.links]


def test_a_message_has_a_producer_and_a_consumer_span(exported, send):
    send()
    # The handler may be done before the sender has left its dispatch.
    assert sorted((span.name, span.kind) for span in exported.spans()) == [
        ("process worker", SpanKind.CONSUMER),
        ("send worker", SpanKind.PRODUCER),
    ]


def test_their_attributes_are_those_of_the_conventions(exported, send):
    send()
    common = {"messaging.system": "smoothop", "messaging.destination.name": "worker"}
    assert exported.span("send worker").attributes == {
        **common,
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
    }
    assert exported.span("process worker").attributes == {
        **common,
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.smoothop.status": "done",
    }


def test_the_scope_names_this_package_and_the_version_of_the_conventions(exported, send):
    send()
    scope = exported.span("process worker").instrumentation_scope
    assert scope.name == "smoothop_opentelemetry"
    assert scope.schema_url == conventions.SCHEMA_URL


def test_process_is_a_child_of_send_and_linked_to_it(exported, send):
    send()
    sent, processed = exported.span("send worker"), exported.span("process worker")
    assert sent.parent is None
    assert is_child(processed, sent)
    assert linked(processed) == [sent.context.span_id]


def test_send_is_a_child_of_the_span_around_the_dispatch(exported, send):
    with exported.tracer.start_as_current_span("request") as request:
        send()
        assert trace.get_current_span() is request
    assert is_child(exported.span("send worker"), exported.span("request"))


def test_each_message_has_a_trace_of_its_own_when_nothing_is_around_them(exported, send):
    for _ in range(3):
        send()
    sent = [span for span in exported.spans() if span.name == "send worker"]
    assert len({span.context.trace_id for span in sent}) == 3


def test_a_trace_goes_on_from_worker_to_worker(exported, send, operator, is_async):
    operator.add_handler("relay", relay_async if is_async else relay, ON_MESSAGE)
    operator.start("relay")
    received = operator.dispatch("relay", "hello").result(DEADLINE)
    received.result(DEADLINE)
    way = ["send relay", "process relay", "send worker", "process worker"]
    spans = [exported.span(name) for name in way]
    assert all(is_child(child, parent) for parent, child in pairwise(spans))


def test_the_span_is_current_in_the_handler_and_not_after_it(exported, operator, is_async):
    seen = []
    polled = threading.Event()

    def look(ctx):
        seen.append((ctx.message, trace.get_current_span().get_span_context()))
        if ctx.message is None:
            polled.set()
            return none(60)
        with exported.tracer.start_as_current_span("query"):
            return done()

    async def look_async(ctx):
        return look(ctx)

    operator.add_handler("worker", look_async if is_async else look)
    receipt = operator.dispatch("worker", "hello")
    operator.start("worker")
    receipt.result(DEADLINE)
    assert polled.wait(DEADLINE)
    processed = exported.span("process worker")
    assert seen[0] == ("hello", processed.context)
    assert seen[1][0] is None
    assert not seen[1][1].is_valid
    assert is_child(exported.span("query"), processed)


def test_the_dispatch_is_inside_its_span_and_the_handling_is_not(exported, operator):
    operator.add_handler("worker", handle, ON_MESSAGE)
    receipt = operator.dispatch("worker", "hello")
    assert [span.name for span in exported.spans()] == ["send worker"]
    operator.start("worker")
    receipt.result(DEADLINE)
    sent, processed = exported.span("send worker"), exported.span("process worker")
    assert sent.start_time <= sent.end_time <= processed.start_time <= processed.end_time


def test_w3c_headers_are_carried_from_outside_through_workers_to_the_next_request(
    exported, send, operator, is_async
):
    trace_id, remote = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    incoming = {
        "traceparent": f"00-{trace_id}-{remote}-01",
        "tracestate": "vendor=value",
        "baggage": "user=alice",
    }
    operator.add_handler("relay", relay_async if is_async else relay, ON_MESSAGE)
    operator.start("relay")
    token = attach(propagate.extract(incoming))
    received = operator.dispatch("relay", "hello")
    detach(token)
    outgoing = received.result(DEADLINE).result(DEADLINE)

    processed = exported.span("process worker")
    assert outgoing == {
        "traceparent": f"00-{trace_id}-{processed.context.span_id:016x}-01",
        "tracestate": "vendor=value",
        "baggage": "user=alice",
    }
    assert exported.span("send relay").parent.span_id == int(remote, 16)


def test_baggage_of_the_sender_is_seen_in_the_handler_only(operator, is_async):
    seen = []

    def look(ctx):
        seen.append(baggage.get_baggage("user"))
        return done()

    async def look_async(ctx):
        return look(ctx)

    operator.add_handler("worker", look_async if is_async else look, ON_MESSAGE)
    operator.start("worker")
    token = attach(baggage.set_baggage("user", "alice"))
    operator.dispatch("worker", 1).result(DEADLINE)
    detach(token)
    operator.dispatch("worker", 2).result(DEADLINE)
    assert seen == ["alice", None]
    assert not get_current()


def test_the_message_is_the_very_object_that_was_sent(operator):
    message = object()  # takes no attributes, so nothing can be hidden in it
    operator.add_handler("worker", lambda ctx: done(ctx.message), ON_MESSAGE)
    operator.start("worker")
    assert operator.dispatch("worker", message).result(DEADLINE) is message


def test_a_message_that_is_none_is_a_message(exported, send):
    send(None)
    assert is_child(exported.span("process worker"), exported.span("send worker"))


def test_a_sampled_out_trace_stays_sampled_out(exported, send):
    token = attach(propagate.extract({"traceparent": f"00-{'1' * 32}-{'2' * 16}-00"}))
    headers = send()
    detach(token)
    assert exported.spans() == ()
    assert headers["traceparent"].startswith(f"00-{'1' * 32}-")
    assert headers["traceparent"].endswith("-00")


@pytest.mark.parametrize(
    ("message", "error_type", "text"),
    [
        ("panic", f"{__name__}.RefusalError", "no"),
        ("exit", "SystemExit", "1"),
        ("wrong", "TypeError", "the handler returned str"),
    ],
)
def test_a_panic_is_an_error_of_the_span_with_its_exception(
    exported, send, message, error_type, text
):
    with pytest.raises(HandlerPanickedError):
        send(message)
    span = exported.span("process worker")
    (event,) = span.events
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, text)
    assert span.attributes["error.type"] == error_type
    assert "messaging.smoothop.status" not in span.attributes
    assert event.name == "exception"
    assert event.attributes["exception.type"] == error_type
    assert event.attributes["exception.message"] == text
    assert ("in handle" in event.attributes["exception.stacktrace"]) == (message != "wrong")


@pytest.mark.parametrize(
    ("message", "error_type", "text"),
    [("fail", f"{__name__}.RefusalError", "no"), ("fail with a text", "Exception", "just no")],
)
def test_a_fail_is_an_error_of_the_span(exported, send, message, error_type, text):
    with pytest.raises(HandlerFailedError):
        send(message)
    span = exported.span("process worker")
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, text)
    assert span.attributes["error.type"] == error_type
    assert span.attributes["messaging.smoothop.status"] == "fail"
    assert [event.attributes["exception.type"] for event in span.events] == [error_type]


@pytest.mark.parametrize("message", ["none", "hello"])
def test_what_is_no_error_leaves_the_status_open(exported, send, message):
    send(message)
    span = exported.span("process worker")
    assert span.status.status_code is StatusCode.UNSET
    assert "error.type" not in span.attributes
    assert span.attributes["messaging.smoothop.status"] == {"hello": "done"}.get(message, message)


def test_a_refused_message_is_an_error_of_its_send_span(exported, operator):
    operator.add_handler("worker", handle, Config(mailbox_size=1))
    operator.dispatch("worker", "fits")
    with pytest.raises(DispatchTimeoutError):
        operator.dispatch("worker", "does not", timeout=0)
    fits, refused = exported.spans()
    assert (fits.name, refused.name) == ("send worker", "send worker")
    assert fits.status.status_code is StatusCode.UNSET
    assert refused.status.status_code is StatusCode.ERROR
    assert refused.attributes["error.type"] == "smoothop.errors.DispatchTimeoutError"
    assert refused.status.description.startswith("dispatch timeout")


def test_a_coroutine_that_is_cancelled_while_stopping_ends_its_span(exported, operator):
    entered = threading.Event()

    async def stuck(ctx):
        entered.set()
        await asyncio.Event().wait()

    operator.add_handler("worker", stuck, Config(message_only=True, stop_grace=0))
    operator.start("worker")
    operator.dispatch("worker", "hello")
    assert entered.wait(DEADLINE)
    operator.stop("worker").result(DEADLINE)
    span = exported.span("process worker")
    assert span.attributes["error.type"] == "asyncio.exceptions.CancelledError"
    assert span.status.status_code is StatusCode.ERROR


def test_async_handlers_side_by_side_keep_their_spans_apart(exported, operator):
    meeting = asyncio.Barrier(2)

    async def meet(ctx):
        before = trace.get_current_span()
        async with asyncio.timeout(DEADLINE):
            await meeting.wait()
        return done(trace.get_current_span() is before)

    for name in ("a", "b"):
        operator.add_handler(name, meet, ON_MESSAGE)
    operator.start_all()
    receipts = [operator.dispatch(name, "hello") for name in ("a", "b")]
    assert [receipt.result(DEADLINE) for receipt in receipts] == [True, True]
    for name in ("a", "b"):
        assert is_child(exported.span(f"process {name}"), exported.span(f"send {name}"))


def test_a_call_without_a_message_has_no_span(exported, operator):
    asked = threading.Event()

    def poll(ctx):
        asked.set()
        return none(60)

    operator.add_handler("worker", poll)
    operator.start("worker")
    assert asked.wait(DEADLINE)
    operator.stop("worker").result(DEADLINE)
    assert exported.spans() == ()


def test_polls_on_gives_calls_without_a_message_a_span_of_their_own(
    exported, operator, monkeypatch
):
    monkeypatch.setenv("SMOOTHOP_OPENTELEMETRY_POLLS", "on")
    asked = threading.Event()

    def poll(ctx):
        if ctx.message is None and not asked.is_set():
            received = ctx.dispatch("worker", "hello")
            asked.set()
            return done(received)
        return none(60)

    operator.add_handler("poller", poll)
    operator.add_handler("worker", handle, ON_MESSAGE)
    operator.start("poller")
    assert asked.wait(DEADLINE)
    operator.stop("poller").result(DEADLINE)
    polled = next(span for span in exported.spans() if span.name == "poll poller")
    assert polled.kind is SpanKind.INTERNAL
    assert polled.parent is None
    assert polled.attributes == {
        "messaging.smoothop.worker": "poller",
        "messaging.smoothop.status": "done",
    }
    assert is_child(exported.span("send worker"), polled)


def test_parent_none_begins_a_trace_per_message_that_is_only_linked(
    exported, operator, monkeypatch
):
    monkeypatch.setenv("SMOOTHOP_OPENTELEMETRY_PARENT", "none")
    operator.add_handler("worker", handle, ON_MESSAGE)
    operator.start("worker")
    token = attach(baggage.set_baggage("user", "alice"))
    headers = operator.dispatch("worker", "hello").result(DEADLINE)
    detach(token)
    sent, processed = exported.span("send worker"), exported.span("process worker")
    assert processed.parent is None
    assert processed.context.trace_id != sent.context.trace_id
    assert linked(processed) == [sent.context.span_id]
    assert headers["baggage"] == "user=alice"


def test_a_span_that_setup_made_current_is_linked_as_well(exported, operator):
    class WithSpan:
        def setup(self, ctx):
            self.span = exported.tracer.start_span("life")
            self.token = attach(trace.set_span_in_context(self.span))

        def handle(self, ctx):
            return done()

        def teardown(self, ctx):
            detach(self.token)
            self.span.end()

    operator.add_handler("worker", WithSpan(), ON_MESSAGE)
    operator.start("worker")
    operator.dispatch("worker", "hello").result(DEADLINE)
    operator.stop("worker").result(DEADLINE)
    sent, life = exported.span("send worker"), exported.span("life")
    processed = exported.span("process worker")
    assert is_child(processed, sent)
    assert linked(processed) == [sent.context.span_id, life.context.span_id]


def test_a_message_that_was_sent_before_plugins_followed_begins_a_trace(exported):
    from smoothop_opentelemetry import OpenTelemetryObserver

    from smoothop import Operator, Registry

    operator = Operator()
    exported.operators.append(operator)
    operator.add_handler("worker", handle, ON_MESSAGE)
    receipt = operator.dispatch("worker", "hello")
    registry = Registry()
    registry.hooks.register(OpenTelemetryObserver(tracer_provider=exported.tracer_provider))
    registry.observe(operator)
    operator.start("worker")
    receipt.result(DEADLINE)
    (span,) = exported.spans()
    assert (span.name, span.parent, span.links) == ("process worker", None, ())
