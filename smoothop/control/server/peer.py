"""`Peer`: who is at the other end of a connection, and what that one may do."""

from __future__ import annotations

import os
import socket
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

_CREDENTIALS: Final = struct.Struct("3i")
"""``struct ucred`` of Linux: process, user, group."""


class Rights(IntEnum):
    """What somebody may do; each includes the ones before."""

    NONE = 0
    READ = 1
    CHANGE = 2


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end.

    Attributes:
        uid: the user's id on a Unix socket; ``None`` where the system does not tell.
        pid: the process there, likewise.
        address: host and port of TCP; ``None`` on a Unix socket.
    """

    uid: int | None = None
    pid: int | None = None
    address: str | None = None

    @classmethod
    def of(cls, connection: Any) -> Peer:
        """Ask the system who is at the other end of a socket."""
        if connection.family != socket.AF_UNIX:
            host, port = connection.getpeername()[:2]
            return cls(address=f"{host}:{port}")
        if not hasattr(socket, "SO_PEERCRED"):
            return cls()  # there the directory alone keeps other users out
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        pid, uid, _ = _CREDENTIALS.unpack(raw)
        return cls(uid, pid)

    def __str__(self) -> str:
        return self.address or f"uid {self.uid} pid {self.pid}"


def rights_on_socket(peer: Peer, own_uid: int | None = None) -> Rights:
    """Return what a peer on the Unix socket may do: everything, if it is the same user."""
    own = os.geteuid() if own_uid is None else own_uid
    return Rights.CHANGE if peer.uid in (None, own) else Rights.NONE
