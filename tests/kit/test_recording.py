"""`RecordedEvents` and `registry_of`."""

from __future__ import annotations

import sys
import types
from dataclasses import dataclass

import pytest

from smoothop import (
    Config,
    ConfigError,
    DispatchEvent,
    HandleEvent,
    InvalidHandlerError,
    LifecycleEvent,
    Operator,
    PanicEvent,
    done,
    hookimpl,
    none,
)
from smoothop.testing import NotReachedError, RecordedEvents, VirtualOperator, registry_of


@pytest.fixture(params=[Operator, VirtualOperator])
def operator(request):
    with request.param() as made:
        yield made


def test_all_events_are_there_in_order(operator):
    events = RecordedEvents(operator)
    operator.add_handler("echo", lambda ctx: done(ctx.message), Config(message_only=True))
    operator.start_all()
    operator.dispatch("echo", 1).result(timeout=20)
    operator.stop("echo").wait(20)
    kinds = [event.kind for event in events.all()]
    assert sorted(kinds) == ["dispatch", "handle", "lifecycle", "lifecycle"]
    assert kinds[-1] == "lifecycle"
    assert events.all() == events.all()
    assert len(events.of(LifecycleEvent, "echo")) == 2
    assert events.of(HandleEvent, "nobody") == []


def test_a_wait_begins_after_the_last_one(operator):
    events = RecordedEvents(operator)

    def broken(ctx):
        raise OSError

    operator.add_handler("broken", broken, Config(panic_backoff=0.01))
    operator.start_all()
    attempts = [events.wait(PanicEvent, "broken").attempt for _ in range(3)]
    assert attempts == [1, 2, 3]
    assert events.wait(PanicEvent, where=lambda event: event.attempt >= 6).attempt == 6


def test_what_does_not_come_is_told_with_what_came():
    with VirtualOperator() as operator:
        events = RecordedEvents(operator)
        operator.add_handler("idle", lambda ctx: none(10))
        operator.start_all()
        with pytest.raises(NotReachedError) as failure:
            events.wait(DispatchEvent, "idle", timeout=5)
    assert "no such DispatchEvent of worker idle within 5 seconds" in str(failure.value)
    assert "HandleEvent(worker='idle'" in str(failure.value)


def test_events_that_were_lost_are_not_hidden(monkeypatch):
    monkeypatch.setattr("smoothop.testing.recording.MOST", 3)
    with VirtualOperator() as operator:
        events = RecordedEvents(operator)
        operator.add_handler("idle", lambda ctx: none(10))
        operator.start_all()
        operator.advance(100)
        with pytest.raises(AssertionError, match="events are lost"):
            events.all()


class Greeter:
    @dataclass
    class Settings:
        greeting: str

    def __init__(self, settings):
        self.settings = settings

    def handle(self, ctx):
        return done(f"{self.settings.greeting}, {ctx.message}")


def test_a_registry_of_what_is_given_makes_handlers_as_one_of_what_is_installed():
    registry = registry_of({"greeter": Greeter})
    assert [info.name for info in registry.handlers] == ["greeter"]
    assert registry.create("greeter", {"greeting": "Hi"}).settings.greeting == "Hi"
    with pytest.raises(ConfigError, match="greting: unknown key; did you mean 'greeting'"):
        registry.create("greeter", {"greting": "Hi"})


def test_what_is_no_handler_is_refused():
    with pytest.raises(InvalidHandlerError):
        registry_of({"nothing": 3})


def test_a_registry_has_the_plugins_it_is_given_and_no_others():
    asked = []

    class Plugin:
        @hookimpl
        def smoothop_cli(self, app):
            asked.append(app)

    registry = registry_of({}, plugins=[Plugin()])
    registry.call_hook("smoothop_cli", app="the app")
    assert asked == ["the app"]
    assert len(registry.plugins) == 1


def test_a_module_can_be_the_plugin(monkeypatch):
    module = types.ModuleType("acme_hooks")
    monkeypatch.setitem(sys.modules, "acme_hooks", module)
    seen = []
    module.smoothop_cli = hookimpl(lambda app: seen.append(app))  # noqa: PLW0108 - a method of a list takes no names
    registry_of({}, plugins=[module]).call_hook("smoothop_cli", app=1)
    assert seen == [1]


def test_an_operator_on_virtual_time_can_be_made_from_a_registry():
    with VirtualOperator.from_registry(
        registry_of({"greeter": Greeter}), settings={"greeter": {"greeting": "Hi"}}
    ) as operator:
        operator.start_all()
        assert operator.dispatch("greeter", "Ada").result() == "Hi, Ada"
