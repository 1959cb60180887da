"""How a child process ended, in words; and the error that says so."""

from __future__ import annotations

import signal
from typing import Final

from smoothop.errors import SmoothopError

HAD_CLOSED: Final = "it had closed its connection to its parent"
"""Why one is killed that goes on without the parent."""


class ChildDiedError(SmoothopError):
    """A child process ended in the middle of what it was doing."""


def exit_text(pid: int, code: int | None) -> str:
    """Say how it ended: ``child process 1234 was killed by SIGKILL``.

    Args:
        pid: which one.
        code: its exit code, or the negative number of the signal that killed it; ``None``: unknown.
    """
    if code is None:
        return (
            f"child process {pid} has ended, and the system did not say how: SIGCHLD is ignored, "
            "or other code in this process has taken its exit code"
        )
    if code >= 0:
        return f"child process {pid} ended with exit code {code}"
    return f"child process {pid} was killed by {_signal_name(-code)}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal has a number only
        return f"signal {number}"
