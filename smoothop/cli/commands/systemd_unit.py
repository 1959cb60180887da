"""``smoothop systemd-unit``."""

from __future__ import annotations

import os
import pwd
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smoothop.assembly.problems import ProblemsError
from smoothop.cli.problems import tell_warnings
from smoothop.cli.terminal import plugins_print_to_stderr, show
from smoothop.cli.unit import ServiceUnit

if TYPE_CHECKING:
    from smoothop.assembly.resolve import Resolved
    from smoothop.cli.application import Invocation

CONTEXT_SETTINGS = {"ignore_unknown_options": True}


def command(
    context: typer.Context,
    arguments: Annotated[
        list[str],
        typer.Argument(metavar="NAME... | --all [OPTIONS]", help='As for "smoothop run".'),
    ],
    user: Annotated[
        str | None,
        typer.Option(
            "--user",
            metavar="ACCOUNT",
            help="Whom the service runs as; default: you, or for root an account that systemd "
            "makes up.",
        ),
    ] = None,
) -> None:
    """Print a systemd unit that runs workers as a service.

    It is for "smoothop run" with these arguments, in this directory, and refuses what that would
    refuse before it imports a handler.
    """
    resolved = _checked(context.obj, arguments)
    unit = ServiceUnit(
        name=resolved.operator["name"].value,
        command=(*_program(), "run", *arguments),
        directory=Path.cwd(),
        user=user or _present_user(),
        grace=resolved.operator["grace"].value,
    )
    show(*unit.text().split("\n"))


def _checked(invocation: Invocation, arguments: list[str]) -> Resolved:
    """Return what "smoothop run" would make of the arguments; what is wrong is told as by it.

    Raises:
        ProblemsError: it would not begin.
    """
    from smoothop.cli.commands import run  # noqa: PLC0415 - it loads all that runs workers

    app = typer.Typer(add_completion=False)
    app.command("run")(run.command)
    parser = typer.main.get_command(app)
    given = parser.make_context("smoothop run", list(arguments)).params
    names, run_all, config = (given.pop(key) for key in ("names", "run_all", "config"))
    resolved = invocation.resolve(config, **run.flags_of(**given))
    tell_warnings(resolved.warnings)
    with plugins_print_to_stderr():
        plan = run.planned(names or [], run_all, resolved, invocation.discover(resolved))
    if plan.problems:
        raise ProblemsError(plan.problems)
    return resolved


def _program() -> tuple[str, ...]:
    script = Path(sys.executable).with_name("smoothop")
    if script.is_file():
        return (str(script),)
    return sys.executable, "-P", "-m", "smoothop"


def _present_user() -> str | None:
    return None if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
