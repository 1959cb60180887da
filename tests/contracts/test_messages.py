"""Dispatching, mailboxes and receipts (API, sections 2 to 4)."""

import math
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from support.gates import DEADLINE, Gate

from smoothop import (
    Config,
    DispatchTimeoutError,
    HandlerFailedError,
    HandlerPanickedError,
    MailboxFullError,
    MessageDroppedError,
    OperatorClosedError,
    SmoothopError,
    WorkerNotFoundError,
    done,
    fail,
    none,
)

ONLY = Config(message_only=True, panic_backoff=0.001)


def echo(way, seen=None):
    """Return a handler that answers with what it is told to do."""

    async def handle(ctx):
        if seen is not None:
            seen.append(ctx.message)
        if isinstance(ctx.message, BaseException):
            raise ctx.message
        if callable(ctx.message):
            return ctx.message()
        return done(ctx.message)

    return way.handler(handle)


class Blocked:
    """A message-only worker that is inside `handle` until it is let go, its mailbox empty."""

    def __init__(self, op, way, name="w", **config):
        self.entered, self.leave = Gate("handle"), Gate("leave")
        self.seen = []

        async def handle(ctx):
            self.seen.append(ctx.message)
            self.entered.open()
            await way.passed(self.leave)
            return done(ctx.message)

        op.add_handler(name, way.handler(handle), Config(message_only=True, **config))
        op.start(name)
        self.first = op.dispatch(name, "first")
        self.entered.wait()


def test_the_result_of_done_comes_back(op, way):
    op.add_handler("w", echo(way), ONLY)
    op.start("w")
    value = object()
    receipt = op.dispatch("w", value)
    assert receipt.result(timeout=DEADLINE) is value
    assert receipt.result() is value
    assert receipt.done()
    assert receipt.delivered
    assert receipt.wait_delivered(0) is True


def test_after_none_the_result_is_none(op, way):
    op.add_handler("w", echo(way), ONLY)
    op.start("w")
    assert op.dispatch("w", none).result(DEADLINE) is None
    assert op.dispatch("w", lambda: none(0.001)).result(DEADLINE) is None


def test_after_fail_the_error_is_raised_as_the_cause(op, way):
    op.add_handler("w", echo(way), ONLY)
    op.start("w")
    error = ValueError("no such table")
    receipt = op.dispatch("w", lambda: fail(error))
    with pytest.raises(HandlerFailedError, match="no such table") as caught:
        receipt.result(DEADLINE)
    assert caught.value.__cause__ is error
    with pytest.raises(HandlerFailedError) as again:
        receipt.result()
    assert again.value is not caught.value


def test_after_a_panic_the_exception_is_the_cause(op, way):
    op.add_handler("w", echo(way), ONLY)
    op.start("w")
    error = ValueError("no such table")
    with pytest.raises(HandlerPanickedError, match="no such table") as caught:
        op.dispatch("w", error).result(DEADLINE)
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("message", [None, 0, "", [], float("nan")])
def test_any_object_is_a_message_and_arrives_as_it_is(op, way, message):
    seen = []
    op.add_handler("w", echo(way, seen), ONLY)
    op.start("w")
    assert op.dispatch("w", message).result(DEADLINE) is message
    assert seen[0] is message


def test_messages_are_handled_in_order(op, way):
    seen = []
    op.add_handler("w", echo(way, seen), ONLY)
    receipts = [op.dispatch("w", number) for number in range(500)]
    op.start("w")
    assert [receipt.result(DEADLINE) for receipt in receipts] == list(range(500))
    assert seen == list(range(500))


def test_a_receipt_is_delivered_when_the_handler_has_the_message_and_done_later(op, way):
    blocked = Blocked(op, way)
    waiting = op.dispatch("w", "second")
    assert blocked.first.wait_delivered(DEADLINE)
    assert (blocked.first.delivered, blocked.first.done()) == (True, False)
    assert (waiting.delivered, waiting.done()) == (False, False)
    assert waiting.wait_delivered(timeout=timedelta(milliseconds=1)) is False
    with pytest.raises(TimeoutError):
        waiting.result(timeout=0)
    with pytest.raises(TimeoutError):
        blocked.first.result(0.001)
    blocked.leave.open()
    assert waiting.wait_delivered() is True
    assert waiting.result(DEADLINE) == "second"


@pytest.mark.parametrize("timeout", [-1, math.nan, math.inf, "2s"])
def test_a_timeout_that_is_no_duration_is_refused(op, way, timeout):
    op.add_handler("w", echo(way), ONLY)
    receipt = op.dispatch("w", 1)
    for call in (receipt.result, receipt.wait_delivered):
        with pytest.raises(ValueError, match=r"\Atimeout: "):
            call(timeout)
    with pytest.raises(ValueError, match=r"\Atimeout: "):
        op.dispatch("w", 1, timeout=timeout)
    assert op.worker("w").snapshot().mailbox_depth == 1


