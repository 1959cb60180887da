"""What follows a result or a panic, setup and teardown (API, sections 1 and 3)."""

import json
import time

import pytest
from support.gates import DEADLINE, Gate

from smoothop import (
    Config,
    HandlerPanickedError,
    InvalidHandlerError,
    done,
    fail,
    none,
)

SHORT = 0.15


class Times:
    """Notes when each call came, and opens a gate at the last."""

    def __init__(self, calls):
        self.at = []
        self.all = Gate(f"call {calls}")
        self._calls = calls

    def note(self):
        self.at.append(time.monotonic())
        if len(self.at) == self._calls:
            self.all.open()

    def pauses(self):
        return [later - earlier for earlier, later in zip(self.at, self.at[1:], strict=False)]


def test_after_done_the_handler_is_called_again_at_once(op, way):
    times = Times(1000)

    async def handle(ctx):
        times.note()
        return done() if len(times.at) < 1000 else none(3600)

    op.add_handler("w", way.handler(handle))
    op.start("w")
    times.all.wait()


@pytest.mark.parametrize("result", [none, lambda idle: fail("x", idle)])
def test_after_none_and_fail_it_sleeps_that_long(op, way, result):
    times = Times(2)

    async def handle(ctx):
        times.note()
        return result(SHORT if len(times.at) == 1 else 3600)

    op.add_handler("w", way.handler(handle))
    op.start("w")
    times.all.wait()
    assert times.pauses()[0] >= SHORT


def test_the_sleep_after_none_ends_when_a_message_arrives(op, way):
    polled = Gate()

    async def handle(ctx):
        polled.open()
        return done(ctx.message) if ctx.message else none(3600)

    op.add_handler("w", way.handler(handle))
    op.start("w")
    polled.wait()
    assert op.dispatch("w", "wake up").result(DEADLINE) == "wake up"


@pytest.mark.parametrize("how", ["fail", "panic"])
def test_the_sleep_after_a_fail_or_a_panic_does_not(op, way, how):
    times = Times(2)
    failed = Gate()

    async def handle(ctx):
        times.note()
        if len(times.at) > 1:
            return done(ctx.message) if ctx.message else none(3600)
        failed.open()
        if how == "panic":
            raise ValueError
        return fail("x", SHORT)

    op.add_handler("w", way.handler(handle), Config(panic_backoff=SHORT))
    op.start("w")
    failed.wait()
    assert op.dispatch("w", "wake up").result(DEADLINE) == "wake up"
    assert times.pauses()[0] >= SHORT


def test_none_of_zero_polls_without_sleeping(op, way):
    times = Times(1000)

    async def handle(ctx):
        times.note()
        return none(0) if len(times.at) < 1000 else none(3600)

    op.add_handler("w", way.handler(handle))
    op.start("w")
    times.all.wait()


def test_a_message_only_worker_is_called_only_for_messages(op, way):
    seen = []

    async def handle(ctx):
        seen.append(ctx.message)
        return none(0)

    op.add_handler("w", way.handler(handle), Config(message_only=True))
    op.start("w")
    for number in range(3):
        op.dispatch("w", number).result(DEADLINE)
    op.stop("w").result(DEADLINE)
    assert seen == [0, 1, 2]


# -- panics


def test_a_panic_is_survived_and_the_handler_called_again(op, way):
    calls, again = [], Gate()

    async def handle(ctx):
        calls.append(ctx.message)
        if len(calls) < 3:
            raise ValueError(str(len(calls)))
        again.open()
        return none(3600)

    worker = op.add_handler("w", way.handler(handle), Config(panic_backoff=0.001))
    op.start("w")
    again.wait()
    snapshot = worker.snapshot()
    assert (snapshot.panics, snapshot.panic_attempts) == (2, 2)
    assert snapshot.last_error == "ValueError: 2"


def test_the_worker_stops_at_exactly_that_many_panics(op, way):
    calls = []

    async def handle(ctx):
        calls.append(1)
        raise ValueError

    config = Config(max_panic_attempts=3, panic_backoff=0.001)
    worker = op.add_handler("w", way.handler(handle), config)
    stream = worker.metrics()
    op.start("w")
    kinds = [event.kind for event in stream]
    assert kinds == ["lifecycle", "panic", "panic", "panic", "lifecycle"]
    assert len(calls) == 3
    op.stop("w").result(DEADLINE)
    assert (worker.status, worker.phase) == ("stopped", "failed")
    assert worker.snapshot().stop_reason == "panic limit"


