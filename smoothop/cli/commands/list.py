"""``smoothop list``."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import asdict
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer

from smoothop.assembly.problems import ProblemsError
from smoothop.cli.exit_codes import ExitCode
from smoothop.cli.options import AsJson, ConfigOption
from smoothop.cli.problems import remark_slow_import
from smoothop.cli.terminal import plugins_print_to_stderr, say, show, show_json, table
from smoothop.errors import PluginLoadError

if TYPE_CHECKING:
    from smoothop.plugins.info import HandlerInfo
    from smoothop.plugins.registry import Registry

_KEYS = ("name", "target", "distribution", "version", "state", "error")


def command(
    context: typer.Context,
    as_json: AsJson = False,
    check: Annotated[bool, typer.Option("--check", help="Import each handler.")] = False,
    config: ConfigOption = None,
) -> None:
    """Show the installed handlers; imports none without --check."""
    resolved = context.obj.resolve(config)
    registry = context.obj.discover(resolved)
    times = _load_all(registry) if check else {}
    handlers = registry.handlers
    if as_json:
        show_json([_record(info) for info in handlers])
    else:
        _show_table(handlers, times)
    if check and any(info.state == "broken" for info in handlers):
        raise typer.Exit(ExitCode.PLUGIN)
    # The list is there all the same, but what is switched off may not be what was meant.
    if resolved.problems:
        raise ProblemsError(resolved.problems)


def _load_all(registry: Registry) -> dict[str, float]:
    """Import each handler in turn; return the seconds each took, by reference."""
    times: dict[str, float] = {}
    # Those that were discovered come first: a module of both kinds takes its time only once.
    _load_further(registry, times)
    with plugins_print_to_stderr():
        registry.load_plugins()  # they may add handlers
    _load_further(registry, times)
    return times


def _load_further(registry: Registry, times: dict[str, float]) -> None:
    """Import those that have no time in `times` yet, and put it there."""
    for info in registry.handlers:
        if info.state != "disabled" and info.reference not in times:
            with suppress(PluginLoadError), plugins_print_to_stderr():  # kept in `handlers`
                began = perf_counter()
                try:
                    registry.load(info.reference)
                finally:
                    times[info.reference] = perf_counter() - began
                    remark_slow_import(info.label, times[info.reference])


def _record(info: HandlerInfo) -> dict[str, str | None]:
    known = asdict(info)
    return {key: known[key] for key in _KEYS}


def _show_table(handlers: tuple[HandlerInfo, ...], times: dict[str, float]) -> None:
    if not handlers:
        say(
            f"No handler is installed in {sys.prefix}.",
            "Install a package that brings one (entry-point group smoothoperator.handlers).",
        )
        return
    rows: list[tuple[str, ...]] = [
        (info.name, info.state, info.distribution or "-", info.version or "-", info.target)
        for info in handlers
    ]
    heads: tuple[str, ...] = ("NAME", "STATE", "DISTRIBUTION", "VERSION", "TARGET")
    if times:
        heads = (*heads, "IMPORT")
        rows = [
            (*row, f"{times[info.reference] * 1000:.0f} ms" if info.reference in times else "-")
            for row, info in zip(rows, handlers, strict=True)
        ]
    show(*table(heads, rows))
    # Once, though each of those in conflict says it.
    say(*dict.fromkeys(f"{info.name}: {info.error}" for info in handlers if info.error))
