"""The operator on virtual time is held to the real one: one handler, the same events on both."""

from __future__ import annotations

import asyncio

import pytest

from smoothop import (
    Config,
    HandleEvent,
    HandlerFailedError,
    HandlerPanickedError,
    LifecycleEvent,
    MessageDroppedError,
    Operator,
    PanicEvent,
    SmoothopError,
    done,
    fail,
    none,
)
from smoothop.testing import RecordedEvents, VirtualOperator, handle_once

DEADLINE = 20


def told(event):
    """Return an event without what time it was."""
    if isinstance(event, HandleEvent):
        return (event.worker, event.status, event.had_message, event.error)
    if isinstance(event, PanicEvent):
        return (event.worker, event.attempt, event.error)
    if isinstance(event, LifecycleEvent):
        return (event.worker, event.event, event.reason)
    return (event.worker, event.kind, event.ok)


class Many:
    """Does something different at each call."""

    config = Config(panic_backoff=0.01)

    def __init__(self):
        self.calls = 0
        self.log = []

    def setup(self, ctx):
        self.log.append("setup")
        if len(self.log) == 1:
            raise OSError("not yet")

    def handle(self, ctx):
        self.calls += 1
        self.log.append((self.calls, ctx.message))
        match self.calls:
            case 1:
                return none(0.01)
            case 2:
                return fail("no disk", 0.01)
            case 3:
                raise RuntimeError("broken")
            case 4:
                return "nothing"
            case 5:
                return done()
        ctx.wait(0.01)
        return none(3600)

    def teardown(self, ctx):
        self.log.append("teardown")


class AsyncMany(Many):
    async def setup(self, ctx):
        super().setup(ctx)

    async def handle(self, ctx):
        if self.calls >= 5:
            await ctx.wait(0.01)
            await asyncio.sleep(0.01)
            self.calls += 1
            self.log.append((self.calls, ctx.message))
            return none(3600)
        return super().handle(ctx)

    async def teardown(self, ctx):
        super().teardown(ctx)


def story_of_many(operator, kind):
    handler = kind()
    events = RecordedEvents(operator)
    operator.add_handler("many", handler)
    operator.start_all()
    # The first call and the sixth end so. What the handler itself counts must not be asked: it may
    # have come to the sixth before the first event is read here.
    for _ in range(2):
        events.wait(HandleEvent, where=lambda event: event.status == "none", timeout=DEADLINE)
    assert operator.stop("many").wait(DEADLINE)
    operator.start("many")
    events.wait(HandleEvent, timeout=DEADLINE)
    operator.remove_handler("many").wait(DEADLINE)
    return [told(event) for event in events.all()], handler.log


@pytest.mark.parametrize("kind", [Many, AsyncMany])
def test_setup_results_panics_stop_and_restart(kind):
    with Operator() as real, VirtualOperator() as virtual:
        expected = story_of_many(real, kind)
        assert story_of_many(virtual, kind) == expected
        assert len(expected[0]) > 10


def echo(ctx):
    if ctx.message == "fail":
        return fail("no")
    if ctx.message == "panic":
        raise OSError("no disk")
    return done(ctx.message)


async def echo_async(ctx):
    return echo(ctx)


def story_of_messages(operator, handler):
    events = RecordedEvents(operator)
    operator.add_handler("echo", handler, Config(message_only=True, panic_backoff=0.01))
    waiting = [operator.dispatch("echo", message) for message in (1, "fail", "panic", 4)]
    operator.start_all()
    outcomes = [outcome(receipt) for receipt in waiting]
    operator.stop("echo").wait(DEADLINE)
    dropped = operator.dispatch("echo", 5)
    operator.remove_handler("echo").wait(DEADLINE)
    return [*outcomes, outcome(dropped)], [told(event) for event in events.all()]


def outcome(receipt):
    try:
        return receipt.result(timeout=DEADLINE)
    except SmoothopError as error:
        return type(error), str(error), repr(error.__cause__)


@pytest.mark.parametrize("handler", [echo, echo_async])
def test_messages_and_their_outcomes(handler):
    with Operator() as real, VirtualOperator() as virtual:
        expected = story_of_messages(real, handler)
        assert story_of_messages(virtual, handler) == expected
    kinds = [one if isinstance(one, int) else one[0] for one in expected[0]]
    assert kinds == [1, HandlerFailedError, HandlerPanickedError, 4, MessageDroppedError]


def once_for_real(handler, message):
    """Do by hand, on a real operator, what `handle_once` does."""
    with Operator() as operator:
        events = RecordedEvents(operator)
        operator.add_handler("it", handler, Config(panic_backoff=60, message_only=True))
        receipt = operator.dispatch("it", message)
        operator.start("it")
        seen = outcome(receipt)
        events.wait(HandleEvent | PanicEvent, timeout=DEADLINE)
    return seen


@pytest.mark.parametrize("handler", [echo, echo_async])
@pytest.mark.parametrize("message", ["hello", "fail", "panic"])
def test_handle_once_tells_what_a_real_worker_does(handler, message):
    told_once = handle_once(handler, message)
    real = once_for_real(handler, message)
    if message == "hello":
        assert told_once.result.result == real
    elif message == "fail":
        assert real[0] is HandlerFailedError
        assert repr(told_once.result.error) == real[2]
    else:
        assert real[0] is HandlerPanickedError
        assert repr(told_once.panic) == real[2]
