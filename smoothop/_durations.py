"""Durations: what a user may write, turned into seconds."""

from __future__ import annotations

import math
import re
from datetime import timedelta

_TEXT = re.compile(r"\s*(-?(?:\d+(?:\.\d*)?|\.\d+))\s*(ms|s|m|h)?\s*", re.ASCII)
_PLAIN = 1e300
"""A float or int below it is finite and can be a float."""
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}

Duration = float | int | timedelta
"""Seconds as a number, or a `datetime.timedelta`."""


def seconds(value: object, field: str) -> float:
    """Return a duration given in Python code as seconds.

    Args:
        value: an int or float (seconds) or a timedelta; finite and not negative.
        field: the name the error message gives to the value.

    Raises:
        ValueError: names the field, the value and what would be right.
    """
    # By exact type first: each result of a handler that sleeps comes by here.
    if (type(value) is float or type(value) is int) and 0 <= value < _PLAIN:
        return float(value)
    if isinstance(value, timedelta):
        number = value.total_seconds()
    elif isinstance(value, int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
    else:
        raise ValueError(
            f"{field}: a duration is a number of seconds or a timedelta, not {value!r}"
        )
    return _in_range(number, value, field)


def parse_seconds(value: object, field: str) -> float:
    """Return a duration written in a file, an environment variable or a flag as seconds.

    Takes what `seconds` takes and strings such as ``"250ms"``, ``"2s"``, ``"5m"``, ``"1h"``.

    Raises:
        ValueError: names the field, the value and what would be right.
    """
    match = _TEXT.fullmatch(value) if isinstance(value, str) else None
    if match is not None:
        return _in_range(float(match[1]) * _UNITS[match[2]], value, field)
    if isinstance(value, int | float | timedelta) and not isinstance(value, bool):
        return seconds(value, field)
    raise ValueError(
        f"{field}: a duration looks like 2, 0.5, '250ms', '2s', '5m' or '1h', not {value!r}"
    )


def _in_range(number: float, value: object, field: str) -> float:
    if not 0 <= number < math.inf:
        raise ValueError(f"{field}: a duration is finite and not negative, not {value!r}")
    return number
