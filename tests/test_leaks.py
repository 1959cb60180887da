"""The fixture that finds what a test leaves behind."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest
from support.leaks import Belongings, left_behind


def test_a_thread_that_goes_on_is_named():
    before = Belongings.now()
    go = threading.Event()
    thread = threading.Thread(target=go.wait, name="forgotten", daemon=True)
    thread.start()
    try:
        assert left_behind(before, seconds=0) == ["thread 'forgotten'"]
    finally:
        go.set()
        thread.join(5)


def test_a_thread_that_is_about_to_end_is_waited_for():
    before = Belongings.now()
    go = threading.Event()
    threading.Thread(target=go.wait).start()
    ends_it = threading.Timer(0.05, go.set)
    ends_it.start()

    assert left_behind(before, seconds=5) == []


def test_a_task_that_is_not_done_is_named():
    before = Belongings.now()

    async def leave_a_task():
        task = asyncio.get_running_loop().create_task(asyncio.Event().wait(), name="forgotten")
        await asyncio.sleep(0)
        return task, left_behind(before, seconds=0)

    _, left = asyncio.run(leave_a_task())

    assert any("asyncio task" in line and "forgotten" in line for line in left)
    assert not any("task" in line for line in left_behind(before, seconds=0))


def test_an_open_file_is_named(tmp_path):
    before = Belongings.now()
    descriptor = os.open(tmp_path / "forgotten", os.O_CREAT)
    try:
        (line,) = left_behind(before, seconds=0)
        assert line == f"descriptor {descriptor} of {tmp_path / 'forgotten'}"
    finally:
        os.close(descriptor)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("threading.Thread(target=END.wait, name='lost', daemon=True).start()", "thread 'lost'"),
        ("KEPT.append(os.dup(1))", "descriptor"),
        ("os.posix_spawn('/bin/true', ['true'], {})", "a child process"),
    ],
)
def test_the_test_that_leaves_it_fails_and_the_next_one_does_not(pytester, body, named):
    pytester.makeini(f"[pytest]\npythonpath = {Path(__file__).parent}")
    pytester.makeconftest("""
        import support.leaks
        pytest_plugins = ["support.leaks"]
        support.leaks.SECONDS_TO_END = 0
    """)
    pytester.makepyfile(f"""
        import os, threading
        END, KEPT = threading.Event(), []

        def test_leaves_something():
            {body}

        def test_is_tidy():
            pass
    """)

    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")

    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines([f"*{named}*", "ERROR *test_leaves_something*"])
