"""The wire between a parent and its child: two sockets, and frames on them.

On ``orders`` the parent sends an order and the child its answer, one at a time, with the records
that the handler logs in between: the hot path. On ``side`` goes what may come at any time: a
stop, a message the handler sends, an outcome it waits for, the stack somebody asks for.

A frame is a kind, a length and a body; a body is a pickle, except where it is empty. Each reads
only what its own relative has written: the sockets have no name, and nobody else has an end.
"""

from __future__ import annotations

import pickle
from struct import Struct
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from socket import socket

_HEADER: Final = Struct("!BQ")
_CHUNK: Final = 65536
_MOST: Final = 1 << 20
PICKLE: Final = 5
"""The pickle protocol; both ends are the same Python."""

# On `orders`, to the child.
BEGIN: Final = 1
"""A `Beginning`: make the handler and set it up."""
HANDLE: Final = 2
"""The message, or ``None``: call `handle`."""
END: Final = 3
"""Whether the worker is asked to stop: call `teardown` and leave."""

# On `orders`, to the parent.
RETURNED: Final = 10
"""What an order came to: see `answers`."""
RAISED: Final = 11
"""A `Carried` exception: it left user code."""
REFUSED: Final = 12
"""A text: why the message could not be read, or the result not be sent."""
LOGGED: Final = 13
"""A log record, on `side` as well."""
WORN: Final = 14
"""A text: why the child should make place for a fresh one; before what the order came to."""

# On `side`, to the child.
STOP: Final = 20
"""The worker is asked to stop."""
TERMINATE: Final = 21
"""It has had its grace: leave the handler now."""
SHOW_STACK: Final = 22
"""Say where the handler stands."""
REPLY: Final = 23
"""``(number of the request, whether it went well, value or Carried)``."""

# On `side`, to the parent.
ASK: Final = 30
"""A `Request`."""
STACK: Final = 31
"""A text: where the handler stands."""


class Link:
    """One end of a socket: reads and writes whole frames, and blocks while it does.

    One thread reads; any number may write.
    """

    __slots__ = ("_left", "_lock", "_socket")

    def __init__(self, end: socket) -> None:
        self._socket = end
        self._left = b""
        # Reentrant: a collected object may log in its __del__ while a frame is being sent.
        self._lock = RLock()

    def send(self, kind: int, body: bytes = b"") -> None:
        """Send a frame.

        Raises:
            OSError: the other end is gone.
        """
        data = frame(kind, body)
        with self._lock:
            self._socket.sendall(data)

    def receive(self) -> tuple[int, bytes]:
        """Return the kind and the body of the next frame.

        Raises:
            EOFError: the other end was closed.
            OSError: the same, with something unread in it.
        """
        data = self._read(self._left, _HEADER.size)
        kind, length = _HEADER.unpack_from(data)
        end = _HEADER.size + length
        data = self._read(data, end)
        self._left = data[end:]
        return kind, data[_HEADER.size : end]

    def handed_over(self) -> tuple[socket, bytes]:
        """Return the socket, and what was read of it already, to who goes on with it."""
        return self._socket, self._left

    def hang_up(self) -> None:
        """End a `receive` and a `send` that another thread is in, and every later one."""
        try:
            self._socket.shutdown(2)
        except OSError:  # closed, or the other end is gone: nobody is in one
            pass

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()

    def _read(self, data: bytes, count: int) -> bytes:
        """Return `data` with what follows it, at least `count` bytes."""
        if len(data) >= count:
            return data
        parts, have = [data], len(data)
        while have < count:
            part = self._socket.recv(min(max(_CHUNK, count - have), _MOST))
            if not part:
                raise EOFError
            parts.append(part)
            have += len(part)
        return b"".join(parts)


class Frames:
    """Finds the frames in what was read from a socket piece by piece."""

    __slots__ = ("_left",)

    def __init__(self, left: bytes = b"") -> None:
        self._left = bytearray(left)

    def found_in(self, data: bytes) -> list[tuple[int, bytes]]:
        """Return the frames that are whole now that `data` has come."""
        self._left += data
        found = []
        while len(self._left) >= _HEADER.size:
            kind, length = _HEADER.unpack_from(self._left)
            end = _HEADER.size + length
            if len(self._left) < end:
                break
            found.append((kind, bytes(self._left[_HEADER.size : end])))
            del self._left[:end]
        return found


def frame(kind: int, body: bytes = b"") -> bytes:
    """Return a frame as it goes over the wire."""
    return _HEADER.pack(kind, len(body)) + body


def packed(value: Any) -> bytes:
    """Return `value` as the body of a frame; raises what pickling it raises."""
    return pickle.dumps(value, PICKLE)


def unpacked(body: bytes) -> Any:
    """Return what a body holds; raises what its classes raise."""
    return pickle.loads(body)  # noqa: S301 - from our own child, or our own parent
