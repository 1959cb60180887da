"""How long a message waited in the mailbox, on the events of the call that handled it."""

from __future__ import annotations

from itertools import count
from threading import local

import pytest

from smoothop import Config, Operator, done, fail, none
from smoothop.engine.machine import SYSTEM

DEADLINE = 30
ONLY_MESSAGES = Config(message_only=True)


class SteppedClock:
    """The system's machine, but each look at its monotonic clock is at least a second later."""

    def __init__(self) -> None:
        self._ticks = count(1)
        self._seen = local()

    def monotonic(self) -> float:
        self._seen.last = float(next(self._ticks))
        return self._seen.last

    @property
    def last(self) -> float:
        """What this thread saw when it last looked."""
        return self._seen.last

    def __getattr__(self, name):
        return getattr(SYSTEM, name)


def outcome(answer, kinds):
    """Return the first event of `kinds` after a message was sent to a handler of that answer."""
    with Operator() as operator:
        operator.add_handler("worker", lambda ctx: answer(), ONLY_MESSAGES)
        stream = operator.metrics(kinds=kinds)
        operator.dispatch("worker", "message")
        operator.start("worker")
        return stream.get(timeout=DEADLINE)


@pytest.mark.parametrize("answer", [none, done, lambda: fail("no")])
def test_a_handled_message_tells_how_long_it_waited(answer):
    assert outcome(answer, "handle").waited > 0


def test_a_message_that_panicked_tells_how_long_it_waited():
    assert outcome(lambda: 1 / 0, "panic").waited > 0


def test_a_call_without_a_message_waited_for_none():
    with Operator() as operator:
        stream = operator.metrics(kinds="handle")
        operator.add_handler("worker", lambda ctx: none(idle=DEADLINE))
        operator.start("worker")
        assert stream.get(timeout=DEADLINE).waited is None


def test_a_panic_in_setup_is_not_taken_for_a_message():
    class Handler:
        config = Config(message_only=True, max_panic_attempts=1)

        def setup(self, ctx):
            raise OSError

        def handle(self, ctx):
            return done()

    with Operator() as operator:
        operator.add_handler("worker", Handler())
        stream = operator.metrics(kinds="panic")
        operator.dispatch("worker", "message")
        operator.start("worker")
        assert stream.get(timeout=DEADLINE).waited is None


def test_the_wait_ends_where_the_call_begins():
    clock = SteppedClock()
    began = []

    def handle(ctx):
        began.append(clock.last)
        return done()

    with Operator(_machine=clock) as operator:
        operator.add_handler("worker", handle, ONLY_MESSAGES)
        stream = operator.metrics(kinds="handle")
        operator.dispatch("worker", "message")
        accepted = clock.last
        operator.start("worker")
        assert stream.get(timeout=DEADLINE).waited == began[0] - accepted


def test_the_wait_is_known_without_anybody_listening():
    with Operator() as operator:
        operator.add_handler("worker", lambda ctx: done(), ONLY_MESSAGES)
        receipt = operator.dispatch("worker", "message")
        accepted = operator.worker("worker").last_metric()
        operator.start("worker")
        receipt.result(timeout=DEADLINE)
        handled = operator.worker("worker").last_metric()

    assert (accepted.kind, accepted.ok) == ("dispatch", True)
    assert handled.kind == "handle"
    assert handled.waited > 0
