"""Promise 13: a stuck handler is told within its threshold plus 2 s, with the line it stands at.

Each shape hangs in as many workers side by side as there are runs of it. What keeps the
interpreter's lock keeps the test as well, so that shape has processes of its own, which do what
`smoothop run` does: the news is written by a thread that needs no Python.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from support.gates import DEADLINE, Gate
from support.sizes import Sized

from smoothop import Config, HandleResult, Operator, done

AFTER = 0.3
IN_TIME = AFTER + 2


class Hang:
    """Handlers that hang until the end of the test, and when each began to."""

    def __init__(self) -> None:
        self.over, self.lock = Gate("the end of the test"), threading.Lock()
        self.began: dict[str, float] = {}
        self.lock.acquire()

    def sleep(self, ctx: Any) -> HandleResult:
        self.began[ctx.worker] = time.monotonic()
        self.over.wait()  # the line of sleep
        return done()

    def wait_for_a_lock(self, ctx: Any) -> HandleResult:
        self.began[ctx.worker] = time.monotonic()
        with self.lock:  # the line of wait_for_a_lock
            return done()

    async def wait_for_ever(self, ctx: Any) -> HandleResult:
        self.began[ctx.worker] = time.monotonic()
        await self.over.passed()  # the line of wait_for_ever
        return done()

    async def block_the_loop(self, ctx: Any) -> HandleResult:
        self.began[ctx.worker] = time.monotonic()
        self.over.wait()  # the line of block_the_loop
        return done()

    def let_go(self) -> None:
        self.over.open()
        self.lock.release()


def hang_side_by_side(op: Operator, handler: Callable[..., Any], count: int) -> list[str]:
    """Let the handler hang in that many workers; return what is wrong with what is told."""
    name, wrong = handler.__name__, []
    config = Config(message_only=True, stuck_after=AFTER, stop_grace=0.01)
    events = op.metrics(kinds=["stuck"])
    for number in range(count):
        op.add_handler(f"{name}-{number}", handler, config)
    op.start_all()
    for number in range(count):
        op.dispatch(f"{name}-{number}", None)
    told = [events.get(DEADLINE) for _ in range(count)]
    now, began = time.monotonic(), handler.__self__.began  # type: ignore[attr-defined]
    for event in told:
        since = now - (time.time() - event.time) - began[event.worker]
        if not AFTER * 0.9 <= since <= IN_TIME:
            wrong.append(f"{event.worker} is told of after {since:.2f} s")
        if f"# the line of {name}" not in event.stack:
            wrong.append(f"{event.worker} stands elsewhere:\n{event.stack}")
    if len({event.worker for event in told}) != count:
        wrong.append(f"some are told of twice: {[event.worker for event in told]}")
    return wrong


@pytest.mark.parametrize("shape", ["sleep", "wait_for_a_lock", "wait_for_ever"])
def test_what_hangs_is_told_in_time_with_its_line(shape: str, sized: Sized) -> None:
    hang = Hang()
    with Operator() as op:
        try:
            wrong = hang_side_by_side(op, getattr(hang, shape), sized(ci=12, soak=200))
        finally:
            hang.let_go()
    assert not wrong, "\n".join(wrong)


def test_what_blocks_an_event_loop_is_told_in_time_with_its_line(sized: Sized) -> None:
    hang, wrong = Hang(), []
    with ExitStack() as operators:
        try:
            # A loop for each, as who blocks it keeps all others from being called.
            ops = [operators.enter_context(Operator()) for _ in range(sized(ci=8, soak=50))]
            looking = [
                threading.Thread(
                    target=lambda op=op: wrong.extend(hang_side_by_side(op, hang.block_the_loop, 1))
                )
                for op in ops
            ]
            for thread in looking:
                thread.start()
            for thread in looking:
                thread.join()
        finally:
            hang.let_go()
    assert not wrong, "\n".join(wrong)


KEEPS_THE_LOCK = f"""
import ctypes, sys, threading, time
from smoothop import Config, Operator
from smoothop.cli.service import Service
from smoothop.cli.signals import SignalLadder

keep = ctypes.PyDLL(None).usleep

def handle(ctx):
    print(time.monotonic(), flush=True)
    keep({int((IN_TIME + 1) * 1e6)})  # the line of keep
    sys.stdout.flush()
    ladder.leave(0)

ladder = SignalLadder()
op = Operator()
op.add_handler("keeper", handle, Config(stuck_after={AFTER}))
Service(op, ladder, lambda *_: None).run()
"""


def test_what_keeps_the_interpreters_lock_is_told_in_time_with_its_line(
    sized: Sized, tmp_path: Any
) -> None:
    script = tmp_path / "keeper.py"
    script.write_text(KEEPS_THE_LOCK)
    line = KEEPS_THE_LOCK.splitlines().index(
        next(text for text in KEEPS_THE_LOCK.splitlines() if "the line of keep" in text)
    )
    started = [
        subprocess.Popen(
            [sys.executable, str(script)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(sized(ci=6, soak=50))
    ]
    wrong: list[str] = []
    looking = [
        threading.Thread(target=lambda child=child: wrong.extend(_dumped(child, line + 1)))
        for child in started
    ]
    for thread in looking:
        thread.start()
    for thread in looking:
        thread.join()
    assert not wrong, "\n".join(wrong)


def _dumped(child: subprocess.Popen[str], line: int) -> list[str]:
    """Return what is wrong with what the process tells of its handler while that still hangs."""
    assert child.stdout is not None
    assert child.stderr is not None
    began = float(child.stdout.readline())
    said = ""
    for text in child.stderr:
        said += text
        if re.search(rf'keeper\.py", line {line} in handle', said):
            break
    since = time.monotonic() - began
    child.kill()
    child.communicate()
    if AFTER <= since <= IN_TIME and said.startswith("Timeout"):
        return []
    return [f"told after {since:.2f} s:\n{said}"]
