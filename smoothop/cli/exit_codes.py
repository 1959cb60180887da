"""What the exit code of the command says."""

from __future__ import annotations

from enum import IntEnum

from smoothop.control.errors import ControlRefusedError, OperatorNotRunningError
from smoothop.errors import ConfigError, PluginLoadError, WorkerNotFoundError


class ExitCode(IntEnum):
    """Exit codes; a clean stop after SIGTERM or SIGINT is `OK`, too."""

    OK = 0
    FAILED = 1
    """An operation failed, a critical worker failed, or no worker was left to run."""
    USAGE = 2
    """Wrong usage or configuration."""
    NOT_RUNNING = 3
    """No such operator or worker runs."""
    REFUSED = 5
    """The operator refuses: no valid token, another user, or it is read-only."""
    ABANDONED = 6
    """The grace time ran out, or was ended by signals, and work was abandoned."""
    PLUGIN = 7
    """A plugin could not be loaded."""


_CODES = (
    (PluginLoadError, ExitCode.PLUGIN),
    (ConfigError, ExitCode.USAGE),
    (OperatorNotRunningError, ExitCode.NOT_RUNNING),
    (WorkerNotFoundError, ExitCode.NOT_RUNNING),
    (ControlRefusedError, ExitCode.REFUSED),
)


def exit_code_of(error: Exception) -> ExitCode:
    """Return the exit code of a command that an error has ended."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), ExitCode.FAILED)
