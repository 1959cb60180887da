"""Promise 7: the process ends within the grace time and 1 s after SIGTERM, with its exit code.

Real runs of `smoothop run`, one SIGTERM each, at a moment that a seed draws: while it starts, or
with its handler inside. A machine that does something else just then may be late once; a shape
that is late three times in a row is late.
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
from support.ends import IN_CHILD, SHAPES, Plan, Runs
from support.gates import DEADLINE
from support.sizes import size

pytestmark = [pytest.mark.alone, pytest.mark.timeout(240)]
GRACE, TOLERANCE = 0.2, 1.0
IN_A_ROW = 3
NUMBER = size(ci=300, soak=10_000)
SIGTERM = -15


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Give an environment with the handlers."""
    return Runs.create(tmp_path_factory.mktemp("7"), GRACE)


@pytest.fixture(scope="module")
def endings(runs):
    """Play all runs once."""
    draw = random.Random(7)
    names = list(SHAPES)
    plans = [drawn(draw, names[number % len(names)]) for number in range(NUMBER)]
    return runs.play(plans, timeout=NUMBER)


def drawn(draw, shape):
    """Draw the moment: every second run is running by then, every tenth starts from nothing."""
    chance = draw.random()
    if chance < 0.5:
        return Plan(shape, ((draw.uniform(0, 0.05), "SIGTERM"),))
    forked = chance < 0.9
    moment = draw.uniform(0, 0.1 if forked else 0.4)
    return Plan(shape, ((moment, "SIGTERM"),), after_entry=False, forked=forked)


def in_smoothop(ending):
    """Tell whether the run was in smoothop when the signal came, and not still in Python."""
    return ending.code != SIGTERM or ending.entered or ending.text


def test_the_process_ends_in_time(endings):
    late = defaultdict(int)
    for ending in endings:
        shape, (took,) = ending.plan.shape, ending.took
        late[shape] = 0 if took <= GRACE + TOLERANCE else late[shape] + 1
        assert late[shape] < IN_A_ROW, ending


def test_the_exit_code_tells_whether_work_was_abandoned(endings):
    late = defaultdict(int)
    for ending in filter(in_smoothop, endings):
        shape = ending.plan.shape
        if SHAPES[shape] == "never" and ending.entered:
            assert ending.code == 6, ending
        else:
            late[shape] = late[shape] + 1 if ending.code == 6 else 0
            assert ending.code in (0, 6), ending
            assert late[shape] < IN_A_ROW, ending


def test_what_was_abandoned_is_named_with_the_line_it_stands_at(endings):
    unnamed = defaultdict(int)
    for ending in endings:
        shape = ending.plan.shape
        if SHAPES[shape] == "never" and ending.entered:
            # Or it has ended between the end of the grace time and the report.
            expected = rf"abandoned {shape}, which stands at (File .* in |\(not running\))"
            unnamed[shape] = 0 if re.search(expected, ending.text) else unnamed[shape] + 1
            assert unnamed[shape] < IN_A_ROW, ending


def test_the_signal_came_at_moments_of_every_kind(endings):
    """Or the others would have proved little."""
    assert {ending.plan.shape for ending in endings if ending.entered} == set(SHAPES)
    starting = [ending for ending in endings if not ending.entered and in_smoothop(ending)]
    assert any("stopping, for at most" in ending.text for ending in starting)
    assert len(starting) > NUMBER / 20
    assert len([ending for ending in endings if not in_smoothop(ending)]) < NUMBER / 20


# -- odd moments and odd places


@pytest.fixture
def play(runs):
    """Play each plan three times; return how they ended, if not all of them were late."""

    def play(plan):
        endings = runs.play([plan] * IN_A_ROW, timeout=60)
        assert min(ending.took[-1] for ending in endings) <= GRACE + TOLERANCE, endings
        return endings

    return play


def test_code_that_keeps_the_gil_from_the_first_signal_on_keeps_nobody(play):
    for ending in play(Plan("greedy", ((0, "SIGTERM"),))):
        assert ending.code == 6, ending
        assert re.search(r"acme_greedy\.py\", line \d+ in greedy", ending.text), ending


@pytest.mark.parametrize(
    ("shape", "told"),
    [("exit_hook", "but the main thread stands at"), ("finalizer", "in __del__")],
)
def test_nor_does_what_hangs_when_the_interpreter_ends(play, shape, told):
    for ending in play(Plan(shape, ((0, "SIGTERM"),))):
        assert ending.code == 6, ending
        assert "all workers have stopped" in ending.text, ending
        assert told in ending.text, ending


def test_nor_do_workers_in_child_processes(runs):
    plans = [Plan(f"{shape}-in-child", ((0.02, "SIGTERM"),)) for shape in IN_CHILD]
    endings = runs.play(plans, timeout=60)
    assert {ending.code for ending in endings} <= {0, 6}, endings
    late = [ending for ending in endings if ending.took[0] > GRACE + TOLERANCE]
    assert len(late) < IN_A_ROW, late


@pytest.mark.parametrize("shape", ["leaves", "locked"])
@pytest.mark.parametrize("after_entry", [True, False], ids=["running", "starting"])
def test_a_burst_of_signals_ends_it_too(play, shape, after_entry):
    signals = ((0.01, "SIGTERM"), *((0, name) for name in ("SIGINT", "SIGTERM") * 50))
    for ending in play(Plan(shape, signals, after_entry)):
        assert ending.code in (0, 6), ending


HELD_FIRST = ((0, "SIGSTOP"), (0.05, "SIGTERM"), (0.05, "SIGCONT"))
STOPPING_FIRST = ((0, "SIGTERM"), (0.02, "SIGSTOP"), (0.05, "SIGCONT"))
HELD_TOO_LONG = ((0, "SIGTERM"), (0.02, "SIGSTOP"), (GRACE + TOLERANCE, "SIGCONT"))


@pytest.mark.parametrize(("shape", "code"), [("leaves", 0), ("locked", 6)])
@pytest.mark.parametrize("signals", [HELD_FIRST, STOPPING_FIRST], ids=["first", "while stopping"])
def test_a_process_that_is_held_acts_on_what_came_when_it_goes_on(play, signals, shape, code):
    assert {ending.code for ending in play(Plan(shape, signals))} == {code}


def test_the_grace_time_goes_on_while_the_process_is_held(play):
    endings = play(Plan("locked", HELD_TOO_LONG))
    assert {ending.code for ending in endings} == {6}
    assert min(ending.took[-1] for ending in endings) <= TOLERANCE / 2, endings


UNSHARE = ("unshare", "--pid", "--fork", "--kill-child")


def may_unshare():
    try:
        return subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not may_unshare(), reason="needs unshare(1), and the right to use it")
@pytest.mark.parametrize(("shape", "code"), [("leaves", 0), ("locked", 6), ("greedy", 6)])
def test_as_process_1_it_is_the_same(runs, shape, code):
    reader, writer = os.pipe()
    command = ("-m", "smoothop", "run", shape, "--config", str(runs.config), "--name", shape)
    with subprocess.Popen(
        [*UNSHARE, runs.environment.python, *command],
        env={**os.environ, "ACME_LIFE": f"/proc/self/fd/{writer}"},
        stderr=subprocess.DEVNULL,
        pass_fds=[writer],
    ) as outer:
        os.close(writer)
        assert os.read(reader, 1) == b"("
        (inner,) = Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()
        os.kill(int(inner), signal.SIGTERM)
        assert outer.wait(DEADLINE) == code
    os.close(reader)
