"""Promise 15, with a real process that is really suspended: nobody is to blame for that time.

Handlers of every way are inside a call when the process is suspended, for longer than a call may
take. None of them is stuck, and all go on when the process does. One that hangs is reported
afterwards as ever, and a stop in whose midst the process was suspended ends.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections import Counter

import pytest
from support.gates import DEADLINE

STUCK_AFTER, CALL, HELD = 1.0, 0.1, 1.5
NAMES = ("sleeps", "waits", "awaits", "obeys")
SCRIPT = (
    f"STUCK_AFTER, CALL, DEADLINE = {STUCK_AFTER}, {CALL}, {DEADLINE}"
    """
import asyncio, json, logging, sys, threading, time
from smoothop import Config, Operator, done

logging.basicConfig(level=logging.WARNING, format="%(message)s")
asked, over = threading.Event(), threading.Event()

def tell(text):
    print(text, flush=True)

def sleeps(ctx):
    tell("sleeps")
    time.sleep(CALL)
    return done()

def waits(ctx):
    tell("waits")
    ctx.wait(CALL)
    return done()

async def awaits(ctx):
    tell("awaits")
    await asyncio.sleep(CALL)
    return done()

def obeys(ctx):
    tell("obeys")
    if asked.is_set():
        over.wait()
    if ctx.wait(CALL):
        tell("stops")
        sys.stdin.readline()
    return done()

with Operator() as op:
    events = op.metrics(kinds=["stuck"])
    for handler in (sleeps, waits, awaits, obeys):
        run_in = "pool" if handler is waits else "thread"
        op.add_handler(handler.__name__, handler, Config(stuck_after=STUCK_AFTER, run_in=run_in))
    op.start_all()
    sys.stdin.readline()
    asked.set()
    first = events.get(DEADLINE)
    stop = op.stop_all(timeout=DEADLINE)
    over.set()
    stop.result(DEADLINE)
told = [(event.worker, event.duration, event.stack) for event in (first, *events)]
tell(json.dumps(told))
"""
)


class Suspended:
    """The process, whose lines are read as they come."""

    def __init__(self, process):
        self.process = process

    def line(self):
        assert select.select([self.process.stdout], [], [], DEADLINE)[0]
        return self.process.stdout.readline().decode().strip()

    def until_each_was_called(self, times):
        called = Counter()
        while min(called[name] for name in NAMES) < times:
            called[self.line()] += 1

    def hold(self):
        """Suspend the process for that time, in which it does nothing."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)
        while select.select([self.process.stdout], [], [], 0)[0]:
            self.line()  # what it has said before
        assert not select.select([self.process.stdout], [], [], HELD)[0]
        self.process.send_signal(signal.SIGCONT)

    def say(self):
        self.process.stdin.write(b"\n")


@pytest.fixture
def suspended():
    command = [sys.executable, "-W", "error", "-c", SCRIPT]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0) as process:
        yield Suspended(process)
        process.kill()


@pytest.mark.alone
def test_who_was_inside_a_call_is_not_stuck_and_who_hangs_later_is_and_a_stop_ends(suspended):
    suspended.until_each_was_called(1)
    for _ in range(2):
        suspended.hold()
        suspended.until_each_was_called(3)
    suspended.say()
    while suspended.line() != "stops":
        pass
    suspended.hold()
    suspended.say()
    while not (said := suspended.line()).startswith("["):
        pass
    ((worker, duration, stack),) = json.loads(said)
    assert worker == "obeys"
    assert STUCK_AFTER * 0.9 <= duration <= STUCK_AFTER + 2
    assert "in obeys" in stack
    assert suspended.process.wait(DEADLINE) == 0
    assert suspended.process.stderr.read().decode().count("handler stuck") == 1
