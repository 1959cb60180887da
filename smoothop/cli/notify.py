"""`NotifySocket`: where a service manager wants to be told how its service is.

The protocol is that of systemd's sd_notify(3): datagrams of ``NAME=value`` lines, sent to the Unix
socket in the variable ``NOTIFY_SOCKET``. Other managers and container runtimes speak it, too.
"""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Final

_SEND_LIMIT: Final = 1.0
"""Seconds after which a message that the manager does not take is given up."""


@dataclass(frozen=True, slots=True)
class NotifySocket:
    """The socket of the service manager.

    Attributes:
        address: its path; an abstract one begins with a NUL.
        watchdog: seconds after which the manager takes the service for dead unless it hears
            ``WATCHDOG=1``; ``None`` if it does not ask for that.
    """

    address: str
    watchdog: float | None = None

    @classmethod
    def take(cls, environ: MutableMapping[str, str]) -> NotifySocket | None:
        """Return the socket that the environment names, and remove it from there.

        What this process starts must not speak for it, so nothing of it is inherited.

        Raises:
            ValueError: the variable names something else than a Unix socket.
        """
        name = environ.pop("NOTIFY_SOCKET", "")
        watchdog = _watchdog(environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", ""))
        if not name:
            return None
        if not name.startswith(("/", "@")):
            raise ValueError(f"NOTIFY_SOCKET: the path of a Unix socket, not {name!r}")
        return cls(name.replace("@", "\0", 1) if name.startswith("@") else name, watchdog)

    def tell(self, **fields: object) -> None:
        """Send one message; in a value, line ends become spaces.

        Raises:
            OSError: the manager does not take it.
        """
        lines = (f"{name}={' '.join(str(value).split())}" for name, value in fields.items())
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(_SEND_LIMIT)
            sender.sendto("\n".join(lines).encode(errors="backslashreplace"), self.address)


def _watchdog(microseconds: str, pid: str) -> float | None:
    """Return the watchdog's seconds, if it is this process that is watched."""
    if not microseconds.isdecimal() or pid not in ("", str(os.getpid())):
        return None
    return int(microseconds) / 1e6 or None
