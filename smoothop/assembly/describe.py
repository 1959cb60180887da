"""What the configuration comes to: every value of every worker, with its origin.

Secrets stay secret: a setting whose type is pydantic's ``SecretStr`` is shown as asterisks, by
pydantic itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from smoothop.assembly.assemble import check, left_out, merged_config, own_config
from smoothop.assembly.plan import Plan, PlannedWorker
from smoothop.assembly.problems import Problem
from smoothop.assembly.resolve import DEFAULT, Resolved, Value
from smoothop.config import CONFIG_FIELDS, Config
from smoothop.plugins.settings import read_settings

if TYPE_CHECKING:
    from smoothop.plugins.registry import Registry

HANDLER = "handler"
"""The origin of values that the handler itself brings."""

Tree = dict[str, Any]
"""Nested tables whose leaves are `Value`s."""


def plain(tree: Any, *, with_origins: bool = False) -> Any:
    """Return a tree as plain data; each leaf as its value, or as value and origin."""
    if isinstance(tree, Value):
        return {"value": tree.value, "origin": tree.origin} if with_origins else tree.value
    if isinstance(tree, list):
        return [plain(one, with_origins=with_origins) for one in tree]
    return {key: plain(value, with_origins=with_origins) for key, value in tree.items()}


def describe_config(
    resolved: Resolved, plan: Plan, registry: Registry
) -> tuple[Tree, list[Problem]]:
    """Return the resolved configuration as a tree, and the problems of its workers.

    Imports the handlers of the workers, for their own defaults; creates none. What then will not
    run and was not asked for is added to what the plan leaves out.
    """
    problems = list(plan.problems)
    workers: Tree = {}
    for worker in plan.workers:
        found = check(worker, registry)
        if not found and not worker.table.wrong:
            workers[worker.table.name] = describe_worker(worker, registry)
        if worker.is_requested:
            problems += found
        else:
            plan.left_out += left_out(worker, found)
    plugins = {"disable": list(resolved.disable), **resolved.plugins}
    tree: Tree = {
        "operator": dict(resolved.operator),
        "control": dict(resolved.control),
        "plugins": plugins,
        "workers": workers,
    }
    return tree, problems


def shown_settings(settings_type: type, values: Mapping[str, Any] | None) -> Tree:
    """Return the settings a handler would get, as plain data with secrets hidden."""
    from pydantic import TypeAdapter  # noqa: PLC0415 - 60 ms, only where there are settings

    settings, problems = read_settings(settings_type, values or {})
    if problems:
        return {}
    adapter = TypeAdapter[Any](settings_type)
    shown = adapter.dump_python(settings, mode="json", fallback=str, warnings=False)
    return shown if isinstance(shown, dict) else {}


def describe_worker(worker: PlannedWorker, registry: Registry) -> Tree:
    """Return handler, config and settings of a worker with which nothing is wrong."""
    reference = worker.table.handler.value
    described: Tree = {"handler": worker.table.handler, **config_values(worker, registry)}
    settings_type = registry.settings_type(reference)
    if settings_type is not None:
        written = worker.table.settings or {}
        described["settings"] = {
            key: Value(value, worker.table.where if key in written else HANDLER)
            for key, value in shown_settings(settings_type, written).items()
        }
    return described


def config_values(worker: PlannedWorker, registry: Registry) -> dict[str, Value]:
    """Return each field of the config of a worker with which nothing is wrong."""
    given = worker.table.config
    own = own_config(registry.load(worker.table.handler.value))
    config = merged_config(own, given)
    return {
        name: given.get(name) or Value(getattr(config, name), _origin(own, name))
        for name in CONFIG_FIELDS
    }


def _origin(own: Config | None, name: str) -> str:
    # A handler's config does not tell which of its fields were given: those that differ were.
    if own is not None and getattr(own, name) != getattr(Config(), name):
        return HANDLER
    return DEFAULT
