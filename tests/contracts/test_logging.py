"""The messages in the log, with their levels and what they carry (API, section 6)."""

import logging

import pytest
from support.gates import DEADLINE, Gate

from smoothop import Config, DispatchTimeoutError, done, fail, none


@pytest.fixture(autouse=True)
def _every_level(caplog):
    caplog.set_level(logging.DEBUG, logger="smoothop")


def messages(caplog, worker="w"):
    """Return level and message of each record about the worker, in order."""
    return [
        (record.levelname, record.message)
        for record in caplog.records
        if getattr(record, "worker", None) == worker
    ]


def the_record(caplog, message):
    (record,) = (record for record in caplog.records if record.message == message)
    assert record.worker == "w"
    return record


def test_the_life_of_a_worker_is_logged(op, way, caplog):
    handled = Gate()

    async def handle(ctx):
        handled.open()
        return none(3600)

    op.add_handler("w", way.handler(handle))
    op.start("w")
    op.start("w")
    handled.wait()
    op.stop("w").result(DEADLINE)
    op.stop("w").result(DEADLINE)
    op.remove_handler("w").result(DEADLINE)
    assert messages(caplog) == [
        ("INFO", "handler added"),
        ("INFO", "starting worker"),
        ("INFO", "stopping worker"),
        ("INFO", "worker stopped"),
        ("INFO", "handler removed"),
    ]
    names = {record.name for record in caplog.records}
    assert all(name == "smoothop" or name.startswith("smoothop.") for name in names)


def test_each_fail_is_logged_with_its_error(op, way, caplog):
    async def handle(ctx):
        return fail(ctx.message)

    op.add_handler("w", way.handler(handle), Config(message_only=True))
    op.start("w")
    for error in ("no such table", ValueError("100 % wrong")):
        op.dispatch("w", error).wait_delivered(DEADLINE)
    op.stop("w").result(DEADLINE)
    errors = [entry for entry in messages(caplog) if entry[0] == "ERROR"]
    assert errors == [
        ("ERROR", "handle error: no such table"),
        ("ERROR", "handle error: 100 % wrong"),
    ]


def test_a_panic_is_logged_with_its_traceback_and_the_backoff(op, way, caplog):
    again = Gate()
    error = ValueError("no such table")

    async def handle(ctx):
        if not again.is_open():
            again.open()
            raise error
        return none(3600)

    config = Config(panic_backoff=0.01, max_panic_attempts=2)
    op.add_handler("w", way.handler(handle), config)
    with op.worker("w").metrics(kinds=["panic"]) as stream:
        op.start("w")
        stream.get(DEADLINE)
    op.stop("w").result(DEADLINE)
    panicked = the_record(caplog, "panic recovered")
    assert panicked.levelname == "WARNING"
    assert panicked.exc_info[1] is error
    assert panicked.exc_info[2] is not None
    assert (panicked.attempt, panicked.max_attempts) == (1, 2)
    assert panicked.error == "ValueError: no such table"
    backing_off = the_record(caplog, "backing off after panic")
    assert backing_off.levelname == "INFO"
    assert (backing_off.duration, backing_off.attempt) == (0.01, 1)


def test_the_backoff_after_a_panic_is_one_second_by_default(op, way, caplog):
    async def handle(ctx):
        raise ValueError

    op.add_handler("w", way.handler(handle))
    with op.worker("w").metrics(kinds=["panic"]) as stream:
        op.start("w")
        stream.get(DEADLINE)
    op.stop("w").result(DEADLINE)
    assert the_record(caplog, "backing off after panic").duration == 1.0


def test_the_doubled_backoff_starts_again_when_a_call_has_returned(op, way, caplog):
    calls, through = [], Gate()

    async def handle(ctx):
        calls.append(ctx)
        if len(calls) == 3:
            return done()
        if len(calls) > 4:
            through.open()
            return none(3600)
        raise ValueError

    config = Config(panic_backoff=0.001, panic_backoff_max=1)
    op.add_handler("w", way.handler(handle), config)
    op.start("w")
    through.wait()
    op.stop("w").result(DEADLINE)
    records = [one for one in caplog.records if one.message == "backing off after panic"]
    first, doubled, again = [record.duration for record in records]
    assert (first, again) == (0.001, 0.001)
    assert doubled >= 0.0015


