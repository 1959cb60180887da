"""The life of child processes: who starts, replaces, stops and inherits from them."""

import logging
import os
import select
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.gates import DEADLINE
from support.obedient import Fifo, LateMessage, Obedient, PlainError, Unreadable, lines, read

from smoothop import (
    Config,
    HandlerFailedError,
    HandlerPanickedError,
    MessageDroppedError,
    StopTimeoutError,
    done,
)
from smoothop.engine.machine import SYSTEM
from smoothop.engine.runners.process import attendant, calls, dump, escalation, wire
from smoothop.engine.runners.process.beginning import Beginning
from smoothop.engine.runners.process.bell import Bell
from smoothop.engine.runners.process.child import Child
from smoothop.engine.runners.process.inside import messenger
from smoothop.engine.runners.process.inside.termination import Termination
from smoothop.engine.runners.process.orders import Order
from smoothop.engine.runners.process.recipe import recipe
from smoothop.engine.waiting import Latch
from smoothop.handlers import handler_calls


def pid_of(ask, worker="w"):
    return ask("facts", worker=worker)[-1]


def is_gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@contextmanager
def until_it_is_logged(text):
    """Leave this block only when a record with that text was logged in it."""
    known = threading.Event()
    watch = logging.Handler()
    watch.emit = lambda record: known.set() if text in record.getMessage() else None
    logging.getLogger("smoothop").addHandler(watch)
    try:
        yield
        assert known.wait(DEADLINE)
    finally:
        logging.getLogger("smoothop").removeHandler(watch)


def kill_idle(op, pid, caplog):
    """Kill a child that does nothing, and wait until its parent knows."""
    with until_it_is_logged("while idle"):
        os.kill(pid, signal.SIGKILL)


# -- starting and replacing


@pytest.fixture
def both_busy(op, tmp_path):
    """Let two slots of a worker handle something at the same time."""

    def both_busy():
        fifo = Fifo(tmp_path / "fifo")
        inside = op.dispatch("w", ("pass", fifo.path))
        inside.wait_delivered(DEADLINE)
        assert op.dispatch("w", ("echo", 1)).result(DEADLINE) == (1,)
        fifo.open()
        inside.result(DEADLINE)

    return both_busy


def test_each_slot_has_a_child_of_its_own_with_a_handler_of_its_own(op, add, both_busy, tmp_path):
    notes = tmp_path / "notes"
    add(concurrency=2, notes=notes)
    both_busy()
    op.stop("w").result(DEADLINE)
    assert sorted(lines(notes)) == ["setup", "setup", "teardown", "teardown"]


@pytest.mark.parametrize("sleep", [{}, {"message_only": False}], ids=["message", "idle"])
def test_a_child_that_dies_idle_is_a_panic_at_once_without_a_loss(op, add, ask, caplog, sleep):
    worker = add(**sleep)
    with worker.metrics(kinds={"handle"}) as calls:
        first = pid_of(ask)
        while not calls.get(DEADLINE).had_message:
            pass
        if sleep:  # it looks for work once more before it lies down
            assert not calls.get(DEADLINE).had_message
    with worker.metrics(kinds={"panic"}) as panics:
        kill_idle(op, first, caplog)
        told = panics.get(DEADLINE)
    assert is_gone(first)
    how = f"child process {first} was killed by SIGKILL"
    assert (told.attempt, told.error) == (1, f"ChildDiedError: {how}")
    assert pid_of(ask) != first
    assert worker.snapshot().panics == 1
    (record,) = [one for one in caplog.records if "while idle" in one.getMessage()]
    assert record.error == how


def test_one_that_dies_while_its_worker_is_paused_is_a_panic_at_once_and_the_pause_goes_on(
    op, add, ask, caplog, tmp_path
):
    notes = tmp_path / "notes"
    worker = add(notes=notes)
    first = pid_of(ask)
    op.pause("w")
    with worker.metrics(kinds={"panic"}) as panics:
        kill_idle(op, first, caplog)
        assert f"child process {first} was killed by SIGKILL" in panics.get(DEADLINE).error
    waiting = op.dispatch("w", ("facts",))
    assert lines(notes) == ["setup"]
    op.resume("w")
    assert waiting.result(DEADLINE)[-1] != first
    assert lines(notes) == ["setup", "setup"]
    assert worker.snapshot().panics == 1


