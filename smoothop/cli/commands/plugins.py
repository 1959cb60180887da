"""``smoothop plugins``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import typer

from smoothop.assembly.disabled import slips
from smoothop.assembly.problems import ProblemsError
from smoothop.cli.exit_codes import ExitCode
from smoothop.cli.options import AsJson, ConfigOption
from smoothop.cli.problems import remark_slow_import, tell_warnings
from smoothop.cli.terminal import plugins_print_to_stderr, say, show, show_json, table

if TYPE_CHECKING:
    from smoothop.plugins.info import PluginInfo

_HEADINGS = ("NAME", "STATE", "DISTRIBUTION", "VERSION", "FAILURES", "HOOKS")
_PREFIX = "smoothop_"


def command(context: typer.Context, as_json: AsJson = False, config: ConfigOption = None) -> None:
    """Show the hook plugins and their hooks; imports them."""
    resolved = context.obj.resolve(config)
    registry = context.obj.discover(resolved)
    with plugins_print_to_stderr():
        registry.load_plugins()
    tell_warnings(slips(resolved, registry))
    plugins = registry.plugins
    if as_json:
        show_json([_record(info) for info in plugins])
    else:
        _show_table(plugins)
    for info in plugins:
        remark_slow_import(info.label, info.import_seconds or 0)
    if any(info.state == "broken" for info in plugins):
        raise typer.Exit(ExitCode.PLUGIN)
    # They are shown all the same, but what is switched off may not be what was meant.
    if resolved.problems:
        raise ProblemsError(resolved.problems)


def _record(info: PluginInfo) -> dict[str, Any]:
    return {
        "name": info.name,
        "target": info.target,
        "distribution": info.distribution,
        "version": info.version,
        "state": info.state,
        "error": info.error,
        "hooks": list(info.hooks),
        "failures": dict(info.failures),
        "dropped": info.dropped,
        "import_seconds": info.import_seconds,
    }


def _show_table(plugins: tuple[PluginInfo, ...]) -> None:
    if not plugins:
        say(
            f"No hook plugin is installed in {sys.prefix}.",
            "Install a package that brings one (entry-point group smoothoperator.plugins).",
        )
        return
    show(*table(_HEADINGS, map(_row, plugins)))
    say(*(f"{info.name}: {info.error}" for info in plugins if info.error))


def _row(info: PluginInfo) -> tuple[str, ...]:
    hooks = ", ".join(hook.removeprefix(_PREFIX) for hook in info.hooks)
    failures = str(sum(info.failures.values()))
    return info.name, info.state, info.distribution or "-", info.version or "-", failures, hooks
