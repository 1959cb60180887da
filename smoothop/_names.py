"""Names of workers and handlers."""

from __future__ import annotations

import re

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


def is_name(value: object) -> bool:
    """Tell whether `value` may name a worker or a handler."""
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def checked_name(value: object) -> str:
    """Return `value` if it may name a worker or a handler.

    Raises:
        ValueError: says what a name looks like.
    """
    if not isinstance(value, str) or not is_name(value):
        raise ValueError(
            f"{value!r:.100} is not a name: 1 to 64 of the characters A-Z a-z 0-9 . _ -, "
            "the first a letter or a digit"
        )
    return value
