"""The guide to control is true: its commands are run against an operator."""

import shutil
import sys
from pathlib import Path

import pytest
from support.checkouts import ROOT
from support.walks import Command, Walk, steps

from smoothop import Config, Operator, done, none
from smoothop.control import ControlServer
from smoothop.control.failures import STATUS
from smoothop.control.server.table import ENTRIES


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_what_curl_prints_is_what_the_guide_shows(run_directory, tmp_path):
    guide = (ROOT / "docs" / "guides" / "control.md").read_text()
    walk = Walk(tmp_path, Path(sys.executable).parent)
    with Operator() as operator:
        operator.add_handler("incoming", lambda ctx: none(3600))
        operator.add_handler("tables", lambda ctx: done({"rows": 3}), Config(message_only=True))
        with operator.metrics(worker="incoming", kinds=["handle"]) as handled:
            operator.start_all()
            handled.get(10)  # it is not starting any more
        with ControlServer(operator):
            taken = [step for step in steps(guide) if isinstance(step, Command)]
            for step in taken:
                walk.take(step)
    assert len(taken) == 6


def test_every_route_and_error_is_in_the_reference():
    page = (ROOT / "docs" / "reference" / "control.md").read_text()
    for entry in ENTRIES:
        assert f"| {entry.method} | `{entry.path}` |" in page
    for code, status in STATUS.items():
        assert any(f"| {status} |" in line and f"`{code}`" in line for line in page.splitlines())
