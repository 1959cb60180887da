"""Which workers are to run, decided before any handler is imported."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from smoothop.assembly.problems import Problem, nearest
from smoothop.assembly.resolve import DEFAULT, Resolved, Value, WorkerTable
from smoothop.errors import ConfigError
from smoothop.plugins.loading import way_out
from smoothop.plugins.wording import searched

if TYPE_CHECKING:
    from smoothop.plugins.info import HandlerInfo
    from smoothop.plugins.registry import Registry

COMMAND_LINE = "command line"


@dataclass(frozen=True, slots=True)
class PlannedWorker:
    """A worker that is to run.

    Attributes:
        table: how the configuration describes it.
        info: the handler it runs.
        is_requested: whether somebody named it, on the command line or in the file, or wants
            everything (`strict`); otherwise it was merely discovered, and is left out when it
            cannot run.
    """

    table: WorkerTable
    info: HandlerInfo
    is_requested: bool


@dataclass(slots=True)
class Plan:
    """What is to run.

    Attributes:
        workers: the workers, in the order in which they are added.
        left_out: messages about what was found but will not run.
        problems: what must be put right first.
    """

    workers: list[PlannedWorker] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def plan_named(names: Iterable[str], resolved: Resolved, registry: Registry) -> Plan:
    """Plan the workers that the command line names.

    A name is that of a worker in the file, or else of a handler, which then runs with defaults.
    """
    plan = Plan()
    for name in dict.fromkeys(names):
        table = resolved.workers.get(name)
        if table is None and (name in resolved.unsound_workers or not resolved.knows_workers):
            continue  # its table, or the file, is a problem already
        _plan_requested(plan, table or _bare(name), resolved, registry, is_named=True)
    return plan


def plan_all(resolved: Resolved, registry: Registry) -> Plan:
    """Plan the workers of the file; if it has none, one worker per discovered handler."""
    plan = Plan()
    for table in resolved.workers.values():
        _plan_requested(plan, table, resolved, registry, is_named=False)
    if resolved.knows_workers and not resolved.workers and not resolved.unsound_workers:
        _plan_discovered(plan, registry, is_strict=resolved.plugins["strict"].value)
    return plan


def plan_hook_plugins(plan: Plan, resolved: Resolved, registry: Registry) -> None:
    """Import the hook plugins; where `strict` is set, one that is broken is a problem."""
    registry.load_plugins()
    if resolved.plugins["strict"].value:
        for info in registry.plugins:
            if info.state == "broken":
                what = f"is broken: {info.error}{way_out(info)}"
                plan.problems.append(Problem(info.label, what, is_load_failure=True))


def runnable_names(resolved: Resolved, registry: Registry) -> list[str]:
    """Return what could stand after `smoothop run`: workers of the file, then handlers."""
    usable = (info.name for info in registry.handlers if info.state in ("unchecked", "ok"))
    return list(dict.fromkeys((*resolved.workers, *usable)))


def _bare(name: str) -> WorkerTable:
    return WorkerTable(name, Value(name, COMMAND_LINE), where=COMMAND_LINE)


def _plan_requested(
    plan: Plan, table: WorkerTable, resolved: Resolved, registry: Registry, *, is_named: bool
) -> None:
    reference = table.handler.value
    try:
        info = registry.find(reference)
    except ConfigError as error:
        what = str(error)
        if table.where == COMMAND_LINE:
            what = _explain_unknown(reference, what, resolved, registry)
        plan.problems.append(Problem(table.where, what))
        return
    if info.state != "disabled":
        plan.workers.append(PlannedWorker(table, info, is_requested=True))
    elif is_named:
        plan.problems.append(Problem(table.where, f"{info.label} is {info.error}"))
    else:
        plan.left_out.append(f"worker {table.name!r}: {info.label} is {info.error}")


def _explain_unknown(name: str, what: str, resolved: Resolved, registry: Registry) -> str:
    """Return a message that knows the workers of the file, which the registry does not."""
    if any(info.name == name for info in registry.handlers):
        return what  # it is known, but published twice
    known = runnable_names(resolved, registry)
    return f"no worker or handler {name!r}{nearest(name, known)}{searched()}" if known else what


def _plan_discovered(plan: Plan, registry: Registry, *, is_strict: bool) -> None:
    contended: set[str] = set()
    for info in registry.handlers:
        if info.state == "broken" and is_strict:
            what = f"is broken: {info.error}{way_out(info)}"
            plan.problems.append(Problem(info.label, what, is_load_failure=True))
        elif info.state == "broken":
            plan.left_out.append(f"{info.label} is broken: {info.error}")
        elif info.state == "conflict" and info.name not in contended:
            contended.add(info.name)
            what = f"handler {info.name!r} is {info.error}"
            if is_strict:
                plan.problems.append(Problem("strict", what))
            else:
                plan.left_out.append(what)
        elif info.state in ("unchecked", "ok"):
            table = WorkerTable(info.name, Value(info.reference, DEFAULT), where=info.label)
            plan.workers.append(PlannedWorker(table, info, is_requested=is_strict))
