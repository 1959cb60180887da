"""A handler object may have hooks itself: for its own worker, while that is there."""

import threading
from contextlib import contextmanager

import pytest
from support.hooks import Recorder, followed

from smoothop import Config, InvalidHandlerError, Operator, Registry, done, hookimpl

ON_MESSAGE = Config(message_only=True, panic_backoff=0.0001)


class Watching(Recorder):
    """A handler that writes down what it is told."""

    def handle(self, ctx):
        return done(ctx.message)


def test_it_is_told_of_its_own_worker_only_and_under_its_name():
    own, other = Watching("smoothop_handle"), Watching("smoothop_handle")
    with followed() as operator:
        for name, handler in (("own", own), ("other", other)):
            operator.add_handler(name, handler, ON_MESSAGE)
            operator.start(name)
        operator.dispatch("own", 1).result()
        told = own.next()
        names = [info.name for info in operator.observers]
    assert told.arguments["worker"].name == "own"
    assert told.thread == "smoothop-hooks-own"
    assert names == ["own", "other"]
    assert other.told == []


def test_it_is_told_from_worker_added_to_worker_removed_and_then_gone():
    own = Watching("smoothop_worker_added", "smoothop_lifecycle", "smoothop_worker_removed")
    with followed() as operator:
        operator.add_handler("first", Watching(), ON_MESSAGE)
        operator.start("first")
        operator.add_handler("own", own, ON_MESSAGE)
        operator.start("own")
        assert operator.remove_handler("own").wait()
        own.until("smoothop_worker_removed")
        assert operator.observers == ()
        for thread in threading.enumerate():
            if thread.name == "smoothop-hooks-own":
                thread.join()
    assert [one.hook.removeprefix("smoothop_") for one in own.told] == [
        "worker_added",
        "lifecycle",
        "lifecycle",
        "worker_removed",
    ]


def test_it_is_told_when_the_operator_has_stopped():
    own = Watching("smoothop_operator_started", "smoothop_operator_stopped")
    with followed() as operator:
        operator.add_handler("own", own, ON_MESSAGE)
        operator.start("own")
    assert [one.hook for one in own.told] == [
        "smoothop_operator_started",
        "smoothop_operator_stopped",
    ]


def test_its_own_context_manager_is_the_innermost():
    order = []

    def around(name):
        @contextmanager
        def manager():
            order.append(name)
            yield

        return manager()

    class Plugin:
        @hookimpl
        def smoothop_around_handle(self):
            return around("plugin")

    class Handler(Watching):
        @hookimpl
        def smoothop_around_handle(self):
            return around("handler")

    with followed(Plugin()) as operator:
        operator.add_handler("own", Handler(), ON_MESSAGE)
        operator.add_handler("plain", lambda ctx: done(), ON_MESSAGE)
        operator.start_all()
        operator.dispatch("own", 1).result()
        assert order == ["plugin", "handler"]
        operator.dispatch("plain", 1).result()
        assert order == ["plugin", "handler", "plugin"]


def test_a_failing_hook_of_a_handler_is_logged_under_its_worker(caplog):
    class Bad(Watching):
        @hookimpl
        def smoothop_handle(self):
            raise ValueError("no")

    with followed() as operator:
        operator.add_handler("own", Bad(), ON_MESSAGE)
        operator.start("own")
        assert operator.dispatch("own", 1).result() == 1
    assert "hook smoothop_handle of handler of worker 'own' failed: ValueError: no" in caplog.text
    assert operator.observers[0].failures == {"smoothop_handle": 1}


class Misspelt(Watching):
    @hookimpl
    def smoothop_hadle(self): ...


class Unmarked(Watching):
    def smoothop_handle(self): ...


class Early(Watching):
    @hookimpl
    def smoothop_cli(self, app): ...


@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        (Misspelt, "there is no hook smoothop_hadle; did you mean 'smoothop_handle'"),
        (Unmarked, "smoothop_handle would never be called: mark it with @hookimpl"),
        (Early, "smoothop_cli is called before there is a handler: give it to a plugin"),
    ],
)
def test_a_handler_with_wrong_hooks_is_refused_and_its_name_stays_free(handler, reason):
    with followed() as operator:
        with pytest.raises(InvalidHandlerError, match=r"the hooks of .*: ") as caught:
            operator.add_handler("own", handler())
        assert reason in str(caught.value)
        operator.add_handler("own", Watching())


def test_from_registry_leaves_out_a_handler_with_wrong_hooks_unless_it_is_asked_for(caplog):
    registry = Registry()
    registry.add("bad", Misspelt)
    registry.add("good", Watching)
    with Operator.from_registry(registry) as operator:
        assert [worker.name for worker in operator.workers()] == ["good"]
    assert "handler left out: the hooks of " in caplog.text
    with pytest.raises(InvalidHandlerError, match="smoothop_hadle"):
        Operator.from_registry(registry, ["bad"])


def test_one_object_may_be_the_handler_of_two_workers_in_two_operators():
    handler = Watching("smoothop_worker_added")
    with followed() as one, followed() as two:
        for operator in (one, two):
            operator.add_handler("a", handler)
            operator.add_handler("b", handler)
            operator.start_all()
    assert sorted(told.arguments["worker"].name for told in handler.told) == ["a", "a", "b", "b"]


def test_an_observer_that_comes_late_finds_the_hooks_of_handlers_too():
    own = Watching("smoothop_worker_added", "smoothop_handle")
    with Operator() as operator:
        operator.add_handler("own", own, ON_MESSAGE)
        Registry().observe(operator)
        operator.start("own")
        operator.dispatch("own", 1).result()
        assert own.next().hook == "smoothop_worker_added"
        assert own.next().hook == "smoothop_handle"
