"""How much the tests try: the size of each CI run, or that of the long run (`tox -e soak`)."""

from __future__ import annotations

import os
from typing import Protocol

import pytest
from hypothesis import HealthCheck, settings

SOAK = os.environ.get("SMOOTHOP_SOAK") == "1"

# On a shared machine the time of one example says nothing.
_COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow], "print_blob": True}

# CI tries the same examples each time, so that a red run is caused by the change it judges.
# The search for what nobody has seen yet is the long run's: its seed is new each time, and a
# failure prints the line that repeats it.
settings.register_profile("ci", max_examples=500, derandomize=True, database=None, **_COMMON)
settings.register_profile("soak", max_examples=20_000, **_COMMON)
settings.load_profile("soak" if SOAK else "ci")


class Sized(Protocol):
    """Choose between the sizes of the two kinds of run."""

    def __call__(self, *, ci: int, soak: int) -> int:
        """Return `ci`, or `soak` in the long run."""


@pytest.fixture
def sized() -> Sized:
    """Choose how often to try: ``seeds = sized(ci=10_000, soak=1_000_000)``."""

    def choose(*, ci: int, soak: int) -> int:
        return soak if SOAK else ci

    return choose


@pytest.fixture(scope="session", autouse=True)
def _no_settings_of_this_machine() -> None:
    """Keep the settings of whoever runs the tests away from them, and from their children."""
    for name in [name for name in os.environ if name.startswith("SMOOTHOP_")]:
        del os.environ[name]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the tests marked `soak` to the long run."""
    if SOAK:
        return
    left_out = [item for item in items if item.get_closest_marker("soak")]
    if left_out:
        items[:] = [item for item in items if not item.get_closest_marker("soak")]
        config.hook.pytest_deselected(items=left_out)