def test_no_message_is_lost_to_a_child_that_dies_before_it_has_seen_it(op, add, ask):
    worker = add()
    with worker.metrics(kinds={"panic"}) as panics:
        for deaths in range(1, 11):
            os.kill(pid_of(ask), signal.SIGKILL)  # whether its parent knows by now or not
            assert ask("echo", 1) == (1,)
            assert panics.get(DEADLINE).attempt == deaths
    assert worker.snapshot().panics == 10


def test_one_whose_death_is_not_told_yet_when_a_message_comes_is_a_panic_too(
    op, add, ask, caplog, monkeypatch
):
    reap, reaped, waits = Child.reap, threading.Event(), threading.Event()

    def reap_and_stay(child):
        reap(child)
        reaped.set()
        assert waits.wait(DEADLINE)

    class Noting(Latch):
        def wait(self, machine, timeout):
            waits.set()
            return super().wait(machine, timeout)

    worker = add()
    pid = pid_of(ask)
    monkeypatch.setattr(Child, "reap", reap_and_stay)
    (slot,) = op._cores["w"].run.slots
    slot.calls.handle.__self__._attendant.gone = Noting()
    with worker.metrics(kinds={"panic"}) as panics:
        os.kill(pid, signal.SIGKILL)
        assert reaped.wait(DEADLINE)
        assert ask("echo", 1) == (1,)
        assert f"child process {pid} was killed by SIGKILL" in panics.get(DEADLINE).error
    (record,) = [one for one in caplog.records if "while idle" in one.getMessage()]
    assert record.error == f"child process {pid} was killed by SIGKILL"


def test_children_that_die_idle_use_up_the_panics(op, add, ask):
    worker = add(max_panic_attempts=1)
    child = pid_of(ask)  # so that it has been told to have started
    with worker.metrics(kinds={"lifecycle"}) as events:
        os.kill(child, signal.SIGKILL)
        assert events.get(DEADLINE).reason == "panic limit"


def test_a_setup_that_fails_in_the_replacement_costs_no_message(op, add, ask, tmp_path, caplog):
    poison = tmp_path / "poison"
    poison.write_text("0")
    worker = add(poison=poison)
    first = pid_of(ask)
    poison.write_text("2")
    kill_idle(op, first, caplog)
    assert ask("echo", 1) == (1,)
    assert worker.snapshot().panics == 3


def test_nor_does_one_that_fails_when_a_worn_child_is_replaced(add, ask, tmp_path):
    poison = tmp_path / "poison"
    poison.write_text("0")
    worker = add(poison=poison, max_handles=1)
    ask("poison", 2)
    assert ask("echo", 1) == (1,)
    assert worker.snapshot().panics == 2


def test_a_fresh_child_takes_over_after_so_many_calls(op, add, ask, tmp_path):
    notes = tmp_path / "notes"
    add(notes=notes, max_handles=3)
    pids = [pid_of(ask) for _ in range(7)]
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [3, 3, 1]
    op.stop("w").result(DEADLINE)
    assert lines(notes) == ["setup", "teardown"] * 3


def test_a_fresh_child_takes_over_from_one_that_holds_too_much_memory(add, ask, caplog):
    caplog.set_level(logging.INFO)
    add(max_memory=150_000_000)
    first = ask("grow", 1)
    assert pid_of(ask) == first
    assert ask("grow", 160_000_000) == first
    assert pid_of(ask) != first
    (record,) = [one for one in caplog.records if one.getMessage() == "replacing child process"]
    assert "more than 143 MiB (max_memory)" in record.reason


@pytest.mark.parametrize(
    ("message", "outcome"),
    [
        (("raise", "plain"), HandlerPanickedError),
        (("return", "None"), HandlerPanickedError),
        (("fail", "no"), HandlerFailedError),
        (("give_a_lock",), HandlerFailedError),
        (("give_unreadable",), HandlerFailedError),
    ],
)
def test_it_does_so_however_the_last_of_them_ended(op, add, ask, message, outcome, tmp_path):
    notes = tmp_path / "notes"
    worker = add(max_handles=2, notes=notes)
    first = pid_of(ask)
    with pytest.raises(outcome):
        ask(*message)
    assert pid_of(ask) != first
    assert worker.snapshot().panics == (outcome is HandlerPanickedError)
    op.stop("w").result(DEADLINE)
    assert lines(notes) == ["setup", "teardown"] * 2


