"""The plugin manager: pluggy's, with one door that every hook plugin must fit through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pluggy import PluginManager

from smoothop import hookspecs
from smoothop.errors import PluginError
from smoothop.plugins.checking import check_attribute

if TYPE_CHECKING:
    from pluggy import HookCaller, HookImpl, HookimplOpts


class HookManager(PluginManager):
    """Knows the hook specifications, and refuses a plugin that is not right, whole.

    It makes no difference whether a plugin comes from an entry point, from code, or is a handler
    with hooks of its own.
    """

    def __init__(self) -> None:
        super().__init__(hookspecs.PROJECT)
        self.add_hookspecs(hookspecs)

    def register(self, plugin: Any, name: str | None = None) -> str | None:
        """Register a plugin and return its name.

        Raises:
            PluginError: something in it would never be called, or not as it is meant; nothing of
                it is registered.
            ValueError: another plugin of that name is registered already.
        """
        if plugin is None or isinstance(plugin, type):
            what = "None" if plugin is None else "a class"
            raise PluginError(f"it is {what}: a hook plugin is a module or an object")
        if plugin in self.get_plugins():
            raise PluginError(f"the same object is registered already, as {self.get_name(plugin)}")
        return super().register(plugin, name)

    def parse_hookimpl_opts(self, plugin: Any, name: str) -> HookimplOpts | None:
        """Return the options of one attribute; pluggy asks for each before it registers any."""
        options = super().parse_hookimpl_opts(plugin, name)
        check_attribute(plugin, name, options)
        return options

    def implementations(self, hook: str) -> list[HookImpl]:
        """Return the implementations of a hook in the order in which pluggy would call them.

        That is the last registered first, those marked `tryfirst` before the others and those
        marked `trylast` after them.
        """
        caller: HookCaller = getattr(self.hook, hook)
        return caller.get_hookimpls()[::-1]

    def of(self, plugin: object) -> dict[str, list[HookImpl]]:
        """Return name of each hook that `plugin` implements -> its implementations."""
        callers = self.get_hookcallers(plugin) or []
        return {
            caller.name: [one for one in self.implementations(caller.name) if one.plugin is plugin]
            for caller in callers
            if caller.has_spec()  # one marked as optional may be of another version
        }
