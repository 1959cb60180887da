"""Tests that measure time run alone.

pytest-xdist shares the test files out over two processes. A test marked ``alone`` waits until the
other process is between two tests, and keeps it there until it has ended. So no test of ours
makes another one late; what else the machine does is not ours to stop.
"""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, TextIO

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


# Around everything else that is done for a test: its time limit does not count the waiting.
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Run each test in its turn, fixtures of wider scope included."""
    if not hasattr(item.config, "workerinput"):  # no other process runs tests
        return (yield)
    factory: pytest.TempPathFactory = item.config._tmp_path_factory
    with _turn(factory.getbasetemp().parent, alone=item.get_closest_marker("alone") is not None):
        return (yield)


@contextmanager
def _turn(shared: Path, *, alone: bool) -> Iterator[None]:
    """Hold the lock of running tests: for oneself if `alone`, otherwise with the others.

    Whoever wants it passes the door first, and one who waits for it alone keeps the door: nobody
    else can go on running tests in his place for ever.
    """
    running, door = _open(shared / "running"), _open(shared / "door")
    fcntl.flock(door, fcntl.LOCK_EX)
    fcntl.flock(running, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
    fcntl.flock(door, fcntl.LOCK_UN)
    try:
        yield
    finally:
        fcntl.flock(running, fcntl.LOCK_UN)


@cache
def _open(path: Path) -> TextIO:
    """Open a lock file, for as long as this process runs."""
    return path.open("w")
