"""Hook plugins: imported one by one, registered with pluggy, and called one by one.

pluggy stops a call at the first implementation that raises, and its own loader of entry points
stops at the first plugin that cannot be imported. So both loops are here, each step behind a fence.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

from smoothop.engine.logs import write
from smoothop.errors import PluginError, PluginLoadError
from smoothop.plugins.checking import specifications
from smoothop.plugins.hook_plugin import HookPlugin
from smoothop.plugins.info import PluginInfo
from smoothop.plugins.loading import fence, import_target, load_error, located
from smoothop.plugins.manager import HookManager

if TYPE_CHECKING:
    from collections.abc import Iterable

logger = logging.getLogger("smoothop.plugins")


class Hooks:
    """The plugin manager with the hook plugins that could be loaded.

    Attributes:
        manager: pluggy's, with the hook specifications of smoothop added.
    """

    def __init__(self, infos: Iterable[PluginInfo], max_failures: int) -> None:
        self.manager = HookManager()
        self._max_failures = max_failures
        self._registered: dict[str, HookPlugin] = {}
        imported = [self._imported(info) for info in infos]
        # pluggy calls the last registered first: so they are called in the order of their names.
        self._infos = [self._registered_info(*one) for one in reversed(imported)][::-1]

    @property
    def infos(self) -> list[PluginInfo]:
        """One record per hook plugin, as it has turned out so far; those from code come last."""
        plugins = {plugin.info.reference: plugin for plugin in self.plugins()}
        infos = [
            plugins.pop(info.reference).info if info.reference in plugins else info
            for info in self._infos
        ]
        return infos + [plugin.info for plugin in plugins.values()]

    def plugins(self) -> list[HookPlugin]:
        """Return the registered plugins, in order of registration."""
        return [
            self._plugin(name, plugin)
            for name, plugin in self.manager.list_name_plugin()
            if plugin is not None
        ]

    def call(self, plugin: HookPlugin, hook: str, **arguments: Any) -> bool:
        """Call the hook of one plugin; tell whether it returned. What it raises is logged."""
        values = [arguments[name] for name in specifications()[hook]]
        return plugin.is_off or plugin.call(hook, *values)

    def in_order(self, hook: str) -> list[HookPlugin]:
        """Return the plugins that implement a hook, in the order in which they are called."""
        names = [one.plugin_name for one in self.manager.implementations(hook)]
        registered = {plugin.info.reference: plugin for plugin in self.plugins()}
        return [registered[name] for name in dict.fromkeys(names)]

    def _plugin(self, name: str, plugin: object) -> HookPlugin:
        if name not in self._registered:  # by code, straight at the manager
            target = getattr(plugin, "__name__", None) or type(plugin).__qualname__
            self._note(PluginInfo(name, target, None, None, "ok"), plugin)
        return self._registered[name]

    def _note(self, info: PluginInfo, plugin: object) -> None:
        implementations = self.manager.of(plugin)
        self._registered[info.reference] = HookPlugin(info, implementations, self._max_failures)

    def _imported(self, info: PluginInfo) -> tuple[PluginInfo, object]:
        if info.state == "broken":  # its metadata
            return _broken(info, load_error(info, f"is malformed: {info.error}"), info.error), None
        if info.state != "unchecked":
            return info, None
        began = perf_counter()
        try:
            with fence(info, "cannot be loaded"):
                plugin = import_target(info)
        except PluginLoadError as error:
            return _broken(info, error, located(error.__cause__ or error)), None
        return replace(info, import_seconds=perf_counter() - began), plugin

    def _registered_info(self, info: PluginInfo, plugin: object) -> PluginInfo:
        if info.state != "unchecked":
            return info
        try:
            self.manager.register(plugin, info.reference)
        except BaseException as error:  # noqa: BLE001 - dir() and == of a plugin are its own code
            why = str(error) if isinstance(error, PluginError) else located(error)
            return _broken(info, load_error(info, f"is refused: {why}"), why)
        self._note(info, plugin)
        return info


def _broken(info: PluginInfo, error: PluginLoadError, why: str | None) -> PluginInfo:
    write(logger, logging.WARNING, "left out: %s", error)
    return replace(info, state="broken", error=why)
