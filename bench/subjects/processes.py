"""smoothop, each worker's handler in a child process."""

from __future__ import annotations

import os
import time
from functools import partial
from typing import Final

from bench.measuring import Figures, Measure, Scale
from bench.subjects.ways import as_it_is, measures, round_trip, running
from smoothop import Config, Context, HandleResult, done

KILOBYTE: Final = b"x" * 1024
PIECES: Final = 8
TURNS: Final = 1_500_000
"""Rounds of a piece of work: about 50 ms."""

TAKING: Final = Config(run_in="process", message_only=True)


def count_down(turns: int) -> int:
    """Keep a core busy."""
    while turns:
        turns -= 1
    return turns


class Counting:
    """Keeps a core busy for each message."""

    def handle(self, ctx: Context) -> HandleResult:
        count_down(ctx.message)
        return done(os.getpid())


def seconds_for_pieces(concurrency: int) -> float:
    config = Config(run_in="process", message_only=True, concurrency=concurrency)
    with running(Counting(), config) as operator:
        seen: set[int] = set()
        while len(seen) < concurrency:  # until all children are there
            receipts = [operator.dispatch("worker", TURNS // 10) for _ in range(concurrency)]
            seen.update(receipt.result() for receipt in receipts)
        began = time.perf_counter()
        for receipt in [operator.dispatch("worker", TURNS) for _ in range(PIECES)]:
            receipt.result()
        return time.perf_counter() - began


def two_cores(_: Scale) -> Figures:
    one, two = seconds_for_pieces(1), seconds_for_pieces(2)
    return {"speedup": one / two}


MEASURES: Final[dict[str, Measure]] = {
    **measures(as_it_is, run_in="process"),
    "process trip": partial(round_trip, as_it_is, TAKING, content=KILOBYTE),
    "two cores": two_cores,
}
