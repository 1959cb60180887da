"""The pytest plugin of smoothop: fixtures for tests of handlers, loaded when they are used.

A module of its own, outside the package: pytest imports it in every run of every project that
has smoothop installed, and importing anything of the package would import the engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smoothop.testing import RecordedEvents, VirtualOperator


@pytest.fixture
def smoothop_seed() -> int:
    """Decide who goes first where that is open; override it, with params, to try several."""
    return 0


@pytest.fixture
def smoothop_operator(smoothop_seed: int) -> Iterator[VirtualOperator]:
    """Give an operator on virtual time; it is closed after the test."""
    from smoothop.testing import VirtualOperator  # noqa: PLC0415 - see the module

    with VirtualOperator(seed=smoothop_seed) as operator:
        yield operator


@pytest.fixture
def smoothop_events(smoothop_operator: VirtualOperator) -> RecordedEvents:
    """Give the events of `smoothop_operator`, from before the test begins."""
    from smoothop.testing import RecordedEvents  # noqa: PLC0415 - see the module

    return RecordedEvents(smoothop_operator)
