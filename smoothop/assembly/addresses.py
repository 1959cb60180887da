"""Addresses to listen on, as a user writes them."""

from __future__ import annotations

from urllib.parse import urlsplit


def parse_address(text: str) -> tuple[str, int]:
    """Return host and port of ``HOST:PORT``; an IPv6 address stands in brackets.

    Raises:
        ValueError: says what an address looks like.
    """
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
        is_all = parts.netloc == text and "@" not in text
    except ValueError:
        host, port, is_all = None, None, False
    if not host or port is None or not is_all:
        raise ValueError(f"HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080, not {text!r}")
    return host, port


def is_loopback(host: str) -> bool:
    """Tell whether only processes of this machine can reach `host`."""
    from ipaddress import ip_address  # noqa: PLC0415 - only where there is an address

    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
