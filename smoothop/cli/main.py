"""The entry point of the command ``smoothop``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from smoothop.cli.signals import SignalLadder


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; see `ExitCode`.

    Args:
        arguments: what stands after the program's name; default: ``sys.argv[1:]``.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    ladder = SignalLadder()
    if command_of(given) == "run":
        ladder.install()  # first of all: from here on a signal ends in a clean stop
    # The rest takes 100 ms to import, in which signals must be noticed already.
    from smoothop.cli.application import run_command  # noqa: PLC0415

    try:
        return run_command(given, ladder)
    finally:
        ladder.finish()


def command_of(arguments: Sequence[str]) -> str | None:
    """Return the command among the arguments; all options before it are flags without a value."""
    return next((word for word in arguments if not word.startswith("-")), None)