# -- full mailboxes


def test_a_dispatch_that_finds_no_room_in_time_is_refused(op, way):
    blocked = Blocked(op, way, mailbox_size=2)
    kept = [op.dispatch("w", number) for number in range(2)]
    for timeout in (0, 0.01, timedelta(milliseconds=10)):
        with pytest.raises(DispatchTimeoutError, match=r"\Adispatch timeout") as caught:
            op.dispatch("w", "refused", timeout=timeout)
    assert isinstance(caught.value, TimeoutError)
    blocked.leave.open()
    assert [receipt.result(DEADLINE) for receipt in kept] == [0, 1]
    assert "refused" not in blocked.seen


def test_max_dispatch_timeout_limits_every_dispatch(op, way):
    blocked = Blocked(op, way, mailbox_size=1, max_dispatch_timeout=0.01)
    op.dispatch("w", "kept")
    began = time.monotonic()
    for timeout in (None, 3600):
        with pytest.raises(DispatchTimeoutError, match=r"within 0\.01 s"):
            op.dispatch("w", "refused", timeout=timeout)
    assert time.monotonic() - began < DEADLINE
    blocked.leave.open()


def test_a_dispatch_waits_for_room_and_goes_on_when_there_is_some(op, way):
    blocked = Blocked(op, way, mailbox_size=1)
    with ThreadPoolExecutor(2) as senders:
        op.dispatch("w", "second")
        waiting = [senders.submit(op.dispatch, "w", text) for text in ("third", "fourth")]
        blocked.leave.open()
        receipts = [each.result(DEADLINE) for each in waiting]
        assert [each.result(DEADLINE) for each in receipts] == ["third", "fourth"]
    assert blocked.seen[:2] == ["first", "second"]
    assert sorted(blocked.seen[2:]) == ["fourth", "third"]


def test_a_worker_that_dispatches_to_itself_while_its_mailbox_is_full_is_refused(op, way):
    told, over = [], Gate()

    async def handle(ctx):
        await ctx.dispatch(ctx.worker, "kept")
        try:
            await ctx.dispatch(ctx.worker, "refused", timeout=3600)
        except MailboxFullError as error:
            told.append(str(error))
        over.open()
        await ctx.wait()
        return done()

    op.add_handler("w", way.handler(handle), Config(mailbox_size=1))
    op.start("w")
    over.wait()
    assert told == ["worker w dispatches to itself while its mailbox is full"]


def test_two_workers_with_full_mailboxes_that_send_to_each_other_do_not_wait_for_ever(op, way):
    entered, full = {"a": Gate("a"), "b": Gate("b")}, Gate("full")
    refused = []

    async def handle(ctx):
        if ctx.message == "start":
            entered[ctx.worker].open()
            await way.passed(full)
            try:
                await ctx.dispatch("b" if ctx.worker == "a" else "a", "more")
            except MailboxFullError as error:
                refused.append(str(error))
        return done()

    for name in entered:
        op.add_handler(name, way.handler(handle), Config(message_only=True, mailbox_size=1))
        op.start(name)
        op.dispatch(name, "start")
    for gate in entered.values():
        gate.wait()
    queued = [op.dispatch(name, "queued") for name in entered]
    full.open()
    for receipt in queued:
        receipt.result(DEADLINE)
    assert refused
    assert "wait for each other with full mailboxes" in refused[0]


# -- waits that would never end


def test_a_handler_that_waits_for_its_own_message_is_refused_at_once(op, way):
    told, over = [], Gate()

    async def handle(ctx):
        receipt = await ctx.dispatch(ctx.worker, "to myself")
        for wait in (receipt.result, receipt.wait_delivered):
            try:
                wait(DEADLINE)
            except SmoothopError as error:
                told.append(str(error))
        try:
            await way.result(receipt)
        except SmoothopError as error:
            told.append(str(error))
        over.open()
        await ctx.wait()
        return done()

    op.add_handler("w", way.handler(handle))
    op.start("w")
    over.wait()
    assert len(told) == 3
    assert all("waits inside its own handler" in text for text in told)


def test_two_workers_that_wait_for_each_others_outcome_do_not_wait_for_ever(op, way):
    both = {"a": Gate("a"), "b": Gate("b")}
    refused = []

    async def handle(ctx):
        if ctx.message == "answer":
            return done()
        other = "b" if ctx.worker == "a" else "a"
        both[ctx.worker].open()
        await way.passed(both[other])
        try:
            await way.result(await ctx.dispatch(other, "answer"))
        except SmoothopError as error:
            refused.append(str(error))
        return done()

    for name in both:
        op.add_handler(name, way.handler(handle), ONLY)
    op.start_all()
    receipts = [op.dispatch(name, "ask") for name in both]
    for receipt in receipts:
        receipt.result(DEADLINE)
    assert len(refused) >= 1
    assert "these workers wait for each other: " in refused[0]


