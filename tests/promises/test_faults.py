"""Inputs and faults that must meet a clear answer (the list in docs/promises.md), as far as the
engine is concerned and no promise's own module has them."""

import gc
import logging
import math
import subprocess
import sys
import threading
import weakref
from datetime import timedelta

import pytest
from support.gates import DEADLINE, Gate

from smoothop import Cancellation, Config, HandlerPanickedError, Operator, SmoothopError, done, none

ONLY = Config(message_only=True, panic_backoff=0.001)


async def coroutine():
    return done()


async def async_generator():
    yield done()


class Hostile:
    """Raises whatever anybody asks of it."""

    @property
    def __class__(self):
        raise RuntimeError("from __class__")

    def __eq__(self, other):
        raise RuntimeError("from __eq__")

    __hash__ = None

    def __bool__(self):
        raise RuntimeError("from __bool__")

    def __repr__(self):
        raise RuntimeError("from __repr__")


RESULTS = {
    "None": (lambda: None, "None"),
    "int": (lambda: 3, "int"),
    "a class": (lambda: Hostile, "the class Hostile"),
    "a coroutine": (coroutine, "coroutine"),
    "an async generator": (async_generator, "async_generator"),
    "hostile": (Hostile, "Hostile"),
    "idle NaN": (lambda: none(math.nan), "idle: "),
    "idle -1": (lambda: none(-1), "idle: "),
    "idle inf": (lambda: none(math.inf), "idle: "),
    "idle string": (lambda: none("2s"), "idle: "),
}


@pytest.mark.parametrize("name", RESULTS)
def test_what_is_no_result_is_a_panic_that_says_so_and_the_worker_goes_on(way, name):
    make, says = RESULTS[name]

    async def handle(ctx):
        return make() if ctx.message == "wrong" else done(ctx.message)

    with way.operator() as op:
        op.add_handler("w", way.handler(handle), ONLY)
        op.start("w")
        with pytest.raises(HandlerPanickedError) as caught:
            op.dispatch("w", "wrong").result(DEADLINE)
        assert type(caught.value.__cause__) in (TypeError, ValueError)
        assert says in str(caught.value.__cause__)
        assert op.dispatch("w", "right").result(DEADLINE) == "right"


def test_a_sync_handler_that_returns_a_coroutine_is_told_what_to_write():
    with Operator() as op:
        op.add_handler("w", lambda ctx: coroutine(), ONLY)
        op.start("w")
        with pytest.raises(HandlerPanickedError, match="declare the handler with `async def`"):
            op.dispatch("w", 1).result(DEADLINE)


def test_a_message_may_be_hostile(way):
    async def handle(ctx):
        return done(ctx.message)

    hostile = Hostile()
    with way.operator() as op:
        worker = op.add_handler("w", way.handler(handle), ONLY)
        op.start("w")
        assert op.dispatch("w", hostile).result(DEADLINE) is hostile
        assert worker.snapshot().panics == 0


@pytest.mark.parametrize("idle", [timedelta.max, 1e300, 10**15])
def test_the_longest_sleep_is_slept_and_shown_and_ended_by_a_stop(way, idle):
    handled = Gate()

    async def handle(ctx):
        handled.open()
        return none(idle)

    with way.operator() as op:
        worker = op.add_handler("w", way.handler(handle), Config(stop_grace=timedelta.max))
        op.start("w")
        handled.wait()
        worker.snapshot()
        op.stop("w").result(DEADLINE)
        assert worker.snapshot().panics == 0
        assert worker.snapshot().stop_reason == "requested"


# -- no thread can be started


@pytest.fixture
def no_more_threads(monkeypatch):
    def refuse():
        def start(self):
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(threading.Thread, "start", start)
        return monkeypatch.undo

    return refuse


def test_a_worker_that_gets_no_thread_says_so_and_can_be_started_later(way, no_more_threads):
    handled = Gate()

    async def handle(ctx):
        handled.open()
        return done(ctx.message)

    with Operator() as op:
        worker = op.add_handler("w", way.handler(handle), ONLY)
        waiting = op.dispatch("w", 1)
        again = no_more_threads()
        stream = worker.metrics(kinds=["lifecycle"])
        with pytest.raises(SmoothopError, match="worker w could not be started: can't start new"):
            op.start("w")
        assert [(event.event, event.reason) for event in stream] == [
            ("started", None),
            ("stopped", None),
        ]
        with pytest.raises(SmoothopError):
            op.start_all()
        assert (worker.status, worker.phase) == ("stopped", "failed")
        assert op.stop("w").done()
        again()
        op.start("w")
        assert waiting.result(DEADLINE) == 1


def test_a_restart_that_gets_no_thread_fails_its_completion(no_more_threads):
    handled = Gate()

    def handle(ctx):
        handled.open()
        return none(3600)

    with Operator() as op:
        worker = op.add_handler("w", handle)
        op.start("w")
        handled.wait()
        again = no_more_threads()
        restarted = op.update_config("w", critical=True)
        with pytest.raises(SmoothopError, match="could not be started"):
            restarted.result(DEADLINE)
        again()
        assert (worker.status, worker.phase) == ("stopped", "failed")
        op.start("w")


