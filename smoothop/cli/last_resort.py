"""The end of the process when Python cannot bring it about any more.

Code that keeps the interpreter's lock keeps every Python thread from running, the ladder of signals
included; and on its way out the interpreter runs no other thread than the main one. The system's
alarm needs neither, because its handlers are functions of the C library.
"""

from __future__ import annotations

import faulthandler
import signal
import sys
from contextlib import suppress

_TO_TELL = 0.05
"""Seconds before the end at which is told where every thread stands."""


def arm(seconds: float) -> None:
    """End the process after that time, and with `ExitCode.ABANDONED`; a later call moves its end.

    Shortly before, it is told on stderr where every thread stands. May be called on any thread.
    """
    with suppress(ImportError):  # without ctypes the alarm ends the process, too: by SIGALRM
        _let_the_alarm_choose_the_exit_code()
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 2 * _TO_TELL))
    with suppress(RuntimeError, OSError, ValueError):  # there is no stderr
        faulthandler.dump_traceback_later(max(seconds - _TO_TELL, _TO_TELL), file=sys.stderr)


def _let_the_alarm_choose_the_exit_code() -> None:
    """Make SIGALRM call ``abort``, which raises SIGABRT, and that call ``_exit``.

    A handler of C gets the number of its signal and nothing else. That of SIGABRT is 6 on every
    system, which is the exit code that is wanted.
    """
    import ctypes  # noqa: PLC0415 - not every Python has it

    library = ctypes.CDLL(None)
    library.signal.argtypes = (ctypes.c_int, ctypes.c_void_p)
    library.signal.restype = ctypes.c_void_p
    for number, function in ((signal.SIGABRT, "_exit"), (signal.SIGALRM, "abort")):
        library.signal(number, ctypes.cast(library[function], ctypes.c_void_p))
