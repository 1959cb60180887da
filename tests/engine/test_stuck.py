"""What is stuck, as a function of what is seen from look to look."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothop.engine.watching.stuck import LONGEST_STEP, Ages, Call, step_for

STEP = 0.5


def look(ages, now, **calls):
    return set(ages.look(now, STEP, calls))


@pytest.mark.parametrize(
    ("limit", "step"), [(1e-6, 0.01), (0.08, 0.01), (0.8, 0.1), (4, 0.5), (3600, LONGEST_STEP)]
)
def test_it_looks_eight_times_within_the_limit_but_neither_very_often_nor_seldom(limit, step):
    assert step_for(limit) == pytest.approx(step)


def test_a_call_is_stuck_once_when_it_has_been_seen_for_so_long():
    ages = Ages()
    looks = [look(ages, now / 2, a=Call(0.0, 2.0)) for now in range(10)]
    assert looks == [set()] * 4 + [{"a"}] + [set()] * 5


def test_the_time_before_the_first_look_at_a_call_counts():
    ages = Ages()
    look(ages, 0.0)
    look(ages, 0.5, a=Call(0.3, 1.0))
    assert look(ages, 1.0, a=Call(0.3, 1.0)) == set()
    assert look(ages, 1.3, a=Call(0.3, 1.0)) == {"a"}


def test_the_next_call_of_the_same_slot_begins_anew():
    ages = Ages()
    looks = [look(ages, now / 2, a=Call(now // 4 * 2.0, 2.0)) for now in range(20)]
    assert looks == [set()] * 20


def test_it_is_returned_as_it_was_when_it_was_first_seen():
    ages = Ages()
    ages.look(0.0, STEP, {"a": Call(0.0, 0.9, subject="first")})
    ages.look(0.5, STEP, {"a": Call(0.0, 0.9, subject="second")})
    stuck = ages.look(1.0, STEP, {"a": Call(0.0, 0.9, subject="third")})
    assert stuck["a"].subject == "first"


@pytest.mark.parametrize("stopped_for", [1.1, 60, 1e6])
def test_while_the_process_was_stopped_no_call_grew_older(stopped_for):
    ages = Ages()
    look(ages, 0.0, a=Call(0.0, 2.0))
    look(ages, 0.5, a=Call(0.0, 2.0))
    now = 0.5 + stopped_for
    assert look(ages, now, a=Call(0.0, 2.0), b=Call(0.4, 2.0), c=Call(now, 2.0)) == set()
    assert look(ages, now + 0.5, a=Call(0.0, 2.0), b=Call(0.4, 2.0)) == set()
    assert look(ages, now + 1.0, a=Call(0.0, 2.0)) == {"a"}


@pytest.mark.parametrize(
    ("worked", "is_stuck"), [(0.3, False), (1.9, False), (2.1, True), (9, True)]
)
def test_while_the_process_worked_and_nobody_could_look_calls_grew_older(worked, is_stuck):
    ages = Ages()
    ages.look(0.0, STEP, {"a": Call(0.0, 2.0)}, 7.0)
    now, calls = 3.0, {"a": Call(0.0, 2.0), "b": Call(1.4, 2.0)}
    assert ages.look(now, STEP, calls, 7.0 + worked) == ({"a": calls["a"]} if is_stuck else {})


def test_a_late_look_knows_that_it_is():
    ages = Ages()
    assert not ages.is_late(1e9, STEP)
    ages.look(1.0, STEP, {})
    assert [ages.is_late(now, STEP) for now in (1.5, 2.0, 2.01)] == [False, False, True]


def test_who_is_held_up_grows_no_older():
    ages = Ages()
    for now in range(100):
        assert look(ages, now / 2, a=Call(0.0, 2.0, held_up=True)) == set()
    assert look(ages, 51.0, a=Call(0.0, 2.0)) == set()


def test_the_alarm_is_due_when_the_next_one_would_be():
    ages = Ages()
    look(ages, 0.0)
    assert ages.next_in(7.0) == 7.0
    look(ages, 0.5, a=Call(0.0, 2.0), b=Call(0.5, 9.0))
    assert ages.next_in(7.0) == 1.5


@given(
    gaps=st.lists(st.floats(0.001, 5), min_size=1, max_size=60),
    began=st.floats(0, 3),
    limit=st.floats(0.1, 10),
)
def test_nobody_is_told_early_and_who_is_seen_all_the_time_is_told_in_time(gaps, began, limit):
    ages, now, last = Ages(), 0.0, 0.0
    ages.look(now, STEP, {})
    told_at, stopped = None, False
    for gap in gaps:
        last, now = now, now + gap
        stopped |= gap > 2 * STEP
        calls = {"a": Call(began, limit)} if now >= began else {}
        if ages.look(now, STEP, calls):
            assert told_at is None
            told_at = now
            assert now - began >= limit - 1e-9
        if not stopped and told_at is None:
            assert now - began < limit + 1e-9
    if told_at is not None and not stopped:
        assert told_at - began <= limit + 2 * STEP
    assert last <= now
