"""What a handler is, and what is refused with which words (API, section 1)."""

import functools

import pytest

from smoothop import Config, InvalidHandlerError, Operator, done
from smoothop.handlers import handler_calls, handler_factory, is_handler_factory


class Sync:
    def handle(self, ctx):
        return done()


class Async:
    async def handle(self, ctx):
        return done()


class CallableObject:
    def __call__(self, ctx):
        return done()


class AsyncCallableObject:
    async def __call__(self, ctx):
        return done()


class StaticHandle:
    @staticmethod
    def handle(ctx):
        return done()


class ClassHandle:
    @classmethod
    async def handle(cls, ctx):
        return done()


def plain(ctx):
    return done()


async def coroutine(ctx):
    return done()


def with_more(extra, ctx, option=None):
    return done()


async def async_with_more(extra, ctx):
    return done()


@pytest.mark.parametrize(
    ("handler", "is_async"),
    [
        (Sync(), False),
        (Async(), True),
        (CallableObject(), False),
        (AsyncCallableObject(), True),
        (StaticHandle(), False),
        (ClassHandle(), True),
        (plain, False),
        (coroutine, True),
        (lambda ctx: done(), False),
        (functools.partial(with_more, 1), False),
        (functools.partial(async_with_more, 1), True),
        (Sync().handle, False),
        (Async().handle, True),
    ],
)
def test_each_kind_of_handler_is_taken_and_known_as_sync_or_async(handler, is_async):
    assert handler_calls(handler).is_async is is_async


class NotCallableHandle:
    handle = 3


class TwoArguments:
    def handle(self, ctx, more):
        return done()


class Generator:
    def handle(self, ctx):
        yield done()


class AsyncGenerator:
    async def handle(self, ctx):
        yield done()


class MixedSetup(Sync):
    async def setup(self, ctx):
        pass


class MixedTeardown(Async):
    def teardown(self, ctx):
        pass


class SetupWithoutContext(Sync):
    def setup(self):
        pass


class SetupNotCallable(Sync):
    setup = "yes"


class ConfigOfAnotherKind(Sync):
    config = {"panic_backoff": 1}  # noqa: RUF012 - the mistake this is about


def no_arguments():
    return done()


@pytest.mark.parametrize(
    ("handler", "says"),
    [
        (None, "no handler"),
        (3, "no handler"),
        ("inbox", "no handler"),
        (object(), "no handler"),
        (Sync, "is a class: give an instance"),
        (NotCallableHandle(), "no handler"),
        (TwoArguments(), "one argument, the context"),
        (no_arguments, "one argument, the context"),
        (Generator(), "must return a result, not yield"),
        (AsyncGenerator(), "must return a result, not yield"),
        (MixedSetup(), "setup must be a plain method, as handle is"),
        (MixedTeardown(), "teardown must be async, as handle is"),
        (SetupWithoutContext(), "setup must be callable with one argument"),
        (SetupNotCallable(), "setup must be a method"),
        (ConfigOfAnotherKind(), "config must be a smoothop.Config"),
    ],
)
def test_what_is_no_handler_is_refused_and_told_why(handler, says):
    with Operator() as op:
        with pytest.raises(InvalidHandlerError, match=says):
            op.add_handler("w", handler)
        with pytest.raises(TypeError):
            op.add_handler("w", handler)
        assert op.workers() == []


def test_a_function_has_neither_setup_nor_config_of_a_handler():
    def handle(ctx):
        return done()

    handle.setup = handle.config = "something else"
    calls = handler_calls(handle)
    assert (calls.setup, calls.teardown, calls.config) == (None, None, None)


def test_the_config_of_the_class_is_the_default_and_a_given_one_replaces_it():
    class Patient(Sync):
        config = Config(panic_backoff=7)

    with Operator() as op:
        assert op.add_handler("a", Patient()).config == Config(panic_backoff=7)
        assert op.add_handler("b", Patient(), Config()).config == Config()
        assert op.add_handler("c", Sync()).config == Config()


@pytest.mark.parametrize("config", [None, {}, "thread", Config])
def test_a_config_of_another_kind_is_refused(config):
    with Operator() as op, pytest.raises(ValueError, match=r"config: a smoothop\.Config"):
        op.add_handler("w", Sync(), config)


def test_a_factory_is_known_by_its_mark():
    @handler_factory
    def make():
        return Sync()

    assert is_handler_factory(make)
    assert not is_handler_factory(plain)
    assert isinstance(make(), Sync)
