"""The end of the process when Python cannot bring it about any more.

Code that keeps the interpreter's lock keeps every Python thread from running, the ladder of signals
included; and on its way out the interpreter runs no other thread than the main one. The system's
alarm needs neither, because its handlers are functions of the C library.
"""

from __future__ import annotations

import faulthandler
import math
import signal
import sys
import threading
import time
from contextlib import suppress
from functools import cache
from typing import Any

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


def end_after_work(seconds: float | None) -> None:
    """End the process with exit code 1 once it has worked that long, unless called again by then.

    It is for code that keeps the interpreter's lock for ever. Processor time is counted, that of
    all threads: none passes while the process is suspended. `None` takes it back. Does nothing
    where the system has no such timer, or when SIGHUP, which it takes, is handled by somebody else
    or ignored, as under ``nohup``.
    """
    if seconds is None and not _work_timer.cache_info().currsize:
        return
    timer = _work_timer()
    if timer is None or signal.getsignal(signal.SIGHUP) is not signal.SIG_DFL:
        return
    library, ident, spec = timer
    fraction, whole = math.modf(0.0 if seconds is None else max(seconds, _TO_TELL))
    given = spec(0, 0, int(whole), int(fraction * 1e9))
    import ctypes  # noqa: PLC0415 - there is one, or there were no timer

    # A handler of C gets the number of its signal and nothing else: 1, which is the exit code.
    handler = None if seconds is None else ctypes.cast(library._exit, ctypes.c_void_p)  # noqa: SLF001
    library.signal(signal.SIGHUP, handler)
    library.timer_settime(ident, 0, ctypes.byref(given), None)


@cache
def _work_timer() -> tuple[Any, Any, Any] | None:
    """Make a timer of the process's work; ``None`` where there can be none."""
    try:
        import ctypes  # noqa: PLC0415 - not every Python has it

        library = ctypes.CDLL(None)

        class Event(ctypes.Structure):
            _fields_ = (
                ("value", ctypes.c_void_p),
                ("signal", ctypes.c_int),
                ("how", ctypes.c_int),
                ("rest", ctypes.c_byte * 48),
            )

        class Spec(ctypes.Structure):
            _fields_ = tuple(
                (name, ctypes.c_long) for name in ("every", "every_ns", "after", "after_ns")
            )

        library.signal.argtypes = (ctypes.c_int, ctypes.c_void_p)
        library.signal.restype = ctypes.c_void_p
        ident = ctypes.c_void_p()
        event = Event(signal=signal.SIGHUP)
        clock = time.CLOCK_PROCESS_CPUTIME_ID
        if library.timer_create(clock, ctypes.byref(event), ctypes.byref(ident)):
            return None
    except (ImportError, AttributeError):
        return None
    return library, ident, Spec


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
