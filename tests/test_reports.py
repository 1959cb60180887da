"""A test may log what cannot be encoded, on pytest-xdist as well."""

from __future__ import annotations

from pathlib import Path

import pytest


def test_a_lone_surrogate_in_what_a_test_logs_or_says_does_not_end_the_run(pytester):
    pytest.importorskip("xdist")
    pytester.makeini(f"[pytest]\npythonpath = {Path(__file__).parent}")
    pytester.makeconftest('pytest_plugins = ["support.reports"]')
    pytester.makepyfile(r"""
        import logging

        def test_logs():
            logging.warning("half of \ud83d")

        def test_says():
            assert False, "half of \ud83d"
    """)

    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-n", "1")

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines([r"*half of \ud83d*"])
