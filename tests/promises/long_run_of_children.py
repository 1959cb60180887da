"""Run by promise 10: many messages to a child, many children, and what both hold before and after.

Counted are also the processes that are left.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

from mortal_child import Mortal, belongings

from smoothop import Config, HandlerPanickedError, Operator

CONFIG = Config(run_in="process", message_only=True, panic_backoff=1e-6, mailbox_size=256)


def send(op, messages):
    """Send many, of which every tenth finds the child idle."""
    for number in range(messages):
        receipt = op.dispatch("w", number)
        if number % 10 == 0:
            receipt.result(20)


def die(op):
    try:
        op.dispatch("w", "die").result(20)
    except HandlerPanickedError:
        return
    raise AssertionError("it is still there")


def tell(op):
    return op.dispatch("w", "tell").result(20)


def run(messages: int, deaths: int) -> list[tuple[int, int, int]]:
    """Return what a child had after a tenth of the messages, and after all of them."""
    with Operator() as op:
        op.add_handler("w", Mortal(), CONFIG)
        op.start("w")
        unread = op.metrics(maxsize=10)
        send(op, messages // 10)
        told = [tell(op)]
        send(op, messages)
        told.append(tell(op))
        for _ in range(deaths):
            die(op)
            tell(op)
        for _ in range(deaths // 3):
            op.stop("w").result(20)
            op.start("w")
            tell(op)
        unread.close()
    return told


def processes() -> int:
    """Return how many children this process has, zombies among them."""
    tasks = Path("/proc/self/task").iterdir()
    return sum(len((task / "children").read_text().split()) for task in tasks)


def main(messages: int, deaths: int) -> None:
    logging.disable(logging.CRITICAL)
    run(messages // 10, max(3, deaths // 10))
    before, few = belongings(), processes()
    told = run(messages, deaths)
    after, left = belongings(), processes()
    sys.stdout.write(
        json.dumps({"parent": [before, after], "child": told, "processes": [few, left]})
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
