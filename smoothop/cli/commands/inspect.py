"""``smoothop inspect``."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smoothop.assembly.describe import Tree, plain
from smoothop.assembly.handler_facts import describe_handler
from smoothop.assembly.problems import ProblemsError
from smoothop.cli.exit_codes import ExitCode
from smoothop.cli.live import live_lines
from smoothop.cli.options import AsJson, ConfigOption
from smoothop.cli.problems import tell_problems, tell_warnings
from smoothop.cli.reach import OperatorOption, TokenOption, UrlOption, client_for, worker_names
from smoothop.cli.terminal import plugins_print_to_stderr, say, show, show_json, table
from smoothop.cli.toml import toml_lines
from smoothop.control.errors import ControlError, OperatorNotRunningError
from smoothop.errors import ConfigError, WorkerNotFoundError
from smoothop.plugins.wording import did_you_mean

if TYPE_CHECKING:
    from smoothop.assembly.problems import Problem
    from smoothop.assembly.resolve import Resolved
    from smoothop.cli.application import Invocation
    from smoothop.control.clients.client import Client
    from smoothop.plugins.registry import Registry

_FACTS = ("name", "state", "error", "distribution", "version", "target", "kind", "runs", "summary")


def command(  # noqa: PLR0917 - typer makes options of them
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A handler, also as NAME@DISTRIBUTION, or a worker.",
            autocompletion=worker_names,
        ),
    ],
    as_json: AsJson = False,
    config: ConfigOption = None,
    operator: OperatorOption = None,
    url: UrlOption = None,
    token_file: TokenOption = None,
) -> None:
    """Show everything about one handler and its live worker.

    It imports the handler. Of the worker of that name in the running operator, if there is one,
    it shows what it does now and why, instead of the defaults; --json shows both.
    """
    invocation: Invocation = context.obj
    resolved = invocation.resolve(config)
    tell_warnings(resolved.warnings)
    client = client_for(context, operator, url, token_file)
    live = _live(client, name, is_required=bool(operator or url))
    with plugins_print_to_stderr():
        registry = invocation.discover(resolved)
        try:
            known, workers, problems = _described(name, live, resolved, registry)
        except ConfigError:
            if name in resolved.unsound_workers or not resolved.knows_workers:
                raise ProblemsError(resolved.problems) from None
            raise
    if as_json:
        show_json({**known, "workers": plain(workers), "live": live})
    elif live is None:
        _show(known)
        _show_all(known, workers)
    else:  # on one screen: of the configuration only what is in force and no default
        _show(known)
        show("", *live_lines(live))
    tell_problems((*resolved.problems, *problems))
    if known["state"] == "broken":
        raise typer.Exit(ExitCode.PLUGIN)


def _live(client: Client, name: str, *, is_required: bool) -> dict[str, Any] | None:
    """Return what the running operator tells about its worker of that name.

    Raises:
        OperatorNotRunningError: nobody answers, though an operator was asked for.
    """
    try:
        return {"operator": asdict(client.operator()), **asdict(client.worker(name))}
    except OperatorNotRunningError:
        if is_required:
            raise
    except WorkerNotFoundError:
        pass
    except (ControlError, TimeoutError) as error:
        say(f"smoothop: nothing is known of the running operator: {error}")
    return None


def _described(
    name: str, live: dict[str, Any] | None, resolved: Resolved, registry: Registry
) -> tuple[dict[str, Any], Tree, list[Problem]]:
    """Describe the handler of the live worker of that name, else of the configured one, or itself.

    Raises:
        ConfigError: nothing has this name.
    """
    if live is not None and live["handler"]:
        with suppress(ConfigError):  # it is not installed here
            return describe_handler(_reference(live["handler"]), resolved, registry)
    worker = resolved.workers.get(name)
    if worker is not None:
        return describe_handler(worker.handler.value, resolved, registry)
    try:
        return describe_handler(name, resolved, registry)
    except ConfigError as error:
        if live is None:
            hint = did_you_mean(name, resolved.workers)
            what = f"nor is there such a worker, configured or in a running operator{hint}"
            raise ConfigError(f"{error}; {what}") from None
        known = dict.fromkeys((*_FACTS, "config")) | (live["handler"] or {})
        return known | {"name": name, "settings": []}, {}, []


def _reference(handler: dict[str, Any]) -> str:
    name, distribution = handler["name"], handler["distribution"]
    return f"{name}@{distribution}" if distribution else str(name)


def _show(known: dict[str, Any]) -> None:
    for fact in _FACTS:
        if known[fact] is not None:
            show(f"{fact + ':':13} {known[fact]}")


def _show_all(known: dict[str, Any], workers: Tree) -> None:
    if known.get("settings"):
        show("", "settings:")
        rows = [_row(setting) for setting in known["settings"]]
        show(*(f"  {line}" for line in table(("NAME", "TYPE", "DEFAULT", ""), rows)))
    if known.get("config") is not None:
        show("", "config:", *(f"  {key} = {value}" for key, value in known["config"].items()))
    if workers:
        show("", *toml_lines({"workers": workers}, show_origin=True))


def _row(setting: dict[str, Any]) -> tuple[str, ...]:
    default = "required" if setting["required"] else repr(setting["default"])
    return setting["name"], setting["type"], default, setting["description"] or ""
