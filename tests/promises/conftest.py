"""The promises of docs/promises.md; each module names its promise."""

from __future__ import annotations

import pytest
from support.ways import OWN_WAYS, Way


@pytest.fixture(params=OWN_WAYS, ids=lambda way: way.name)
def way(request: pytest.FixtureRequest) -> Way:
    """Give the way to run handlers."""
    return request.param
