"""How much the tests try, as chosen by SMOOTHOP_SOAK: see tests/support/sizes.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import sizes

TEST = """
    import pytest
    from hypothesis import settings

    @pytest.mark.timeout(7)
    def test_sizes(sized, request):
        limits = [limit.args[0] for limit in request.node.iter_markers("timeout")]
        print("sizes", sized(ci=3, soak=20_000), settings().max_examples, limits[0])

    @pytest.mark.soak
    def test_long():
        pass
"""


@pytest.mark.parametrize(
    ("soak", "found", "tests"),
    [
        ("", "sizes 3 500 7", {"passed": 1, "deselected": 1}),
        ("0.1", "sizes 2000 2000 36000", {"passed": 2}),
    ],
)
def test_a_run_has_the_size_of_ci_or_that_share_of_the_long_run(
    pytester, monkeypatch, soak, found, tests
):
    pytester.makeini(
        f"[pytest]\npythonpath = {Path(__file__).parent}\nmarkers =\n    soak: as in pyproject.toml"
    )
    pytester.makeconftest('pytest_plugins = ["pytest_timeout", "support.sizes"]')
    pytester.makepyfile(TEST)
    monkeypatch.setenv("SMOOTHOP_SOAK", soak)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-s")
    result.stdout.fnmatch_lines([f"*{found}*"])
    result.assert_outcomes(**tests)


def test_a_share_of_the_long_run_is_never_less_than_ci(monkeypatch):
    monkeypatch.setattr(sizes, "SHARE", 0.01)
    assert sizes.size(ci=200, soak=5_000) == 200


@pytest.mark.parametrize("soak", ["yes", "0", "-1", "2", "nan", "0,5"])
def test_what_is_no_share_is_refused_with_what_would_be_one(soak):
    with pytest.raises(pytest.UsageError, match=f"SMOOTHOP_SOAK={soak}: give 1 for the long run"):
        sizes.share_of(soak)
