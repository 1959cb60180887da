"""What the configuration and a handler come to, as plain data, for people and programs.

Secrets stay secret: a setting whose type is pydantic's ``SecretStr`` is shown as asterisks, by
pydantic itself.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_type_hints

from smoothop.assembly.assemble import check, merged_config
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


def describe_config(
    resolved: Resolved, plan: Plan, registry: Registry
) -> tuple[Tree, list[Problem]]:
    """Return the resolved configuration as a tree, and the problems of its workers.

    Imports the handlers of the workers, for their own defaults; creates none.
    """
    problems = list(plan.problems)
    workers: Tree = {}
    for worker in plan.workers:
        found = check(worker, registry)
        if not found:
            described = _described(worker, registry)
            if isinstance(described, Problem):
                found = [described]
            else:
                workers[worker.table.name] = described
        problems += found if worker.is_requested else ()
    disable = {"disable": list(resolved.disable)}
    tree: Tree = {"operator": dict(resolved.operator), "plugins": disable, "workers": workers}
    return tree, problems


def own_config(target: Any) -> Config | None:
    """Return the config that a handler brings, as far as it can be told without creating it."""
    config = getattr(target, "config", None)
    return config if isinstance(config, Config) else None


def shown_settings(settings_type: type, values: Mapping[str, Any] | None) -> Tree:
    """Return the settings a handler would get, as plain data with secrets hidden."""
    from pydantic import TypeAdapter  # noqa: PLC0415 - 60 ms, only where there are settings

    settings, problems = read_settings(settings_type, values or {})
    if problems:
        return {}
    adapter = TypeAdapter[Any](settings_type)
    shown = adapter.dump_python(settings, mode="json", fallback=str, warnings=False)
    return shown if isinstance(shown, dict) else {}


def describe_fields(settings_type: type) -> list[dict[str, Any]]:
    """Return name, type, default, whether it is required, and description of each setting."""
    if dataclasses.is_dataclass(settings_type):
        return [
            _dataclass_field(field, settings_type)
            for field in dataclasses.fields(settings_type)
            if field.init
        ]
    return [
        _field(
            info.alias or name,
            info.annotation,
            None if info.is_required() else info.get_default(call_default_factory=True),
            info.is_required(),
            info.description,
        )
        for name, info in settings_type.model_fields.items()  # type: ignore[attr-defined]  # a model
    ]


def first_line(target: Any) -> str | None:
    """Return the first line of a handler's own docstring."""
    text = inspect.getdoc(target) if inspect.isroutine(target) else vars(_owner(target))["__doc__"]
    lines = (text or "").strip().splitlines()
    return lines[0].strip() if lines else None


def _owner(target: Any) -> type:
    return target if isinstance(target, type) else type(target)


def _described(worker: PlannedWorker, registry: Registry) -> Tree | Problem:
    reference, given = worker.table.handler.value, worker.table.config
    own = own_config(registry.load(reference))
    try:
        config = merged_config(own, given)
    except ValueError as error:
        return Problem(worker.table.where, str(error))
    described: Tree = {"handler": worker.table.handler}
    for name in CONFIG_FIELDS:
        described[name] = given.get(name) or Value(getattr(config, name), _origin(own, name))
    settings_type = registry.settings_type(reference)
    if settings_type is not None:
        written = worker.table.settings or {}
        described["settings"] = {
            key: Value(value, worker.table.where if key in written else HANDLER)
            for key, value in shown_settings(settings_type, written).items()
        }
    return described


def _origin(own: Config | None, name: str) -> str:
    # A handler's config does not tell which of its fields were given: those that differ were.
    if own is not None and getattr(own, name) != getattr(Config(), name):
        return HANDLER
    return DEFAULT


def _dataclass_field(field: dataclasses.Field[Any], cls: type) -> dict[str, Any]:
    missing = dataclasses.MISSING
    factory = field.default_factory
    default = field.default if factory is missing else factory()
    annotation = _hints(cls).get(field.name, field.type)
    return _field(
        field.name,
        field.type if isinstance(field.type, str) else annotation,
        None if default is missing else default,
        default is missing,
        _description(annotation) or field.metadata.get("description"),
    )


def _hints(cls: type) -> dict[str, Any]:
    try:
        return get_type_hints(cls, include_extras=True)
    except Exception:  # noqa: BLE001 - a name that only type checkers know: show what is written
        return {}


def _description(annotation: Any) -> str | None:
    """Return the description in ``Annotated[..., Field(description=...)]`` or ``Doc(...)``."""
    for extra in getattr(annotation, "__metadata__", ()):
        text = getattr(extra, "description", None) or getattr(extra, "documentation", None)
        if isinstance(text, str):
            return text
    return None


def _field(
    name: str, annotation: Any, default: Any, required: bool, description: str | None
) -> dict[str, Any]:
    return {
        "name": name,
        "type": annotation if isinstance(annotation, str) else _type_text(annotation),
        "required": required,
        "default": _plain(default),
        "description": description,
    }


def _type_text(annotation: Any) -> str:
    if isinstance(annotation, type) and not hasattr(annotation, "__args__"):
        return annotation.__name__
    return str(annotation).replace("typing.", "")


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None) else str(value)
