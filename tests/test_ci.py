"""The README, CI and tox say the same."""

from __future__ import annotations

import os
import re
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).parent.parent
CI = ROOT / ".ci" / "run"


def shell_lines(markdown):
    """Return every line of every shell block."""
    blocks = re.findall(r"^```(?:sh|shell|bash)\n(.*?)^```", markdown, re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines()]


def test_ci_runs_the_readmes_test_command_and_nothing_else():
    *setting_up, command = CI.read_text().splitlines()

    assert command.endswith("tox")
    assert command in shell_lines((ROOT / "README.md").read_text())
    assert not any("install" in line for line in setting_up if not line.startswith("#"))


def test_ci_can_be_run_as_a_program():
    assert os.access(CI, os.X_OK)


def test_the_summary_of_the_tests_comes_last():
    tox = ConfigParser()
    tox.read(ROOT / "tox.ini")

    assert tox["tox"]["env_list"].split(", ")[-1] == "py311"
