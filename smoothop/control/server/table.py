"""Every route, with what it takes to use it. What is not here is denied."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from starlette.routing import Match, Route

from smoothop.control.failures import Failure
from smoothop.control.server import acting, following, health, openapi, reading, sending
from smoothop.control.server.room import Room

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


Endpoint = Callable[["Room", "Request"], Awaitable["Response"]]

PLUGINS: Final = "/plugins/"
"""Before the routes of hook plugins; after it comes the name of the plugin."""


class Access(StrEnum):
    """What it takes to use a route."""

    OPEN = "open"
    """Nothing: it tells no more than whether the operator lives."""
    READ = "read"
    """To be allowed to look."""
    CHANGE = "change"
    """To be allowed to change something."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One method of one route.

    Attributes:
        name: what it is called in the audit log and in the OpenAPI document.
        method: of HTTP.
        path: the path; ``{name}`` in it is a worker's name.
        access: what it takes to use it.
        endpoint: what answers; its docstring says what it does.
    """

    name: str
    method: str
    path: str
    access: Access
    endpoint: Endpoint


ENTRIES: Final = (
    Entry("operator", "GET", "/operator", Access.READ, reading.show_operator),
    Entry("end", "POST", "/operator/stop", Access.CHANGE, acting.stop_operator),
    Entry("workers", "GET", "/workers", Access.READ, reading.list_workers),
    Entry("worker", "GET", "/workers/{name}", Access.READ, reading.show_worker),
    Entry("start", "POST", "/workers/{name}/start", Access.CHANGE, acting.start),
    Entry("stop", "POST", "/workers/{name}/stop", Access.CHANGE, acting.stop),
    Entry("restart", "POST", "/workers/{name}/restart", Access.CHANGE, acting.restart),
    Entry("pause", "POST", "/workers/{name}/pause", Access.CHANGE, acting.pause),
    Entry("resume", "POST", "/workers/{name}/resume", Access.CHANGE, acting.resume),
    Entry("scale", "PUT", "/workers/{name}/concurrency", Access.CHANGE, acting.scale),
    Entry("send", "POST", "/workers/{name}/messages", Access.CHANGE, sending.send),
    Entry("events", "GET", "/events", Access.READ, following.follow),
    Entry("stacks", "GET", "/stacks", Access.READ, reading.show_stacks),
    Entry("openapi", "GET", "/openapi.json", Access.READ, openapi.describe),
    Entry("livez", "GET", "/livez", Access.OPEN, health.live),
    Entry("readyz", "GET", "/readyz", Access.OPEN, health.ready),
)


class Table:
    """Finds the entry for a request."""

    def __init__(self, entries: Iterable[Entry] = ENTRIES) -> None:
        self._routes = [
            (entry, Route(entry.path, _never, methods=[entry.method])) for entry in entries
        ]

    def find(self, method: str, path: str) -> tuple[Entry, dict[str, str]]:
        """Return the entry and what stands for the names in its path.

        ``HEAD`` is answered as ``GET``, without the body.

        Raises:
            Failure: there is no such path, or it has not that method.
        """
        scope = {"type": "http", "path": path, "method": method}
        allowed: set[str] = set()
        for entry, route in self._routes:
            match, found = route.matches(scope)
            if match is Match.FULL:
                return entry, found["path_params"]
            if match is Match.PARTIAL:
                allowed |= route.methods or set()
        if not allowed:
            raise Failure("not_found", "there is no such route; GET /openapi.json lists all")
        methods = sorted(allowed)
        what = f"{ascii(method)[1:-1][:20]} is not allowed here, only {', '.join(methods)}"
        raise Failure("method_not_allowed", what, {"allowed": methods})


def _never(_: Request) -> Response:
    """Stand for the endpoint where only the path of a route matters."""
    raise NotImplementedError
