"""Text from strangers, made fit for one line of a message; and the nearest known word."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST = 300


def one_line(text: str) -> str:
    """Return `text` on one line, without control characters, at most 300 characters long."""
    cut = text[: 2 * _LONGEST]  # before anything else: the text may be of any size
    clean = "".join(c if c.isprintable() else " " for c in cut)
    clean = " ".join(clean.split())
    return clean if len(clean) <= _LONGEST else clean[:_LONGEST] + "..."


def error_text(error: BaseException) -> str:
    """Return the type and the text of an exception on one line, whatever its ``__str__`` does."""
    kind = type(error).__name__
    try:
        text = one_line(str(error))
    except BaseException as second:  # noqa: BLE001 - the exception's class is user code too
        return f"{kind} (its text cannot be had: {type(second).__name__})"
    return f"{kind}: {text}" if text else kind


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` with the nearest of the known words, or ``""``."""
    from difflib import get_close_matches  # noqa: PLC0415 - only mistakes pay for its import

    nearest = get_close_matches(word, list(known), n=1)
    return f"; did you mean {nearest[0]!r}?" if nearest else ""


def searched() -> str:
    """Return the end of a message: where distributions were looked for, and by which Python."""
    return f" (searched: {sys.prefix}, by {sys.executable})"
