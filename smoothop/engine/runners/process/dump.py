"""`Dump`: where a child stands that does not say so itself: it writes that when it gets a signal.

The handler of the signal is `faulthandler`'s, in C: it writes even while some code keeps the
child's interpreter to itself. It writes where the thread stands that the signal has come to, and
the system gives it to the main thread, where the handler lives. What any other one writes is not
used.
"""

from __future__ import annotations

import os
import re
import select
import signal
from collections.abc import Callable
from threading import Lock
from traceback import FrameSummary, format_list
from typing import Final

SIGNAL: Final = signal.SIGRTMAX - 1 if hasattr(signal, "SIGRTMAX") else None
"""One that hardly anybody uses; ``None``: the system has none to spare, and no dump."""

PATIENCE: Final = 0.2
"""Seconds that a dump may make pause."""

_MOST: Final = 131_072
_PIECE: Final = 65_536
_FRAME: Final = re.compile(r'^  File "(.*)", line (\d+) in (.*)$', re.MULTILINE)
_WHOLE: Final = re.compile(r' in main\n  File "<string>", line 1 in <module>\n\Z|\n  \.\.\.\n\Z')
"""Its end: the outermost calls of a child's main thread, or too many calls to show them all."""


class Dump:
    """The pipe in which a child writes where it stands; from any thread.

    Attributes:
        horn: the child's end, which is never waited for; who starts the child closes it here.
    """

    def __init__(self) -> None:
        """Make it.

        Raises:
            OSError: the system gives no further descriptor.
        """
        self._ear, self.horn = os.pipe()
        os.set_blocking(self._ear, False)
        os.set_blocking(self.horn, False)
        self._lock = Lock()
        self._is_open = True

    def ask(self, pid: int, send: Callable[[int], None]) -> str:
        """Return where the main thread of a child stands, as a traceback's text; empty: unknown.

        Args:
            pid: the child.
            send: sends it a signal.
        """
        with self._lock:
            if not self._is_open or SIGNAL is None or not _catches(pid, SIGNAL):
                return ""
            if not self._forget():
                return ""
            send(SIGNAL)
            return _turned(self._read())

    def close(self) -> None:
        """Give this end back."""
        with self._lock:
            self._is_open = False
            os.close(self._ear)

    def _forget(self) -> bool:
        """Drop what came too late for who had asked; tell whether the child has its end yet."""
        try:
            while os.read(self._ear, _PIECE):
                pass
        except BlockingIOError:
            return True
        return False

    def _read(self) -> str:
        poll, text = select.poll(), ""
        poll.register(self._ear, select.POLLIN)
        while len(text) < _MOST and poll.poll(PATIENCE * 1000):
            piece = os.read(self._ear, _PIECE)
            text += piece.decode(errors="backslashreplace")
            if _WHOLE.search(text):
                return text
            if not piece:
                break
        return ""


def _turned(dump: str) -> str:
    """Return a dump like any other stack: the innermost call last, with the lines of the code."""
    calls = [FrameSummary(file, int(line), name) for file, line, name in _FRAME.findall(dump)]
    return "".join(format_list(calls[::-1])).rstrip()


def _catches(pid: int, number: int) -> bool:
    """Tell whether the signal would not end the process, as far as the system says.

    It would end a child that has not begun yet, that has become another program, or whose handler
    has given every signal back to the system.
    """
    try:
        with open(f"/proc/{pid}/status") as file:  # noqa: PTH123 - a child would import pathlib
            status = file.read()
    except OSError:
        return False
    caught = re.search(r"^SigCgt:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return caught is not None and bool(int(caught[1], 16) >> (number - 1) & 1)
