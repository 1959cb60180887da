"""The entry point of the command ``smoothop``."""

from __future__ import annotations

import sys

from smoothop.cli.wakeup import Wakeup

TYPE_CHECKING = (
    False  # `typing` itself takes longer to import than all that comes before the signals
)
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; see `ExitCode`.

    Args:
        arguments: what stands after the program's name; default: ``sys.argv[1:]``.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    wakeup = Wakeup() if command_of(given) == "run" else None
    if wakeup:
        wakeup.take_over()
    # The rest takes 100 ms to import. Signals that come meanwhile wait for the ladder.
    from smoothop.cli.signals import SignalLadder  # noqa: PLC0415

    ladder = SignalLadder()
    if wakeup:
        ladder.climb(wakeup)
    from smoothop.cli.application import run_command  # noqa: PLC0415

    return run_command(given, ladder)


def command_of(arguments: Sequence[str]) -> str | None:
    """Return the command among the arguments; all options before it are flags without a value."""
    return next((word for word in arguments if not word.startswith("-")), None)
