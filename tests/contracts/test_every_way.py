"""The essentials of the contract on every way of running, child processes included.

The other modules here write their handlers as closures, which no child process can have. These
tests use one importable handler (`support.obedient`), so what holds on a thread is shown to hold
in a child by the very same test.
"""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import dataclass
from typing import Any

import pytest
from support.gates import DEADLINE
from support.obedient import EXCEPTIONS, ODD_RESULTS, Fifo, Obedient, ObedientAsync, lines

from smoothop import (
    Config,
    HandlerFailedError,
    HandlerPanickedError,
    MessageDroppedError,
    Operator,
    SmoothopError,
    done,
)


@dataclass(frozen=True)
class Way:
    """One way to run a handler."""

    name: str
    make: type
    config: dict[str, Any]

    def add(self, op, name="w", *, notes=None, poison=None, **config):
        """Add a worker that obeys its messages."""
        handler = self.make(notes, poison)
        return op.add_handler(
            name,
            handler,
            Config(**{"panic_backoff": 0.001, "message_only": True, **self.config, **config}),
        )


WAYS = [
    Way("thread", Obedient, {}),
    Way("pool", Obedient, {"run_in": "pool"}),
    Way("process", Obedient, {"run_in": "process"}),
    Way("loop", ObedientAsync, {}),
]


@pytest.fixture(params=WAYS, ids=lambda way: way.name)
def way(request):
    return request.param


@pytest.fixture
def op():
    with Operator() as operator:
        yield operator


def ask(op, *message, worker="w"):
    return op.dispatch(worker, message).result(DEADLINE)


# -- outcomes (promise 1)


def test_every_kind_of_outcome_reaches_the_sender(op, way):
    way.add(op)
    op.start("w")
    assert ask(op, "echo", 1, "b", None) == (1, "b", None)
    assert ask(op, "nothing") is None
    with pytest.raises(HandlerFailedError, match="worker w: handler failed: no table") as failed:
        ask(op, "fail", "no table")
    assert type(failed.value.__cause__).__name__ == "PlainError"
    with pytest.raises(HandlerPanickedError, match="worker w: handler panicked: plain") as panicked:
        ask(op, "raise", "plain")
    assert type(panicked.value.__cause__).__name__ == "PlainError"


def test_a_cause_of_the_handlers_own_comes_along(op, way):
    way.add(op)
    op.start("w")
    with pytest.raises(HandlerPanickedError) as panicked:
        ask(op, "raise_from")
    assert str(panicked.value.__cause__) == "the effect"
    assert isinstance(panicked.value.__cause__.__cause__, KeyError)


@pytest.mark.parametrize("name", ODD_RESULTS)
def test_what_is_no_result_is_a_panic_that_says_what_came_back(op, way, name):
    way.add(op)
    op.start("w")
    with pytest.raises(HandlerPanickedError, match="must return a HandleResult, it returned"):
        ask(op, "return", name)
    assert ask(op, "echo") == ()


def test_messages_wait_for_the_start_and_through_a_stop(op, way):
    way.add(op)
    before = op.dispatch("w", ("echo", "before"))
    op.start("w")
    assert before.result(DEADLINE) == ("before",)
    op.stop("w").result(DEADLINE)
    between = op.dispatch("w", ("echo", "between"))
    op.start("w")
    assert between.result(DEADLINE) == ("between",)


def test_what_nobody_will_handle_is_dropped(op, way):
    way.add(op)
    dropped = op.dispatch("w", ("echo",))
    op.remove_handler("w").result(DEADLINE)
    with pytest.raises(MessageDroppedError):
        dropped.result(DEADLINE)


def test_update_config_restarts_and_keeps_what_is_queued(op, way, tmp_path):
    fifo, notes = Fifo(tmp_path / "fifo"), tmp_path / "notes"
    way.add(op, notes=notes)
    op.start("w")
    first = op.dispatch("w", ("pass", fifo.path))
    second = op.dispatch("w", ("echo", 2))
    first.wait_delivered(DEADLINE)
    restarted = op.update_config("w", max_panic_attempts=5)
    fifo.open()
    first.result(DEADLINE)
    assert second.result(DEADLINE) == (2,)
    restarted.result(DEADLINE)
    assert lines(notes) == ["setup", "teardown", "setup"]


# -- order (promise 3)