def test_a_failed_worker_can_be_started_again_and_its_panics_count_from_new(op, way):
    calls = []

    async def handle(ctx):
        calls.append(1)
        raise ValueError

    config = Config(max_panic_attempts=2, panic_backoff=0.001)
    worker = op.add_handler("w", way.handler(handle), config)
    for run in (1, 2):
        stream = worker.metrics(kinds=["panic"])
        op.start("w")
        assert [event.attempt for event in stream] == [1, 2]
        op.stop("w").result(DEADLINE)
        assert len(calls) == 2 * run


def test_a_stop_ends_the_backoff_at_once(op, way):
    panicked = Gate()

    async def handle(ctx):
        panicked.open()
        raise ValueError

    op.add_handler("w", way.handler(handle), Config(panic_backoff=3600))
    op.start("w")
    panicked.wait()
    op.stop("w").result(DEADLINE)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (None, "None"),
        (3, "int 3: "),
        pytest.param(10**5000, "int of very many digits: ", id="a huge int"),
        (False, "bool False: "),
        ("done" * 100, "str 'donedone"),
        (done, "function"),
        (ValueError, "the class ValueError"),
        (object(), "object"),
        ((x for x in ()), "generator"),
    ],
)
def test_anything_else_than_a_result_is_a_panic_that_says_what_came_back(op, way, wrong, says):
    async def handle(ctx):
        return wrong

    config = Config(message_only=True, panic_backoff=0.001)
    op.add_handler("w", way.handler(handle), config)
    op.start("w")
    with pytest.raises(HandlerPanickedError) as caught:
        op.dispatch("w", 1).result(DEADLINE)
    cause = caught.value.__cause__
    assert isinstance(cause, TypeError)
    assert f"it returned {says}" in str(cause)
    assert len(str(cause)) < 200


# -- setup and teardown


def test_setup_comes_before_the_first_handle_and_teardown_after_the_last_of_each_start(op, way):
    order, handled = [], []

    async def setup(ctx):
        order.append(("setup", ctx.message, ctx.cancelled))

    async def handle(ctx):
        order.append(("handle", ctx.message, ctx.cancelled))
        handled[-1].open()
        return none(3600)

    async def teardown(ctx):
        order.append(("teardown", ctx.message, ctx.cancelled))

    op.add_handler("w", way.handler(handle, setup=setup, teardown=teardown))
    for _ in range(2):
        handled.append(Gate())
        op.start("w")
        handled[-1].wait()
        op.stop("w").result(DEADLINE)
    once = [("setup", None, False), ("handle", None, False), ("teardown", None, True)]
    assert order == once * 2


def test_a_setup_that_fails_is_a_panic_and_is_tried_again(op, way):
    order, handled = [], Gate()

    async def setup(ctx):
        order.append("setup")
        if len(order) < 3:
            raise ValueError("not yet")

    async def handle(ctx):
        order.append("handle")
        handled.open()
        return none(3600)

    worker = op.add_handler("w", way.handler(handle, setup=setup), Config(panic_backoff=0.001))
    op.start("w")
    handled.wait()
    assert order == ["setup", "setup", "setup", "handle"]
    assert worker.snapshot().panics == 2


def test_a_setup_that_always_fails_uses_up_the_panics_and_no_teardown_follows(op, way):
    order = []

    async def setup(ctx):
        order.append("setup")
        raise ValueError("never")

    async def handle(ctx):
        order.append("handle")
        return done()

    async def teardown(ctx):
        order.append("teardown")

    config = Config(max_panic_attempts=2, panic_backoff=0.001)
    handler = way.handler(handle, setup=setup, teardown=teardown)
    worker = op.add_handler("w", handler, config)
    stream = worker.metrics(kinds=["lifecycle"])
    op.start("w")
    assert [event.reason for event in stream] == [None, "panic limit"]
    assert order == ["setup", "setup"]


def test_after_a_panic_of_handle_setup_is_not_called_again(op, way):
    order, again = [], Gate()

    async def setup(ctx):
        order.append("setup")

    async def handle(ctx):
        order.append("handle")
        if len(order) == 2:
            raise ValueError
        again.open()
        return none(3600)

    op.add_handler("w", way.handler(handle, setup=setup), Config(panic_backoff=0.001))
    op.start("w")
    again.wait()
    assert order == ["setup", "handle", "handle"]


