"""What is shown of a worker that panics again and again, in virtual time."""

import logging

import pytest

from smoothop.cli.thinning import Thinning


class Log:
    """What is shown of the records, as (worker, message, error, left out)."""

    def __init__(self):
        self.now = 0.0
        self.shown = []
        self._thinning = Thinning(lambda: self.now)

    def write(self, message, worker="w", **fields):
        record = logging.LogRecord("smoothop", logging.INFO, "", 0, message, None, None)
        vars(record).update(worker=worker, **fields)
        self.shown += self._thinning.shown(record)

    def panic(self, error="bad", worker="w"):
        self.write("panic recovered", worker, error=error)
        self.write("backing off after panic", worker)

    def left_out(self):
        """Return the number told by each of the lines that tell one."""
        return [one.left_out for one in self.shown if hasattr(one, "left_out")]

    def messages(self):
        return [one.getMessage() for one in self.shown]


@pytest.fixture
def log():
    return Log()


def test_the_first_five_panics_are_shown_with_their_backoff(log):
    for _ in range(7):
        log.panic()
    assert log.messages() == ["panic recovered", "backing off after panic"] * 5


def test_then_one_every_ten_seconds_tells_how_many_were_not(log):
    for _ in range(250):
        log.panic()
        log.now += 0.125
    # At 0 to 0.5 s, and then at 10.5, 20.5 and 30.5 s.
    assert len(log.shown) == 2 * (5 + 3)
    assert log.left_out() == [79, 79, 79]


def test_panics_that_are_further_apart_are_all_shown(log):
    for _ in range(20):
        log.panic()
        log.now += 10
    assert len(log.shown) == 40
    assert not log.left_out()


def test_another_error_begins_anew_and_tells_what_was_left_out_of_the_last(log):
    for _ in range(8):
        log.panic()
    log.panic("worse")
    assert log.messages()[10:] == ["panics left out", "panic recovered", "backing off after panic"]
    told = log.shown[10]
    assert (told.worker, told.error, told.left_out) == ("w", "bad", 3)
    assert told.levelno == logging.WARNING


@pytest.mark.parametrize("end", ["worker stopped", "max panic attempts reached"])
def test_the_end_of_the_worker_tells_it_too_and_forgets(log, end):
    for _ in range(8):
        log.panic()
    log.write(end)
    log.write(end)
    log.panic()
    assert log.messages()[10:] == ["panics left out", end, end, *log.messages()[:2]]


def test_each_worker_counts_for_itself(log):
    for _ in range(5):
        log.panic(worker="a")
    log.panic(worker="b")
    assert len(log.shown) == 12


def test_nothing_else_is_left_out(log):
    for _ in range(6):
        log.panic()
    for _ in range(100):
        log.write("handle error: bad", error="bad")
        log.write("said the same again")
    assert len(log.shown) == 10 + 200


def test_other_log_handlers_get_the_record_as_it_was(log):
    for _ in range(6):
        log.panic()
    log.now = 10
    record = logging.LogRecord("smoothop", logging.INFO, "", 0, "panic recovered", None, None)
    vars(record).update(worker="w", error="bad")
    (shown,) = log._thinning.shown(record)
    assert shown.left_out == 1
    assert not hasattr(record, "left_out")
