"""The tutorial is true: somebody who types what it shows sees what it shows."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.checkouts import ROOT, copy_checkout
from support.walks import Walk, steps

pytestmark = pytest.mark.timeout(300)  # pip fetches what smoothop needs


@pytest.fixture
def walk(tmp_path):
    """Somebody who has installed smoothop into a new environment."""
    checkout = copy_checkout(tmp_path / "checkout")
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    programs = environment / "bin"
    subprocess.run([programs / "pip", "install", "--quiet", checkout], check=True)
    directory = tmp_path / "work"
    directory.mkdir()
    return Walk(directory, programs)


def test_the_tutorial_can_be_followed_word_by_word(walk):
    for step in steps((ROOT / "docs" / "tutorial.md").read_text()):
        walk.take(step)
