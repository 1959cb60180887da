"""The contract is the same whichever way a handler runs: each test runs on every way."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.ways import WAYS, Way

import smoothop


@pytest.fixture(params=WAYS, ids=lambda way: way.name)
def way(request: pytest.FixtureRequest) -> Way:
    """Give the way to run handlers."""
    return request.param


@pytest.fixture
def op(way: Way) -> Iterator[smoothop.Operator]:
    """Give an operator on that way."""
    with way.operator() as operator:
        yield operator
