"""The ladder of SIGINT and SIGTERM: stop, end the grace time, exit at once.

A thread of its own reads the signals from the interpreter's wakeup pipe. So they are acted on
whatever the main thread does: import a plugin that hangs, wait for a lock, or stop workers. Only
code that keeps the GIL, inside a C extension, keeps the ladder from working.

The thread acts first and speaks second, and another thread does the speaking: a stderr that
nobody reads must not keep the process from ending.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from types import FrameType
from typing import Final

from smoothop.cli.exit_codes import ExitCode
from smoothop.cli.terminal import say

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
DEFAULT_GRACE: Final = 25.0

_LAST_RESORT = 0.75
"""Seconds after the grace time in which the main thread reports and leaves by itself."""
_LAST_WORDS = 0.2
"""Seconds that a message may take when the process is about to end."""

Announce = Callable[[str], None]


class SignalLadder:
    """What SIGINT and SIGTERM do from `install` on.

    The first asks for a stop, the second ends the grace time, the third ends the process. A stop
    that takes longer than the grace time and 0.75 s ends the process as well, whatever it waits
    for: a worker, a plugin's import, or a thread that some library has left behind.

    Attributes:
        stop_requested: set by the first signal or by `begin_stop`.
        grace_ended: set by the second signal.
        grace: seconds from the request to the end of the grace time.
        announce: how messages are shown; called on a thread of the ladder's own.
    """

    def __init__(self) -> None:
        self.stop_requested = threading.Event()
        self.grace_ended = threading.Event()
        self.grace = DEFAULT_GRACE
        self.announce: Announce = lambda text: say(f"smoothop: {text}")
        self._messages: SimpleQueue[tuple[str, threading.Event]] = SimpleQueue()
        self._received = 0
        self._last_resort: float | None = None
        self._reader, self._writer = -1, -1

    def install(self) -> None:
        """Take over both signals; call it once, on the main thread."""
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        self.restore()
        for target in (self._climb, self._speak):
            threading.Thread(target=target, name=f"smoothop{target.__name__}", daemon=True).start()

    def restore(self) -> list[str]:
        """Take over both signals again; return the names of those that somebody has taken away."""
        taken = [
            number.name
            for number in STOP_SIGNALS
            if signal.signal(number, _leave_it_to_the_thread) is not _leave_it_to_the_thread
        ]
        if signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False) != self._writer:
            taken = taken or ["the wakeup descriptor"]
        return taken

    def begin_stop(self) -> None:
        """Ask for a stop without a signal; the grace time begins."""
        self._start_grace()
        with suppress(BlockingIOError):  # full of signals: the thread is about to wake anyway
            os.write(self._writer, b"\0")  # the thread must learn of the deadline

    def say(self, text: str) -> threading.Event:
        """Have a message shown; the event says that it was."""
        shown = threading.Event()
        self._messages.put((text, shown))
        return shown

    def finish(self) -> None:
        """Let the last message be shown, before the interpreter ends.

        An interpreter that ends while a thread is stuck in a write to stderr aborts, so if that
        takes too long the process ends here.
        """
        if self._writer != -1 and not self.say("").wait(_LAST_WORDS):
            os._exit(ExitCode.ABANDONED)

    def _start_grace(self) -> None:
        if self._last_resort is None:
            self._last_resort = time.monotonic() + self.grace + _LAST_RESORT
        self.stop_requested.set()

    def _climb(self) -> None:
        while True:
            limit = self._last_resort
            left = None if limit is None else max(0.0, limit - time.monotonic())
            ready, _, _ = select.select([self._reader], [], [], left)
            if not ready:
                self._give_up()
            for number in os.read(self._reader, 64):
                if number in STOP_SIGNALS:
                    self._received += 1
                    self._step(signal.Signals(number).name)

    def _step(self, name: str) -> None:
        if self._received == 1:
            self._start_grace()
            self.say(
                f"{name}: stopping, for at most {self.grace:g} s; "
                "a second signal ends this grace time"
            )
        elif self._received == 2:
            self._last_resort = time.monotonic() + _LAST_RESORT
            self.grace_ended.set()
            self.say(f"{name}: the grace time is over; a third signal exits at once")
        else:
            self._exit(f"{name}: exiting at once")

    def _give_up(self) -> None:
        self._exit(f"the grace time is over, but the main thread stands at {_main_thread_line()}")

    def _exit(self, text: str) -> None:
        self.say(text).wait(_LAST_WORDS)
        os._exit(ExitCode.ABANDONED)

    def _speak(self) -> None:
        while True:
            text, shown = self._messages.get()
            # A stderr that is closed raises: there is nobody left to tell, but more to do.
            with suppress(Exception):
                if text:
                    self.announce(text)
            shown.set()


def _leave_it_to_the_thread(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: that there is a handler makes the interpreter write to the wakeup pipe."""


def _main_thread_line() -> str:
    frame = sys._current_frames().get(threading.main_thread().ident or 0)  # noqa: SLF001 - documented
    if frame is None:
        return "its end"
    place = traceback.extract_stack(frame)[-1]
    return f"{place.filename}:{place.lineno} in {place.name}"
