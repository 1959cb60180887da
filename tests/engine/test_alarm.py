"""An alarm wakes the thread that waits, and nobody else."""

import os
import select
import threading
from time import monotonic

import pytest

from smoothop.engine.alarm import Alarm, Nudge


@pytest.fixture(params=["eventfd", "pipe"], autouse=True)
def _kind(request, monkeypatch):
    if request.param == "pipe":
        monkeypatch.delattr(os, "eventfd", raising=False)
    elif not hasattr(os, "eventfd"):
        pytest.skip("no eventfd here")


@pytest.fixture
def alarm():
    alarm = Alarm(threading.RLock())
    yield alarm
    alarm.close()


def can_be_read(alarm):
    poll = select.poll()
    poll.register(alarm, select.POLLIN)
    return bool(poll.poll(0))


@pytest.mark.parametrize("timeout", [None, 0.0, 1.0, 1e300])
def test_who_was_woken_before_does_not_wait_and_it_is_forgotten_then(alarm, timeout):
    alarm.wake()
    Nudge(alarm).wake()
    assert can_be_read(alarm)
    alarm.wait(timeout)
    assert not can_be_read(alarm)


@pytest.mark.parametrize("timeout", [0.0, 0.0005, 0.0101])
def test_a_wait_that_nobody_ends_takes_its_time(alarm, timeout):
    began = monotonic()
    alarm.wait(timeout)
    assert monotonic() - began >= timeout


def test_being_woken_very_often_never_blocks_who_wakes(alarm):
    for _ in range(20_000):
        alarm.wake()
    assert can_be_read(alarm)


class Heir:
    """Somebody who gets the descriptors of an alarm as soon as that is closed."""

    def __init__(self):
        self._ear, self._horn = os.pipe()
        self._numbers = {self._ear, self._horn}

    def inherit(self, alarm):
        numbers = {alarm._ear, alarm._horn}
        alarm.close()
        self._numbers |= numbers
        for number in numbers:
            os.dup2(self._horn, number)

    def was_written_to(self):
        poll = select.poll()
        poll.register(self._ear, select.POLLIN)
        return bool(poll.poll(0))

    def close(self):
        for number in self._numbers:
            os.close(number)


@pytest.fixture
def heir():
    heir = Heir()
    yield heir
    heir.close()


def test_who_wakes_a_closed_one_writes_to_nobody_who_has_its_descriptor_now(alarm, heir):
    heir.inherit(alarm)
    alarm.wake()
    assert not heir.was_written_to()


class LateLock:
    """A lock that somebody else gets first."""

    def __init__(self, first):
        self._first = [first]
        self._lock = threading.RLock()

    def __enter__(self):
        if self._first:
            self._first.pop()()
        return self._lock.__enter__()

    def __exit__(self, *raised):
        self._lock.__exit__(*raised)

    def was_asked_for(self):
        return not self._first


def test_nor_does_who_was_about_to_wake_it_when_it_was_closed(heir):
    lock = LateLock(lambda: heir.inherit(alarm))
    alarm = Alarm(lock)
    alarm.wake()
    assert lock.was_asked_for()
    assert not heir.was_written_to()
