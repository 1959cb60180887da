"""`ControlProtocol`: uvicorn's HTTP/1.1, with a limit on connections and on their patience."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from smoothop.control.failures import Failure
from smoothop.control.server.connections import Connection, Crowd
from smoothop.control.server.peer import Peer
from smoothop.control.wire import dump

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

# What a stranger sends is no event of this service: only errors of our own are logged.
_logger = logging.getLogger("smoothop.control.server.protocol")
_logger.setLevel(logging.ERROR)

_FULL = Failure("too_many", "too many requests are being answered; try again")
_MALFORMED = Failure("bad_request", "that is not HTTP/1.1, or its head is larger than 16 KiB")


class ControlProtocol(H11Protocol):
    """One connection.

    Args:
        config: uvicorn's; its application gets the `Connection` as ``scope["state"]``.
        state: uvicorn's.
        crowd: the other connections to the same listener.
    """

    def __init__(self, config: Config, state: ServerState, crowd: Crowd) -> None:
        self._own_state: dict[str, Any] = {}
        super().__init__(config, state, self._own_state)
        self.logger = _logger
        self.access_log = False
        self._crowd = crowd
        self._connection: Connection | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Admit it, or say that there are too many."""
        super().connection_made(transport)
        peer = Peer.of(transport.get_extra_info("socket"))
        self._connection = self._crowd.admit(peer, transport)
        if self._connection is None:
            self._refuse(_FULL)
        else:
            self._own_state["connection"] = self._connection

    def connection_lost(self, exc: Exception | None) -> None:
        """Make room."""
        super().connection_lost(exc)
        if self._connection is not None:
            self._connection.lost()

    def data_received(self, data: bytes) -> None:
        """Take what came, unless it was refused already."""
        if self._connection is not None:
            super().data_received(data)

    def send_400_response(self, msg: str) -> None:
        """Say that it makes no sense."""
        del msg
        self._refuse(_MALFORMED)

    def _refuse(self, failure: Failure) -> None:
        body = dump(failure.document())
        head = (
            f"HTTP/1.1 {failure.status} \r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
