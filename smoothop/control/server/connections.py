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

    def close(self) -> None:
        """Close once everything is sent."""
        ...


class Connection:
    """One connection: a request is on its way, or is being answered.

    Attributes:
        peer: who is at the other end.
        was_answered: whether a request of it was.
    """

    def __init__(self, crowd: Crowd, peer: Peer, transport: Abortable) -> None:
        self.peer = peer
        self._crowd = crowd
        self._transport = transport
        self._deadline: asyncio.TimerHandle | None = None
        self.was_answered = False
        self._wait()

    def begin(self) -> None:
        """Note that a whole request has come and is being answered."""
        self._crowd.waiting.pop(self, None)
        self._disarm()

    def end(self) -> None:
        """Note that it was answered; the next request must come in time, if there may be one."""
        self.was_answered = True
        if self._crowd.is_closing:
            self.close()
        else:
            self._wait()

    def close(self) -> None:
        """Close it once everything is sent."""
        self._transport.close()

    def abort(self) -> None:
        """Close it at once, whatever was not sent yet."""
        self._transport.abort()

    def lost(self) -> None:
        """Note that it is closed."""
        self._crowd.forget(self)
        self._disarm()

    def _wait(self) -> None:
        self._disarm()
        if self in self._crowd.all:
            self._crowd.waiting[self] = None
            self._deadline = asyncio.get_running_loop().call_later(IDLE, self.abort)

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
        is_closing: whether each of them ends with its next answer.
    """

    def __init__(self, most: int = MOST) -> None:
        self.all: set[Connection] = set()
        self.waiting: dict[Connection, None] = {}
        self.is_closing = False
        self._most = most
        self._emptied = asyncio.Event()

    async def emptied(self) -> None:
        """Close each connection once it was answered and the answer sent; wait for the last.

        One that has only just come has a request on its way, which is answered as well.
        """
        self.is_closing = True
        for connection in list(self.waiting):
            if connection.was_answered:
                connection.close()
        while self.all:
            self._emptied.clear()
            await self._emptied.wait()

    def forget(self, connection: Connection) -> None:
        """Note that a connection is closed."""
        self.all.discard(connection)
        self.waiting.pop(connection, None)
        if not self.all:
            self._emptied.set()

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
