"""What the environment tells the plugin; read when an operator starts, never at import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

LISTEN: Final = "SMOOTHOP_PROMETHEUS_LISTEN"
MAX_WORKERS: Final = "SMOOTHOP_PROMETHEUS_MAX_WORKERS"
DEFAULT_LISTEN: Final = "127.0.0.1:9464"
DEFAULT_MAX_WORKERS: Final = 200
OFF: Final = "off"


@dataclass(frozen=True, slots=True)
class Address:
    """Where the endpoint listens; port 0 lets the system choose one."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def read_address(environ: Mapping[str, str]) -> Address | None:
    """Return where to listen; ``None``: nowhere. An empty variable counts as not set.

    Raises:
        ValueError: names the variable, what it says and what it may say.
    """
    text = environ.get(LISTEN, "").strip() or DEFAULT_LISTEN
    if text.lower() == OFF:
        return None
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (host and port.isascii() and port.isdigit() and int(port) <= 65535):
        raise ValueError(
            f"{LISTEN}: {text!r} is neither HOST:PORT, such as {DEFAULT_LISTEN}, nor {OFF!r}"
        )
    return Address(host, int(port))


def read_max_workers(environ: Mapping[str, str]) -> int:
    """Return how many workers get series of their own. An empty variable counts as not set.

    Raises:
        ValueError: names the variable, what it says and what it may say.
    """
    text = environ.get(MAX_WORKERS, "").strip() or str(DEFAULT_MAX_WORKERS)
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{MAX_WORKERS}: {text!r} is not a whole number of at least 0")
    return int(text)
