"""Promise 20: a child process that dies, however it does, is a panic like any other.

Several workers at once, each over and over: a message kills its child, or somebody else does while
it is being handled; what became of the message names how, the panic is counted, and the next
message is handled by a fresh child.
"""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from queue import SimpleQueue

import pytest
from support.gates import DEADLINE
from support.mortal import Mortal

from smoothop import Config, HandlerPanickedError, Operator, done

WORKERS = 5
DEATHS = {
    "exit": "ended with exit code 3",
    "kill": "was killed by SIGKILL",
    "crash": "was killed by SIGSEGV",
    "ring_and_hang": "was killed by SIGKILL",
}
CONFIG = Config(run_in="process", message_only=True, panic_backoff=0.001)


class Bell:
    """Is rung by handlers that are inside and wait for their end."""

    def __init__(self, workers):
        self.rung = {worker: SimpleQueue() for worker in workers}

    def handle(self, ctx):
        self.rung[ctx.message].put(ctx.message)
        return done()


def one_death(op, bell, worker, kind, pid):
    """Let the child `pid` die over a message; return the pid of the next one."""
    receipt = op.dispatch(worker, kind)
    if kind == "ring_and_hang":
        assert bell.rung[worker].get(timeout=DEADLINE)
        os.kill(pid, signal.SIGKILL)
    following = op.dispatch(worker, "live")
    with pytest.raises(HandlerPanickedError) as panicked:
        receipt.result(DEADLINE)
    assert str(panicked.value.__cause__) == f"child process {pid} {DEATHS[kind]}"
    return following.result(DEADLINE)


def deaths_of(op, bell, worker, kind, number):
    pid = op.dispatch(worker, "live").result(DEADLINE)
    for _ in range(number):
        before, pid = pid, one_death(op, bell, worker, kind, pid)
        assert pid != before
    return number


@pytest.mark.parametrize("kind", DEATHS)
def test_every_death_of_a_child_is_a_panic_that_says_how(kind, sized):
    each = sized(ci=200, soak=5_000) // len(DEATHS) // WORKERS
    with Operator() as op, ThreadPoolExecutor(WORKERS) as threads:
        names = [f"w{number}" for number in range(WORKERS)]
        views = [op.add_handler(name, Mortal(), CONFIG) for name in names]
        bystander = op.add_handler("bystander", Mortal(), CONFIG)
        bell = Bell(names)
        op.add_handler("bell", bell, Config(message_only=True))
        op.start_all()
        pid = op.dispatch("bystander", "live").result(DEADLINE)
        assert (
            list(threads.map(lambda name: deaths_of(op, bell, name, kind, each), names))
            == [each] * WORKERS
        )
        assert [view.snapshot().panics for view in views] == [each] * WORKERS
        assert op.dispatch("bystander", "live").result(DEADLINE) == pid
        assert bystander.snapshot().panics == 0


def test_a_child_without_memory_is_a_panic_that_says_so(sized):
    with Operator() as op:
        worker = op.add_handler("w", Mortal(), CONFIG)
        op.start("w")
        for _ in range(sized(ci=5, soak=100)):
            with pytest.raises(HandlerPanickedError) as panicked:
                op.dispatch("w", "eat").result(DEADLINE)
            assert isinstance(panicked.value.__cause__, MemoryError)
            op.dispatch("w", "live").result(DEADLINE)
        assert worker.snapshot().panics == sized(ci=5, soak=100)


def test_the_limit_of_panics_holds_for_deaths():
    with Operator() as op:
        worker = op.add_handler("w", Mortal(), replace(CONFIG, max_panic_attempts=3))
        stopped = worker.metrics(kinds=["lifecycle"])
        receipts = [op.dispatch("w", "kill") for _ in range(4)]
        op.start("w")
        assert [event.reason for event in stopped] == [None, "panic limit"]
        assert [receipt.done() for receipt in receipts] == [True, True, True, False]