def test_messages_are_handled_in_order_one_at_a_time(op, way):
    way.add(op)
    op.start("w")
    receipts = [op.dispatch("w", ("echo", number)) for number in range(500)]
    assert [receipt.result(DEADLINE) for receipt in receipts] == [(n,) for n in range(500)]
    assert ask(op, "count") == (501, 1)


# -- exceptions (promise 4)


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_a_worker_and_its_neighbours_survive_every_exception(op, way, name):
    way.add(op)
    way.add(op, "bystander")
    op.start_all()
    with pytest.raises(HandlerPanickedError) as panicked:
        ask(op, "raise", name)
    expected = EXCEPTIONS[name]()
    if isinstance(expected, StopIteration):  # no coroutine can let one out
        expected = RuntimeError()
    assert type(panicked.value.__cause__).__name__ == type(expected).__name__
    with pytest.raises(HandlerFailedError) as failed:
        ask(op, "fail_with", name)
    assert type(failed.value.__cause__).__name__ == type(EXCEPTIONS[name]()).__name__
    assert ask(op, "echo", 1) == (1,)
    assert ask(op, "count", worker="bystander") == (1, 1)
    assert op.worker("w").snapshot().panics == 1


# -- supervision (promise 5)


def test_it_stops_at_exactly_the_last_panic_it_is_allowed(op, way):
    worker = way.add(op, max_panic_attempts=3)
    stream = worker.metrics(kinds=["panic", "lifecycle"])
    op.start("w")
    receipts = [op.dispatch("w", ("raise", "plain")) for _ in range(4)]
    counted = [getattr(event, "attempt", None) or event.event for event in stream]
    assert counted == ["started", 1, 2, 3, "stopped"]
    assert [receipt.done() for receipt in receipts] == [True, True, True, False]
    assert worker.phase == "failed"


def test_a_setup_that_fails_is_a_panic_and_tried_again_before_any_message(op, way, tmp_path):
    notes, poison = tmp_path / "notes", tmp_path / "poison"
    poison.write_text("2")
    worker = way.add(op, notes=notes, poison=poison)
    receipt = op.dispatch("w", ("echo", 1))
    op.start("w")
    assert receipt.result(DEADLINE) == (1,)
    assert worker.snapshot().panics == 2
    op.stop("w").result(DEADLINE)
    assert lines(notes) == ["setup", "setup", "setup", "teardown"]


def test_events_tell_of_each_call(op, way):
    worker = way.add(op)
    stream = worker.metrics(kinds=["handle"])
    op.start("w")
    ask(op, "echo")
    event = stream.get(DEADLINE)
    assert (event.status, event.had_message, event.error) == ("done", True, None)
    assert worker.last_metric() is not None


# -- stopping (promise 6)


def test_a_stop_reaches_a_waiting_handler_at_once(op, way):
    way.add(op)
    op.start("w")
    waiting = op.dispatch("w", ("wait",))
    waiting.wait_delivered(DEADLINE)
    op.stop("w").result(DEADLINE)
    assert waiting.result(0)[1:] == (True, True)


def test_a_wait_that_nobody_ends_says_so(op, way):
    way.add(op)
    op.start("w")
    assert ask(op, "wait", 0.01) == (False, False, False)


def test_a_stop_is_done_only_when_the_handler_has_ended(op, way, tmp_path):
    fifo, notes = Fifo(tmp_path / "fifo"), tmp_path / "notes"
    way.add(op, notes=notes)
    op.start("w")
    inside = op.dispatch("w", ("pass", fifo.path))
    inside.wait_delivered(DEADLINE)
    stopped = op.stop("w")
    assert op.status("w") == "running"
    assert not stopped.done()
    fifo.open()
    stopped.result(DEADLINE)
    inside.result(0)
    assert lines(notes) == ["setup", "teardown"]


def test_a_teardown_after_a_stop_sees_that_it_was_asked(op, way, caplog):
    caplog.set_level(logging.INFO, "smoothop")
    way.add(op)
    op.start("w")
    ask(op, "echo")
    op.stop("w").result(DEADLINE)
    assert "tearing down, cancelled: True" in caplog.messages


def test_an_idle_polling_worker_is_woken_by_a_message_and_by_a_stop(op, way):
    way.add(op, message_only=False)
    op.start("w")
    assert ask(op, "echo", 1) == (1,)
    op.stop("w").result(DEADLINE)
    assert op.status("w") == "stopped"


