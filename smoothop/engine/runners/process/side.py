"""`Side`: frames over a socket that never blocks whoever reads or writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from smoothop.engine.runners.process.wire import Frames, frame

if TYPE_CHECKING:
    from socket import socket

_PIECE: Final = 16384
"""Bytes that are read at once: some twenty log records, which take as long as they take."""


class Side:
    """The parent's end of a side; used by one thread."""

    __slots__ = ("_frames", "_outgoing", "_socket")

    def __init__(self, end: socket, left: bytes = b"") -> None:
        """Take the socket over.

        Args:
            end: from now on it does not block.
            left: what somebody has read of it already: the beginning of a frame, at most.
        """
        end.setblocking(False)
        self._socket = end
        self._outgoing = bytearray()
        self._frames = Frames(left)

    @property
    def waits_to_send(self) -> bool:
        """Whether something is left that the socket did not take."""
        return bool(self._outgoing)

    def fileno(self) -> int:
        """Return the socket's descriptor."""
        return self._socket.fileno()

    def post(self, kind: int, body: bytes = b"") -> None:
        """Let a frame be sent by the next `flush`."""
        self._outgoing += frame(kind, body)

    def flush(self) -> None:
        """Send what the socket takes."""
        try:
            while self._outgoing:
                del self._outgoing[: self._socket.send(self._outgoing)]
        except BlockingIOError:
            pass
        except OSError:  # the other end is gone, which is noticed by reading
            self._outgoing.clear()

    def frames(self, pieces: int = 1) -> Iterator[tuple[int, bytes]]:
        """Give the frames that have come, but no more than what is read in so many pieces.

        Raises:
            EOFError: the other end is gone, and nothing will come any more.
        """
        for _ in range(pieces):
            try:
                data = self._socket.recv(_PIECE)
            except BlockingIOError:
                return
            except OSError as error:
                raise EOFError from error
            if not data:
                raise EOFError
            yield from self._frames.found_in(data)

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()