def test_a_stop_with_a_timeout_that_gets_no_thread_to_count_it_still_stops(no_more_threads):
    entered, leave = Gate(), Gate()

    def handle(ctx):
        entered.open()
        leave.wait()
        return done()

    with Operator() as op:
        op.add_handler("w", handle)
        op.start("w")
        entered.wait()
        again = no_more_threads()
        stopped = op.stop("w", timeout=60)
        again()
        with pytest.raises(SmoothopError, match="nobody can watch the timeout: can't start"):
            stopped.result(DEADLINE)
        assert op.worker("w").phase == "stopping"
        leave.open()


# -- the log


class Raising(logging.Handler):
    def emit(self, record):
        raise SystemExit("from a log handler")


class Blocking(logging.Handler):
    """Blocks at the first panic."""

    def __init__(self):
        super().__init__()
        self.entered, self.leave = Gate("log"), Gate("leave")

    def emit(self, record):
        if record.getMessage() == "panic recovered":
            self.entered.open()
            self.leave.wait()


@pytest.fixture
def logger():
    logger = logging.getLogger("smoothop.test_of_faults")
    logger.propagate = False
    yield logger
    for handler in list(logger.handlers):
        logger.removeHandler(handler)


def test_a_log_handler_that_raises_disturbs_nobody(way, logger, capsys):
    logger.addHandler(Raising())

    async def handle(ctx):
        if ctx.message == "panic":
            raise ValueError
        return done(ctx.message)

    with way.operator(logger=logger) as op:
        op.add_handler("w", way.handler(handle), ONLY)
        op.start("w")
        with pytest.raises(HandlerPanickedError):
            op.dispatch("w", "panic").result(DEADLINE)
        assert op.dispatch("w", "right").result(DEADLINE) == "right"
    assert "a log handler raised on 'panic recovered'" in capsys.readouterr().err


def test_a_log_handler_that_blocks_stops_no_other_worker_and_no_question(logger):
    log = Blocking()
    logger.addHandler(log)
    logger.setLevel(logging.WARNING)

    def handle(ctx):
        if ctx.message == "panic":
            raise ValueError
        return done(ctx.message)

    with Operator(logger=logger) as op:
        worker = op.add_handler("w", handle, ONLY)
        op.add_handler("bystander", handle, ONLY)
        op.start_all()
        receipt = op.dispatch("w", "panic")
        log.entered.wait()
        assert op.dispatch("bystander", 1).result(DEADLINE) == 1
        assert op.status("w") == "running"
        assert worker.snapshot().panics == 1
        assert not receipt.done()
        op.stop("w")
        log.leave.open()
        with pytest.raises(SmoothopError):
            receipt.result(DEADLINE)


# -- many


def test_a_thousand_workers_run_and_stop(way):
    names = [f"w{number}" for number in range(1000)]

    async def handle(ctx):
        return done(ctx.worker)

    with way.operator() as op:
        for name in names:
            op.add_handler(name, way.handler(handle), ONLY)
        op.start_all()
        receipts = [op.dispatch(name, 1) for name in names]
        assert [receipt.result(DEADLINE) for receipt in receipts] == names
        op.stop_all(timeout=DEADLINE).result(DEADLINE)
        assert {worker.status for worker in op.workers()} == {"stopped"}


def test_two_operators_do_not_know_each_other(way):
    async def handle(ctx):
        return done(ctx.message)

    with way.operator() as first, way.operator() as second:
        for op in (first, second):
            op.add_handler("w", way.handler(handle), ONLY)
            op.start("w")
        first.stop("w").result(DEADLINE)
        assert second.dispatch("w", 1).result(DEADLINE) == 1


def test_an_operator_that_nobody_holds_any_more_is_forgotten_by_its_cancellation():
    cancellation = Cancellation()
    op = Operator(cancellation=cancellation)
    gone = weakref.ref(op)
    del op
    gc.collect()
    assert gone() is None
    cancellation.cancel()


def test_an_async_handler_may_run_an_operator_of_its_own(way):
    async def inner(ctx):
        return done(ctx.message + 1)

    async def outer(ctx):
        if not way.is_async:
            with Operator() as op:
                op.add_handler("inner", lambda ctx: done(ctx.message + 1), ONLY)
                op.start("inner")
                return done(op.dispatch("inner", ctx.message).result(DEADLINE))
        async with Operator() as op:
            op.add_handler("inner", inner, ONLY)
            op.start("inner")
            return done(await (await op.dispatch_async("inner", ctx.message)))

    with way.operator() as op:
        op.add_handler("outer", way.handler(outer), ONLY)
        op.start("outer")
        assert op.dispatch("outer", 1).result(DEADLINE) == 2


def test_a_program_that_forgets_to_close_still_ends():
    code = (
        "import threading, smoothop\n"
        "op = smoothop.Operator()\n"
        "entered = threading.Event()\n"
        "def handle(ctx):\n"
        "    entered.set()\n"
        "    threading.Event().wait()\n"
        "async def wait(ctx):\n"
        "    await ctx.wait()\n"
        "op.add_handler('stuck', handle)\n"
        "op.add_handler('async', wait)\n"
        "op.start_all()\n"
        "entered.wait()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
