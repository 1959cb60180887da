"""Promise 10: memory, threads, tasks and descriptors are bounded and return to the start.

Besides the fixture that looks after every test: one run in a process of its own, which has
nothing else in its memory. What is counted are the allocator's blocks, which do not depend on
the machine; the first tenth of the run warms up caches and free lists.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "long_run.py"
CHILDREN_SCRIPT = SCRIPT.with_name("long_run_of_children.py")


@pytest.mark.parametrize("kind", ["sync", "pool", "async"])
def test_everything_returns_to_the_start(kind, sized):
    messages = sized(ci=200_000, soak=10_000_000)
    restarts = sized(ci=2_000, soak=100_000)
    ended = subprocess.run(
        [sys.executable, "-W", "error", str(SCRIPT), kind, str(messages), str(restarts)],
        capture_output=True,
        text=True,
        timeout=sized(ci=100, soak=36_000),
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert found["threads"] == [1, 1]
    assert found["descriptors"][0] == found["descriptors"][1]
    before, after = found["blocks"]
    # One block per hundred messages would show.
    assert after - before < messages / 100, found
    # A full mailbox and what is in flight, never the messages that went through.
    assert found["most_blocks"] - before < 40_000, found


def test_so_does_everything_of_children_that_come_and_go(sized):
    messages = sized(ci=5_000, soak=1_000_000)
    deaths = sized(ci=30, soak=3_000)
    ended = subprocess.run(
        [sys.executable, "-W", "error", str(CHILDREN_SCRIPT), str(messages), str(deaths)],
        capture_output=True,
        text=True,
        timeout=sized(ci=100, soak=36_000),
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert found["processes"] == [0, 0]
    (blocks, *rest), (blocks_after, *rest_after) = found["parent"]
    assert rest_after == rest, found
    (held, *others), (held_after, *others_after) = found["child"]
    assert others_after == others, found
    # Some are made once: 20 to 70. Another one per hundred messages, or two per death, would show.
    assert blocks_after - blocks < 50 + messages / 100 + 2 * deaths, found
    assert held_after - held < messages / 100, found
