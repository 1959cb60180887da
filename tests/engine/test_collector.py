"""The garbage collector waits while very many workers are started, and only then."""

import gc
import os
import threading
import weakref

import pytest

from smoothop import Config, Operator, none
from smoothop.engine.collector import LONGEST, MANY, collector_waits, hold_collector, settling_time


class Kept:
    """Something the collector looks at."""


@pytest.fixture(autouse=True)
def _on_again():
    yield
    gc.enable()


@pytest.fixture
def _nothing_is_frozen():
    """Thaw what the test session has frozen for speed, and look at all of it."""
    gc.unfreeze()
    gc.collect()
    yield
    gc.collect()
    gc.freeze()


def test_it_waits_while_many_objects_are_made():
    with collector_waits(MANY):
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_does_not_for_a_few():
    with collector_waits(MANY - 1):
        assert gc.isenabled()


def test_it_goes_on_after_an_error():
    with pytest.raises(ValueError, match="no thread"), collector_waits(MANY):
        raise ValueError("no thread")
    assert gc.isenabled()


def test_a_program_that_has_switched_it_off_finds_it_off():
    gc.disable()
    with collector_waits(MANY):
        pass
    assert not gc.isenabled()


@pytest.mark.usefixtures("_nothing_is_frozen")
def test_what_was_made_meanwhile_is_old_and_found_all_the_same_if_it_is_garbage():
    with collector_waits(MANY):
        kept = Kept()
        kept.itself = garbage = Kept()
        garbage.itself = garbage
        seen = weakref.ref(garbage)
    assert any(one is kept for one in gc.get_objects(generation=2))
    kept.itself = garbage = None
    gc.collect()
    assert seen() is None


@pytest.mark.usefixtures("_nothing_is_frozen")
def test_what_is_made_the_next_time_is_young_until_all_was_looked_at():
    def make_many() -> weakref.ref[Kept]:
        with collector_waits(MANY):
            garbage = Kept()
            garbage.itself = garbage
            return weakref.ref(garbage)

    first, second = make_many(), make_many()
    gc.collect(0)
    assert first() is not None
    assert second() is None
    gc.collect()
    assert first() is None
    third = make_many()
    gc.collect(0)
    assert third() is not None


def test_what_a_program_has_frozen_stays_frozen():
    frozen = gc.get_freeze_count()
    assert frozen  # by the test session
    with collector_waits(MANY):
        pass
    assert gc.get_freeze_count() > frozen // 2  # some of them may have been let go meanwhile


def test_of_two_at_a_time_the_last_lets_it_go_on():
    first, second = collector_waits(MANY), collector_waits(MANY)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert not gc.isenabled()
    second.__exit__(None, None, None)
    assert gc.isenabled()


def test_only_the_first_call_lets_it_go_on():
    first, second = hold_collector(MANY), hold_collector(MANY)
    first()
    first()
    assert not gc.isenabled()
    second()
    assert gc.isenabled()


def test_it_waits_longer_for_more_but_not_for_ever():
    assert settling_time(MANY) < settling_time(2 * MANY) < LONGEST
    assert settling_time(10**9) == LONGEST


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_it_goes_on_in_a_forked_child():
    with collector_waits(MANY):
        child = os.fork()
        if not child:
            os._exit(0 if gc.isenabled() else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert not gc.isenabled()


def test_it_waits_until_many_that_were_started_have_had_their_first_turn():
    with Operator() as operator:
        for number in range(MANY):
            operator.add_handler(f"worker-{number}", lambda _: none(3600), Config(run_in="pool"))
        operator.start_all()
        assert not gc.isenabled()
        later = threading.Event()
        operator._means.timers.call_later(settling_time(MANY), later.set)
        assert later.wait(10)
        assert gc.isenabled()
