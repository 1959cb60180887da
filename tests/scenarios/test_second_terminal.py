"""The README's example, looked into and steered from a second terminal."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager

import pytest
from support.checkouts import ROOT
from support.terminals import DEADLINE, Child

SMOOTHOP = [sys.executable, "-m", "smoothop"]
SHOWN = re.search(
    r"## From another terminal\n\n```console\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL
)[1]
COMMANDS = re.findall(r"^\$ \.venv/bin/smoothop (.*)\n((?:(?!\$ ).*\n)*)", SHOWN, re.MULTILINE)


@pytest.fixture
def directory(tmp_path):
    """The example, with both files in its inbox."""
    example = tmp_path / "inbox"
    shutil.copytree(ROOT / "examples" / "inbox", example)
    shutil.copytree(example / "data", example / "incoming")
    return example


@pytest.fixture
def first(directory, run_directory):
    """`smoothop run --all` at the first terminal, with both files loaded."""
    command = [*SMOOTHOP, "run", "--all"]
    with Child.on_terminal(command, cwd=directory, variables=variables()) as child:
        child.read_until("airports.csv is done")
        child.read_until("seattle-weather.csv is done")
        yield child


def variables():
    kept = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    return kept | {"TERM": "dumb", "SMOOTHOP_DISABLE_PLUGINS": "smoothop-prometheus"}


def smoothop(command, *, code=0):
    """Type a command at the second terminal; return what it prints."""
    ended = subprocess.run(
        f"{sys.executable} -m smoothop {command}",
        shell=True,
        cwd="/",
        env=variables(),
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert ended.returncode == code, f"$ smoothop {command}\n{ended.stdout}{ended.stderr}"
    return ended.stdout


def test_what_the_readme_shows_is_what_is_printed(first):
    assert len(COMMANDS) >= 2
    for command, output in COMMANDS:
        assert like(output).fullmatch(smoothop(command)), command


def like(output):
    """Return a pattern for the same words, with any spaces between them and any measures."""
    words = (
        r"([\d.]+(us|ms|s|/s|m\d+s)|-)"
        if re.fullmatch(r"[\d.]+(ms|s|/s)", word)
        else re.escape(word)
        for word in output.split()
    )
    return re.compile(r"\s+".join(words) + r"\s*")


def test_a_worker_is_looked_into_paused_restarted_and_followed(first, directory):
    assert "now:          waiting for a message" in smoothop("inspect tables")
    message = """'{"path": "data/airports.csv", "name": "again.csv"}'"""
    result = json.loads(smoothop(f"send tables {message} --wait"))
    assert result == {"table": "again", "rows": 3376, "skipped": False}

    assert smoothop("pause tables") == "tables: paused\n"
    shutil.copy(directory / "data" / "airports.csv", directory / "incoming" / "third.csv")
    first.read_until("worker paused")
    assert smoothop("restart tables") == "tables: restarted\n"
    assert "paused for" in smoothop("inspect tables")

    with following("--json --kind handle --worker tables") as events:
        assert smoothop("resume tables") == "tables: resumed\n"
        event = json.loads(events.readline())
    assert (event["worker"], event["status"]) == ("tables", "done")
    first.read_until("third.csv is done")


@contextmanager
def following(options):
    command = [*SMOOTHOP, "events", *options.split()]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=variables(), stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stderr.readline().startswith("following")
        yield process.stdout
        process.kill()


def test_stopped_workers_are_still_listed_and_after_stop_all_nobody_answers(first):
    assert smoothop("stop tables inbox") == "tables: stopped\ninbox: stopped\n"
    assert [worker["phase"] for worker in json.loads(smoothop("ps --json"))] == ["stopped"] * 2
    assert smoothop("start --all") == "tables: started\ninbox: started\n"
    assert smoothop("stop --all") == "tables: stopped\ninbox: stopped\n"
    assert smoothop("ps", code=3) == ""
    assert first.wait() == 0
    assert "all workers have stopped" in first.text
