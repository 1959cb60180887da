"""`smoothop_around_dispatch`, the context that goes with the message, and `handle_returned`."""

import asyncio
import threading
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar

import pytest
from support.hooks import SOON, followed

from smoothop import (
    Config,
    DispatchTimeoutError,
    HandlerPanickedError,
    Operator,
    Registry,
    WorkerNotFoundError,
    done,
    fail,
    hookimpl,
)

TRACE = ContextVar("TRACE", default="none")
ON_MESSAGE = Config(message_only=True, panic_backoff=0.0001)


@pytest.fixture(autouse=True)
def _no_trace():
    TRACE.set("none")


class AroundDispatch:
    def __init__(self, around):
        self.around = around

    @hookimpl
    def smoothop_around_dispatch(self, worker):
        return self.around(worker)


class AroundHandle:
    def __init__(self, manager):
        self.manager = manager

    @hookimpl
    def smoothop_around_handle(self, worker, ctx):
        return self.manager


class Listening:
    """Notes what it is told."""

    def __init__(self, error=None):
        self.error = error
        self.told = []

    def __enter__(self):
        pass

    def handle_returned(self, result):
        self.told.append(result)
        if self.error is not None:
            raise self.error

    def __exit__(self, kind, error, trace):
        self.told.append(kind)


def sender(ctx):
    return done(None if ctx.sender_context is None else ctx.sender_context.get(TRACE, "none"))


async def async_sender(ctx):
    return sender(ctx)


@pytest.fixture(params=[sender, async_sender])
def handler(request):
    return request.param


@pytest.fixture(params=["dispatch", "dispatch_async"])
def send(request):
    """Dispatch from outside, in both ways."""

    def by(operator, message, **options):
        if request.param == "dispatch":
            return operator.dispatch("worker", message, **options)
        return asyncio.run(operator.dispatch_async("worker", message, **options))

    return by


def test_it_is_called_by_the_sender_and_left_when_the_message_is_in_the_mailbox(send):
    seen = []

    @contextmanager
    def around(worker):
        seen.append((worker.name, worker.snapshot().mailbox_depth, threading.current_thread()))
        yield
        seen.append((worker.name, worker.snapshot().mailbox_depth, threading.current_thread()))

    with followed(AroundDispatch(around)) as operator:
        operator.add_handler("worker", sender, ON_MESSAGE)
        send(operator, "hello")
    here = threading.current_thread()
    assert seen == [("worker", 0, here), ("worker", 1, here)]


def test_the_context_goes_with_the_message_as_it_is_when_all_was_entered(handler, send):
    @contextmanager
    def around(worker):
        token = TRACE.set(f"{TRACE.get()} > send")
        yield
        TRACE.reset(token)

    with followed(AroundDispatch(around), AroundDispatch(around)) as operator:
        operator.add_handler("worker", handler, ON_MESSAGE)
        TRACE.set("outside")
        receipt = send(operator, "hello")
        TRACE.set("changed later")
        operator.start("worker")
        assert receipt.result(SOON) == "outside > send > send"


def test_a_handler_sends_in_the_context_of_its_own_call(handler):
    def relay(ctx):
        TRACE.set(f"relay of {ctx.message}")
        return done(ctx.dispatch("worker", None))

    async def relay_async(ctx):
        TRACE.set(f"relay of {ctx.message}")
        return done(await ctx.dispatch("worker", None))

    with followed(AroundDispatch(lambda worker: None)) as operator:
        operator.add_handler("worker", handler, ON_MESSAGE)
        operator.add_handler("relay", relay_async if handler is async_sender else relay, ON_MESSAGE)
        operator.start_all()
        received = operator.dispatch("relay", 1).result(SOON)
        assert received.result(SOON) == "relay of 1"


def test_without_such_a_plugin_no_context_is_kept(handler, send):
    with followed(AroundHandle(nullcontext())) as operator:
        operator.add_handler("worker", handler, ON_MESSAGE)
        operator.start("worker")
        assert send(operator, "hello").result(SOON) is None


def test_a_call_without_a_message_has_no_sender():
    asked = threading.Event()
    seen = []

    def poll(ctx):
        seen.append(ctx.sender_context)
        asked.set()
        ctx.wait()
        return done()

    with followed(AroundDispatch(lambda worker: None)) as operator:
        operator.add_handler("worker", poll)
        operator.start("worker")
        assert asked.wait(SOON)
    assert seen == [None]