def test_a_message_that_is_refused_is_no_call(add, ask):
    add(max_handles=2)
    first = pid_of(ask)
    with pytest.raises(HandlerFailedError):
        ask("echo", Unreadable())
    assert pid_of(ask) == first


def test_memory_is_looked_at_after_a_call_that_raised_too(add, ask, caplog):
    caplog.set_level(logging.INFO)
    add(max_memory=150_000_000)
    first = pid_of(ask)
    with pytest.raises(HandlerPanickedError):
        ask("grow_and_raise", 160_000_000)
    assert pid_of(ask) != first
    (record,) = [one for one in caplog.records if one.getMessage() == "replacing child process"]
    assert "more than 143 MiB (max_memory)" in record.reason


def test_a_limit_of_memory_that_no_child_can_keep_is_told_once(op, add, ask, both_busy, caplog):
    add(max_memory=512, concurrency=2)
    both_busy()
    assert pid_of(ask) != pid_of(ask)
    (record,) = [one for one in caplog.records if "before its first call" in one.getMessage()]
    assert record.levelname == "WARNING"
    assert "MiB of memory, more than 512 bytes (max_memory) after its setup" in record.reason
    op.update_config("w", max_memory=1_000_000_000).result(DEADLINE)
    assert pid_of(ask) == pid_of(ask)
    assert len([one for one in caplog.records if "its first call" in one.getMessage()]) == 1


def test_a_teardown_that_raises_is_told_and_stops_nothing(op, add, ask, caplog):
    add()
    ask("spoil_teardown")
    op.stop("w").result(DEADLINE)
    (record,) = [one for one in caplog.records if "teardown failed" in one.getMessage()]
    assert record.error == "PlainError: teardown"
    assert "in teardown" in logging.Formatter().format(record)


def teardown_failures(caplog):
    return [one for one in caplog.records if one.getMessage().startswith("teardown failed")]


@pytest.mark.parametrize(
    ("death", "how"),
    [
        (("exit", 3), "ended with exit code 3"),
        (("exit", 0), "ended with exit code 0"),
        (("kill", signal.SIGKILL), "was killed by SIGKILL"),
        (("crash",), "was killed by SIGSEGV"),
    ],
)
def test_so_is_one_in_which_the_child_dies(op, add, ask, death, how, caplog):
    worker = add()
    pid = pid_of(ask)
    ask("die_in_teardown", *death)
    op.stop("w").result(DEADLINE)
    (record,) = teardown_failures(caplog)
    assert record.error == f"ChildDiedError: child process {pid} {how}"
    assert worker.snapshot().panics == 0


def test_also_in_that_of_a_worn_child(add, ask, caplog):
    worker = add(max_handles=1)
    ask("die_in_teardown", "exit", 3)
    assert ask("echo", 1) == (1,)
    (record,) = teardown_failures(caplog)
    assert record.error.endswith("ended with exit code 3")
    assert worker.snapshot().panics == 0


def test_a_child_that_leaves_without_a_teardown_has_not_failed_in_it(
    op, add, ask, tmp_path, caplog
):
    poison = tmp_path / "poison"
    poison.write_text("1")
    add(poison=poison)  # its first child has not been set up
    assert ask("echo", 1) == (1,)
    op.stop("w").result(DEADLINE)
    assert teardown_failures(caplog) == []


@pytest.mark.parametrize("stopping", [True, False])
def test_a_teardown_knows_whether_a_stop_is_why(stopping):
    # The order to leave says it: what is said aside may be heard later.
    child = Child("w")
    made = recipe(handler_calls(Obedient()), None)
    begin = Beginning("w", sys.path, made, "acme", {"acme": logging.INFO}, 0, 0)
    child.order(Order(wire.BEGIN, wire.packed(begin)))
    assert child.answer()[0] == wire.RETURNED
    last = child.see_out(stopping=stopping)
    assert select.select([last], [], [], DEADLINE)[0]
    kind, body = next(iter(last.frames()))
    assert kind == wire.LOGGED
    assert wire.unpacked(body)["msg"] == f"tearing down, cancelled: {stopping}"
    child.reap()
    child.side.close()
    child.close()


