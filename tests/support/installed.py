"""Which smoothop the tests run on: in tox it must be the installed wheel, not the checkout."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

_FOUND = find_spec("smoothop")
_HERE = Path(_FOUND.origin or "").parent if _FOUND else None
_MUST_BE_INSTALLED = os.environ.get("SMOOTHOP_TEST_INSTALLED") == "1"


def pytest_report_header() -> str:
    """Say which smoothop is tested."""
    return f"smoothop from {_HERE}"


def pytest_configure() -> None:
    """Refuse to test the checkout where the wheel is meant."""
    if _MUST_BE_INSTALLED and not (_HERE and _HERE.is_relative_to(sys.prefix)):
        raise pytest.UsageError(
            f"the tests are to run on the installed smoothop, but it comes from {_HERE}"
        )
