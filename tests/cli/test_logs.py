"""The log of `smoothop run`: nobody who logs waits, and nothing is lost without a word."""

import json
import logging
import os
import threading

import pytest
from support.gates import DEADLINE, Gate

from smoothop.cli.logs import Lines
from smoothop.cli.outlet import Outlet

LOG = logging.getLogger("acme")


class Shown:
    """What `Lines` has shown in a file."""

    def __init__(self, path, log_format, room):
        self._path = path
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
        self.outlet = Outlet(room, self._descriptor)
        self.lines = Lines(log_format, self.outlet)
        (self._handler,) = logging.getLogger().handlers

    def text(self):
        assert self.outlet.flush(DEADLINE)
        return self._path.read_text()

    def close(self):
        logging.getLogger().removeHandler(self._handler)
        self.outlet.close(DEADLINE)
        os.close(self._descriptor)


@pytest.fixture
def show(tmp_path):
    """Show log records in a file, until the test ends."""
    root, opened = logging.getLogger(), []
    level = root.level

    def show(log_format="text", room=1_000_000):
        root.handlers.clear()  # those of pytest raise, and hold a lock; each phase has its own
        opened.append(Shown(tmp_path / "log", log_format, room))
        return opened[-1]

    yield show
    root.setLevel(level)
    for one in opened:
        one.close()


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_record_that_cannot_be_formatted_is_told_with_cause_and_place(show, log_format):
    shown = show(log_format)
    template = "%d of %d"
    LOG.error(template, 1)
    text = shown.text()
    assert "a log record of acme cannot be shown: TypeError: not enough arguments" in text
    assert f"(logged at {__file__}:" in text
    assert len(text.splitlines()) == 1


def test_an_object_that_hangs_in_its_text_keeps_nobody_else_who_logs(show):
    entered, leave = Gate(), Gate()

    class Hanging:
        def __str__(self):
            entered.open()
            leave.wait()
            return "at last"

    shown = show()
    thread = threading.Thread(target=LOG.error, args=("%s", Hanging()))
    thread.start()
    entered.wait()
    LOG.error("meanwhile")
    assert "meanwhile" in shown.text()
    leave.open()
    thread.join(DEADLINE)
    assert "at last" in shown.text()


def test_what_the_command_says_is_shown_whatever_the_level_is_and_however_full(show):
    shown = show("json", room=0)
    shown.lines.begin("critical", ["w"])
    LOG.critical("one")
    LOG.critical("two")
    shown.lines.announce("abandoned w", logging.ERROR)
    told, announced = map(json.loads, shown.text().splitlines())
    assert told["left_out"] == 2
    assert told["message"].startswith("2 log records were left out")
    assert (announced["message"], announced["level"]) == ("abandoned w", "error")


def test_panics_are_thinned(show):
    shown = show()
    for number in range(7):
        LOG.warning("panic recovered", extra={"worker": "w", "error": "bad", "attempt": number})
    LOG.warning("worker stopped", extra={"worker": "w"})
    lines = shown.text().splitlines()
    assert len(lines) == 5 + 2
    assert lines[5].endswith("WARNING panics left out: bad (2 before it left out)")
