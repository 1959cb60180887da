"""Run seeds in this process: ``python -m simulation histories 0 5000``, or one, with its trace."""

from __future__ import annotations

import gc
import hashlib
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from simulation.actors import AsyncActor
from simulation.history import History
from simulation.pairs import Collision
from smoothop.testing import SimMachine
from smoothop.testing.carriers import Carriers

MOST_FAILURES: Final = 3

PROGRESS: Final = 60.0
"""Seconds between two words of progress on stderr."""


def history(seed: int, carriers: Carriers) -> SimMachine:
    """Run one history, every second one with jumps of the wall clock."""
    return _run(History(seed, carriers, wall_jumps=seed % 2 == 1))


def pair(seed: int, carriers: Carriers) -> SimMachine:
    """Run one collision of two callers."""
    return _run(Collision(seed, carriers))


def wall(seed: int, carriers: Carriers) -> SimMachine:
    """Run one history with jumps of the wall clock and without: they must not differ."""
    with_jumps = _run(History(seed, carriers, wall_jumps=True))
    without = _run(History(seed, carriers, wall_jumps=False))
    if with_jumps.trace() != without.trace():
        raise AssertionError("the jumps of the wall clock have changed what happened")
    return without


def ways(seed: int, carriers: Carriers) -> SimMachine:
    """Run one history; print for each worker that has handled how it ran, and what befell it."""
    drawn = History(seed, carriers)
    machine = _run(drawn)
    for view, actor in drawn.views:
        snapshot = view.snapshot()
        if snapshot.handled:
            way = "loop" if isinstance(actor, AsyncActor) else view.config.run_in
            several = ["several slots"] if view.config.concurrency > 1 else []
            print(way, sorted({*several, *(entry["event"] for entry in snapshot.history)}))
    return machine


def _run(what: History | Collision) -> SimMachine:
    try:
        what.run()
    except BaseException as error:
        error.add_note(f"-- the trace\n{what.machine.trace()}")
        raise
    return what.machine


KINDS: Final[dict[str, Callable[[int, Carriers], SimMachine]]] = {
    "histories": history,
    "pairs": pair,
    "walls": wall,
    "ways": ways,
}


def main(kind: str, first: int, last: int | None = None, core: int | None = None) -> int:
    """Run the seeds from `first` up, or down, to before `last`; return how many failed.

    One core is enough, as one thread runs at a time, and handing over is then much faster. After
    three failures it ends. Now and then it tells on stderr how far it is.
    """
    if core is not None:
        _stay_on(core)
    logging.raiseExceptions = False  # log handlers raise on purpose
    gc.freeze()  # what is there now stays: nobody needs to look at it again and again
    end = first + 1 if last is None else last
    seeds = range(first, end, 1 if first < end else -1)
    failures = 0
    with Carriers() as carriers, _uncaught() as uncaught:
        for seed in _telling(seeds):
            try:
                machine = KINDS[kind](seed, carriers)
                if uncaught:  # of an earlier seed, perhaps: what was left of it is collected late
                    raise AssertionError(f"nobody could catch: {uncaught.pop(0)}")
            except BaseException as error:
                failures += 1
                _report(kind, seed, error)
                if failures == MOST_FAILURES:
                    break
            else:
                if os.environ.get("SMOOTHOP_TRACES"):
                    print(seed, hashlib.sha256(machine.trace().encode()).hexdigest())
                elif last is None:
                    print(machine.trace())
    return failures


def _stay_on(core: int) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
    if hasattr(os, "SCHED_BATCH"):
        # Who is given the baton starts when the giver waits, not in the middle of the giving.
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


@contextmanager
def _uncaught() -> Iterator[list[str]]:
    """Give what finalizers raise, such as that of a coroutine that was never awaited."""
    seen: list[str] = []
    before = sys.unraisablehook
    sys.unraisablehook = lambda what: seen.append(f"{what.exc_value!r} in {what.object!r}")
    try:
        yield seen
    finally:
        sys.unraisablehook = before


def _telling(seeds: range) -> Iterator[int]:
    """Yield the seeds; tell now and then how many are done."""
    told = time.monotonic()
    for done, seed in enumerate(seeds):
        if time.monotonic() - told >= PROGRESS:
            told = time.monotonic()
            print(f"{done} of {len(seeds)} seeds; now {seed}", file=sys.stderr, flush=True)
        yield seed


def _report(kind: str, seed: int, error: BaseException) -> None:
    again = f"(cd tests && PYTHONPATH=.. python -m simulation {kind} {seed})"
    notes = "\n".join(getattr(error, "__notes__", ()))
    said = f"seed {seed} of {kind}: {type(error).__name__}: {error}\nagain: {again}\n{notes}"
    print(said, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *map(int, sys.argv[2:])) > 0)
