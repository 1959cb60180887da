"""What the kit for authors says about the package: nothing."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution

import pytest

from smoothop.testing import check_plugin


@pytest.mark.alone  # it measures how long the import takes
def test_the_installed_package_keeps_the_contract() -> None:
    try:
        distribution("smoothop-prometheus")
    except PackageNotFoundError:
        pytest.skip("run from a checkout: the package is not installed")
    assert check_plugin("smoothop-prometheus").findings == ()
