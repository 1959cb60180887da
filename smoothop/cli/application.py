"""The typer application: the global flags, the commands by name, and what errors end in."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer

from smoothop.assembly import resolve
from smoothop.assembly.problems import ProblemsError
from smoothop.assembly.resolve import Resolved
from smoothop.cli.completion import words_to_complete
from smoothop.cli.exit_codes import ExitCode, exit_code_of
from smoothop.cli.main import command_of
from smoothop.cli.problems import tell_problems
from smoothop.cli.signals import SignalLadder
from smoothop.cli.terminal import deliver_stdout, plugins_print_to_stderr, say
from smoothop.errors import SmoothopError
from smoothop.plugins.registry import Registry

COMMANDS = (
    "list",
    "run",
    "ps",
    "inspect",
    "start",
    "stop",
    "restart",
    "pause",
    "resume",
    "scale",
    "send",
    "events",
    "stacks",
    "health",
    "plugins",
    "config",
    "new",
    "systemd-unit",
    "version",
)
"""Each is a module of `smoothop.cli.commands` with a function ``command``.

What typer must know about the command besides is the module's ``CONTEXT_SETTINGS``.
"""


@dataclass(slots=True)
class Invocation:
    """What every command gets as ``context.obj``.

    Attributes:
        ladder: the signals; installed for `smoothop run` only.
        no_plugins: whether hook plugins stay unimported.
    """

    ladder: SignalLadder
    no_plugins: bool = False

    def resolve(self, config: str | None, **flags: object) -> Resolved:
        """Resolve the configuration from the flags given, the environment and the file."""
        return resolve.load(Path(), os.environ, config=config, flags=flags)

    def discover(self, resolved: Resolved) -> Registry:
        """Find what is installed; import nothing of it."""
        return Registry.discover(
            disable=resolved.disabled_in_file,
            no_plugins=self.no_plugins,
            max_failures=resolved.plugins["max_failures"].value,
        )


def run_command(arguments: Sequence[str], ladder: SignalLadder) -> int:
    """Run the command that the arguments name and return its exit code.

    Raises:
        SystemExit: by typer, with the exit code, which is 2 for wrong usage.
    """
    try:
        return _run(arguments, ladder)
    finally:
        if command_of(arguments) != "run":  # what its handlers print is not its own outcome
            deliver_stdout()


def _run(arguments: Sequence[str], ladder: SignalLadder) -> int:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # foreign text on any terminal
    try:
        _application(arguments)(args=list(arguments), prog_name="smoothop", obj=Invocation(ladder))
    except ProblemsError as error:
        return tell_problems(error.problems)
    except (SmoothopError, TimeoutError) as error:
        say(*f"smoothop: {error}".split("\n"))
        return exit_code_of(error)
    return ExitCode.OK


def _application(arguments: Sequence[str]) -> typer.Typer:
    """Return the application with the command that is asked for.

    Only that command's module is imported. The others, and the plugins that may add commands, are
    needed only when it is none of ours: to find it, or to list all.
    """
    app = typer.Typer(
        name="smoothop",
        help="Supervised background workers, extended by pip install.",
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        no_args_is_help=True,
    )
    app.callback()(_global_flags)
    completed = words_to_complete(os.environ)
    asked = command_of(arguments if completed is None else completed)
    for name in (asked,) if asked in COMMANDS else COMMANDS:
        module = module_of(name)
        app.command(name, context_settings=getattr(module, "CONTEXT_SETTINGS", None))(
            module.command
        )
    if asked not in COMMANDS and completed is None:  # a shell does not wait for plugins
        _add_commands_of_plugins(app, no_plugins="--no-plugins" in arguments)
    return app


def module_of(command: str) -> ModuleType:
    """Return the module of one of our commands."""
    return import_module(f"smoothop.cli.commands.{command.replace('-', '_')}")


def _add_commands_of_plugins(app: typer.Typer, *, no_plugins: bool) -> None:
    invocation = Invocation(SignalLadder(), no_plugins)
    with plugins_print_to_stderr():
        registry = invocation.discover(invocation.resolve(None))
        registry.call_hook("smoothop_cli", app=app)


def _global_flags(
    context: typer.Context,
    no_plugins: Annotated[
        bool, typer.Option("--no-plugins", help="Import no hook plugin (also SMOOTHOP_NO_PLUGINS).")
    ] = False,
) -> None:
    context.obj.no_plugins = no_plugins
