"""Keeps the garbage collector out while very many objects are made that all stay.

The collector looks at what is new again and again, and each time a quarter more has been kept, at
everything: half the time of starting 100,000 workers. Nothing it could find is there yet.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

MANY: Final = 1_000
"""Objects, of a few hundred bytes or more, from which on it is worth it."""

_lock = threading.RLock()
_holders = 0


@contextmanager
def collector_waits(objects: int) -> Iterator[None]:
    """Let the collector wait in this block, if that many objects are made in it.

    What is garbage meanwhile, of whichever thread, is found at the next full collection. A
    program that has switched the collector off finds it off.
    """
    global _holders  # noqa: PLW0603 - the collector is one for all threads, too
    if objects < MANY or not (gc.isenabled() or _holders):
        yield
        return
    with _lock:
        _holders += 1
        gc.disable()
    try:
        yield
    finally:
        with _lock:
            _holders -= 1
            if not _holders:
                _age_all()
                gc.enable()


def _age_all() -> None:
    """Make what is new old, without a look at each: or the collector would begin with that.

    Not in a program that keeps objects frozen for itself: they would thaw.
    """
    if not gc.get_freeze_count():
        gc.freeze()
        gc.unfreeze()
