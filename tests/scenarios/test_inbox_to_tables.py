"""Files dropped into a folder end up in a SQLite file: the two first-party handlers together."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from smoothop_inbox import Inbox, InboxSettings
from smoothop_tables import Tables, TablesSettings

from smoothop import Config, HandlerFailedError, Operator, done

DEADLINE = 60
HOUR = 3600.0
EXAMPLE = Path(__file__).parents[2] / "examples" / "inbox" / "data"

HOLD_ONE_FILE = """
import sys, threading
from pathlib import Path
from smoothop import Config, Operator
from smoothop_inbox import Inbox, InboxSettings

def hold(ctx):
    print(ctx.message["name"], flush=True)
    threading.Event().wait()

operator = Operator()
operator.add_handler("hold", hold, Config(message_only=True))
operator.add_handler("inbox", Inbox(InboxSettings(Path(sys.argv[1]), "hold", settle=0.0)))
operator.start_all()
threading.Event().wait()
"""


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "incoming"
    made.mkdir()
    return made


def inbox(folder, target="tables"):
    return Inbox(InboxSettings(folder, target, settle=0.0, idle=HOUR))


def loading(operator, folder, database):
    """Add the two workers and start them."""
    operator.add_handler("tables", Tables(TablesSettings(database)), Tables.config)
    operator.add_handler("inbox", inbox(folder))
    operator.start_all()


def take_through(operator, files):
    """Let the inbox look once for each file: it takes one at a time."""
    for _ in range(files):
        operator.dispatch("inbox", "look").result(timeout=DEADLINE)


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def query(database, statement):
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(statement).fetchall()


def test_the_example_files_are_loaded_and_a_broken_one_among_them_fails_alone(folder, tmp_path):
    for source in EXAMPLE.glob("*.csv"):
        (folder / source.name).write_bytes(source.read_bytes())
    (folder / "broken.csv").write_text('a,b\n1,2\n3,"4\n')
    database = tmp_path / "out.db"
    with Operator() as operator:
        loading(operator, folder, database)
        take_through(operator, 3)
        (folder / "airports.csv").write_bytes((EXAMPLE / "airports.csv").read_bytes())
        take_through(operator, 1)
    assert names(folder) == []
    assert names(folder / "done") == ["airports-2.csv", "airports.csv", "seattle-weather.csv"]
    assert names(folder / "failed") == ["broken.csv", "broken.csv.error.txt"]
    reason = (folder / "failed" / "broken.csv.error.txt").read_text()
    assert reason.startswith("broken.csv: line 3: a quoted cell that begins here is never closed")
    assert query(database, "SELECT count(*) FROM airports") == [(3376,)]
    assert query(database, "SELECT count(*), sum(precipitation) > 4000 FROM seattle_weather") == [
        (1461, 1)
    ]


def test_two_inboxes_on_one_folder_never_take_the_same_file(folder):
    files = {f"{number:03}.txt" for number in range(300)}
    for name in files:
        (folder / name).write_text(name)
    seen, all_seen = Counter(), threading.Event()

    def record(ctx):
        assert Path(ctx.message["path"]).read_text() == ctx.message["name"]
        seen[ctx.message["name"]] += 1
        if len(seen) == len(files):
            all_seen.set()
        return done()

    with Operator() as operator:
        operator.add_handler("record", record, Config(message_only=True))
        inboxes = [
            operator.add_handler(f"inbox-{number}", inbox(folder, "record")) for number in (1, 2)
        ]
        operator.start_all()
        assert all_seen.wait(DEADLINE)
        # A stop waits for the file that is being put away.
        operator.stop_all().result(timeout=DEADLINE)
        assert [worker.snapshot().panics for worker in inboxes] == [0, 0]
    assert set(seen) == files
    assert set(seen.values()) == {1}
    assert names(folder / "done") == sorted(files)
    assert list((folder / ".claims").iterdir()) == []


def test_files_of_a_killed_process_are_taken_up_and_those_of_a_live_one_are_not(folder, tmp_path):
    (folder / "held.csv").write_text("a\n1\n")
    database = tmp_path / "out.db"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_ONE_FILE, str(folder)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as claimer:
        assert claimer.stdout.readline() == "held.csv\n"
        with Operator() as operator:
            loading(operator, folder, database)
            take_through(operator, 1)
            assert not (folder / "done").exists()
            claimer.send_signal(signal.SIGKILL)
            assert claimer.wait(DEADLINE) == -signal.SIGKILL
            operator.stop("inbox").result(timeout=DEADLINE)
            operator.start("inbox")
            take_through(operator, 1)
    assert names(folder / "done") == ["held.csv"]
    assert query(database, "SELECT * FROM held") == [(1,)]
    assert list((folder / ".claims").iterdir()) == []


def test_a_file_that_was_loaded_before_the_crash_is_not_loaded_twice(folder, tmp_path):
    database = tmp_path / "out.db"
    (tmp_path / "a.csv").write_text("a\n1\n2\n")
    with Operator() as operator:
        loading(operator, folder, database)
        # What a crash between the load and the move to done/ leaves: loaded, and not moved.
        operator.dispatch("tables", {"path": str(tmp_path / "a.csv")}).result(timeout=DEADLINE)
        (tmp_path / "a.csv").rename(folder / "a.csv")
        take_through(operator, 1)
    assert names(folder / "done") == ["a.csv"]
    assert query(database, "SELECT count(*) FROM a") == [(2,)]


def test_a_mailbox_that_is_full_makes_the_inbox_wait_and_no_file_fails(folder):
    got, go_on = threading.Event(), threading.Event()

    def slow(ctx):
        got.set()
        go_on.wait(DEADLINE)
        return done()

    (folder / "a.csv").write_text("a\n1\n")
    with Operator() as operator:
        operator.add_handler("slow", slow, Config(message_only=True, mailbox_size=1))
        operator.start("slow")
        operator.dispatch("slow", 1)
        assert got.wait(DEADLINE)
        operator.dispatch("slow", 2)
        operator.add_handler("inbox", inbox(folder, "slow"))
        operator.start("inbox")
        look = operator.dispatch("inbox", "look")
        go_on.set()
        try:
            look.result(timeout=DEADLINE)
        except HandlerFailedError as error:
            pytest.fail(f"the inbox did not wait: {error.__cause__}")
    assert names(folder / "done") == ["a.csv"]