# -- what a handler is given


def test_a_handler_is_given_a_context(op, way):
    way.add(op)
    op.start("w")
    kind, worker, cancelled, message, pid = ask(op, "facts")
    assert kind in ("Context", "AsyncContext")
    assert (worker, cancelled, message) == ("w", False, ("facts",))
    assert (pid == os.getpid()) is (way.name != "process")


def test_a_handler_sends_messages_and_waits_for_what_becomes_of_them(op, way):
    way.add(op)
    op.add_handler("doubler", lambda ctx: done(ctx.message * 2), Config(message_only=True))
    op.start_all()
    assert ask(op, "send", "doubler", 21) == 42
    with pytest.raises(HandlerPanickedError, match="worker nobody not found"):
        ask(op, "send", "nobody", 1)


def test_two_workers_of_one_kind_ask_each_other(op, way):
    way.add(op)
    way.add(op, "other")
    op.start_all()
    assert ask(op, "send", "other", ("echo", "x")) == ("x",)
    with pytest.raises(HandlerPanickedError, match="worker other: handler failed: sorry"):
        ask(op, "send", "other", ("fail", "sorry"))


def test_a_handler_that_waits_for_its_own_message_is_refused_at_once(op, way):
    way.add(op)
    op.start("w")
    with pytest.raises(HandlerPanickedError, match="would never end") as panicked:
        ask(op, "send", "w", ("echo",))
    assert type(panicked.value.__cause__) is SmoothopError


def test_two_that_wait_for_each_other_are_refused(op, way):
    way.add(op)
    way.add(op, "other")
    op.start_all()
    with pytest.raises(HandlerPanickedError, match="these workers wait for each other"):
        ask(op, "send", "other", ("send", "w", ("echo",)))


def test_a_full_mailbox_of_ones_own_is_refused_at_once(op, way):
    way.add(op, mailbox_size=1)
    op.start("w")
    with pytest.raises(HandlerPanickedError, match="dispatches to itself while its mailbox"):
        ask(op, "send_without_waiting", "w", ("echo",), ("echo",))


def test_a_full_mailbox_elsewhere_is_waited_for_and_a_stop_ends_that(op, way):
    way.add(op)
    op.add_handler("slow", lambda ctx: done(), Config(message_only=True, mailbox_size=1))
    op.start("w")
    sending = op.dispatch("w", ("send_without_waiting", "slow", 1, 2))
    sending.wait_delivered(DEADLINE)
    op.start("slow")
    assert sending.result(DEADLINE) is None
    op.stop("slow").result(DEADLINE)
    sending = op.dispatch("w", ("send_without_waiting", "slow", 3, 4))
    sending.wait_delivered(DEADLINE)
    op.stop("w").result(DEADLINE)
    with pytest.raises(MessageDroppedError) as dropped:
        sending.result(0)
    assert "before worker w was asked to stop" in str(dropped.value.__cause__)


def test_what_a_handler_logs_is_written_before_its_outcome_is_known(op, way, caplog):
    caplog.set_level(logging.INFO)
    way.add(op)
    op.start("w")
    ask(op, "log")
    said = {record.getMessage(): record for record in caplog.records}
    assert said["of a library"].name == "acme.library"
    assert said["of the handler"].worker == "w"
    assert said["of the handler"].count == 3
    assert "too fine" not in said
    error = said["with an exception"].exc_info[1]
    assert (type(error).__name__, str(error)) == ("PlainError", "logged")
    assert "do_log" in logging.Formatter().format(said["with an exception"])


# -- from everywhere (promise 9)


def test_every_worker_can_be_run_and_asked_from_a_loop(way):
    async def main():
        async with Operator() as op:
            way.add(op)
            op.start("w")
            receipt = await op.dispatch_async("w", ("echo", 1))
            return await receipt

    assert asyncio.run(asyncio.wait_for(main(), DEADLINE)) == (1,)


def test_starting_and_stopping_twice_is_like_once(op, way):
    way.add(op)
    op.start("w")
    op.start("w")
    assert ask(op, "count") == (1, 1)
    first, second = op.stop("w"), op.stop("w")
    first.result(DEADLINE)
    second.result(DEADLINE)
    op.start("w")
    assert ask(op, "count")[1] == 1
    assert op.worker("w").snapshot().starts == 2