def test_a_teardown_that_fails_does_not_keep_the_worker_from_stopping(op, way):
    handled = Gate()

    async def handle(ctx):
        handled.open()
        return none(3600)

    async def teardown(ctx):
        raise SystemExit(3)

    worker = op.add_handler("w", way.handler(handle, teardown=teardown))
    op.start("w")
    handled.wait()
    op.stop("w").result(DEADLINE)
    assert (worker.status, worker.snapshot().panics) == ("stopped", 0)


def test_the_phases_seen_from_inside(op, way):
    seen, handled = {}, Gate()

    async def setup(ctx):
        seen["setup"] = worker.phase

    async def handle(ctx):
        seen["handle"] = worker.phase
        snapshot = worker.snapshot()
        seen["since"] = snapshot.handling_since <= snapshot.time
        handled.open()
        await ctx.wait()
        seen["asked"] = worker.phase
        return done()

    async def teardown(ctx):
        seen["teardown"] = worker.phase

    worker = op.add_handler("w", way.handler(handle, setup=setup, teardown=teardown))
    op.start("w")
    handled.wait()
    op.stop("w").result(DEADLINE)
    assert seen == {
        "setup": "starting",
        "handle": "handling",
        "since": True,
        "asked": "stopping",
        "teardown": "stopping",
    }


# -- the context


def test_the_context_names_the_worker_and_carries_a_logger(op, way, caplog):
    contexts, handled = [], Gate()

    async def handle(ctx):
        contexts.append((ctx.worker, ctx.message))
        ctx.logger.warning("seen %s", ctx.message, extra={"more": 7})
        handled.open()
        return none(3600)

    op.add_handler("w", way.handler(handle))
    op.dispatch("w", "hello")
    op.start("w")
    handled.wait()
    assert contexts[0] == ("w", "hello")
    (record,) = (record for record in caplog.records if record.message == "seen hello")
    assert (record.worker, record.more) == ("w", 7)
    assert record.name.startswith("smoothop")


# -- update_config


def test_update_config_restarts_a_running_worker_with_the_new_config(op, way):
    gates = [Gate("first"), Gate("second")]
    left = list(gates)

    async def handle(ctx):
        left.pop(0).open()
        return none(3600)

    worker = op.add_handler("w", way.handler(handle), Config(panic_backoff=1))
    op.start("w")
    gates[0].wait()
    op.update_config("w", panic_backoff=2, critical=True).result(DEADLINE)
    assert worker.config == way.config(panic_backoff=2, critical=True)
    gates[1].wait()
    assert worker.snapshot().starts == 2


def test_update_config_leaves_a_stopped_worker_stopped(op, way):
    async def handle(ctx):
        return none(3600)

    worker = op.add_handler("w", way.handler(handle))
    assert op.update_config("w", panic_backoff=2).done()
    assert (worker.status, worker.config) == ("stopped", way.config(panic_backoff=2))


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"panic_backoff": -1}, ValueError, r"\Apanic_backoff: "),
        ({"mailbox_size": 0}, ValueError, r"\Amailbox_size: "),
        ({"retries": 3}, ValueError, r"\Aretries: "),
        ({"run_in": "process"}, InvalidHandlerError, "cannot run in a process"),
    ],
)
def test_a_bad_change_is_refused_and_nothing_is_changed(op, way, changes, error, says):
    async def handle(ctx):
        return none(3600)

    worker = op.add_handler("w", way.handler(handle))
    with pytest.raises(error, match=says):
        op.update_config("w", critical=True, **changes)
    assert worker.config == way.config()


def test_a_snapshot_is_plain_data(op, way):
    handled = Gate()

    async def handle(ctx):
        if ctx.message:
            handled.open()
            return none(3600)
        return fail("no such table", 3600)

    worker = op.add_handler("w", way.handler(handle), Config(mailbox_size=7, message_only=True))
    before = worker.snapshot().to_dict()
    assert (before["status"], before["phase"], before["starts"]) == ("stopped", "stopped", 0)
    op.dispatch("w", None)
    op.start("w")
    op.dispatch("w", 1)
    op.stop("w").result(DEADLINE)
    shown = json.loads(json.dumps(worker.snapshot().to_dict()))
    assert shown["name"] == "w"
    assert shown["status"] == "stopped"
    assert shown["mailbox_size"] == 7
    assert shown["config"]["message_only"] is True
    assert shown["stop_reason"] == "requested"
    assert shown["starts"] == 1
