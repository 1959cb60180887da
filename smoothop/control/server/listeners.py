"""The TCP socket, for those who ask for one."""

from __future__ import annotations

import socket

from smoothop.assembly.addresses import is_loopback, parse_address
from smoothop.control.errors import ControlStartError


def listening(address: str, *, has_token: bool) -> socket.socket:
    """Return a socket that listens on ``HOST:PORT``.

    Raises:
        ValueError: it is no address.
        ControlStartError: it can be reached from elsewhere and no token is in use, or it is
            taken, or not of this machine.
    """
    host, port = parse_address(address)
    if not has_token and not is_loopback(host):
        raise ControlStartError(f"{host} can be reached from elsewhere; that takes a token file")
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        why = error.strerror or error
        raise ControlStartError(f"nobody can listen on {address}: {why}; take another") from error
