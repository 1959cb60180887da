"""Reports of tests that log what cannot be encoded, such as half of a surrogate pair.

pytest-xdist sends the reports of its processes as UTF-8, and gives up the whole run if one cannot
be sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Iterator[None]:
    """Escape what cannot be encoded."""
    return encodable((yield))


def encodable(value: Any) -> Any:
    """Return the same plain data with every lone surrogate escaped."""
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, dict):
        return {encodable(key): encodable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(encodable, value))
    return value
