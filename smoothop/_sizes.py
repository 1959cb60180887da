"""Sizes of memory: what a user may write, turned into bytes."""

from __future__ import annotations

import math
import re

_TEXT = re.compile(r"\s*(\d+(?:\.\d*)?)\s*(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)?\s*", re.ASCII)
_POWERS = {"K": 1, "M": 2, "G": 3, "T": 4}


def parse_size(value: object, field: str) -> int:
    """Return a size written in a file as a number of bytes.

    Args:
        value: a whole number of bytes, or text such as ``"512MiB"`` (of 1024) or ``"1GB"`` (of
            1000).
        field: the name the error message gives to the value.

    Raises:
        ValueError: names the field, the value and what would be right.
    """
    match = _TEXT.fullmatch(value) if isinstance(value, str) else None
    if match is not None:
        unit = match[2] or "B"
        base = 1024 if unit.endswith("iB") else 1000
        number = float(match[1]) * base ** _POWERS.get(unit[0].upper(), 0)
        if number < math.inf:
            return int(number)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ValueError(f"{field}: a size looks like 1048576, '512MiB' or '1GB', not {value!r}")
