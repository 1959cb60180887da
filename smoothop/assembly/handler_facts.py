"""What is known about one handler, as plain data: what `smoothop inspect` shows."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, get_type_hints

from smoothop.assembly.assemble import check, own_config
from smoothop.assembly.describe import Tree, describe_worker
from smoothop.assembly.plan import plan_all
from smoothop.assembly.problems import Problem
from smoothop.assembly.resolve import Resolved
from smoothop.config import Config
from smoothop.errors import PluginLoadError
from smoothop.handlers import handler_calls, is_handler_factory
from smoothop.settings import Seconds

if TYPE_CHECKING:
    from smoothop.plugins.registry import Registry


def describe_handler(
    reference: str, resolved: Resolved, registry: Registry
) -> tuple[dict[str, Any], Tree, list[Problem]]:
    """Describe a handler and the workers that run it.

    Imports the handler, unless it is disabled; does not create it. A broken one is described as
    far as possible, with its error.

    Returns:
        What is known about it; worker's name -> its tree; what is wrong with those workers.

    Raises:
        ConfigError: there is no such handler, or several.
    """
    known: dict[str, Any] = dict.fromkeys(("kind", "runs", "summary", "config"))
    known["settings"] = []
    workers: Tree = {}
    problems: list[Problem] = []
    if registry.find(reference).state != "disabled":
        try:
            known |= _loaded(registry.load(reference), registry.settings_type(reference))
        except PluginLoadError:
            pass  # the registry keeps the error, which is shown below
        else:
            workers, problems = _workers(reference, resolved, registry)
    return dataclasses.asdict(registry.find(reference)) | known, workers, problems


def _loaded(target: Any, settings_type: type | None) -> dict[str, Any]:
    is_factory = is_handler_factory(target) and not hasattr(target, "handle")
    own = None if is_factory else own_config(target) or Config()
    return {
        "kind": _kind(target, is_factory=is_factory),
        "runs": None if is_factory else "async" if _is_async(target) else "sync",
        "summary": first_line(target),
        "config": None if own is None else dataclasses.asdict(own),
        "settings": [] if settings_type is None else describe_fields(settings_type),
    }


def _kind(target: Any, *, is_factory: bool) -> str:
    if is_factory:
        return "factory"
    if isinstance(target, type):
        return "class"
    return "object" if hasattr(target, "handle") else "function"


def _is_async(target: Any) -> bool:
    if isinstance(target, type):
        return inspect.iscoroutinefunction(target.handle)  # type: ignore[attr-defined]  # checked
    return handler_calls(target).is_async


def _workers(reference: str, resolved: Resolved, registry: Registry) -> tuple[Tree, list[Problem]]:
    described: Tree = {}
    problems: list[Problem] = []
    wanted = registry.find(reference).reference
    for worker in plan_all(resolved, registry).workers:
        if worker.info.reference == wanted:
            found = check(worker, registry)
            problems += found if worker.is_requested else ()
            if not found and not worker.table.wrong:
                described[worker.table.name] = describe_worker(worker, registry)
    return described, problems


def first_line(target: Any) -> str | None:
    """Return the first line of a handler's own docstring."""
    text = inspect.getdoc(target) if inspect.isroutine(target) else vars(_owner(target))["__doc__"]
    lines = (text or "").strip().splitlines()
    return lines[0].strip() if lines else None


def _owner(target: Any) -> type:
    return target if isinstance(target, type) else type(target)


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
            Seconds if _is_duration(info.metadata) else info.annotation,
            None if info.is_required() else info.get_default(call_default_factory=True),
            info.is_required(),
            info.description,
        )
        for name, info in settings_type.model_fields.items()  # type: ignore[attr-defined]  # a model
    ]


def _dataclass_field(field: dataclasses.Field[Any], cls: type) -> dict[str, Any]:
    missing = dataclasses.MISSING
    factory = field.default_factory
    default = field.default if factory is missing else factory()
    annotation = _hints(cls).get(field.name, field.type)
    as_written = isinstance(field.type, str) and annotation != Seconds
    return _field(
        field.name,
        field.type if as_written else annotation,
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
    if _is_duration(getattr(annotation, "__metadata__", ())):
        return "duration"
    if isinstance(annotation, type) and not hasattr(annotation, "__args__"):
        return annotation.__name__
    return str(annotation).replace(str(Seconds), "duration").replace("typing.", "")


def _is_duration(metadata: Iterable[Any]) -> bool:
    return any(one in Seconds.__metadata__ for one in metadata)  # type: ignore[attr-defined]  # an Annotated


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None) else str(value)
