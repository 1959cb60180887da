"""Real child processes that are read as they run: on a pseudo-terminal or on pipes.

Nothing here sleeps or polls: every wait is for bytes or for the process's end, with a deadline.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

DEADLINE = 30.0

# Makes the terminal the controlling one, so that Ctrl-C means SIGINT, then becomes the command.
_TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)


class Child:
    """A running child process; use it as a context manager, so that it never outlives the test.

    Attributes:
        text: everything it has written so far, to the terminal or to stderr.
    """

    def __init__(self, process: subprocess.Popen[bytes], reader: int) -> None:
        self.process = process
        self.text = ""
        self._reader = reader

    @classmethod
    def on_terminal(
        cls, command: Sequence[str], *, cwd: Path, variables: Mapping[str, str]
    ) -> Child:
        """Start a command with stdin, stdout and stderr on a new pseudo-terminal."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
        settings = termios.tcgetattr(theirs)
        settings[3] |= termios.NOFLSH  # Ctrl-C throws away no output that is not read yet
        termios.tcsetattr(theirs, termios.TCSANOW, settings)
        process = subprocess.Popen(
            [sys.executable, "-c", _TAKE_TERMINAL, *command],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            cwd=cwd,
            env=dict(variables),
        )
        os.close(theirs)
        return cls(process, ours)

    @classmethod
    def on_pipe(
        cls,
        command: Sequence[str],
        *,
        cwd: Path,
        variables: Mapping[str, str],
        is_full: bool = False,
    ) -> Child:
        """Start a command with stderr on a pipe and nothing on stdin and stdout.

        If the pipe `is_full`, the first thing the command writes to it blocks.
        """
        ours, theirs = os.pipe()
        if is_full:
            _fill(theirs)
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=theirs,
            start_new_session=True,
            cwd=cwd,
            env=dict(variables),
        )
        os.close(theirs)
        return cls(process, ours)

    def read_until(self, wanted: str) -> str:
        """Read until `wanted` has been written; return everything written so far."""
        deadline = time.monotonic() + DEADLINE
        while wanted not in self.text:
            if not self._read_more(deadline):
                raise AssertionError(f"{wanted!r} never came; all that came:\n{self.text}")
        return self.text

    def press(self, keys: str) -> None:
        """Type on the terminal."""
        os.write(self._reader, keys.encode())

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        self.process.send_signal(number)

    def hold(self, seconds: float) -> None:
        """Suspend the process for that time, in which it says nothing."""
        self.send(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)
        while select.select([self._reader], [], [], 0)[0] and self._read_more(time.monotonic() + 1):
            pass  # what it has said before
        assert not select.select([self._reader], [], [], seconds)[0]
        self.send(signal.SIGCONT)

    def wait(self) -> int:
        """Read to the end and return the exit code."""
        deadline = time.monotonic() + DEADLINE
        while self._read_more(deadline):
            pass
        return self.process.wait(max(0.1, deadline - time.monotonic()))

    def _read_more(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._reader], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise AssertionError(f"nothing came in time; all that came:\n{self.text}")
        try:
            some = os.read(self._reader, 65_536)
        except OSError:  # the other end of a terminal is closed
            return False
        self.text += some.decode(errors="replace").replace("\r\n", "\n")
        return bool(some)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._reader)


def _fill(writer: int) -> None:
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, b"." * 4096)
    os.set_blocking(writer, True)
