"""Plugins: found in the metadata of installed distributions, imported only when asked for."""

from smoothop.plugins.info import HandlerInfo, PluginInfo, State
from smoothop.plugins.registry import Registry

__all__ = ["HandlerInfo", "PluginInfo", "Registry", "State"]
