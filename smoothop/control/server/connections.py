"""The connections to one listener: how many there may be, and how long each may idle."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from smoothop.control.server.peer import Peer

MOST: Final = 100
"""Connections to one listener at a time."""
IDLE: Final = 10.0
"""Seconds a connection may stand open without a whole request, since the last answer."""


class Abortable(Protocol):
    """A transport, as far as it matters here."""

    def abort(self) -> None:
        """Close at once, whatever was not sent yet."""
        ...


class Connection:
    """One connection: a request is on its way, or is being answered."""

    def __init__(self, crowd: Crowd, peer: Peer, transport: Abortable) -> None:
        self.peer = peer
        self._crowd = crowd
        self._transport = transport
        self._deadline: asyncio.TimerHandle | None = None
        self.end()

    def begin(self) -> None:
        """Note that a whole request has come and is being answered."""
        self._crowd.waiting.pop(self, None)
        self._disarm()

    def end(self) -> None:
        """Note that it was answered; the next request must come in time."""
        self._disarm()
        if self in self._crowd.all:
            self._crowd.waiting[self] = None
            self._crowd.changed()
            self._deadline = asyncio.get_running_loop().call_later(IDLE, self.abort)

    def abort(self) -> None:
        """Close it at once, whatever was not sent yet."""
        self._transport.abort()

    def lost(self) -> None:
        """Note that it is closed."""
        self._crowd.all.discard(self)
        self._crowd.waiting.pop(self, None)
        self._crowd.changed()
        self._disarm()

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class Crowd:
    """The connections to one listener.

    At the limit the one that has waited longest for its request gives way: so those that never
    send one keep nobody out.

    Attributes:
        all: the open ones.
        waiting: those of them that no request of is being answered, the oldest first.
    """

    def __init__(self, most: int = MOST) -> None:
        self.all: set[Connection] = set()
        self.waiting: dict[Connection, None] = {}
        self._most = most
        self._quiet = asyncio.Event()

    async def emptied(self) -> None:
        """Wait until no request is being answered any more."""
        self.changed()
        await self._quiet.wait()

    def changed(self) -> None:
        """Note that a request is answered, or its connection lost."""
        if len(self.all) == len(self.waiting):
            self._quiet.set()
        else:
            self._quiet.clear()

    def disperse(self) -> None:
        """Close all connections at once."""
        for connection in list(self.all):
            connection.abort()

    def admit(self, peer: Peer, transport: Abortable) -> Connection | None:
        """Return a new connection, or ``None`` if all are being answered already."""
        if len(self.all) >= self._most:
            oldest = next(iter(self.waiting), None)
            if oldest is None:
                return None
            oldest.abort()
            oldest.lost()
        connection = Connection.__new__(Connection)
        self.all.add(connection)
        Connection.__init__(connection, self, peer, transport)
        return connection
