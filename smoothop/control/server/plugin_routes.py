"""The routes of hook plugins: each plugin's below a prefix of its own, guarded as ours are."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from starlette.applications import Starlette
from starlette.responses import Response

from smoothop._names import is_name
from smoothop.control.server.table import Access, Endpoint, Entry

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute
    from starlette.types import Receive, Scope, Send

    from smoothop.control.server.room import Room
    from smoothop.plugins.info import PluginInfo
    from smoothop.plugins.registry import Registry

logger = logging.getLogger("smoothop.control")

_READING: Final = frozenset({"GET", "HEAD"})
_ALL: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})


def plugin_entries(registry: Registry) -> list[Entry]:
    """Let each hook plugin add its routes to an application of its own; return the entries.

    Reading takes the right to look, everything else the right to change. What a plugin has not
    added when this returns is denied.
    """
    apps: dict[str, Starlette] = {}

    def arguments_for(info: PluginInfo) -> Mapping[str, Any]:
        app = apps.setdefault(info.name, Starlette())
        return {"app": app}

    registry.call_hook_each("smoothop_http", arguments_for)
    return [entry for name, app in apps.items() for entry in _entries(name, app)]


def _entries(plugin: str, app: Starlette) -> Iterator[Entry]:
    if not is_name(plugin):
        logger.warning("the routes of plugin %r are left out: its name is no part of a URL", plugin)
        return
    prefix = f"/plugins/{plugin}"
    for route in app.routes:
        path, methods = _described(route)
        for method in sorted(methods - {"HEAD"}):
            access = Access.READ if method in _READING else Access.CHANGE
            name = f"{plugin}:{method.lower()}"
            yield Entry(name, method, prefix + path, access, _delegating(app, prefix))


def _described(route: BaseRoute) -> tuple[str, frozenset[str]]:
    """Return path and methods of a route; of what is mounted whole, all that begins so."""
    known = vars(route)
    methods = frozenset(known.get("methods") or _ALL)
    path = str(known.get("path", ""))
    return (path if "endpoint" in known else f"{path}/{{rest:path}}"), methods


def _delegating(app: Starlette, prefix: str) -> Endpoint:
    async def endpoint(_: Room, request: Request) -> Response:
        return _Delegated(app, prefix, request)

    return endpoint


class _Delegated(Response):
    """What the plugin's application answers."""

    def __init__(self, app: Starlette, prefix: str, request: Request) -> None:
        super().__init__()
        self._app = app
        self._prefix = prefix
        self._request = request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the plugin answer; it sees paths below its prefix, and nothing of ours."""
        del receive  # the request has it, with the body that was read already
        inner = {**scope, "root_path": self._prefix, "state": {}}
        inner.pop("path_params", None)
        await self._app(inner, self._request.receive, send)