def test_the_context_is_let_go_with_the_outcome():
    with followed(AroundDispatch(lambda worker: None)) as operator:
        operator.add_handler("worker", sender, ON_MESSAGE)
        receipt = operator.dispatch("worker", "hello")
        assert receipt.sender_context is not None
        operator.start("worker")
        receipt.result(SOON)
        assert receipt.sender_context is None


def test_it_sees_why_a_message_is_refused_and_cannot_hide_it(send):
    saw = []

    @contextmanager
    def around(worker):
        try:
            yield
        except DispatchTimeoutError as error:  # swallowed
            saw.append(error)

    with followed(AroundDispatch(around)) as operator:
        operator.add_handler("worker", sender, Config(mailbox_size=1))
        send(operator, "fits")
        with pytest.raises(DispatchTimeoutError) as caught:
            send(operator, "does not", timeout=0)
    assert saw == [caught.value]


def test_it_is_not_called_for_a_worker_that_is_not_there(send):
    called = []
    with followed(AroundDispatch(called.append)) as operator, pytest.raises(WorkerNotFoundError):
        send(operator, "hello")
    assert called == []


@pytest.mark.parametrize("wrong", [ZeroDivisionError(), SystemExit(1), 42])
def test_what_it_raises_keeps_no_message_back_and_is_counted(send, wrong):
    def around(worker):
        if isinstance(wrong, BaseException):
            raise wrong
        return wrong

    with followed(AroundDispatch(around)) as operator:
        operator.add_handler("worker", sender, ON_MESSAGE)
        operator.start("worker")
        assert send(operator, "hello").result(SOON) == "none"
        (info,) = operator.observers
    assert info.failures == {"smoothop_around_dispatch": 1}


def test_several_are_nested_as_those_around_a_call_are():
    order = []

    def named(name):
        @contextmanager
        def around(worker):
            order.append(f"{name} in")
            yield
            order.append(f"{name} out")

        return AroundDispatch(around)

    with followed(b=named("b"), a=named("a")) as operator:
        operator.add_handler("worker", sender)
        operator.dispatch("worker", "hello")
    assert order == ["a in", "b in", "b out", "a out"]


def test_the_plugins_of_two_registries_may_follow_one_operator():
    order = []

    def named(name):
        @contextmanager
        def around(worker):
            order.append(f"{name} in")
            yield
            order.append(f"{name} out")

        registry = Registry()
        registry.hooks.register(AroundDispatch(around), name)
        return registry

    with Operator() as operator:
        operator.add_handler("worker", sender)
        named("a").observe(operator)
        named("b").observe(operator)
        operator.dispatch("worker", "hello")
    assert order == ["a in", "b in", "b out", "a out"]


def test_a_handler_has_it_around_the_messages_to_its_own_worker_only():
    seen = []

    class Own:
        def handle(self, ctx):
            return done()

        @hookimpl
        def smoothop_around_dispatch(self, worker):
            seen.append(worker.name)

    with followed() as operator:
        operator.add_handler("own", Own(), ON_MESSAGE)
        operator.add_handler("other", sender, ON_MESSAGE)
        operator.dispatch("other", "hello")
        operator.dispatch("own", "hello")
    assert seen == ["own"]


@pytest.mark.parametrize("result", [done(1), fail("no"), "no result at all"])
@pytest.mark.parametrize("is_async", [False, True])
def test_what_handle_returned_is_told_before_the_context_manager_is_left(result, is_async):
    async def handle_async(ctx):
        return result

    listening = Listening()
    with followed(AroundHandle(listening)) as operator:
        handle = handle_async if is_async else lambda ctx: result
        operator.add_handler("worker", handle, ON_MESSAGE)
        operator.start("worker")
        receipt = operator.dispatch("worker", "hello")
        assert receipt.wait_delivered(SOON)
    assert listening.told == [result, None]


def test_nothing_is_told_to_it_when_handle_raised():
    listening = Listening()
    with followed(AroundHandle(listening)) as operator:
        operator.add_handler("worker", lambda ctx: 1 / 0, ON_MESSAGE)
        operator.start("worker")
        with pytest.raises(HandlerPanickedError):
            operator.dispatch("worker", "hello").result(SOON)
    assert listening.told == [ZeroDivisionError]


def test_one_that_always_fails_when_it_is_told_is_counted_and_switched_off(caplog):
    listening = Listening(ValueError("no"))
    with followed(AroundHandle(listening), max_failures=2) as operator:
        operator.add_handler("worker", sender, ON_MESSAGE)
        operator.start("worker")
        for _ in range(3):
            operator.dispatch("worker", "hello").result(SOON)
        (info,) = operator.observers
    assert info.failures == {"smoothop_around_handle": 2}
    assert info.state == "off"
    assert len(listening.told) == 4
