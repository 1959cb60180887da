"""Hook plugins: imported one by one, registered with pluggy, and called one by one.

pluggy stops a call at the first implementation that raises, and its own loader of entry points
stops at the first plugin that cannot be imported. So both loops are here, each step behind a fence.
"""

from __future__ import annotations

import inspect
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pluggy import PluginManager

from smoothop import hookspecs
from smoothop.errors import InvalidHandlerError, PluginLoadError
from smoothop.plugins.loading import fence, import_target, located

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pluggy import HookCaller, HookImpl

    from smoothop.plugins.info import PluginInfo

logger = logging.getLogger("smoothop.plugins")


class Hooks:
    """The plugin manager with the hook plugins that could be loaded.

    Attributes:
        manager: pluggy's, with the hook specifications of smoothop added.
        infos: one record per hook plugin, as it has turned out.
    """

    def __init__(self, infos: Iterable[PluginInfo]) -> None:
        self.manager = PluginManager(hookspecs.PROJECT)
        self.manager.add_hookspecs(hookspecs)
        self.infos = [self._loaded(info) for info in infos]

    def implementations(self, hook: str) -> list[HookImpl]:
        """Return the implementations of a hook in the order in which pluggy would call them."""
        caller: HookCaller = getattr(self.manager.hook, hook)
        return caller.get_hookimpls()[::-1]

    def info(self, implementation: HookImpl) -> PluginInfo | None:
        """Return whose implementation it is, or ``None`` if code registered the plugin."""
        names = (info for info in self.infos if info.reference == implementation.plugin_name)
        return next(names, None)

    def call(self, implementation: HookImpl, hook: str, **arguments: Any) -> bool:
        """Call one implementation; tell whether it returned. What it raises is logged."""
        try:
            implementation.function(*(arguments[name] for name in implementation.argnames))
        except BaseException as error:
            logger.warning(
                "hook %s of plugin %s failed: %s", hook, implementation.plugin_name, located(error)
            )
            logger.debug("hook %s failed", hook, exc_info=error)
            return False
        return True

    def _loaded(self, info: PluginInfo) -> PluginInfo:
        if info.state != "unchecked":
            return info
        try:
            with fence(info, "cannot be loaded"):
                self._register(import_target(info.target), info.reference)
        except PluginLoadError as error:
            logger.warning("left out: %s", error)
            cause = error.__cause__
            return replace(info, state="broken", error=located(cause) if cause else str(error))
        return replace(info, state="ok")

    def _register(self, plugin: object, name: str) -> None:
        if isinstance(plugin, type):
            raise InvalidHandlerError("it is a class: a hook plugin is a module or an object")
        self.manager.register(plugin, name)
        try:
            self._check(plugin)
        except InvalidHandlerError:
            self.manager.unregister(plugin)
            raise

    def _check(self, plugin: object) -> None:
        for caller in self.manager.get_hookcallers(plugin) or []:
            for implementation in caller.get_hookimpls():
                if implementation.plugin is plugin and not _is_plain(implementation):
                    raise InvalidHandlerError(
                        f"{caller.name} must be a plain function: neither async, nor a generator "
                        "or a hook wrapper"
                    )


def _is_plain(implementation: HookImpl) -> bool:
    function = implementation.function
    return not (
        implementation.wrapper
        or implementation.hookwrapper
        or inspect.iscoroutinefunction(function)
        or inspect.isgeneratorfunction(function)
        or inspect.isasyncgenfunction(function)
    )
