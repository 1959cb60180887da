"""From a slot of the catalogue to a handler that can be run."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from smoothop.errors import ConfigError, PluginLoadError
from smoothop.handlers import handler_calls
from smoothop.plugins.catalogue import Slot
from smoothop.plugins.loading import classify, fence, import_target, load_error, located
from smoothop.plugins.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from smoothop.plugins.info import HandlerInfo
    from smoothop.plugins.loading import Loaded


def load(slot: Slot) -> Loaded:
    """Import what the slot names and classify it, once; raises as `Registry.load` does."""
    if slot.info.state == "disabled":
        raise ConfigError(f"{slot.info.label} is {slot.info.error}")
    if slot.failure is not None:
        raise slot.failure
    if slot.loaded is None:
        slot.loaded = _import(slot)
        if slot.info.state == "unchecked":
            slot.tell("ok")
    return slot.loaded


def _import(slot: Slot) -> Loaded:
    if slot.info.state == "broken":
        raise load_error(slot.info, f"cannot be loaded: {slot.info.error}")
    try:
        with fence(slot.info, "cannot be loaded"):
            return classify(import_target(slot.info))
    except PluginLoadError as error:
        slot.failure = error
        slot.tell("broken", located(error.__cause__ or error))
        raise


def check_settings(slot: Slot, values: Mapping[str, Any] | None) -> tuple[Any, list[str]]:
    """Return the handler's settings, or ``None`` and the problems with them."""
    loaded = load(slot)
    if loaded.settings_type is not None:
        return read_settings(loaded.settings_type, {} if values is None else values)
    if values:
        return None, [f"it takes no settings, but got {', '.join(map(repr, values))}"]
    return None, []


def make(slot: Slot, values: Mapping[str, Any] | None) -> Any:
    """Return a handler; raises as `Registry.create` does."""
    loaded = load(slot)
    settings, problems = check_settings(slot, values)
    if problems:
        raise ConfigError("\n  ".join([f"settings of {slot.info.label}:", *problems]))
    if loaded.kind in ("object", "function"):
        return loaded.value
    with fence(slot.info, "cannot be created"):
        made = loaded.value() if loaded.settings_type is None else loaded.value(settings)
        handler_calls(made)
    return made


def maker(slot: Slot, values: Mapping[str, Any] | None) -> Callable[[], Any] | None:
    """Return what makes the handler in another process; see `Registry.maker`."""
    return partial(_make_there, slot.info, values) if slot.is_published else None


def _make_there(info: HandlerInfo, values: Mapping[str, Any] | None) -> Any:
    return make(Slot(info), values)
