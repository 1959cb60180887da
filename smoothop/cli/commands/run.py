"""``smoothop run``."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from smoothop.assembly.assemble import Assembly, assemble
from smoothop.assembly.disabled import slips
from smoothop.assembly.plan import Plan, plan_all, plan_hook_plugins, plan_named, runnable_names
from smoothop.assembly.problems import Problem, ProblemsError
from smoothop.assembly.versions import own_version
from smoothop.cli.control import start_control
from smoothop.cli.exit_codes import ExitCode
from smoothop.cli.logs import Lines
from smoothop.cli.notify import NotifySocket
from smoothop.cli.options import ConfigOption
from smoothop.cli.problems import tell_problems, tell_warnings
from smoothop.cli.reporter import StateReporter
from smoothop.cli.service import Service
from smoothop.cli.terminal import plugins_print_to_stderr
from smoothop.engine.operator import Operator

if TYPE_CHECKING:
    from smoothop.assembly.resolve import Resolved
    from smoothop.cli.application import Invocation
    from smoothop.cli.signals import SignalLadder
    from smoothop.plugins.registry import Registry

NOTHING = (
    "there is nothing to run: install a package that brings a handler (see 'smoothop list'), or "
    "write one (an entry point in the group smoothoperator.handlers)"
)


def command(  # noqa: PLR0917 - typer makes options of them
    context: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME...", help="Workers of the configuration file, or handlers."),
    ] = None,
    run_all: Annotated[
        bool,
        typer.Option("--all", help="All workers of the file; without any, all handlers."),
    ] = False,
    config: ConfigOption = None,
    name: Annotated[
        str | None, typer.Option("--name", help="The name of this operator; default: default.")
    ] = None,
    grace: Annotated[
        str | None,
        typer.Option(
            "--grace", metavar="DURATION", help="Time to stop in: seconds, 500ms, 2m; default: 25."
        ),
    ] = None,
    log_format: Annotated[
        str | None, typer.Option("--log-format", metavar="text|json", help="Default: text.")
    ] = None,
    log_level: Annotated[
        str | None,
        typer.Option(
            "--log-level",
            metavar="LEVEL",
            help="debug, info, warning, error or critical; default: info.",
        ),
    ] = None,
    pool_size: Annotated[
        str | None,
        typer.Option(
            "--pool-size",
            metavar="N",
            help="Most threads for the workers with run_in = 'pool'; default: 64.",
        ),
    ] = None,
    no_control: Annotated[
        bool,
        typer.Option("--no-control", help="Start no control server: nobody can look in or steer."),
    ] = False,
    http: Annotated[
        str | None,
        typer.Option(
            "--http", metavar="HOST:PORT", help="Let the control server listen there as well."
        ),
    ] = None,
    token_file: Annotated[
        str | None,
        typer.Option(
            "--token-file",
            metavar="FILE",
            help="The token that is asked for over TCP; made if it is missing.",
        ),
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Let the control server refuse every change.")
    ] = False,
    show_payloads: Annotated[
        bool,
        typer.Option("--show-payloads", help="Show the messages that are sent in the audit log."),
    ] = False,
) -> None:
    """Run workers in the foreground until SIGINT or SIGTERM."""
    invocation: Invocation = context.obj
    manager = _service_manager()
    flags = flags_of(
        name=name,
        grace=grace,
        log_format=log_format,
        log_level=log_level,
        pool_size=pool_size,
        no_control=no_control,
        http=http,
        token_file=token_file,
        read_only=read_only,
        show_payloads=show_payloads,
    )
    resolved = invocation.resolve(config, **flags)
    tell_warnings(resolved.warnings)
    invocation.ladder.grace = resolved.operator["grace"].value
    lines = Lines(resolved.operator["log_format"].value, invocation.ladder.outlet)
    invocation.ladder.announce = lines.announce
    registry = invocation.discover(resolved)
    with plugins_print_to_stderr():
        assembly = _assembled(names or [], run_all, resolved, registry, invocation.ladder)
        control = start_control(resolved, assembly, registry, invocation.ladder)
    _begin(resolved, assembly, invocation.ladder, lines)
    if control.url is not None:
        lines.announce(f"control listens on {control.url} as well")
    if manager is not None:
        StateReporter(manager, assembly.operator, invocation.ladder, lines.announce).begin()
    Service(assembly.operator, invocation.ladder, lines.announce, last_step=control.close).run()


def _service_manager() -> NotifySocket | None:
    """Return whom to tell; first of all, so that what plugins start does not inherit it."""
    try:
        return NotifySocket.take(os.environ)
    except ValueError as error:
        raise ProblemsError([Problem("run", str(error))]) from None


def flags_of(
    *, no_control: bool, read_only: bool, show_payloads: bool, **others: object
) -> dict[str, object]:
    """Return what the options say for each key of the configuration; ``None``: nothing."""
    enabled = False if no_control else None
    switches = {"read_only": read_only or None, "show_payloads": show_payloads or None}
    return {**others, **switches, "enabled": enabled}


def planned(names: list[str], run_all: bool, resolved: Resolved, registry: Registry) -> Plan:
    """Plan what the arguments ask for, with all problems of the configuration; imports no handler.

    Raises:
        ProblemsError: they do not say what to run.
    """
    if bool(names) is run_all:
        raise ProblemsError([Problem("run", _what_to_run(names, resolved, registry))])
    registry.load_plugins()  # they may add handlers
    tell_warnings(slips(resolved, registry))
    plan = plan_all(resolved, registry) if run_all else plan_named(names, resolved, registry)
    plan.problems[:0] = resolved.problems
    plan_hook_plugins(plan, resolved, registry)
    return plan


def _assembled(
    names: list[str],
    run_all: bool,
    resolved: Resolved,
    registry: Registry,
    ladder: SignalLadder,
) -> Assembly:
    plan = planned(names, run_all, resolved, registry)
    operator = Operator(pool_size=resolved.operator["pool_size"].value)
    registry.observe(operator)

    def leave_if_asked() -> None:
        if ladder.stop_requested.is_set():
            raise typer.Exit(ExitCode.OK)

    try:
        assembly = assemble(plan, registry, operator, before_each=leave_if_asked)
        _refuse_nothing(assembly, plan)
    except ProblemsError as error:
        tell_warnings(plan.left_out)
        raise typer.Exit(tell_problems(error.problems)) from None
    leave_if_asked()
    return assembly


def _what_to_run(names: list[str], resolved: Resolved, registry: Registry) -> str:
    if names:
        return "give names or --all, not both"
    known = runnable_names(resolved, registry)
    return f"say what to run: --all, or any of {', '.join(known)}" if known else NOTHING


def _refuse_nothing(assembly: Assembly, plan: Plan) -> None:
    if not assembly.workers:
        plan.left_out[:] = assembly.left_out
        raise ProblemsError([Problem("run", NOTHING)])


def _begin(resolved: Resolved, assembly: Assembly, ladder: SignalLadder, lines: Lines) -> None:
    """Switch over to log lines and show the header."""
    names = [worker.table.name for worker in assembly.workers]
    value = {key: given.value for key, given in resolved.operator.items()}
    lines.begin(value["log_level"], names)
    announce = lines.announce
    for message in assembly.left_out:
        announce(f"left out: {message}", logging.WARNING)
    for taken in ladder.restore():
        announce(f"a plugin has taken over {taken}; it was taken back", logging.WARNING)
    count = f"{len(names)} worker{'s' if len(names) > 1 else ''}"
    file = f"configuration {resolved.file}" if resolved.file else "no configuration file"
    announce(f"smoothop {own_version()}, operator {value['name']}: {count}, {file}")
    for worker in assembly.workers:
        announce(f"  {worker.table.name}: {worker.info.label}")
    how = "Ctrl-C or SIGTERM" if sys.stdin is not None and sys.stdin.isatty() else "SIGTERM"
    announce(f"stop with {how}; the workers then have {value['grace']:g} s to finish")
