"""Run by promise 10: many messages and restarts, and what the process holds before and after."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import sys
import threading
from pathlib import Path

from smoothop import Config, HandlerPanickedError, Operator, done, fail


def answer(message):
    if message % 1000 == 1:
        raise ValueError(message)
    if message % 1000 == 2:
        return fail("no")
    return done(message)


def sync_handle(ctx):
    return answer(ctx.message)


async def async_handle(ctx):
    return answer(ctx.message)


def run(kind: str, messages: int, restarts: int) -> int:
    """Return the most blocks that were in use on the way."""
    most = 0
    handle = async_handle if kind == "async" else sync_handle
    run_in = "pool" if kind == "pool" else "thread"
    with Operator() as op:
        config = Config(message_only=True, panic_backoff=1e-6, mailbox_size=256, run_in=run_in)
        op.add_handler("w", handle, config)
        op.start("w")
        unread = op.metrics(maxsize=10)
        last = None
        for number in range(messages):
            last = op.dispatch("w", number)
            if number % 1000 == 0:
                most = max(most, sys.getallocatedblocks())
                gc.collect(0)
        try:
            last.result(20)
        except HandlerPanickedError:
            pass
        for _ in range(restarts):
            op.worker("w").metrics()
            op.stop("w").result(20)
            op.start("w")
        for number in range(restarts // 10):
            op.add_handler(f"w{number}", handle, config)
            op.start(f"w{number}")
            op.dispatch(f"w{number}", 0).result(20)
            op.remove_handler(f"w{number}").result(20)
        unread.close()
    return most


def belongings():
    gc.collect()
    return sys.getallocatedblocks(), threading.active_count(), len(list(Path("/dev/fd").iterdir()))


def main(kind: str, messages: int, restarts: int) -> None:
    logging.disable(logging.CRITICAL)
    asyncio.new_event_loop().close()
    run(kind, messages // 10, restarts // 10)
    before = belongings()
    most = run(kind, messages, restarts)
    after = belongings()
    blocks, threads, descriptors = zip(before, after, strict=True)
    found = {"blocks": blocks, "threads": threads, "descriptors": descriptors}
    sys.stdout.write(json.dumps(found | {"most_blocks": most}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
