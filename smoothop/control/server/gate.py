"""`Gate`: what every request passes before it reaches its route, and what every answer passes."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers
from starlette.requests import Request

from smoothop.control.failures import Failure, failure_of
from smoothop.control.server.audit import Audit
from smoothop.control.server.connections import Connection
from smoothop.control.server.guard import Guard
from smoothop.control.server.peer import Peer
from smoothop.control.server.replies import refusal
from smoothop.control.server.room import Room
from smoothop.control.server.table import Access, Entry, Table
from smoothop.control.server.waits import ClientGoneError

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Message, Receive, Scope, Send

LARGEST_BODY: Final = 1024 * 1024
"""Bytes that a request's body may have."""
PATIENCE: Final = 10.0
"""Seconds that a request may take to arrive."""

logger = logging.getLogger("smoothop.control")


class Gate:
    """The ASGI application: guards the routes and turns every error into an answer.

    Args:
        room: what the routes work on.
        table: the routes.
        guard: decides who may use them.
        audit: where changes are noted.
    """

    def __init__(self, room: Room, table: Table, guard: Guard, audit: Audit) -> None:
        self._room = room
        self._table = table
        self._guard = guard
        self._audit = audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        connection: Connection = scope["state"]["connection"]
        connection.begin()
        try:
            response = await self._answer(scope, receive, connection)
            await response(scope, receive, send)
        except (ClientGoneError, asyncio.CancelledError):  # the latter: at the server's end
            connection.abort()
        finally:
            connection.end()

    async def _answer(self, scope: Scope, receive: Receive, connection: Connection) -> Response:
        try:
            entry, target = self._admitted(scope, connection.peer)
            body = await _body(receive)
            if entry.access is Access.CHANGE:
                self._audit.admitted(connection.peer, entry.name, target, body)
            return await entry.endpoint(self._room, Request(scope, _Replay(body, receive)))
        except ClientGoneError:
            raise
        except Exception as error:  # whatever a route raises, somebody waits for an answer
            failure = failure_of(error)
            if failure.code == "internal":
                logger.exception("a request could not be answered")
            return refusal(failure)

    def _admitted(self, scope: Scope, peer: Peer) -> tuple[Entry, str]:
        """Return the entry for a request that may use it, and what it is about."""
        rights = scope["state"]["rights"] = self._guard.rights(peer, Headers(scope=scope))
        entry, scope["path_params"] = self._table.find(scope["method"], scope["path"])
        target = scope["path_params"].get("name", scope["path"])
        try:
            self._guard.admit(entry.access, rights, peer)
        except Failure as failure:
            if entry.access is Access.CHANGE:
                self._audit.refused(peer, entry.name, target, failure)
            raise
        return entry, target


async def _body(receive: Receive) -> bytes:
    """Read the body.

    Raises:
        Failure: it is too large, or takes too long.
        ClientGoneError: it was never finished.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGoneError
                body += message.get("body", b"")
                if len(body) > LARGEST_BODY:
                    what = f"the body is larger than {LARGEST_BODY} bytes, the most that is taken"
                    raise Failure("too_large", what)
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        what = f"the body did not arrive within {PATIENCE:g} s"
        raise Failure("request_timeout", what) from None


class _Replay:
    """Gives a body that was read already, then what else comes."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}
