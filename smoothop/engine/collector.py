"""Keeps the garbage collector out while very many objects are made that all stay.

The collector looks at what is new again and again, and each time a quarter more has been kept, at
everything: half the time of starting 100,000 workers. Nothing it could find is there yet.
"""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

MANY: Final = 1_000
"""Objects, of a few hundred bytes or more, from which on it is worth it."""

FOR_EACH: Final = 20e-6
"""Seconds that each may take, after the last of them was made, until it is as it will stay."""

LONGEST: Final = 2.0
"""Seconds that the collector waits at most, for however many."""

_lock = threading.RLock()
_holders = 0
_aged_after = -1  # as many full collections as there had been when it last made all old


def hold_collector(objects: int) -> Callable[[], None] | None:
    """Let the collector wait, if that many objects are worth it.

    What is garbage meanwhile, of whichever thread, is found at the next full collection. A
    program that has switched the collector off finds it off.

    Returns:
        What lets it go on, if it waits; only the first call counts.
    """
    global _holders  # noqa: PLW0603 - the collector is one for all threads, too
    with _lock:
        if objects < MANY or not (gc.isenabled() or _holders):
            return None
        _holders += 1
        gc.disable()
    holds = True

    def let_go() -> None:
        nonlocal holds
        if holds:
            holds = False
            _let_go()

    return let_go


@contextmanager
def collector_waits(objects: int) -> Iterator[None]:
    """Hold it in this block."""
    let_go = hold_collector(objects)
    try:
        yield
    finally:
        if let_go is not None:
            let_go()


def settling_time(objects: int) -> float:
    """Return for how many seconds to hold it on, when so many have been made."""
    return min(objects * FOR_EACH, LONGEST)


def _let_go() -> None:
    global _holders  # noqa: PLW0603 - as above
    with _lock:
        if not _holders:  # a forked child has let it go on
            return
        _holders -= 1
        if not _holders:
            _age_all()
            gc.enable()


def _age_all() -> None:
    """Make what is new old, without a look at each: or the collector would begin with that.

    Once between two full collections. What has become old in this way does not bring the next one
    nearer, so where very many workers are started again and again, none would ever come, and
    their garbage would stay. Not in a program that keeps objects frozen for itself: they would
    thaw.
    """
    global _aged_after  # noqa: PLW0603 - as above
    full_collections = gc.get_stats()[-1]["collections"]
    if full_collections != _aged_after:
        _aged_after = full_collections
        if not gc.get_freeze_count():  # which counts each
            gc.freeze()
            gc.unfreeze()


def _forked() -> None:
    """Let it go on in a forked child: who would do so is a thread that is not there."""
    global _lock, _holders  # noqa: PLW0603 - as above
    _lock = threading.RLock()
    if _holders:
        _holders = 0
        gc.enable()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
