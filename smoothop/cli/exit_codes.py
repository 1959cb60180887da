"""What the exit code of the command says."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes; a clean stop after SIGTERM or SIGINT is `OK`, too."""

    OK = 0
    FAILED = 1
    """An operation failed, a critical worker failed, or no worker was left to run."""
    USAGE = 2
    """Wrong usage or configuration."""
    ABANDONED = 6
    """The grace time ran out, or was ended by signals, and work was abandoned."""
    PLUGIN = 7
    """A plugin could not be loaded."""
