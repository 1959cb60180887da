"""A test that leaves something behind fails: threads, tasks, descriptors and child processes."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

# What was asked to end when the test returned may still be on its way out.
SECONDS_TO_END = 5.0
_DESCRIPTORS = next(path for path in map(Path, ("/proc/self/fd", "/dev/fd")) if path.is_dir())


@dataclass(frozen=True)
class Belongings:
    """What the process holds at one moment."""

    threads: frozenset[threading.Thread]
    tasks: frozenset[asyncio.Task[Any]]
    descriptors: frozenset[tuple[int, str]]
    has_children: bool

    @classmethod
    def now(cls) -> Belongings:
        """Take stock of this process."""
        return cls(
            frozenset(threading.enumerate()), open_tasks(), open_descriptors(), has_children()
        )


def open_tasks() -> frozenset[asyncio.Task[Any]]:
    """Return the tasks of every event loop that are not done.

    The collector is asked because asyncio itself only lists the tasks of a loop one holds, and
    a loop that was closed or forgotten is just where tasks are left.
    """
    return frozenset(o for o in gc.get_objects() if type(o) is asyncio.Task and not o.done())


def open_descriptors() -> frozenset[tuple[int, str]]:
    """Return the open file descriptors, each with what it leads to."""
    described = map(_described, list(_DESCRIPTORS.iterdir()))
    return frozenset(descriptor for descriptor in described if descriptor)


def has_children() -> bool:
    """Tell whether there is a child process, running or ended, that was not waited for."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _described(entry: Path) -> tuple[int, str] | None:
    descriptor = int(entry.name)
    try:
        return descriptor, str(entry.readlink())
    except FileNotFoundError:  # the one that listed the directory
        return None
    except OSError:  # no link to read on this platform: the number must do
        return descriptor, "?"


def left_behind(before: Belongings, seconds: float) -> list[str]:
    """Return a line for each thing that was not there `before`, after waiting for its end."""
    deadline = monotonic() + seconds
    for thread in set(threading.enumerate()) - before.threads:
        thread._started.wait(SECONDS_TO_END)  # one that is just being started cannot be joined
        thread.join(max(0.0, deadline - monotonic()))
    found = _new_since(before)
    if found:
        gc.collect()  # what only a reference cycle still holds is not left behind
        found = _new_since(before)
    return found


def _new_since(before: Belongings) -> list[str]:
    now = Belongings.now()
    threads = [f"thread {t.name!r}" for t in now.threads - before.threads]
    tasks = [f"asyncio task {t!r}" for t in now.tasks - before.tasks]
    opened = [f"descriptor {n} of {what}" for n, what in now.descriptors - before.descriptors]
    children = ["a child process"] if now.has_children and not before.has_children else []
    return sorted(threads + tasks + opened + children)


@pytest.fixture(scope="session", autouse=True)
def _what_is_imported_is_not_searched() -> None:
    """Keep the collector, and so `open_tasks`, to what the tests make: 5 ms instead of 50."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _nothing_is_left_behind() -> Iterator[None]:
    """Fail the test after which something is there that was not there before."""
    before = Belongings.now()
    yield
    left = left_behind(before, SECONDS_TO_END)
    if left:
        pytest.fail("left behind by this test:\n  " + "\n  ".join(left), pytrace=False)