def test_nor_does_one_that_fails_in_a_further_slot(op, add, ask, both_busy, tmp_path):
    poison = tmp_path / "poison"
    poison.write_text("0")
    worker = add(poison=poison)
    ask("poison", 2)
    op.update_config("w", concurrency=2).result(DEADLINE)
    both_busy()
    assert worker.snapshot().panics == 2


def test_scaling_down_ends_a_child(op, add, ask, both_busy, tmp_path):
    notes = tmp_path / "notes"
    add(concurrency=2, notes=notes)
    both_busy()
    op.update_config("w", concurrency=1).result(DEADLINE)
    assert lines(notes).count("teardown") == 1
    assert ask("echo", 1) == (1,)


# -- dying over a message


@pytest.mark.parametrize(
    ("message", "how"),
    [
        (("exit", 0), "ended with exit code 0"),
        (("exit", 3), "ended with exit code 3"),
        (("kill", signal.SIGKILL), "was killed by SIGKILL"),
        (("kill", signal.SIGABRT), "was killed by SIGABRT"),
        (("kill", signal.SIGRTMIN + 3), f"was killed by signal {signal.SIGRTMIN + 3}"),
        (("crash",), "was killed by SIGSEGV"),
    ],
)
def test_a_child_that_dies_over_a_message_is_a_panic_that_says_how(op, add, ask, message, how):
    worker = add()
    pid = pid_of(ask)
    with pytest.raises(HandlerPanickedError) as panicked:
        ask(*message)
    assert str(panicked.value) == f"worker w: handler panicked: child process {pid} {how}"
    assert type(panicked.value.__cause__).__name__ == "ChildDiedError"
    assert pid_of(ask) != pid
    assert worker.snapshot().panics == 1


def test_one_that_dies_at_once_over_what_it_was_handed_was_not_idle(add, ask, caplog, monkeypatch):
    lies_down, listen, handle = threading.Event(), Bell.listen, calls.ChildCalls.handle
    handed = []

    def listening(bell, ear):
        lies_down.set()
        return listen(bell, ear)

    def handling(child_calls, context):
        if context.message == ("exit", 3):
            handed.append(child_calls._given)
            assert child_calls._attendant.gone.wait(SYSTEM, DEADLINE)
        return handle(child_calls, context)

    monkeypatch.setattr(Bell, "listen", listening)
    monkeypatch.setattr(calls.ChildCalls, "handle", handling)
    worker = add()
    assert lies_down.wait(DEADLINE)
    with pytest.raises(HandlerPanickedError, match="ended with exit code 3"):
        ask("exit", 3)
    assert handed != [None]
    assert ask("echo", 1) == (1,)
    assert [one for one in caplog.records if "while idle" in one.getMessage()] == []
    assert worker.snapshot().panics == 1


