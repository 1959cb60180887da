"""Lines on their way to stderr: a slow disk, or a reader that does not read, keeps nobody."""

from __future__ import annotations

import os
import select
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

ROOM: Final = 4_000_000
"""Characters that wait at most: some ten thousand lines."""


class Outlet:
    """Writes lines to stderr in order, on a thread of its own.

    What finds no room is left out and counted, and so is what could not be written. The number is
    told in its place, as soon as lines can be written again. Every method may be called from any
    thread.

    Args:
        room: how many characters may wait.
        descriptor: where to write; default: what ``sys.stderr`` writes to.

    Attributes:
        tell_left_out: makes of the number the line that tells it.
    """

    def __init__(self, room: int = ROOM, descriptor: int | None = None) -> None:
        self.tell_left_out: Callable[[int], str] = "smoothop: {} lines were left out".format
        self._descriptor = _stderr() if descriptor is None else descriptor
        self._room = room
        # Reentrant, because a finalizer or a signal handler may log in the middle of `put`.
        self._changed = threading.Condition(threading.RLock())
        self._lines: deque[str] = deque()
        self._waiting = 0
        self._left_out = 0
        self._accepted = 0
        self._finished = 0
        self._is_closed = False
        self._thread: threading.Thread | None = None

    def put(self, line: str, *, always: bool = False) -> None:
        """Have a line written; this waits for nothing.

        Args:
            line: the line, or several, without the end of the last.
            always: whether it is taken even if there is no room. For lines that are few.
        """
        with self._changed:
            if self._is_closed:
                return
            if not always and self._waiting + len(line) > self._room:
                self._left_out += 1
                return
            self._tell_left_out()
            self._accept(line)
            if self._thread is None:
                self._begin()

    def flush(self, timeout: float) -> bool:
        """Wait until everything that was put before is written, at most `timeout` seconds."""
        with self._changed:
            last = self._accepted
            return self._changed.wait_for(lambda: self._finished >= last, timeout)

    def close(self, timeout: float) -> None:
        """Take no more lines, and wait at most `timeout` seconds until all are written."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._thread is None, timeout)

    def _begin(self) -> None:
        self._thread = threading.Thread(target=self._run, name="smoothop-stderr", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # there can be no more threads: the next line tries again
            self._thread = None

    def _accept(self, line: str) -> None:
        self._lines.append(line)
        self._waiting += len(line)
        self._accepted += 1
        self._changed.notify_all()

    def _tell_left_out(self) -> None:
        if self._left_out:
            count, self._left_out = self._left_out, 0
            self._accept(self.tell_left_out(count))

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._lines or self._is_closed)
                if not self._lines:
                    self._thread = None
                    self._changed.notify_all()
                    return
                lines = list(self._lines)
                self._lines.clear()
            unwritten = _write(self._descriptor, lines)
            with self._changed:
                # They take room until they are written: so `room` holds for all there is.
                self._waiting -= sum(map(len, lines))
                self._finished += len(lines)
                self._left_out += unwritten
                if not unwritten and not self._lines:
                    self._tell_left_out()
                self._changed.notify_all()


def _stderr() -> int | None:
    """Return the descriptor; ``None`` if there is no stderr, whose number another file may have."""
    try:
        return sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):
        return None


def _write(descriptor: int | None, lines: list[str]) -> int:
    """Write the lines and return how many could not be.

    By the system call, because a thread that stands in a write of ``sys.stderr`` holds a lock
    without which the interpreter cannot end.
    """
    if descriptor is None:
        return 0  # nobody is there to miss them
    encoded = [f"{line}\n".encode(errors="backslashreplace") for line in lines]
    left = memoryview(b"".join(encoded))
    while left:
        try:
            left = left[os.write(descriptor, left) :]
        except BlockingIOError:  # others may have made the terminal non-blocking
            select.select((), (descriptor,), ())
        except OSError:
            break
    return _last_of(encoded, len(left))


def _last_of(lines: list[bytes], size: int) -> int:
    """Return how many lines at the end have part in the last `size` bytes."""
    count = 0
    while size > 0:
        count += 1
        size -= len(lines[-count])
    return count
