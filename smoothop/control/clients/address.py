"""Where a client looks for an operator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from smoothop.control.errors import ControlRefusedError, OperatorNotRunningError
from smoothop.control.place import places


@dataclass(frozen=True, slots=True)
class Address:
    """One place to try.

    Attributes:
        where: the path of a Unix socket, or host and port.
        host: the ``Host`` header.
    """

    where: str | tuple[str, int]
    host: str = "localhost"

    def __str__(self) -> str:
        return self.where if isinstance(self.where, str) else self.host


def addresses(name: str, url: str | None, environ: Mapping[str, str]) -> list[Address]:
    """Return where to look, the likeliest first.

    Raises:
        ValueError: the name or the URL is malformed.
    """
    if url is None:
        return [Address(str(one.socket)) for one in places(name, environ) if not one.is_too_long]
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname or parts.path not in ("", "/"):
        raise ValueError(f"url: http://HOST:PORT, not {url!r}")
    return [Address((parts.hostname, parts.port or 80), parts.netloc.rpartition("@")[2])]


def not_running(name: str, tried: list[Address]) -> OperatorNotRunningError:
    """Return the error that says where was looked."""
    where = " or ".join(map(str, tried)) or "(neither XDG_RUNTIME_DIR nor HOME is set)"
    if tried and isinstance(tried[0].where, tuple):
        return OperatorNotRunningError(f"nobody answers at {where}")
    return OperatorNotRunningError(
        f"no operator {name!r} runs, or it runs without control: nobody answers at {where}"
    )


def refused(address: Address) -> ControlRefusedError:
    """Return the error for a socket that may not be opened."""
    return ControlRefusedError(f"{address} may not be opened: it belongs to another user")