def test_the_last_panic_is_logged_with_the_number_of_attempts(op, way, caplog):
    async def handle(ctx):
        raise ValueError

    op.add_handler("w", way.handler(handle), Config(max_panic_attempts=1))
    stream = op.worker("w").metrics()
    op.start("w")
    list(stream)
    op.stop("w").result(DEADLINE)
    last = the_record(caplog, "max panic attempts reached")
    assert (last.levelname, last.attempts) == ("ERROR", 1)
    assert messages(caplog)[-3:] == [
        ("WARNING", "panic recovered"),
        ("ERROR", "max panic attempts reached"),
        ("INFO", "worker stopped"),
    ]


def test_a_refused_dispatch_is_logged(op, way, caplog):
    async def handle(ctx):
        return done()

    op.add_handler("w", way.handler(handle), Config(mailbox_size=1))
    op.dispatch("w", 1)
    with pytest.raises(DispatchTimeoutError):
        op.dispatch("w", 2, timeout=0)
    refused = the_record(caplog, "dispatch failed")
    assert refused.levelname == "WARNING"
    assert refused.error.startswith("dispatch timeout")


def test_what_is_raised_because_of_a_stop_is_no_panic_in_the_log(op, way, caplog):
    entered = Gate()

    async def handle(ctx):
        entered.open()
        await ctx.wait()
        raise RuntimeError

    op.add_handler("w", way.handler(handle))
    op.start("w")
    entered.wait()
    op.stop("w").result(DEADLINE)
    assert "panic recovered" not in [record.message for record in caplog.records]


def test_another_logger_can_be_given(way, caplog):
    caplog.set_level(logging.DEBUG, logger="elsewhere")

    async def handle(ctx):
        return done()

    with way.operator(logger=logging.getLogger("elsewhere")) as op:
        op.add_handler("w", way.handler(handle))
    assert {record.name for record in caplog.records if hasattr(record, "worker")} == {"elsewhere"}


def test_the_library_installs_no_handler():
    for name in ("smoothop", "smoothop.handler"):
        assert logging.getLogger(name).handlers == []
        assert logging.getLogger(name).propagate


class Meddler(logging.Handler):
    """A log handler that does something at a certain message, once."""

    def __init__(self, message, act):
        super().__init__()
        self.message, self.act, self.acted = message, act, False

    def emit(self, record):
        if record.getMessage() == self.message and not self.acted:
            self.acted = True
            self.act()


@pytest.fixture
def at_message(request):
    """Call something at a certain message of the log: a moment between two steps of the engine."""

    def install(message, act):
        meddler = Meddler(message, act)
        logger = logging.getLogger("smoothop")
        logger.addHandler(meddler)
        request.addfinalizer(lambda: logger.removeHandler(meddler))
        return meddler

    return install


@pytest.fixture
def running(op, way):
    handled = Gate()

    async def handle(ctx):
        handled.open()
        return none(3600)

    worker = op.add_handler("w", way.handler(handle))
    op.start("w")
    handled.wait()
    return worker


def test_a_change_of_config_that_comes_while_a_stop_is_announced_does_not_undo_it(
    op, running, at_message
):
    meddler = at_message("stopping worker", lambda: op.update_config("w", panic_backoff=5))
    op.stop("w").result(DEADLINE)
    assert meddler.acted
    assert (running.status, running.config.panic_backoff) == ("stopped", 5)


def test_a_start_that_comes_while_a_stop_is_announced_is_remembered(op, running, at_message):
    at_message("stopping worker", lambda: op.start("w"))
    op.stop("w").result(DEADLINE)
    assert (running.status, running.snapshot().starts) == ("running", 2)


def test_a_start_that_comes_while_the_end_is_told_is_remembered(op, running, at_message):
    at_message("worker stopped", lambda: op.start("w"))
    op.stop("w").result(DEADLINE)
    assert (running.status, running.snapshot().starts) == ("running", 2)
