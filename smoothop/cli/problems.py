"""How problems and warnings are told."""

from __future__ import annotations

from collections.abc import Iterable

from smoothop.assembly.problems import Problem, ProblemsError
from smoothop.cli.exit_codes import ExitCode
from smoothop.cli.terminal import say


def tell_warnings(warnings: Iterable[str]) -> None:
    """Print what is most likely a slip."""
    for warning in warnings:
        say(f"smoothop: warning: {warning}")


def tell_problems(problems: Iterable[Problem]) -> ExitCode:
    """Print all problems and return the exit code they stand for."""
    error = ProblemsError(problems)
    if not error.problems:
        return ExitCode.OK
    count = len(error.problems)
    say(f"smoothop: {count} problem{'s' if count > 1 else ''}")
    for problem in error.problems:
        say(*f"  {problem}".split("\n"))
    return ExitCode.PLUGIN if error.are_load_failures else ExitCode.USAGE