def test_a_handler_may_wait_for_another_worker(op, way):
    async def ask(ctx):
        receipt = await ctx.dispatch("b", ctx.message + 1)
        return done(await way.result(receipt))

    op.add_handler("a", way.handler(ask), ONLY)
    op.add_handler("b", echo(way), ONLY)
    op.start_all()
    assert op.dispatch("a", 1).result(DEADLINE) == 2


# -- messages and the life of the worker


def test_messages_wait_while_the_worker_is_stopped(op, way):
    op.add_handler("w", echo(way), ONLY)
    receipt = op.dispatch("w", 1)
    assert not receipt.done()
    op.start("w")
    assert receipt.result(DEADLINE) == 1


def test_what_is_queued_when_a_worker_stops_waits_for_its_next_start(op, way):
    blocked = Blocked(op, way)
    queued = [op.dispatch("w", number) for number in range(3)]
    stopped = op.stop("w")
    blocked.leave.open()
    stopped.result(DEADLINE)
    assert blocked.first.result(0) == "first"
    assert not any(receipt.done() for receipt in queued)
    assert op.worker("w").snapshot().mailbox_depth == 3
    op.start("w")
    assert [receipt.result(DEADLINE) for receipt in queued] == [0, 1, 2]


def test_update_config_keeps_what_is_queued(op, way):
    blocked = Blocked(op, way, mailbox_size=5)
    queued = [op.dispatch("w", number) for number in range(3)]
    changed = op.update_config("w", mailbox_size=1)
    assert not changed.done()
    blocked.leave.open()
    changed.result(DEADLINE)
    assert [receipt.result(DEADLINE) for receipt in queued] == [0, 1, 2]
    assert op.worker("w").config.mailbox_size == 1


def test_removing_a_worker_drops_what_is_queued_but_not_what_is_being_handled(op, way):
    blocked = Blocked(op, way)
    queued = op.dispatch("w", "queued")
    removed = op.remove_handler("w")
    with pytest.raises(WorkerNotFoundError):
        op.dispatch("w", "late")
    blocked.leave.open()
    removed.result(DEADLINE)
    assert blocked.first.result(DEADLINE) == "first"
    with pytest.raises(MessageDroppedError, match="worker w: it was removed"):
        queued.result(DEADLINE)
    assert queued.wait_delivered() is False


def test_a_dispatcher_that_waits_for_room_is_told_when_the_worker_is_removed(op, way):
    blocked = Blocked(op, way, mailbox_size=1)
    op.dispatch("w", "queued")
    with ThreadPoolExecutor(1) as senders:
        waiting = senders.submit(op.dispatch, "w", "late")
        removed = op.remove_handler("w")
        blocked.leave.open()
        removed.result(DEADLINE)
        with pytest.raises(WorkerNotFoundError):
            waiting.result(DEADLINE)


def test_closing_drops_what_is_queued(way):
    with way.operator() as op:
        op.add_handler("w", echo(way), ONLY)
        receipt = op.dispatch("w", 1)
    with pytest.raises(MessageDroppedError, match="worker w: the operator was closed"):
        receipt.result(DEADLINE)
    assert receipt.done()
    assert not receipt.delivered
    with pytest.raises(OperatorClosedError):
        op.dispatch("w", 2)


def test_a_message_that_the_worker_was_stopped_in_is_dropped_and_that_is_no_panic(op, way):
    entered = Gate()

    async def handle(ctx):
        entered.open()
        await ctx.wait()
        raise RuntimeError("because of the stop")

    worker = op.add_handler("w", way.handler(handle), ONLY)
    op.start("w")
    receipt = op.dispatch("w", 1)
    entered.wait()
    op.stop("w").result(DEADLINE)
    with pytest.raises(MessageDroppedError, match="was asked to stop") as caught:
        receipt.result(DEADLINE)
    assert str(caught.value.__cause__) == "because of the stop"
    snapshot = worker.snapshot()
    assert (snapshot.panics, snapshot.stop_reason) == (0, "requested")


def test_a_worker_that_waits_for_room_and_is_asked_to_stop_leaves(op, way):
    blocked = Blocked(op, way, "full", mailbox_size=1)
    op.dispatch("full", "queued")
    entered, told = Gate(), []

    async def handle(ctx):
        entered.open()
        try:
            await ctx.dispatch("full", "more")
        except DispatchTimeoutError as error:
            told.append(str(error))
        return done()

    op.add_handler("sender", way.handler(handle))
    op.start("sender")
    entered.wait()
    op.stop("sender").result(DEADLINE)
    assert told
    assert told[0].startswith("dispatch timeout")
    assert "was asked to stop" in told[0]
    blocked.leave.open()