@pytest.fixture
def sigchld_ignored():
    """Let the system reap children itself, as soon as they have ended."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGCHLD, before)


@pytest.mark.usefixtures("sigchld_ignored")
@pytest.mark.parametrize("message", [("exit", 3), ("kill", signal.SIGKILL)])
def test_how_it_died_is_not_made_up_where_the_system_does_not_say(op, add, ask, message):
    worker = add()
    pid = pid_of(ask)
    with pytest.raises(HandlerPanickedError) as panicked:
        ask(*message)
    how = f"child process {pid} has ended, and the system did not say how: SIGCHLD is ignored, or"
    assert str(panicked.value).startswith(f"worker w: handler panicked: {how}")
    assert ask("echo", 1) == (1,)
    op.stop("w").result(DEADLINE)
    assert worker.snapshot().panics == 1


def test_one_that_is_stuck_with_a_message_is_killed_if_it_is_to_be_replaced(op, add, ask, tmp_path):
    add(stuck_after=0.2, on_stuck="replace", panic_backoff=0.001)
    before = pid_of(ask)
    with pytest.raises(HandlerPanickedError, match="was killed by SIGKILL: its handler was stuck"):
        op.dispatch("w", ("pass", Fifo(tmp_path / "fifo").path)).result(DEADLINE)
    assert pid_of(ask) != before
    (slot,) = op.worker("w").snapshot().slots
    assert slot["abandoned"] is False


def test_a_child_that_leaves_a_process_behind_is_known_to_be_dead(op, add, ask, tmp_path):
    fifo = Fifo(tmp_path / "fifo")
    add()
    with pytest.raises(HandlerPanickedError, match="ended with exit code 5"):
        ask("fork", fifo.path)
    assert ask("echo", 1) == (1,)
    fifo.open()


# -- copies of it: what its handler forks


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (("fork_and", "echo", "a result"), 0),
        (("fork_and", "raise", "exit"), 3),
        (("fork_and", "raise", "plain"), 1),
        (("fork_and", "exit", 4), 4),
        (("fork_and", "count_descriptors"), 4),  # the fourth lists them
        (("fork_and", "see_that_nobody_is_there"), 0),
        (("fork_and_terminate",), -signal.SIGTERM),
    ],
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_a_copy_is_a_process_like_any_other(add, ask, capfd, caplog, message, code):
    worker = add()
    for number in range(3):
        assert ask(*message) == code
        assert ask("echo", number) == (number,)
    assert [one for one in caplog.records if one.getMessage() == "of the copy"] == []
    assert worker.snapshot().panics == 0
    logged = [line for line in capfd.readouterr().err.splitlines() if line == "of the copy"]
    assert len(logged) == 3 * (message[0] == "fork_and")


def test_a_copy_that_raises_tells_where(add, ask, capfd):
    add()
    ask("fork_and", "raise", "plain")
    assert "in do_raise" in capfd.readouterr().err


def test_a_copy_of_a_worn_child_ends_as_any_other(add, ask):
    add(max_handles=1)
    assert ask("fork_and", "raise", "exit") == 3
    assert ask("fork_and", "echo") == 0


def test_a_handler_uses_multiprocessing_with_its_fork(add, ask, caplog):
    add()
    for number in range(3):
        assert ask("multiprocess", -1, -2, -3) == (0, 1, 2, 3)
        assert ask("echo", number) == (number,)
    assert [one for one in caplog.records if one.getMessage() == "of the copy"] == []


def test_a_copy_needs_no_lock_of_a_thread_that_is_not_there(add, ask):
    add()
    ask("log_without_pause", "acme.flood")
    for _ in range(10):
        assert ask("fork_and", "see_that_nobody_is_there") == 0


def test_a_child_that_closes_its_sockets_is_killed(op, add, ask):
    add()
    with pytest.raises(HandlerPanickedError, match="it had closed its connection to its parent"):
        ask("close_descriptors")
    assert ask("echo", 1) == (1,)


def force_in(caplog):
    """Return what was logged of force against children."""
    return [
        (one.getMessage(), one.reason)
        for one in caplog.records
        if one.getMessage() in ("terminating child process", "killing child process")
    ]


@pytest.mark.parametrize("message", [("exit", 3), ("crash",), ("close_descriptors",)])
def test_one_that_dies_or_closes_its_sockets_is_not_said_to_have_been_asked(
    add, ask, caplog, message
):
    add(stop_grace=0)
    for _ in range(3):
        with pytest.raises(HandlerPanickedError):
            ask(*message)
    assert force_in(caplog) == []


def test_an_idle_one_that_becomes_another_program_is_killed_for_what_it_did(
    add, ask, caplog, monkeypatch
):
    monkeypatch.setattr(escalation, "LAST_CHANCE", 0.05)
    add(stop_grace=0)
    pid = pid_of(ask)
    ask("become_another_program_on", signal.SIGUSR1)
    with until_it_is_logged("while idle"):
        os.kill(pid, signal.SIGUSR1)
    ((how, why),) = force_in(caplog)
    assert how == "killing child process"
    assert why.startswith("it had closed its connection to its parent, and did not end within")
    assert pid_of(ask) != pid


# -- stopping


@pytest.fixture
def bell(op):
    """Give the event that a handler sets which rings."""
    rung = threading.Event()

    def ring(ctx):
        rung.set()
        return done()

    op.add_handler("bell", ring, Config(message_only=True))
    op.start("bell")
    return rung


def test_a_handler_that_does_not_leave_is_terminated_and_may_clean_up(
    op, add, bell, tmp_path, caplog
):
    notes = tmp_path / "notes"
    add(notes=notes, stop_grace=0.05)
    inside = op.dispatch("w", ("clean_up",))
    assert bell.wait(DEADLINE)
    op.stop("w").result(DEADLINE)
    assert lines(notes) == ["setup", "cleaned up", "teardown"]
    with pytest.raises(MessageDroppedError):
        inside.result(0)
    assert [one.reason for one in caplog.records if one.getMessage() == "terminating child process"]
    assert not [one for one in caplog.records if one.getMessage() == "killing child process"]


def test_one_that_was_to_leave_before_its_handler_began_leaves_as_well(
    op, add, ask, tmp_path, caplog
):
    fifo = Fifo(tmp_path / "fifo")
    add(stop_grace=0.05)
    ask("echo")
    inside = op.dispatch("w", ("hang", LateMessage(fifo.path)))
    inside.wait_delivered(DEADLINE)
    with until_it_is_logged("terminating child process"):
        stopped = op.stop("w")
    op._cores["w"].stack()  # the child hears of it after that, and answers
    fifo.open()
    stopped.result(DEADLINE)
    with pytest.raises(MessageDroppedError):
        inside.result(0)
    assert not [one for one in caplog.records if one.getMessage() == "killing child process"]


def test_one_that_is_terminated_while_its_message_is_pickled_leaves_by_that(
    op, add, tmp_path, caplog
):
    fifo = Fifo(tmp_path / "fifo")
    add(stop_grace=0.05)
    inside = op.dispatch("w", ("send_dawdling", "w", fifo.path))
    read(fifo.path)  # it is at it
    op.stop("w").result(DEADLINE)
    with pytest.raises(MessageDroppedError) as dropped:
        inside.result(0)
    assert isinstance(dropped.value.__cause__, SystemExit)
    assert not [one for one in caplog.records if one.getMessage() == "killing child process"]


@pytest.mark.parametrize("shape", ["swallow", "ignore_sigterm", "ring_and_hold_the_gil"])
def test_one_that_does_not_leave_then_either_is_killed(op, add, ask, bell, shape, caplog):
    add(stop_grace=0.5)  # from the bell to the GIL it is some lines of Python
    pid = pid_of(ask)
    inside = op.dispatch("w", (shape,))
    assert bell.wait(DEADLINE)
    op.stop("w").result(DEADLINE)
    assert is_gone(pid)
    with pytest.raises(MessageDroppedError) as dropped:
        inside.result(0)
    assert "was killed by SIGKILL: it did not leave within 0.5 s" in str(dropped.value.__cause__)
    assert [one for one in caplog.records if one.getMessage() == "killing child process"]


def test_a_stop_waits_for_a_teardown_that_takes_its_time_and_ends_it_in_the_end(
    op, add, ask, caplog
):
    add(stop_grace=1.2)
    pid = pid_of(ask)
    ask("hang_in_teardown")
    op.stop("w").result(DEADLINE)
    assert is_gone(pid)
    (record,) = [one for one in caplog.records if "teardown failed" in one.getMessage()]
    assert record.error.startswith("SystemExit: terminated")


def test_one_whose_thread_logs_without_pause_is_stopped(op, add, ask, monkeypatch):
    children, written = [], threading.Event()

    def start(name):
        children.append(Child(name))
        return children[-1]

    def write(_):
        written.set()
        # Slower than the child: as long as that lives, there is always more.
        select.select([children[0].side], [], [], DEADLINE)

    monkeypatch.setattr(calls, "Child", start)
    flood = logging.getLogger("acme.flood")
    monkeypatch.setattr(flood, "propagate", False)
    monkeypatch.setattr(flood, "handlers", [watch := logging.Handler()])
    watch.emit = write
    add(stop_grace=0.05)
    ask("log_without_pause", flood.name)
    assert written.wait(DEADLINE)
    op.stop("w").result(DEADLINE)


@pytest.fixture
def patient(monkeypatch):
    """Give a child all the time of a test to say where it stands."""
    monkeypatch.setattr(attendant, "PATIENCE", DEADLINE)


@pytest.mark.usefixtures("patient")
def test_the_stack_is_the_childs(op, add, ask, tmp_path):
    fifo = Fifo(tmp_path / "fifo")
    add()
    op.dispatch("w", ("pass", fifo.path)).wait_delivered(DEADLINE)
    with pytest.raises(StopTimeoutError) as stuck:
        op.stop("w", timeout=0.05).result(DEADLINE)
    fifo.open()
    assert "in do_pass" in stuck.value.stuck["w"]


@pytest.fixture
def patient_with_dumps(monkeypatch):
    """Give a child all the time of a test to write where it stands."""
    monkeypatch.setattr(dump, "PATIENCE", DEADLINE)


@pytest.mark.usefixtures("patient_with_dumps")
def test_one_that_keeps_the_gil_is_shown_with_its_line_whenever_it_is_asked(op, add):
    events = op.metrics(kinds=["stuck"])
    worker = add(stuck_after=0.5, stop_grace=0.05)
    op.dispatch("w", ("hold_the_gil",))
    stack = events.get(DEADLINE).stack.splitlines()
    assert stack[0] == '  File "<string>", line 1, in <module>'
    assert stack[-2].endswith(", in hold_the_gil")
    assert stack[-1].startswith("    ctypes.PyDLL(None).read(")
    (slot,) = worker._core.run.slots
    assert slot.stack().splitlines() == stack
    with pytest.raises(StopTimeoutError) as stuck:
        op.stop("w", timeout=0.05).result(DEADLINE)
    assert ", in hold_the_gil" in stuck.value.stuck["w"]


def test_one_that_takes_no_signal_either_is_not_waited_for(op, add, ask, bell):
    events = op.metrics(kinds=["stuck"])
    add(stuck_after=0.5, stop_grace=0.05)
    pid = pid_of(ask)
    op.dispatch("w", ("ignore_and_hold_the_gil", dump.SIGNAL))
    assert f"child process {pid} did not say within 0.2 s" in events.get(DEADLINE).stack


def test_nor_is_one_that_was_stopped_and_nothing_is_harmed_when_it_goes_on(op, add, ask, tmp_path):
    fifo = Fifo(tmp_path / "fifo")
    worker = add()
    pid = pid_of(ask)
    inside = op.dispatch("w", ("pass", fifo.path))
    with Path(fifo.path).open("wb"):  # opened when it stands there
        os.kill(pid, signal.SIGSTOP)
        os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)
        (slot,) = worker._core.run.slots
        told = slot.stack()
        os.kill(pid, signal.SIGCONT)
    assert f"child process {pid} did not say within 0.2 s" in told
    inside.result(DEADLINE)
    assert pid_of(ask) == pid


def test_signals_from_elsewhere_are_left_to_the_parent(op, add, ask):
    add()
    for number in (signal.SIGINT, signal.SIGTERM):
        assert ask("signal_itself", number) == "still here"


def test_a_stop_during_the_start_ends_it(op, add):
    add(stop_grace=0.1)
    op.stop("w").result(DEADLINE)
    assert op.status("w") == "stopped"


# -- what it inherits


def test_a_child_has_three_descriptors_and_three_to_its_parent_and_passes_none_on(add, ask):
    add()
    add("other")
    ask("echo", worker="other")
    own, grandchilds = ask("descriptors")
    assert own == 7  # the seventh lists them
    assert grandchilds == 4


def test_what_a_handler_prints_goes_where_the_parents_does(add, ask, capfd):
    add()
    ask("print", "from the child\n")
    assert capfd.readouterr().out == "from the child\n"


def test_records_of_a_thread_of_the_handler_arrive_too(add, ask, caplog):
    arrived = threading.Event()
    watch = logging.Handler()
    watch.emit = lambda record: arrived.set() if record.getMessage() == "of a thread" else None
    logging.getLogger("smoothop").addHandler(watch)
    add()
    ask("log_in_a_thread")
    assert arrived.wait(DEADLINE)
    logging.getLogger("smoothop").removeHandler(watch)


def test_records_of_the_handler_are_written_in_order_with_what_it_does(add, ask):
    """By the thread that waits for the answer, which is told of it only after them."""
    written_by = []
    watch = logging.Handler()
    watch.emit = lambda record: written_by.append(threading.current_thread().name)
    logging.getLogger("acme.library").addHandler(watch)
    add()
    ask("log")
    logging.getLogger("acme.library").removeHandler(watch)
    assert written_by == ["smoothop-w"]


def test_levels_of_the_parent_hold_in_the_child(add, ask, caplog):
    caplog.set_level(logging.ERROR, "acme.library")
    add()
    ask("log")
    assert "of a library" not in [record.getMessage() for record in caplog.records]


def test_levels_that_become_stricter_later_hold_too(add, ask):
    written = []
    watch = logging.Handler()
    watch.emit = lambda record: written.append(record.getMessage())
    library = logging.getLogger("acme.library")
    library.addHandler(watch)
    add()
    ask("log")
    library.setLevel(logging.ERROR)
    ask("log")
    library.setLevel(logging.NOTSET)
    library.removeHandler(watch)
    assert written == ["of a library"]


def test_what_cannot_be_pickled_in_a_record_is_shown_as_text(add, ask, caplog):
    add()
    ask("log_a_lock")
    (record,) = [one for one in caplog.records if one.getMessage().startswith("holding <")]
    assert record.what.startswith("<unlocked _thread.lock")


def test_what_cannot_be_made_again_is_shown_as_text_and_the_record_arrives(add, ask, caplog):
    add()
    ask("log_odd_things")
    (record,) = [one for one in caplog.records if one.getMessage() == "odd things"]
    assert record.unreadable.startswith("<support.obedient.Unreadable object at")
    assert record.unshowable == "<Unshowable whose __repr__ raised RuntimeError>"
    assert record.lock.startswith("<unlocked _thread.lock")
    assert record.path == Path("here")
    assert type(record.plain) is PlainError
    assert (type(record.stubborn).__name__, str(record.stubborn)) == ("StubbornError", "1 and 2")


# -- the parent's end


def test_a_child_whose_sockets_end_ends_as_well_though_its_parent_lives():
    child = Child("w")
    child.side.close()
    child.close()
    assert select.select([child.ended], [], [], DEADLINE)[0]
    child.reap()
    assert child.exit == f"child process {child.pid} ended with exit code 1"


ORPHANING = """
import os, sys, threading
from support.obedient import Obedient
from smoothop import Config, Operator

