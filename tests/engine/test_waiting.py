"""Waiting for what another thread will do."""

import pytest

from smoothop.engine.machine import SYSTEM
from smoothop.engine.waiting import Latch, Waiter


@pytest.mark.parametrize("timeout", [None, 0.0, 1.0, 1e300])
def test_who_was_woken_before_does_not_wait_however_long_the_timeout(timeout):
    waiter = Waiter(SYSTEM)
    waiter.wake()
    waiter.wake()
    assert waiter.wait(timeout)


@pytest.mark.parametrize("timeout", [0.0, -1.0])
def test_a_wait_without_time_tells_that_nobody_woke_it(timeout):
    assert not Waiter(SYSTEM).wait(timeout)


def test_a_latch_that_is_set_wakes_who_comes_later():
    latch = Latch()
    assert not latch.wait(SYSTEM, 0.0)
    latch.set()
    assert latch.wait(SYSTEM, None)
