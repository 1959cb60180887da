"""The typer application: the global flags, and the commands by name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from smoothop.assembly import resolve
from smoothop.assembly.resolve import Resolved
from smoothop.cli.main import command_of
from smoothop.cli.signals import SignalLadder
from smoothop.plugins.registry import Registry

COMMANDS = ("list", "run", "inspect", "config", "version")
"""Each is a module of `smoothop.cli.commands` with a function ``command``."""


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
        return Registry.discover(disable=resolved.disabled_in_file, no_plugins=self.no_plugins)


def run_command(arguments: Sequence[str], ladder: SignalLadder) -> None:
    """Run the command that the arguments name.

    Only that command's module is imported. The others, and plugins that add commands, are needed
    only when it is none of ours: to find it, or to list all.
    """
    app = typer.Typer(
        name="smoothop",
        help="Supervised background workers, extended by pip install.",
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        no_args_is_help=True,
    )
    app.callback()(_global_flags)
    invocation = Invocation(ladder)
    asked = command_of(arguments)
    for name in (asked,) if asked in COMMANDS else COMMANDS:
        app.command(name)(import_module(f"smoothop.cli.commands.{name}").command)
    app(args=list(arguments), prog_name="smoothop", obj=invocation)


def _global_flags(
    context: typer.Context,
    no_plugins: Annotated[
        bool, typer.Option("--no-plugins", help="Import no hook plugin (also SMOOTHOP_NO_PLUGINS).")
    ] = False,
) -> None:
    context.obj.no_plugins = no_plugins
