"""How much the tests try: the size of each CI run, or a share of the long run's (`tox -e soak`).

``SMOOTHOP_SOAK=1`` is the whole long run; ``SMOOTHOP_SOAK=0.1`` a tenth of it, which tells what the
whole would cost. No size is ever smaller than that of CI.
"""

from __future__ import annotations

import os
import signal
from typing import Protocol

import pytest
from hypothesis import HealthCheck, settings

TEN_HOURS = 36_000
"""Seconds that a test may take in a long run, whatever its limit is in CI."""


def share_of(text: str | None) -> float:
    """Return the share of the long run that ``SMOOTHOP_SOAK`` asks for; 0 for a run of CI.

    Raises:
        pytest.UsageError: it is no share.
    """
    if not text:
        return 0.0
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 < share <= 1:
        problem = f"SMOOTHOP_SOAK={text}: give 1 for the long run, or a share of it such as 0.1"
        raise pytest.UsageError(problem)
    return share


SHARE = share_of(os.environ.get("SMOOTHOP_SOAK"))


def size(*, ci: int, soak: int) -> int:
    """Choose how often to try: ``seeds = size(ci=10_000, soak=1_000_000)``."""
    return max(ci, round(soak * SHARE))


# On a shared machine the time of one example says nothing.
_COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow], "print_blob": True}

# CI tries the same examples each time, so that a red run is caused by the change it judges.
# The search for what nobody has seen yet is the long run's: its seed is new each time, and a
# failure prints the line that repeats it.
settings.register_profile("ci", max_examples=500, derandomize=True, database=None, **_COMMON)
settings.register_profile("soak", max_examples=size(ci=500, soak=20_000), **_COMMON)
settings.load_profile("soak" if SHARE else "ci")


class Sized(Protocol):
    """Choose between the sizes of the two kinds of run."""

    def __call__(self, *, ci: int, soak: int) -> int:
        """Return `ci`, or that share of `soak` which is run."""


@pytest.fixture
def sized() -> Sized:
    """Give `size`, which chooses how often to try."""
    return size


@pytest.fixture(scope="session", autouse=True)
def _no_settings_of_this_machine() -> None:
    """Keep the settings of whoever runs the tests away from them, and from their children."""
    for name in [name for name in os.environ if name.startswith("SMOOTHOP_")]:
        del os.environ[name]
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell does for what it runs with &
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the tests marked `soak` to the long run, whose tests have more time."""
    if SHARE:
        for item in items:  # in front of a limit that a test brings along, which is one for CI
            item.add_marker(pytest.mark.timeout(TEN_HOURS), append=False)
        return
    left_out = [item for item in items if item.get_closest_marker("soak")]
    if left_out:
        items[:] = [item for item in items if not item.get_closest_marker("soak")]
        config.hook.pytest_deselected(items=left_out)
