"""The pytest plugin: fixtures, and nothing imported before they are used."""

from __future__ import annotations

import json
import subprocess
import sys

PLUGIN = ("-p", "pytest_smoothop")

LOADED = """
import json, pathlib, sys
import pytest
class Report:
    def pytest_collection_finish(self):
        pathlib.Path(sys.argv[2]).write_text(json.dumps(sorted(sys.modules)))
raise SystemExit(pytest.main(["-q", *sys.argv[3:], sys.argv[1]], plugins=[Report()]))
"""


def test_nothing_of_smoothop_is_imported_until_a_fixture_is_used(tmp_path):
    test = tmp_path / "test_nothing.py"
    test.write_text("def test_nothing(): pass\n")
    report = tmp_path / "loaded.json"
    command = [sys.executable, "-c", LOADED, str(test), str(report), *_plugin()]
    subprocess.run(command, check=True, capture_output=True, cwd=tmp_path, timeout=60)
    loaded = json.loads(report.read_text())
    assert "pytest_smoothop" in loaded
    assert not [name for name in loaded if name.partition(".")[0] in ("smoothop", "typer")]


def test_an_operator_and_its_events_are_there_and_closed_after_the_test(pytester):
    pytester.makepyfile(
        """
        from smoothop import HandleEvent, OperatorClosedError, none
        import pytest

        kept = []

        def test_one(smoothop_operator, smoothop_events):
            smoothop_operator.add_handler("poller", lambda ctx: none(3600))
            smoothop_operator.start_all()
            smoothop_operator.advance(86_400)
            assert len(smoothop_events.of(HandleEvent, "poller")) == 25
            kept.append(smoothop_operator)

        def test_two():
            with pytest.raises(OperatorClosedError):
                kept[0].workers()
        """
    )
    pytester.runpytest_subprocess(*_plugin()).assert_outcomes(passed=2)


def test_the_seed_can_be_overridden(pytester):
    pytester.makepyfile(
        """
        import pytest

        seeds = []

        @pytest.fixture(params=[1, 2])
        def smoothop_seed(request):
            return request.param

        def test_one(smoothop_operator, smoothop_seed):
            seeds.append(smoothop_seed)

        def test_two():
            assert seeds == [1, 2]
        """
    )
    pytester.runpytest_subprocess(*_plugin()).assert_outcomes(passed=3)


def test_a_failing_check_shows_every_finding(pytester):
    pytester.makepyfile(
        """
        from smoothop.testing import check_plugin

        def test_contract():
            assert not check_plugin("acme-nowhere").errors
        """
    )
    result = pytester.runpytest_subprocess(*_plugin())
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*error: acme-nowhere: it publishes nothing for smoothop*"])


def _plugin():
    """Return what loads the plugin where it is not installed, and changes nothing where it is."""
    from importlib.metadata import entry_points

    installed = [one for one in entry_points(group="pytest11") if one.name == "smoothop"]
    return () if installed else PLUGIN
