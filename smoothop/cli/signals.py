"""The ladder of SIGINT and SIGTERM: stop, end the grace time, exit at once.

A thread of its own reads the signals from a pipe (`smoothop.cli.wakeup`). So they are acted on
whatever the main thread does: import a plugin that hangs, wait for a lock, or stop workers. Only
code that keeps the interpreter's lock, inside a C extension, keeps the ladder from working; see
`smoothop.cli.last_resort`.
"""

from __future__ import annotations

import atexit
import os
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Final, NoReturn

from smoothop.cli import last_resort
from smoothop.cli.exit_codes import ExitCode
from smoothop.cli.outlet import Outlet
from smoothop.cli.terminal import escape
from smoothop.cli.wakeup import STOP_SIGNALS, Wakeup, give_back, ignore_stop_signals

DEFAULT_GRACE: Final = 25.0

# After the grace time, all within one second:
_GIVE_UP = 0.6
"""Seconds in which the main thread reports and leaves by itself."""
_LAST_WORDS = 0.15
"""Seconds that the last messages may take to be written, after that."""
_LAST_RESORT = 0.85
"""Seconds after which the process ends even if none of its Python threads can run."""

_WAS_SUSPENDED = (
    "SIGCONT: the process was suspended and goes on; no handler is to blame for that time, "
    "nor for the stacks after 'Timeout' if they stand above"
)

Announce = Callable[[str], None]


class SignalLadder:
    """What SIGINT and SIGTERM do from `climb` on.

    The first asks for a stop, the second ends the grace time, the third ends the process. A stop
    that takes longer than the grace time and 0.6 s ends the process as well, whatever it waits
    for: a worker, a plugin's import, or a thread that some library has left behind.

    Attributes:
        stop_requested: set by the first signal or by `begin_stop`.
        grace_ended: set by the second signal.
        outlet: where all messages and log lines go, so that a stderr that nobody reads keeps the
            process from nothing.
        announce: how messages are put there; called on the ladder's thread.
    """

    def __init__(self) -> None:
        self.stop_requested = threading.Event()
        self.grace_ended = threading.Event()
        self.outlet = Outlet()
        self.announce: Announce = self._say
        self._lock = threading.Lock()
        self._grace = DEFAULT_GRACE
        self._received = 0
        self._asked_at: float | None = None
        self._give_up_at: float | None = None

    def climb(self, wakeup: Wakeup) -> None:
        """Act on the signals that come, and on those that came; call it once, on the main thread.

        It holds until the interpreter has nothing left to do: threads that some library has left
        behind and functions of `atexit` are under it, too.
        """
        self._wakeup = wakeup
        threading.Thread(target=self._climb, name="smoothop-signals", daemon=True).start()
        atexit.register(self._finish)  # the first to be registered is the last to be called

    def restore(self) -> list[str]:
        """Take over both signals again; return the names of those that somebody has taken away."""
        return self._wakeup.take_over()

    @property
    def grace(self) -> float:
        """Seconds from the request to stop to the end of the grace time; may be set at any time."""
        return self._grace

    @grace.setter
    def grace(self, seconds: float) -> None:
        with self._lock:
            self._grace = seconds
            if self._asked_at is not None and not self.grace_ended.is_set():
                self._end_at(self._asked_at + seconds)
        self._wakeup.write()  # the thread must learn of the deadline

    def begin_stop(self) -> None:
        """Ask for a stop without a signal; the grace time begins."""
        self._start_grace()
        self._wakeup.write()  # the thread must learn of the deadline

    def leave(self, code: int) -> NoReturn:
        """End the process without waiting for threads that would not end."""
        self.outlet.flush(_LAST_WORDS)
        os._exit(code)

    def _finish(self) -> None:
        self.outlet.close(_LAST_WORDS)
        # From here on the interpreter lets no thread but this one run, so nobody climbs any more.
        if self.stop_requested.is_set():
            ignore_stop_signals()  # the last resort is there
        else:
            give_back()

    def _start_grace(self) -> None:
        with self._lock:
            if self._asked_at is None:
                self._asked_at = time.monotonic()
                self._end_at(self._asked_at + self._grace)
        self.stop_requested.set()

    def _end_grace(self) -> None:
        with self._lock:
            self._end_at(min(time.monotonic(), (self._asked_at or 0) + self._grace))
            self.grace_ended.set()

    def _end_at(self, moment: float) -> None:
        """Have the process ended that soon after the grace time, which ends at this moment."""
        self._give_up_at = moment + _GIVE_UP
        last_resort.arm(moment + _LAST_RESORT - time.monotonic())

    def _climb(self) -> None:
        while True:
            limit = self._give_up_at
            left = None if limit is None else max(0.0, limit - time.monotonic())
            ready, _, _ = select.select([self._wakeup.reader], [], [], left)
            if not ready:
                self._give_up()
            for number in os.read(self._wakeup.reader, 64):
                if number in STOP_SIGNALS:
                    self._received += 1
                    self._step(signal.Signals(number).name)
                elif number == signal.SIGCONT and last_resort.has_just_told():
                    self.announce(_WAS_SUSPENDED)

    def _step(self, name: str) -> None:
        if self._received == 1:
            self.announce(
                f"{name}: stopping, for at most {self.grace:g} s; "
                "a second signal ends this grace time"
            )
            self._start_grace()
        elif self._received == 2:
            self.announce(f"{name}: the grace time is over; a third signal exits at once")
            self._end_grace()
        else:
            self._exit(f"{name}: exiting at once")

    def _give_up(self) -> NoReturn:
        self._exit(f"the grace time is over, but the main thread stands at {_main_thread_line()}")

    def _exit(self, text: str) -> NoReturn:
        self.announce(text)
        self.leave(ExitCode.ABANDONED)

    def _say(self, text: str) -> None:
        self.outlet.put(f"smoothop: {escape(text)}", always=True)


def _main_thread_line() -> str:
    frame = sys._current_frames().get(threading.main_thread().ident or 0)  # noqa: SLF001 - documented
    if frame is None:
        return "its end"
    place = traceback.extract_stack(frame)[-1]
    return f"{place.filename}:{place.lineno} in {place.name}"
