"""The guides for authors are true: packages made and tested as they say."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.checkouts import ROOT, copy_checkout
from support.walks import Walk, steps

pytestmark = pytest.mark.timeout(300)  # pip fetches what smoothop needs


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """Somebody's environment, with smoothop and pytest."""
    root = tmp_path_factory.mktemp("authors")
    checkout = copy_checkout(root / "checkout")
    subprocess.run([sys.executable, "-m", "venv", root / "environment"], check=True)
    programs = root / "environment" / "bin"
    subprocess.run([programs / "pip", "install", "--quiet", checkout, "pytest"], check=True)
    return programs


@pytest.fixture
def inbox(programs):
    """Have smoothop-inbox installed, too."""
    pip, inbox = programs / "pip", programs.parent.parent / "checkout/plugins/smoothop-inbox"
    subprocess.run([pip, "install", "--quiet", "--no-deps", inbox], check=True)
    yield
    subprocess.run([pip, "uninstall", "--quiet", "--yes", "smoothop-inbox"], check=True)


def test_a_handler_package_is_written_tested_and_run(tmp_path, programs):
    walk = Walk(tmp_path, programs)
    for step in steps((ROOT / "docs" / "guides" / "handler-package.md").read_text()):
        walk.take(step)


@pytest.mark.usefixtures("inbox")
def test_the_tests_of_the_testing_guide_pass(tmp_path, programs):
    walk = Walk(tmp_path, programs)
    for step in steps((ROOT / "docs" / "guides" / "testing-a-plugin.md").read_text()):
        walk.take(step)
    walk.run("rm conftest.py")
    ended = subprocess.run(
        [programs / "pytest", "-q"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "2 passed" in ended.stdout, ended.stdout