op = Operator()
for name, message in (("busy", ("spin",)), ("gil", ("hold_the_gil",)), ("idle", None)):
    op.add_handler(name, Obedient(), Config(run_in="process", message_only=True))
    op.start(name)
    print(op.dispatch(name, ("facts",)).result()[-1], flush=True)
    if message:
        op.dispatch(name, message).wait_delivered()
print("ready", flush=True)
threading.Event().wait()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_child_outlives_its_parent_whatever_it_does(number):
    with subprocess.Popen(
        [sys.executable, "-c", ORPHANING],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as parent:
        ends = [os.pidfd_open(int(parent.stdout.readline())) for _ in range(3)]
        assert parent.stdout.readline() == "ready\n"
        parent.send_signal(number)
    for end in ends:
        assert select.select([end], [], [], DEADLINE)[0]
        os.close(end)


def test_what_lies_in_the_working_directory_is_not_taken_for_a_module(
    add, ask, tmp_path, monkeypatch
):
    (tmp_path / "socket.py").write_text("raise ImportError('not the real one')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    add()
    assert ask("echo", 1) == (1,)


def test_a_grace_of_months_is_waited_for(op, add, ask, caplog):
    add(stop_grace=86_400 * 90)
    ask("spoil_teardown")  # so that it says something while it is seen out
    op.stop("w").result(DEADLINE)
    assert [one for one in caplog.records if "broke" in one.getMessage()] == []


def test_whatever_fails_in_its_attendant_at_the_end_a_stop_ends(op, add, ask, caplog, monkeypatch):
    def fail(_):
        raise RuntimeError("in between")

    add()
    pid_of(ask)
    monkeypatch.setattr(attendant.Errands, "end", fail)
    op.stop("w").result(DEADLINE)
    (record,) = [one for one in caplog.records if "broke" in one.getMessage()]
    assert "RuntimeError: in between" in record.getMessage()


def test_a_stack_that_is_no_text_is_shown_as_far_as_it_is(ends, monkeypatch):
    monkeypatch.setattr(messenger, "thread_stack", lambda _: "in \udcff.py")
    one, other = map(wire.Link, ends)
    asked = messenger.Messenger(one, Termination())
    asked._heard(wire.SHOW_STACK, b"")
    assert other.receive() == (wire.STACK, rb"in \udcff.py")
