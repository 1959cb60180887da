"""A test marked `alone` runs while no other process of pytest-xdist runs one."""

from __future__ import annotations

from pathlib import Path

import pytest

TEST = """
    import fcntl, pytest
    from pathlib import Path

    def may_take(tmp_path_factory, how):
        with (tmp_path_factory.getbasetemp().parent / "running").open("w") as file:
            try:
                fcntl.flock(file, how | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

    def test_side_by_side(tmp_path_factory):
        assert may_take(tmp_path_factory, fcntl.LOCK_SH)
        assert not may_take(tmp_path_factory, fcntl.LOCK_EX)

    @pytest.fixture(scope="module")
    def measured(tmp_path_factory):
        return not may_take(tmp_path_factory, fcntl.LOCK_SH)

    @pytest.mark.alone
    def test_alone(measured, tmp_path_factory):
        assert measured
        assert not may_take(tmp_path_factory, fcntl.LOCK_SH)
"""


def test_others_wait_for_its_end_and_it_for_theirs(pytester):
    pytest.importorskip("xdist")
    pytester.makeini(
        f"[pytest]\npythonpath = {Path(__file__).parent}\nmarkers = alone: as in pyproject.toml"
    )
    pytester.makeconftest('pytest_plugins = ["support.alone"]')
    pytester.makepyfile(test_one=TEST, test_two=TEST)

    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-n", "2")

    result.assert_outcomes(passed=4)
