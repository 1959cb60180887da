"""Run by promise 6 in processes of their own: starts a handler of one shape and stops it, n times.

Each process has every n-th round, and prints one JSON object for it. The handler writes a heartbeat
file that says, whatever the operator believes, whether it was still inside when the stop was
reported, and that it is not after its last stop.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import smoothop
from smoothop import Config, Operator, done

GRACE = 0.1
OUT_AT_ONCE, LATE, NEVER = "out at once", "late", "never"


class Heart:
    """The heartbeat file of one round, and what lets the handler go."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_APPEND)
        self.entered = threading.Event()
        self.release = threading.Event()

    def beat(self, mark: bytes = b".") -> None:
        """Say that the handler is inside."""
        os.write(self.file, mark)
        self.entered.set()

    def inside(self) -> bool:
        """Tell whether the handler has been entered more often than it was left."""
        beats = self.path.read_bytes()
        return beats.count(b"(") > beats.count(b")")


def leaves(heart, ctx):
    ctx.wait()


def leaves_late(heart, ctx):
    ctx.wait()
    heart.release.wait(GRACE / 2)


def raises(heart, ctx):
    ctx.wait()
    raise SystemExit("because of the stop")


def sleeps(heart, ctx):
    while not heart.release.is_set():
        time.sleep(0.01)


def locked(heart, ctx):
    lock = threading.Lock()
    lock.acquire()
    threading.Thread(target=lambda: (heart.release.wait(), lock.release())).start()
    lock.acquire()


def busy(heart, ctx):
    while not heart.release.is_set():
        pass


def regex(heart, ctx):
    # About 20 ms a time, and all the while the GIL is held.
    while not heart.release.is_set():
        re.match(r"(a+)+$", "a" * 17 + "b")


def swallows(heart, ctx):
    while not heart.release.is_set():
        try:
            heart.release.wait(0.01)
            raise KeyboardInterrupt
        except BaseException:
            pass


def child_process(heart, ctx):
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
    ) as child:
        heart.release.wait()
        child.stdin.close()


async def async_leaves(heart, ctx):
    await ctx.wait()


async def async_waits(heart, ctx):
    await asyncio.Event().wait()


async def async_swallows(heart, ctx):
    while not heart.release.is_set():
        try:
            await asyncio.sleep(0.01)
        except BaseException:
            pass


async def async_cleans_up_late(heart, ctx):
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.to_thread(heart.release.wait)


async def async_blocks_the_loop(heart, ctx):
    heart.release.wait()


SHAPES = {
    leaves: OUT_AT_ONCE,
    leaves_late: LATE,
    raises: OUT_AT_ONCE,
    sleeps: NEVER,
    locked: NEVER,
    busy: NEVER,
    regex: NEVER,
    swallows: NEVER,
    child_process: NEVER,
    async_leaves: OUT_AT_ONCE,
    async_waits: LATE,
    async_swallows: NEVER,
    async_cleans_up_late: NEVER,
    async_blocks_the_loop: NEVER,
}


def handler_of(shape, heart):
    if asyncio.iscoroutinefunction(shape):

        async def handle(ctx):
            heart.beat(b"(")
            try:
                await shape(heart, ctx)
            finally:
                heart.beat(b")")
            return done()
    else:

        def handle(ctx):
            heart.beat(b"(")
            try:
                shape(heart, ctx)
            finally:
                heart.beat(b")")
            return done()

    return handle


def one_round(shape, run_in: str, path: Path) -> dict[str, object]:
    heart = Heart(path)
    with Operator() as op:
        config = Config(stop_grace=GRACE / 2, run_in=run_in)
        op.add_handler("w", handler_of(shape, heart), config)
        op.start("w")
        heart.entered.wait(10)
        began = time.monotonic()
        try:
            op.stop("w", timeout=GRACE).result(10)
            stuck = None
        except smoothop.StopTimeoutError as error:
            stuck = error.stuck
        took = time.monotonic() - began
        inside, status = heart.inside(), op.status("w").value
        heart.release.set()
        op.stop("w").result(10)
        at_the_end = heart.inside()
    os.close(heart.file)
    return {
        "shape": shape.__name__,
        "run_in": "loop" if asyncio.iscoroutinefunction(shape) else run_in,
        "expected": SHAPES[shape],
        "took": took,
        "stuck": stuck,
        "status": status,
        "inside": inside,
        "inside_at_the_end": at_the_end,
    }


def main(directory: Path, rounds: range) -> None:
    logging.disable(logging.CRITICAL)
    shapes = list(SHAPES)
    for number in rounds:
        turn, which = divmod(number, len(shapes))
        run_in = ("thread", "pool")[turn % 2]
        found = one_round(shapes[which], run_in, directory / "heart")
        sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), range(*map(int, sys.argv[2:])))
