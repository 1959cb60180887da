"""Promise 8: the second signal ends the grace time, the third exits at once, each is announced.

On real terminals, with pauses that a seed draws, ten times shorter than the grace time at most. A
machine that does something else just then may be late once; three times in a row is late.
"""

from __future__ import annotations

import random
import re

import pytest
from support.ends import SHAPES, Plan, Runs
from support.sizes import size

pytestmark = pytest.mark.alone
GRACE, TOLERANCE = 25, 1.0
IN_A_ROW = 3
NUMBER = size(ci=100, soak=2_000)
STUBBORN = [shape for shape, leaves in SHAPES.items() if leaves == "never"]
ANNOUNCED = re.compile(r"(SIGINT|SIGTERM): (.*)")
STEPS = [
    "stopping, for at most 25 s; a second signal ends this grace time",
    "the grace time is over; a third signal exits at once",
    "exiting at once",
]


@pytest.fixture(scope="module")
def endings(tmp_path_factory):
    """Play all runs once."""
    draw = random.Random(8)
    plans = [drawn(draw, number) for number in range(NUMBER)]
    return Runs.create(tmp_path_factory.mktemp("8"), GRACE).play(plans, timeout=NUMBER)


def drawn(draw, number):
    """Draw two signals for a handler that does not stop, or three for an import that hangs.

    With less than three the main thread would have left before the third. One of two equal
    signals that are sent at the same moment is lost in the system, so they take turns.
    """
    names = draw.choice([("^C", "SIGTERM", "^C"), ("SIGTERM", "^C", "SIGTERM")])
    pauses = (draw.uniform(0, 0.1), draw.uniform(0, 0.3), draw.uniform(0.05, 0.3))
    signals = tuple(zip(pauses, names, strict=True))
    if number % 2:
        return Plan("hangs", signals, tty=True)
    return Plan(STUBBORN[number // 2 % len(STUBBORN)], signals[:2], tty=True)


def with_signals(endings, number):
    chosen = [ending for ending in endings if len(ending.plan.signals) == number]
    assert len(chosen) == NUMBER // 2
    return chosen


def never_three_times_in_a_row(endings, is_late):
    late = 0
    for ending in endings:
        late = late + 1 if is_late(ending) else 0
        assert late < IN_A_ROW, ending


def test_each_is_announced_with_what_the_next_will_do(endings):
    for number in (2, 3):
        for ending in with_signals(endings, number):
            steps = [step for _, step in ANNOUNCED.findall(ending.text)]
            assert steps[:2] == STEPS[:2], ending
        never_three_times_in_a_row(
            with_signals(endings, number),
            lambda one: len(ANNOUNCED.findall(one.text)) < len(one.plan.signals),
        )


def test_the_exit_code_says_that_work_was_abandoned(endings):
    assert {ending.code for ending in endings} == {6}


def test_the_second_ends_the_grace_time_and_what_is_left_is_named(endings):
    for shape in STUBBORN:
        never_three_times_in_a_row(
            [ending for ending in with_signals(endings, 2) if ending.plan.shape == shape],
            lambda one: f"abandoned {one.plan.shape}, which stands at" not in one.text,
        )
    never_three_times_in_a_row(with_signals(endings, 2), lambda one: one.took[1] > TOLERANCE)


def test_the_third_exits_at_once_whatever_the_main_thread_does(endings):
    never_three_times_in_a_row(
        with_signals(endings, 3), lambda one: len(one.took) < 3 or one.took[2] > TOLERANCE / 2
    )
