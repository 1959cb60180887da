"""``smoothop inspect``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from smoothop.assembly.describe import Tree, plain
from smoothop.assembly.handler_facts import describe_handler
from smoothop.cli.exit_codes import ExitCode
from smoothop.cli.options import AsJson, ConfigOption
from smoothop.cli.problems import tell_problems, tell_warnings
from smoothop.cli.terminal import plugins_print_to_stderr, show, show_json, table
from smoothop.cli.toml import toml_lines

if TYPE_CHECKING:
    from smoothop.cli.application import Invocation

_FACTS = ("name", "state", "error", "distribution", "version", "target", "kind", "runs", "summary")


def command(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="A handler, also as NAME@DISTRIBUTION, or a worker of the file."
        ),
    ],
    as_json: AsJson = False,
    config: ConfigOption = None,
) -> None:
    """Show everything about one handler; imports it."""
    invocation: Invocation = context.obj
    resolved = invocation.resolve(config)
    tell_warnings(resolved.warnings)
    with plugins_print_to_stderr():
        registry = invocation.discover(resolved)
        worker = resolved.workers.get(name)
        reference = name if worker is None else worker.handler.value
        known, workers, problems = describe_handler(reference, resolved, registry)
    if as_json:
        show_json({**known, "workers": plain(workers)})
    else:
        _show(known, workers)
    tell_problems((*resolved.problems, *problems))
    if known["state"] == "broken":
        raise typer.Exit(ExitCode.PLUGIN)


def _show(known: dict[str, Any], workers: Tree) -> None:
    for fact in _FACTS:
        if known[fact] is not None:
            show(f"{fact + ':':13} {known[fact]}")
    if known["settings"]:
        show("", "settings:")
        rows = [_row(setting) for setting in known["settings"]]
        show(*(f"  {line}" for line in table(("NAME", "TYPE", "DEFAULT", ""), rows)))
    if known["config"] is not None:
        show("", "config:", *(f"  {key} = {value}" for key, value in known["config"].items()))
    if workers:
        show("", *toml_lines({"workers": workers}, show_origin=True))


def _row(setting: dict[str, Any]) -> tuple[str, ...]:
    default = "required" if setting["required"] else repr(setting["default"])
    return setting["name"], setting["type"], default, setting["description"] or ""
