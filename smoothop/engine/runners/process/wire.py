"""The wire between a parent and its child: two sockets, and frames on them.

On ``orders`` the parent sends an order and the child its answer, one at a time, with the records
that the handler logs in between: the hot path. On ``side`` goes what may come at any time: a
stop, a message the handler sends, an outcome it waits for, the stack somebody asks for.

A frame is a kind, a length and a body; a body is a pickle, except where it is empty. Each reads
only what its own relative has written: the sockets have no name, and nobody else has an end.
"""

from __future__ import annotations

import pickle
import select
import socket
from collections.abc import Iterable
from itertools import compress, starmap
from struct import Struct
from threading import RLock
from typing import Any, Final

_HEADER: Final = Struct("!BQ")
_CHUNK: Final = 65536
_MOST: Final = 1 << 20
AT_ONCE: Final = getattr(socket, "MSG_DONTWAIT", 0)
"""For `send`: as much as goes without waiting."""
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

    One thread reads; any number may write, also while they write already: in a signal handler, or
    in the `__del__` of a collected object.
    """

    __slots__ = ("_left", "_lock", "_outgoing", "_socket")

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._left = b""
        self._lock = RLock()
        self._outgoing: dict[_Outgoing, None] = {}  # in order; with the lock

    def send(self, kind: int, body: bytes = b"") -> None:
        """Send a frame, after what is left of those before it.

        There is something left if this thread was interrupted while it was sending, whether it
        comes back to that or was made to leave it by an exception.

        Raises:
            OSError: the other end is gone.
        """
        last = _Outgoing(frame(kind, body))
        with self._lock:
            self._outgoing[last] = None
            # A list is made in one step; a tuple is not, and the collector may come in between.
            for outgoing in list(self._outgoing):
                outgoing.send_the_rest(self._socket)
                self._outgoing.pop(outgoing, None)

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

    def handed_over(self) -> tuple[socket.socket, bytes]:
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

    def forked(self) -> None:
        """Close it in a forked process, where nobody gives the lock back that another held.

        It stays open where it came from; to send here raises `OSError` from now on.
        """
        self._lock = RLock()
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


class _Outgoing:
    """A frame on its way, of which a part may be sent already."""

    __slots__ = ("_data", "_sent", "_turn", "_whole")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._sent: list[int] = []
        self._whole = iter(((data, AT_ONCE),))  # gives it once: to whoever is the first
        self._turn: list[bool] = []

    def send_the_rest(self, end: socket.socket) -> None:
        """Send what is left of it, as `Link.send` does.

        Who is interrupted in here may find it sent, by whoever has interrupted.
        """
        self._try(end, self._whole)
        while sum(self._sent) < len(self._data):
            self._turn.clear()  # who was interrupted between this and the sending begins anew
            self._turn = turn = [True]
            rest = memoryview(self._data)[sum(self._sent) :]
            self._try(end, compress(((rest, AT_ONCE),), turn))

    def _try(self, end: socket.socket, turn: Iterable[tuple[bytes | memoryview, int]]) -> None:
        try:
            # One step of the interpreter, which allocates nothing that could start a collection:
            # nobody comes between the look whose turn it is, the sending and the count.
            self._sent.extend(starmap(end.send, turn))
        except BlockingIOError:
            _wait_for_room(end)


def _wait_for_room(end: socket.socket) -> None:
    poll = select.poll()
    poll.register(end, select.POLLOUT)
    poll.poll()


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
