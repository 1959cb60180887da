"""The pipe that says which signals came; the first thing of ``smoothop run``.

From `Wakeup.take_over` on, SIGINT and SIGTERM do not end the process any more. The interpreter
writes their numbers into the pipe, where they wait until the ladder (`smoothop.cli.signals`) reads
them. So this module imports nothing that takes time; what comes before it cannot be helped.
"""

from __future__ import annotations

import os
import signal

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Wakeup:
    """A pipe into which the interpreter writes the number of each signal.

    Attributes:
        reader: the descriptor to read the numbers from.
    """

    def __init__(self) -> None:
        self.reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        os.register_at_fork(after_in_child=give_back)  # the pipe is not the child's

    def take_over(self) -> list[str]:
        """Take over both signals; return the names of those that were not ours (any more).

        Only the main thread may.
        """
        taken = [
            number.name
            for number in STOP_SIGNALS
            if signal.signal(number, _leave_it_to_the_pipe) is not _leave_it_to_the_pipe
        ]
        # The process goes on in any case; the ladder wants to know. A plugin may want it more.
        if signal.getsignal(signal.SIGCONT) is signal.SIG_DFL:
            signal.signal(signal.SIGCONT, _leave_it_to_the_pipe)
        if signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False) != self._writer:
            taken = taken or ["the wakeup descriptor"]
        return taken

    def write(self) -> None:
        """Wake the reader without a signal."""
        try:
            os.write(self._writer, b"\0")
        except BlockingIOError:  # full of signals: the reader is about to wake anyway
            pass


def give_back() -> None:
    """Let the signals do what they do in any Python process."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if signal.getsignal(signal.SIGCONT) is _leave_it_to_the_pipe:
        signal.signal(signal.SIGCONT, signal.SIG_DFL)


def ignore_stop_signals() -> None:
    """Let a signal that comes when all is done change nothing.

    The interpreter gives signals that have a handler back to the system on its way out, and leaves
    alone those that are ignored.
    """
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _leave_it_to_the_pipe(*_: object) -> None:
    """Do nothing: that there is a handler makes the interpreter write to the pipe."""
