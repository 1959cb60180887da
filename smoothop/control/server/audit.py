"""The audit log: a line for each change that somebody asks for."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Final

from smoothop._names import is_name

if TYPE_CHECKING:
    from smoothop.control.failures import Failure
    from smoothop.control.server.peer import Peer

logger = logging.getLogger("smoothop.control")

LONGEST: Final = 2000
"""Characters of a message that a line shows, where it may show messages at all."""
_QUIET: Final = 1.0
"""Seconds after a refusal in which further ones are only counted."""


class Audit:
    """Writes down who asked for which change, on the logger ``smoothop.control``.

    Args:
        show_payloads: whether a line shows the body of the request.
    """

    def __init__(self, *, show_payloads: bool = False) -> None:
        self._show_payloads = show_payloads
        self._refused = 0
        self._told_at = -_QUIET

    def admitted(self, peer: Peer, command: str, target: str, body: bytes) -> None:
        """Note a change that is about to be made."""
        shown = f" {ascii(body)[2:-1][:LONGEST]}" if self._show_payloads and body else ""
        text = "change: %s %s, asked by %s%s"
        logger.info(text, command, _named(target), peer, shown, extra=_of(target))

    def refused(self, peer: Peer, command: str, target: str, failure: Failure) -> None:
        """Note one that was refused; what comes in quick succession is counted."""
        self._refused += 1
        now = time.monotonic()
        if now - self._told_at < _QUIET:
            return
        more = f" ({self._refused - 1} more were refused before)" if self._refused > 1 else ""
        text = "refused: %s %s, asked by %s: %s%s"
        logger.warning(
            text, command, _named(target), peer, failure.message, more, extra=_of(target)
        )
        self._refused, self._told_at = 0, now


def _named(target: str) -> str:
    """Return a worker's name, or what was given instead, so that it forges no line."""
    return target if is_name(target) else ascii(target)[:80]


def _of(target: str) -> dict[str, Any]:
    return {"worker": target} if is_name(target) else {}
