"""`registry_of`: a registry of what a test gives it, whatever is installed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from smoothop.plugins.registry import Registry


def registry_of(handlers: Mapping[str, Any], plugins: Iterable[object] = ()) -> Registry:
    """Return a registry with these handlers and hook plugins and no others.

    It behaves as one that has discovered them in installed packages: ``registry.create(name,
    settings)``, ``Operator.from_registry(registry)``.

    Args:
        handlers: name -> what an entry point may name: a class, an object, a function or a
            factory.
        plugins: modules or objects with hook implementations.

    Raises:
        ValueError: a name is malformed.
        InvalidHandlerError: something is no handler.
        PluginError: a plugin has something wrong; names the hook.
    """
    registry = Registry()
    for name, handler in handlers.items():
        registry.add(name, handler)
    for plugin in plugins:
        registry.hooks.register(plugin)
    return registry
