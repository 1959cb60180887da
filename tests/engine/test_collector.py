"""The garbage collector waits while very many workers are started, and only then."""

import gc
import weakref

import pytest

from smoothop.engine.collector import MANY, collector_waits


class Kept:
    """Something the collector looks at."""


@pytest.fixture(autouse=True)
def _on_again():
    yield
    gc.enable()


@pytest.fixture
def _nothing_is_frozen():
    """Thaw what the test session has frozen for speed."""
    gc.unfreeze()
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


def test_what_a_program_has_frozen_stays_frozen():
    frozen = gc.get_freeze_count()
    assert frozen  # by the test session
    with collector_waits(MANY):
        pass
    assert gc.get_freeze_count() == frozen


def test_of_two_at_a_time_the_last_lets_it_go_on():
    first, second = collector_waits(MANY), collector_waits(MANY)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert not gc.isenabled()
    second.__exit__(None, None, None)
    assert gc.isenabled()
