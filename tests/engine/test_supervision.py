"""The state machine of a slot and the panic budget, as functions of their inputs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothop import Config, done, fail, none
from smoothop.engine.worker.supervision import (
    FOR_A_MESSAGE,
    FOR_A_RESUME,
    End,
    PanicBudget,
    Policy,
    Step,
    Supervision,
    Wait,
)


def budget(**config):
    return PanicBudget(Policy.of(Config(**config)))


class Supervised(Supervision):
    """The state machine of a slot, with the budget of its run."""

    def __init__(self, budget, first):
        super().__init__(first)
        self.budget = budget


def supervision(*, has_setup=False, **config):
    return Supervised(budget(**config), Step.SET_UP if has_setup else Step.CALL)


def look(machine, now=0.0, *, away=None, paused=False, message=False):
    return machine.looked_up(away, now, paused=paused, message=message)


def panic(machine, now, jitter=0.0):
    attempts, backoff = machine.budget.add(now), machine.budget.backoff(jitter)
    return machine.panicked(now, None if machine.budget.exhausted(attempts) else backoff)


# -- the state machine


def test_without_setup_the_first_step_is_a_call():
    assert look(supervision()) is Step.CALL


def test_with_setup_that_comes_first():
    machine = supervision(has_setup=True)
    assert look(machine) is Step.SET_UP
    machine.set_up()
    assert look(machine) is Step.CALL


@pytest.mark.parametrize(
    ("result", "decision"),
    [
        (done(), Step.CALL),
        (done(7), Step.CALL),
        (none(), Step.CALL),
        (none(5), Wait(until=105.0, for_message=True)),
        (fail("x"), Step.CALL),
        (fail("x", 5), Wait(until=105.0, for_message=False)),
    ],
)
def test_what_follows_a_result(result, decision):
    assert supervision().handled(result, 100.0) == decision


def test_out_of_messages_means_waiting_for_one_without_limit():
    assert supervision().out_of_messages() == FOR_A_MESSAGE == Wait(None, for_message=True)


@pytest.mark.parametrize(
    ("sleep", "now", "message", "over"),
    [
        ("none", 104.9, False, False),
        ("none", 104.9, True, True),
        ("none", 105.0, False, True),
        ("fail", 104.9, False, False),
        ("fail", 104.9, True, False),
        ("fail", 105.0, True, True),
        ("panic", 104.9, True, False),
        ("panic", 105.0, False, True),
        ("messages", 1e9, False, False),
        ("messages", 100.0, True, True),
    ],
)
def test_who_is_woken_goes_on_or_sleeps_the_rest(sleep, now, message, over):
    machine = supervision(panic_backoff=5)
    wait = {
        "none": lambda: machine.handled(none(5), 100.0),
        "fail": lambda: machine.handled(fail("x", 5), 100.0),
        "panic": lambda: panic(machine, 100.0),
        "messages": machine.out_of_messages,
    }[sleep]()
    assert machine.woken(now, message=message) == (Step.CALL if over else wait)


def test_what_was_set_up_and_broke_ends_a_sleep_but_no_backoff():
    machine = supervision(has_setup=True, panic_backoff=5)
    machine.set_up()
    for sleep in (machine.out_of_messages, lambda: machine.handled(none(5), 100.0)):
        sleep()
        machine.lose_setup(broke=True)
        assert machine.woken(101.0, message=False) is Step.SET_UP
    assert machine.handled(none(5), 100.0) == machine.woken(101.0, message=False)
    for backoff in (panic(machine, 100.0), machine.handled(fail("x", 5), 100.0)):
        machine.lose_setup(broke=True)
        assert machine.woken(101.0, message=True) == backoff


def test_that_it_broke_is_told_in_a_pause_too_which_goes_on_then():
    machine = supervision(has_setup=True, panic_backoff=5)
    machine.set_up()
    machine.out_of_messages()
    assert look(machine, 100.0, paused=True) is FOR_A_RESUME
    machine.lose_setup(broke=True)
    assert look(machine, 101.0, paused=True) is Step.SET_UP
    assert panic(machine, 101.0) == Wait(106.0, for_message=False)
    assert machine.woken(106.0, message=True) is FOR_A_RESUME
    assert look(machine, 107.0) is Step.SET_UP


def test_in_a_pause_a_backoff_goes_on_before_that_is_told():
    machine = supervision(has_setup=True, panic_backoff=5)
    backoff = panic(machine, 100.0)
    assert look(machine, 101.0, paused=True) is FOR_A_RESUME
    machine.lose_setup(broke=True)
    assert look(machine, 102.0, paused=True) == backoff
    assert machine.woken(105.0, message=False) is Step.SET_UP


def test_what_is_set_up_anew_by_intent_ends_no_sleep():
    machine = supervision(has_setup=True)
    wait = machine.handled(none(5), 100.0)
    machine.lose_setup(broke=False)
    assert machine.woken(101.0, message=False) == wait


def test_after_the_backoff_setup_is_tried_again_until_it_has_returned():
    machine = supervision(has_setup=True, panic_backoff=5)
    assert panic(machine, 100.0) == Wait(105.0, for_message=False)
    assert machine.woken(105.0, message=False) is Step.SET_UP
    machine.set_up()
    panic(machine, 106.0)
    assert machine.woken(111.0, message=False) is Step.CALL


@pytest.mark.parametrize("limit", [1, 2, 3, 10])
def test_the_limit_ends_the_worker_at_exactly_that_panic(limit):
    machine = supervision(max_panic_attempts=limit)
    for number in range(1, limit):
        assert type(panic(machine, float(number))) is Wait
    assert panic(machine, float(limit)) == End("panic limit")


def test_without_a_limit_it_never_ends():
    machine = supervision()
    assert all(type(panic(machine, float(number))) is Wait for number in range(10_000))


# -- what comes from outside


@pytest.mark.parametrize("reason", ["requested", "cancelled", "surplus", "abandoned"])
@pytest.mark.parametrize("paused", [False, True])
def test_who_is_called_away_leaves_paused_or_not(reason, paused):
    assert look(supervision(), away=reason, paused=paused, message=True) == End(reason)


def test_a_paused_slot_waits_for_the_resume_whatever_else_happens():
    machine = supervision()
    assert look(machine, paused=True) == FOR_A_RESUME == Wait(None, for_message=False)
    assert machine.woken(1e9, message=True) is FOR_A_RESUME
    assert look(machine, 1e9, paused=True, message=True) is FOR_A_RESUME
    assert look(machine, 1e9) is Step.CALL


def test_paused_before_its_start_it_calls_not_even_setup():
    machine = supervision(has_setup=True)
    assert look(machine, paused=True) is FOR_A_RESUME
    assert look(machine) is Step.SET_UP


@pytest.mark.parametrize(
    ("sleep", "resumed_at", "message", "over"),
    [
        ("none", 104.0, False, False),
        ("none", 104.0, True, True),
        ("none", 105.0, False, True),
        ("panic", 104.0, True, False),
        ("panic", 105.0, False, True),
        ("messages", 1e9, False, False),
        ("messages", 100.0, True, True),
    ],
)
def test_what_was_due_before_a_pause_is_due_after_it(sleep, resumed_at, message, over):
    machine = supervision(panic_backoff=5)
    wait = {
        "none": lambda: machine.handled(none(5), 100.0),
        "panic": lambda: panic(machine, 100.0),
        "messages": machine.out_of_messages,
    }[sleep]()
    look(machine, 101.0, paused=True, message=message)
    assert look(machine, resumed_at, message=message) == (Step.CALL if over else wait)


def test_a_sleep_that_a_message_has_ended_does_not_go_on_after_a_pause():
    machine = supervision()
    machine.handled(none(60), 100.0)
    assert machine.woken(101.0, message=True) is Step.CALL
    look(machine, 102.0, paused=True)
    assert look(machine, 103.0) is Step.CALL


# -- the backoff


@pytest.mark.parametrize(
    ("config", "sleeps"),
    [
        ({}, [1, 1, 1, 1]),
        ({"panic_backoff": 3}, [3, 3, 3, 3]),
        ({"panic_backoff_max": 5}, [1, 2, 4, 5, 5, 5]),
        ({"panic_backoff": 2, "panic_backoff_max": 60}, [2, 4, 8, 16, 32, 60, 60]),
        ({"panic_backoff": 2, "panic_backoff_max": 2}, [2, 2, 2]),
        ({"panic_backoff_max": 0.5}, [0.5, 0.5]),
    ],
)
def test_the_backoff_is_constant_or_doubles_up_to_the_maximum(config, sleeps):
    machine = supervision(**config)
    now = 0.0
    for seconds in sleeps:
        wait = panic(machine, now)
        assert wait == Wait(now + seconds, for_message=False)
        now = wait.until


def test_the_backoff_starts_again_when_handle_has_returned():
    machine = supervision(panic_backoff=1, panic_backoff_max=100)
    assert [panic(machine, 0.0).until for _ in range(3)] == [1, 2, 4]
    machine.budget.handled()
    assert [panic(machine, 0.0).until for _ in range(3)] == [1, 2, 4]


def test_a_setup_that_returns_does_not_start_it_again():
    machine = supervision(has_setup=True, panic_backoff=1, panic_backoff_max=100)
    assert panic(machine, 0.0).until == 1
    machine.set_up()
    assert panic(machine, 0.0).until == 2


def test_the_jitter_takes_up_to_a_quarter_off_a_doubled_backoff():
    machine = supervision(panic_backoff=1, panic_backoff_max=100)
    for _ in range(3):
        machine.budget.add(0.0)
    assert machine.budget.backoff(0.0) == 4.0
    assert machine.budget.backoff(0.5) == 3.5
    assert machine.budget.backoff(1.0) == 3.0


def test_a_constant_backoff_has_no_jitter():
    machine = supervision(panic_backoff=3)
    machine.budget.add(0.0)
    assert machine.budget.backoff(1.0) == 3.0


@given(
    first=st.floats(1e-6, 1e6),
    factor=st.floats(1, 1e6),
    panics=st.integers(1, 3000),
    jitter=st.floats(0, 1),
)
def test_the_backoff_is_never_shorter_than_the_first_nor_longer_than_the_maximum(
    first, factor, panics, jitter
):
    most = first * factor
    counted = budget(panic_backoff=first, panic_backoff_max=most)
    counted.in_a_row = panics
    assert first <= counted.backoff(jitter) <= most
    assert counted.backoff(jitter) >= counted.backoff(0.0) * 0.75 * (1 - 1e-9)


# -- which panics count


def test_without_a_window_every_panic_of_the_run_counts():
    counted = budget()
    assert [counted.add(at) for at in (0.0, 1e6, 2e6)] == [1, 2, 3]
    counted.in_a_row = 0
    assert counted.attempts(9e9) == 3


def test_with_a_window_only_those_in_it_count():
    counted = budget(panic_window=10)
    assert [counted.add(at) for at in (0.0, 5.0, 9.9, 10.0, 14.9, 15.0)] == [1, 2, 3, 3, 4, 4]
    assert counted.attempts(24.9) == 2
    assert counted.attempts(25.0) == 0


def test_a_panic_now_and_then_never_reaches_a_limit_with_a_window():
    machine = supervision(max_panic_attempts=3, panic_window=10)
    assert all(type(panic(machine, 6.0 * number)) is Wait for number in range(1000))
    assert type(panic(machine, 6.0 * 1000)) is Wait
    assert panic(machine, 6.0 * 1000) == End("panic limit")


@given(
    window=st.integers(0, 20),
    limit=st.integers(0, 6),
    pauses=st.lists(st.integers(0, 15), max_size=40),
)
def test_the_count_is_that_of_a_plain_list_of_times(window, limit, pauses):
    counted = budget(panic_window=window, max_panic_attempts=limit)
    times, now = [], 0
    for pause in pauses:
        now += pause
        times.append(now)
        expected = len([at for at in times if not window or at > now - window])
        attempts = counted.add(float(now))
        assert attempts == expected
        assert counted.exhausted(attempts) == (0 < limit <= expected)
    assert counted.in_a_row == len(times)
