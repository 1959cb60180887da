"""How problems and warnings are told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from smoothop.assembly.problems import Problem, ProblemsError
from smoothop.cli.exit_codes import ExitCode
from smoothop.cli.terminal import say

SLOW_IMPORT: Final = 0.2
"""Seconds that the import of a plugin should take at most."""


def tell_warnings(warnings: Iterable[str]) -> None:
    """Print what is most likely a slip."""
    for warning in warnings:
        say(f"smoothop: warning: {warning}")


def remark_slow_import(label: str, seconds: float) -> None:
    """Print how long an import took, if everybody who starts smoothop notices it."""
    if seconds > SLOW_IMPORT:
        say(
            f"{label}: its import takes {seconds:.1f} s, more than {SLOW_IMPORT:g} s; let it "
            "import what is expensive where it is used"
        )


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
