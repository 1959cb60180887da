"""`handle_once`."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

import smoothop
from smoothop import (
    Config,
    ConfigError,
    HandlerFailedError,
    HandlerPanickedError,
    InvalidHandlerError,
    PluginLoadError,
    WorkerNotFoundError,
    done,
    fail,
    none,
)
from smoothop.testing import NotReachedError, Sent, handle_once


class Recorder:
    """Notes the order of its calls."""

    def __init__(self, result=None):
        self.calls = []
        self.result = result or done()

    def setup(self, ctx):
        self.calls.append("setup")

    def handle(self, ctx):
        self.calls.append(("handle", ctx.worker, ctx.message))
        return self.result

    def teardown(self, ctx):
        self.calls.append("teardown")


class AsyncRecorder(Recorder):
    async def setup(self, ctx):
        super().setup(ctx)

    async def handle(self, ctx):
        return super().handle(ctx)

    async def teardown(self, ctx):
        super().teardown(ctx)


@pytest.mark.parametrize("kind", [Recorder, AsyncRecorder])
@pytest.mark.parametrize("result", [none(), none(60), done(), done(7), fail("no", 30)])
def test_each_part_is_called_once_and_in_order(kind, result):
    handler = kind(result)
    outcome = handle_once(handler, "hello", name="it")
    assert handler.calls == ["setup", ("handle", "it", "hello"), "teardown"]
    assert outcome.result is result
    assert outcome.sleeps == result.idle
    assert (outcome.panic, outcome.teardown_error, outcome.took) == (None, None, 0)


def test_without_a_message_it_is_polled():
    handler = Recorder()
    handle_once(handler)
    assert ("handle", "handler-under-test", None) in handler.calls


def test_waiting_takes_virtual_time():
    def handle(ctx):
        ctx.wait(3600)
        return none(60)

    outcome = handle_once(handle)
    assert (outcome.took, outcome.sleeps) == (3600, 60)


def test_a_panic_is_in_the_outcome():
    error = OSError("no disk")

    def handle(ctx):
        raise error

    outcome = handle_once(handle)
    assert outcome.panic is error
    assert outcome.result is None
    assert outcome.sleeps == 1  # the default backoff


def test_a_panic_in_setup_is_in_the_outcome_and_handle_is_not_called():
    class Broken(Recorder):
        def setup(self, ctx):
            raise OSError("no disk")

    handler = Broken()
    outcome = handle_once(handler)
    assert str(outcome.panic) == "no disk"
    assert handler.calls == []


def test_what_teardown_raises_is_in_the_outcome():
    class Broken(Recorder):
        def teardown(self, ctx):
            raise OSError("no disk")

    outcome = handle_once(Broken())
    assert str(outcome.teardown_error) == "no disk"
    assert outcome.result == done()


def test_a_wrong_result_is_the_panic_it_is_in_production():
    outcome = handle_once(lambda ctx: "finished")
    assert isinstance(outcome.panic, TypeError)
    assert "it returned str" in str(outcome.panic)


def test_what_it_logs_is_there_at_every_level_and_nothing_of_the_engine():
    def handle(ctx):
        ctx.logger.debug("for %s", ctx.message)
        ctx.logger.warning("twice")
        return fail("no")

    records = handle_once(handle, "Ada").logs
    assert [record.getMessage() for record in records] == ["for Ada", "twice"]
    assert records[0].worker == "handler-under-test"


def answering(ctx):
    return done(ctx.dispatch("other", ctx.message).result())


async def answering_async(ctx):
    return done(await (await ctx.dispatch("other", ctx.message)))


@pytest.mark.parametrize("handler", [answering, answering_async])
def test_other_workers_answer_as_they_are_told(handler):
    outcome = handle_once(handler, 21, dispatches={"other": lambda message: done(message * 2)})
    assert outcome.result.result == 42
    assert outcome.sent == (Sent("other", 21),)
    refused = handle_once(handler, 21, dispatches={"other": fail("no")})
    assert isinstance(refused.panic, HandlerFailedError)
    crashed = handle_once(handler, 21, dispatches={"other": OSError("no")})
    assert isinstance(crashed.panic, HandlerPanickedError)


def test_other_workers_that_panic_are_not_taken_for_the_handler():
    def handle(ctx):
        receipt = ctx.dispatch("other", 1)
        receipt.wait_delivered()
        ctx.wait(10)
        return done(5)

    assert handle_once(handle, dispatches={"other": OSError("no")}).result == done(5)


def test_a_worker_nobody_told_of_does_not_exist():
    outcome = handle_once(answering, 21)
    assert isinstance(outcome.panic, WorkerNotFoundError)
    assert outcome.sent == ()


class Greeter:
    @dataclass
    class Settings:
        greeting: str

    def __init__(self, settings):
        self.settings = settings

    def handle(self, ctx):
        return done(self.settings.greeting)


def test_a_class_gets_its_settings_as_in_a_file_or_ready_made():
    assert handle_once(Greeter, settings={"greeting": "Hi"}).result == done("Hi")
    assert handle_once(Greeter, settings=Greeter.Settings("Ho")).result == done("Ho")
    with pytest.raises(ConfigError, match="greeting: required"):
        handle_once(Greeter)


def test_a_factory_makes_the_handler():
    @smoothop.handler_factory
    def make():
        return lambda ctx: done(3)

    assert handle_once(make).result == done(3)


def test_what_cannot_be_made_or_is_no_handler_is_raised():
    class Broken:
        def __init__(self):
            raise OSError("no disk")

        def handle(self, ctx): ...

    with pytest.raises(PluginLoadError, match="no disk"):
        handle_once(Broken)
    with pytest.raises(InvalidHandlerError):
        handle_once(3)


def test_a_message_only_handler_needs_a_message():
    class OnMessage(Recorder):
        config = Config(message_only=True)

    with pytest.raises(ValueError, match="message: "):
        handle_once(OnMessage())
    assert handle_once(OnMessage(), "x").result == done()


def test_a_handler_that_does_not_return_in_time_is_told():
    def handle(ctx):
        while not ctx.wait(10):
            pass
        return done()

    with pytest.raises(NotReachedError, match="not within 60 virtual seconds"):
        handle_once(handle, at_most=60)
