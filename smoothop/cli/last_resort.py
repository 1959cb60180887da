"""The end of the process when Python cannot bring it about any more.

Code that keeps the interpreter's lock keeps every Python thread from running, the ladder of signals
included; and on its way out the interpreter runs no other thread than the main one. The system's
alarm needs neither, because its handlers are functions of the C library.
"""

from __future__ import annotations

import faulthandler
import signal
import sys
import threading
import time
from contextlib import suppress

_TO_TELL = 0.1
"""Seconds before the end at which is told where every thread stands."""
_A_MOMENT = 1.0
"""Seconds in which every thread has come on after the process was suspended."""

_lock = threading.Lock()
_is_armed = False
_tells_at = float("inf")
_found_told_at = float("-inf")


def tell_in(seconds: float | None) -> None:
    """Tell on stderr where every thread stands in that time, unless this is called again by then.

    Who calls it again and again is heard when some code keeps the interpreter's lock, and with it
    everybody who could tell of that. `None` takes it back. Once `arm` was called it does nothing:
    there is one such timer in a process.
    """
    global _tells_at  # noqa: PLW0603 - as the timer is that of the process
    with _lock, suppress(RuntimeError, OSError, ValueError):  # there is no stderr
        if _is_armed:
            return
        _look()
        _tells_at = time.monotonic() + seconds if seconds is not None else float("inf")
        if seconds is None:
            faulthandler.cancel_dump_traceback_later()
        else:
            faulthandler.dump_traceback_later(seconds, file=sys.stderr)


def has_just_told() -> bool:
    """Tell whether that time had run out until a moment ago, so that the stacks may have been told.

    It runs out while the process is suspended, too. Who takes it back then is seldom quick enough:
    the thread that tells waits for nobody.
    """
    with _lock:
        _look()
        return time.monotonic() - _found_told_at < _A_MOMENT


def _look() -> None:
    global _found_told_at  # noqa: PLW0603 - as the timer is that of the process
    now = time.monotonic()
    if now > _tells_at:
        _found_told_at = now


def arm(seconds: float) -> None:
    """End the process after that time, and with `ExitCode.ABANDONED`; a later call moves its end.

    Shortly before, it is told on stderr where every thread stands. May be called on any thread.
    """
    with suppress(ImportError):  # without ctypes the alarm ends the process, too: by SIGALRM
        _let_the_alarm_choose_the_exit_code()
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 2 * _TO_TELL))
    global _is_armed  # noqa: PLW0603 - as the timer is that of the process
    with _lock, suppress(RuntimeError, OSError, ValueError):  # there is no stderr
        _is_armed = True
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
