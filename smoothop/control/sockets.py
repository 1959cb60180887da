"""The sockets of the client that blocks: connecting and receiving with a limit of time."""

from __future__ import annotations

import socket
import struct
import time
from typing import Final

from smoothop.control.clients.address import Address

SILENCE: Final = 60.0
"""Seconds without a sign of life after which a stream of events is given up."""
CHUNK: Final = 65_536
"""Bytes that are received at once, at most."""
LONGEST: Final = 1e6
"""Seconds of the longest limit; a longer one is none: a socket refuses more than 24 days."""


def connected(address: Address, timeout: float) -> socket.socket:
    """Return a socket that is connected to an operator.

    Raises:
        OSError: nobody is there, or it may not be opened.
        TimeoutError: the operator did not accept it in time.
    """
    if isinstance(address.where, tuple):
        return socket.create_connection(address.where, timeout)
    connection = socket.socket(socket.AF_UNIX)
    try:
        # With a timeout of Python's own, a full queue of connections would be an error at once.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(timeout))
        connection.connect(address.where)
    except BlockingIOError:
        connection.close()
        raise TimeoutError("the operator did not accept the connection in time") from None
    except BaseException:
        connection.close()
        raise
    return connection


def _timeval(limit: float) -> bytes:
    whole = int(limit)
    return struct.pack("ll", whole, max(1, int((limit - whole) * 1e6)))  # zeros mean: for ever


def received(connection: socket.socket, deadline: float | None) -> bytes:
    """Return what comes next; nothing if the other side has closed.

    Args:
        connection: to an operator.
        deadline: monotonic time; ``None``: no limit.

    Raises:
        TimeoutError: nothing came in time.
    """
    left = None if deadline is None else deadline - time.monotonic()
    if left is not None and left <= 0:
        raise TimeoutError("the operator did not answer in time")
    connection.settimeout(None if left is None or left > LONGEST else left)
    try:
        return connection.recv(CHUNK)
    except TimeoutError:
        raise TimeoutError("the operator did not answer in time") from None
    except ConnectionResetError:
        return b""  # what has come so far says whether that is all
