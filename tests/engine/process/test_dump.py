"""What a child writes that is asked by a signal where it stands."""

import os
import signal

import pytest

from smoothop.engine.runners.process import dump
from smoothop.engine.runners.process.dump import SIGNAL, Dump

MAIN = """Stack (most recent call first):
  File "/lib/job.py", line 7 in work
  File "/lib/smoothop/engine/runners/process/inside/main.py", line 47 in main
  File "<string>", line 1 in <module>
"""
OTHER = """Stack (most recent call first):
  File "/lib/threading.py", line 982 in run
  File "/lib/threading.py", line 1002 in _bootstrap
"""
TURNED = """  File "<string>", line 1, in <module>
  File "/lib/smoothop/engine/runners/process/inside/main.py", line 47, in main
  File "/lib/job.py", line 7, in work"""


@pytest.fixture
def asked(monkeypatch):
    """Ask a child, which is this process, for its dump; it writes what is given."""
    one = Dump()
    before = signal.signal(SIGNAL, lambda *_: None)
    monkeypatch.setattr(dump, "PATIENCE", 0.01)

    def asked(text):
        return one.ask(os.getpid(), lambda _: os.write(one.horn, text.encode()))

    asked.horn = one.horn
    yield asked
    signal.signal(SIGNAL, before)
    one.close()
    os.close(one.horn)


def test_it_is_turned_into_a_stack_like_any_other(asked):
    assert asked(MAIN) == TURNED


def test_one_too_deep_to_be_shown_whole_is_shown_from_the_inside(asked):
    deep = MAIN.splitlines()[:2]
    assert asked("\n".join([*deep, "  ...", ""])) == '  File "/lib/job.py", line 7, in work'


def test_that_of_another_thread_is_not_taken_for_the_handlers(asked):
    assert asked(OTHER) == ""


def test_one_that_came_too_late_is_not_taken_for_the_next(asked):
    os.write(asked.horn, OTHER.encode())
    assert asked(MAIN) == TURNED


def test_nothing_is_sent_to_one_that_would_be_ended_by_it(asked):
    signal.signal(SIGNAL, signal.SIG_DFL)
    assert asked(MAIN) == ""


def test_nor_to_one_that_has_given_its_end_back():
    one = Dump()
    os.close(one.horn)
    before = signal.signal(SIGNAL, lambda *_: None)
    sent = []
    assert one.ask(os.getpid(), sent.append) == ""
    assert sent == []
    signal.signal(SIGNAL, before)
    one.close()
    assert one.ask(os.getpid(), sent.append) == ""
