"""The entry point of the command ``smoothop``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from smoothop.cli.exit_codes import ExitCode
from smoothop.cli.signals import SignalLadder
from smoothop.cli.terminal import say
from smoothop.errors import ConfigError, PluginLoadError, SmoothopError


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

    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # foreign text on any terminal
    try:
        run_command(given, ladder)
    except SmoothopError as error:
        say(*f"smoothop: {error}".split("\n"))
        return exit_code(error)
    return ExitCode.OK


def command_of(arguments: Sequence[str]) -> str | None:
    """Return the command among the arguments; all options before it are flags without a value."""
    return next((word for word in arguments if not word.startswith("-")), None)


def exit_code(error: SmoothopError) -> ExitCode:
    """Return the exit code that an error stands for."""
    if isinstance(error, PluginLoadError) or getattr(error, "are_load_failures", False):
        return ExitCode.PLUGIN
    return ExitCode.USAGE if isinstance(error, ConfigError) else ExitCode.FAILED
