"""A child that does not say where it stands writes it when it gets a signal: see `Dump`."""

from __future__ import annotations

import faulthandler
import os
from contextlib import suppress

from smoothop.engine.runners.process.dump import SIGNAL


def dump_to(descriptor: int) -> None:
    """Write there where the thread stands that the signal comes to; the main one, as a rule.

    The copies that a handler forks have no part in it.
    """
    os.set_inheritable(descriptor, False)
    if SIGNAL is None:
        return
    # The stack of that thread alone: to read those of threads that run meanwhile is not safe.
    faulthandler.register(SIGNAL, file=descriptor, all_threads=False)
    os.register_at_fork(after_in_child=lambda: _let_go(SIGNAL, descriptor))


def _let_go(number: int, descriptor: int) -> None:
    faulthandler.unregister(number)
    with suppress(OSError):  # the handler may have closed everything
        os.close(descriptor)
