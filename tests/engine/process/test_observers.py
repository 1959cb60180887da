"""What follows workers follows those in child processes as well: hooks, traces, the watchdog."""

from contextlib import contextmanager
from contextvars import ContextVar

import pytest
from support.gates import DEADLINE
from support.hooks import Recorder, followed
from support.obedient import Obedient

from smoothop import Config, DispatchTimeoutError, HandlerPanickedError, done, hookimpl
from smoothop.engine.runners.process import attendant

TRACE = ContextVar("TRACE", default="none")
CONFIG = Config(run_in="process", message_only=True, panic_backoff=0.001)


class Tracing:
    """Sets a variable around each call, and around each dispatch."""

    def __init__(self):
        self.calls = []

    @hookimpl
    @contextmanager
    def smoothop_around_handle(self, worker, ctx):
        token = TRACE.set(f"in {worker.name}")
        try:
            yield
            self.calls.append((worker.name, ctx.message))
        finally:
            TRACE.reset(token)

    @hookimpl
    @contextmanager
    def smoothop_around_dispatch(self, worker):
        token = TRACE.set(f"{TRACE.get()} to {worker.name}")
        try:
            yield
        except DispatchTimeoutError as error:
            self.calls.append(type(error))
        finally:
            TRACE.reset(token)


def ask(op, *message):
    return op.dispatch("w", message).result(DEADLINE)


def test_hooks_are_told_of_calls_panics_and_stops():
    recorder = Recorder("smoothop_handle", "smoothop_panic", "smoothop_lifecycle")
    with followed(recorder) as op:
        op.add_handler("w", Obedient(), CONFIG)
        op.start("w")
        ask(op, "echo")
        assert recorder.until("smoothop_handle").arguments["event"].status == "done"
        with pytest.raises(HandlerPanickedError):
            ask(op, "raise", "plain")
        told = recorder.until("smoothop_panic").arguments
        assert type(told["exception"]).__name__ == "PlainError"
        op.stop("w").result(DEADLINE)
        assert recorder.until("smoothop_lifecycle").arguments["event"].event == "stopped"


def test_what_goes_around_each_call_does_so_in_the_parent():
    tracing = Tracing()
    with followed(tracing) as op:
        op.add_handler("w", Obedient(), CONFIG)
        op.start("w")
        ask(op, "echo", 1)
        ask(op, "echo", 2)  # the first may come before the worker sleeps; this one wakes it
    assert tracing.calls == [("w", ("echo", 1)), ("w", ("echo", 2))]


def test_a_trace_goes_on_through_what_a_child_sends():
    """The call is entered in the parent, where the child's message is sent on its behalf."""
    seen = []

    def handle(ctx):
        seen.append(ctx.sender_context.get(TRACE))
        return done()

    with followed(Tracing()) as op:
        op.add_handler("w", Obedient(), CONFIG)
        op.add_handler("next", handle, Config(message_only=True))
        op.start_all()
        ask(op, "send", "next", 1)
    assert seen == ["in w to next"]


def test_what_goes_around_a_dispatch_sees_that_it_was_refused():
    tracing = Tracing()
    with followed(tracing) as op:
        op.add_handler("w", Obedient(), CONFIG)
        op.add_handler("full", lambda ctx: done(), Config(message_only=True, mailbox_size=1))
        op.start("w")
        op.dispatch("full", 1)
        with pytest.raises(HandlerPanickedError, match="dispatch timeout"):
            ask(op, "send_with_timeout", "full", 0.01, 2)
    assert tracing.calls == [DispatchTimeoutError]


@pytest.mark.parametrize("when", ["entered", "left"])
def test_what_goes_around_a_dispatch_and_raises_disturbs_neither_it_nor_its_answer(when):
    class Raising:
        @hookimpl
        @contextmanager
        def smoothop_around_dispatch(self, worker):
            if when == "entered":
                raise SystemExit
            yield
            raise SystemExit

    with followed(Raising()) as op:
        worker = op.add_handler("w", Obedient(), CONFIG)
        op.add_handler("next", lambda ctx: done(ctx.message), Config(message_only=True))
        op.start_all()
        assert [ask(op, "send", "next", number) for number in range(3)] == [0, 1, 2]
        assert worker.snapshot().panics == 0


def test_a_stuck_handler_is_told_with_its_stack_in_the_child_and_killed_if_that_is_wanted(
    monkeypatch,
):
    monkeypatch.setattr(attendant, "PATIENCE", DEADLINE)
    recorder = Recorder("smoothop_stuck")
    config = Config(
        run_in="process",
        message_only=True,
        panic_backoff=0.001,
        stuck_after=0.6,
        on_stuck="replace",
    )
    with followed(recorder) as op:
        worker = op.add_handler("w", Obedient(), config)
        op.start("w")
        ask(op, "echo")
        with pytest.raises(HandlerPanickedError, match="was killed by SIGKILL: its handler was st"):
            ask(op, "spin")
        assert "in do_spin" in recorder.until("smoothop_stuck").arguments["event"].stack
        assert ask(op, "echo", 1) == (1,)
        assert worker.snapshot().panics == 1
