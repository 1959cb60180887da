"""Hook plugins: imported one by one, registered with pluggy, and called one by one.

pluggy stops a call at the first implementation that raises, and its own loader of entry points
stops at the first plugin that cannot be imported. So both loops are here, each step behind a fence.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from smoothop.engine.logs import write
from smoothop.errors import PluginError, PluginLoadError
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
        self._infos = [self._loaded(info) for info in infos]

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
        return plugin.is_off or plugin.call(hook, **arguments)

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

    def _loaded(self, info: PluginInfo) -> PluginInfo:
        if info.state != "unchecked":
            return info
        try:
            with fence(info, "cannot be loaded"):
                plugin = import_target(info.target)
            self._register(plugin, info)
        except PluginLoadError as error:
            write(logger, logging.WARNING, "left out: %s", error)
            cause = error.__cause__
            why = str(cause) if isinstance(cause, PluginError) else located(cause or error)
            return replace(info, state="broken", error=why)
        return replace(info, state="ok")

    def _register(self, plugin: object, info: PluginInfo) -> None:
        try:
            self.manager.register(plugin, info.reference)
        except PluginError as error:
            raise load_error(info, f"is refused: {error}") from error
        except ValueError as error:
            raise load_error(info, "is refused: another entry point names it, too") from error
        self._note(info, plugin)
