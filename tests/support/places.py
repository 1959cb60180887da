"""Where operators of the tests have their sockets: in no directory of whoever runs the tests."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session", autouse=True)
def _sockets_of_this_session() -> Iterator[None]:
    """Give this session, and its children, a directory for sockets; pytest's have long names."""
    with tempfile.TemporaryDirectory(prefix="smoothop-") as directory:
        os.environ["XDG_RUNTIME_DIR"] = os.environ["XDG_STATE_HOME"] = directory
        yield


@pytest.fixture
def run_directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give one test such a directory of its own, and no other place beside it."""
    with tempfile.TemporaryDirectory(prefix="smoothop-") as directory:
        monkeypatch.setenv("XDG_RUNTIME_DIR", directory)
        monkeypatch.setenv("HOME", f"{directory}/home")
        monkeypatch.delenv("XDG_STATE_HOME", raising=False)
        yield Path(directory)
