from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from smoothop_inbox import Inbox, InboxSettings

from smoothop import (
    Config,
    Context,
    HandleResult,
    HandlerFailedError,
    Operator,
    Receipt,
    done,
    fail,
)

DEADLINE = 20
HOUR = 3600.0
RIGHT: dict[str, Any] = {"path": Path("in"), "target": "tables"}


class Target:
    """Records what it is sent; a file's text says what to answer."""

    def __init__(self) -> None:
        self.got: SimpleQueue[dict[str, str]] = SimpleQueue()
        self.go_on = threading.Event()

    def handle(self, ctx: Context) -> HandleResult:
        self.got.put(ctx.message)
        text = Path(ctx.message["path"]).read_text()
        if text == "bad":
            return fail("line 3: bad")
        if text == "panic":
            raise RuntimeError("boom")
        if text.startswith("slow"):
            self.go_on.wait(DEADLINE)
        return fail("interrupted") if text == "slow, then bad" else done()


class Desk:
    """An inbox and its target, run by a real operator; `look` makes the inbox look now."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder = folder
        self.target = Target()
        self.operator = Operator()
        settings = InboxSettings(folder, "target", settle=0.0, idle=HOUR)
        self.inbox = Inbox(settings, retry=0.01, **options)
        self.operator.add_handler("inbox", self.inbox)

    def start(self, *, target: bool = True) -> Desk:
        if target:
            self.operator.add_handler("target", self.target, Config(message_only=True))
        self.operator.start_all()
        return self

    def drop(self, name: str, text: str = "x") -> None:
        part = self.folder / f".{len(name)}.part"
        part.write_text(text)
        part.rename(self.folder / name)

    def look(self) -> None:
        self.operator.dispatch("inbox", "look").result(timeout=DEADLINE)

    def look_twice(self) -> None:
        """Look at what is there now: the first look may have begun a while ago."""
        self.look()
        self.look()

    def claim_behind_a_busy_target(self, name: str) -> Receipt:
        """Let the inbox send a file that waits in the target's mailbox."""
        first = self.folder.parent / "first"
        first.write_text("slow")
        self.operator.dispatch("target", {"path": str(first)})
        self.target.got.get(timeout=DEADLINE)
        sent = self.operator.worker("target").metrics(kinds=["dispatch"])
        self.drop(name)
        look = self.operator.dispatch("inbox", "look")
        assert sent.get(timeout=DEADLINE) is not None
        return look

    def files(self, folder: str) -> set[str]:
        there = self.folder / folder
        return {entry.name for entry in there.iterdir()} if there.exists() else set()

    def claimed(self) -> list[str]:
        return [path.name for path in self.folder.glob(".claims/*/files/*")]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "in")
    yield made
    made.target.go_on.set()
    made.operator.close()


def test_a_file_is_sent_with_where_it_is_and_its_name_and_goes_to_done(desk: Desk) -> None:
    desk.start().look()
    desk.drop("a.csv", "content")
    desk.look()
    message = desk.target.got.get(timeout=DEADLINE)
    assert message.keys() == {"path", "name"}
    assert message["name"] == Path(message["path"]).name == "a.csv"
    assert (desk.folder / "done" / "a.csv").read_text() == "content"
    assert desk.claimed() == []


def test_a_refused_file_goes_to_failed_with_the_reason_beside_it(desk: Desk) -> None:
    desk.start().look()
    for name, text in (("bad.csv", "bad"), ("good.csv", "x")):
        desk.drop(name, text)
        desk.look()
    assert desk.files("failed") == {"bad.csv", "bad.csv.error.txt"}
    assert desk.files("done") == {"good.csv"}
    reason = (desk.folder / "failed" / "bad.csv.error.txt").read_text()
    assert reason.startswith("line 3: bad\n")
    assert "refused by: target" in reason


def test_a_file_that_makes_the_target_panic_goes_to_failed_with_the_traceback(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.start().look()
    desk.drop("a.csv", "panic")
    desk.look()
    reason = (desk.folder / "failed" / "a.csv.error.txt").read_text()
    assert "RuntimeError: boom" in reason
    assert "in handle" in reason
    assert "a.csv has failed" in caplog.text


def test_a_name_that_was_there_before_gets_a_number(desk: Desk) -> None:
    desk.start().look()
    for text in ("one", "two"):
        desk.drop("a.csv", text)
        desk.look()
    assert (desk.folder / "done" / "a.csv").read_text() == "one"
    assert (desk.folder / "done" / "a-2.csv").read_text() == "two"


def test_names_of_any_bytes_go_through(desk: Desk) -> None:
    names = {"new\nline", "-rf", "\U0001f600", "\u202egnp.csv", "x" * 255, os.fsdecode(b"\xff\xfe")}
    desk.start().look()
    for name in names:
        desk.drop(name)
        desk.look()
    assert desk.files("done") == names


def test_hidden_files_folders_links_and_pipes_are_left_where_they_are(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.folder.mkdir()
    (desk.folder / ".hidden").write_text("x")
    (desk.folder / "folder").mkdir()
    (desk.folder / "folder" / "inside").write_text("x")
    (desk.folder / "link").symlink_to(".hidden")
    os.mkfifo(desk.folder / "pipe")
    desk.start().look()
    desk.look()
    assert desk.files("") == {".claims", ".hidden", "folder", "link", "pipe"}
    assert caplog.text.count("link is left alone") == 1


def test_an_unreadable_file_is_claimed_and_what_the_target_says_counts(desk: Desk) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    desk.start().look()
    desk.drop("a.csv")
    (desk.folder / "a.csv").chmod(0)
    desk.look()
    assert "a.csv" in desk.files("failed")


def test_a_missing_target_is_waited_for_and_no_file_fails(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.start(target=False).look()
    desk.drop("a.csv")
    with pytest.raises(HandlerFailedError) as failure:
        desk.look()
    assert str(failure.value.__cause__) == "worker target not found"
    assert desk.claimed() == ["a.csv"]
    desk.operator.add_handler("target", desk.target, Config(message_only=True))
    desk.operator.start("target")
    desk.target.got.get(timeout=DEADLINE)
    desk.look()
    assert desk.files("done") == {"a.csv"}
    assert desk.files("failed") == set()


def test_a_message_that_was_dropped_is_sent_again(desk: Desk) -> None:
    desk.start().look()
    look = desk.claim_behind_a_busy_target("a.csv")
    removed = desk.operator.remove_handler("target")
    desk.target.go_on.set()
    assert removed.wait(DEADLINE)
    with pytest.raises(HandlerFailedError):
        look.result(timeout=DEADLINE)
    assert desk.claimed() == ["a.csv"]
    desk.operator.add_handler("target", desk.target, Config(message_only=True))
    desk.operator.start("target")
    desk.look()
    assert desk.files("done") == {"a.csv"}


def test_a_file_whose_message_still_waits_at_a_stop_is_taken_up_at_the_next_start(
    desk: Desk,
) -> None:
    desk.start().look()
    desk.claim_behind_a_busy_target("a.csv")
    assert desk.operator.stop("inbox").wait(DEADLINE)
    assert desk.claimed() == ["a.csv"]
    desk.target.go_on.set()
    desk.operator.start("inbox")
    desk.look()
    assert desk.files("done") == {"a.csv"}
    assert desk.files("failed") == set()
    assert desk.claimed() == []


def test_a_stop_waits_for_a_file_that_is_being_handled(tmp_path: Path) -> None:
    stopping = threading.Event()

    def clock() -> float:
        if stopping.is_set():  # read once the inbox has noticed the stop and waits on
            busy.target.go_on.set()
        return 0.0

    busy = Desk(tmp_path / "in", clock=clock)
    busy.start().look()
    busy.drop("a.csv", "slow")
    busy.operator.dispatch("inbox", "look")
    busy.target.got.get(timeout=DEADLINE)
    stopping.set()
    assert busy.operator.stop("inbox").wait(DEADLINE)
    assert busy.files("done") == {"a.csv"}
    busy.operator.close()


def test_what_fails_while_the_inbox_stops_is_tried_again(desk: Desk) -> None:
    desk.start().look()
    desk.drop("a.csv", "slow, then bad")
    desk.operator.dispatch("inbox", "look")
    desk.target.got.get(timeout=DEADLINE)
    stopped = desk.operator.stop("inbox")
    desk.target.go_on.set()
    assert stopped.wait(DEADLINE)
    assert desk.claimed() == ["a.csv"]
    assert desk.files("failed") == set()


def test_a_stop_waits_no_longer_than_its_patience(tmp_path: Path) -> None:
    now = iter(range(0, 10_000, 5))  # each reading of the clock is five seconds later
    desk = Desk(tmp_path / "in", clock=lambda: float(next(now)))
    desk.start().look()
    desk.drop("a.csv", "slow")
    desk.operator.dispatch("inbox", "look")
    desk.target.got.get(timeout=DEADLINE)
    assert desk.operator.stop("inbox").wait(DEADLINE)
    assert desk.claimed() == ["a.csv"]
    desk.target.go_on.set()
    desk.operator.close()


def test_a_folder_that_vanishes_is_a_failure_until_it_is_back(desk: Desk, tmp_path: Path) -> None:
    desk.inbox = Inbox(InboxSettings(desk.folder, "target", settle=0.0, idle=0.01))
    assert desk.operator.remove_handler("inbox").wait(DEADLINE)
    desk.operator.add_handler("inbox", desk.inbox)
    desk.start().look()
    desk.drop("a.csv")
    desk.target.got.get(timeout=DEADLINE)
    desk.folder.rename(tmp_path / "moved")
    with pytest.raises(HandlerFailedError) as failure:
        desk.look_twice()
    assert "No such file or directory" in str(failure.value.__cause__)
    assert str(desk.folder) in str(failure.value.__cause__)
    assert not desk.folder.exists()
    desk.folder.mkdir()
    desk.drop("b.csv")
    assert desk.target.got.get(timeout=DEADLINE)["name"] == "b.csv"


def test_what_cannot_be_put_away_is_not_sent_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([OSError(errno.ENOSPC, "No space left on device")])
    link = Path.hardlink_to

    def full_once(self: Path, target: Path) -> None:
        for failure in failures:
            raise failure
        link(self, target)

    monkeypatch.setattr(Path, "hardlink_to", full_once)
    desk.start().look()
    desk.drop("a.csv")
    with pytest.raises(HandlerFailedError) as failure:
        desk.look()
    assert "a.csv cannot be put away: No space left on device" in str(failure.value.__cause__)
    desk.look()
    assert desk.files("done") == {"a.csv"}
    assert desk.target.got.qsize() == 1


def test_a_claim_that_somebody_takes_away_is_forgotten(desk: Desk) -> None:
    desk.start().look()
    desk.drop("a.csv", "slow")
    look = desk.operator.dispatch("inbox", "look")
    Path(desk.target.got.get(timeout=DEADLINE)["path"]).unlink()
    desk.target.go_on.set()
    look.result(timeout=DEADLINE)
    assert desk.files("done") == desk.files("failed") == set()
    desk.look()


def test_an_inbox_does_not_send_to_itself(tmp_path: Path) -> None:
    operator = Operator()
    inbox = Inbox(InboxSettings(tmp_path, "inbox"))
    worker = operator.add_handler("inbox", inbox, Config(max_panic_attempts=1))
    events = worker.metrics(kinds=["panic"])
    operator.start("inbox")
    event = events.get(timeout=DEADLINE)
    assert "cannot send its files to itself" in getattr(event, "error", "")
    operator.close()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"target": ""}, "target"),
        ({"pattern": ""}, "pattern"),
        ({"pattern": "sub/*"}, "pattern"),
        ({"settle": -1}, "settle"),
        ({"settle": float("nan")}, "settle"),
        ({"idle": "soon"}, "idle"),
    ],
)
def test_settings_that_cannot_be_right_are_refused(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ValueError, match=f"^{field}: "):
        InboxSettings(**(RIGHT | changes))


@pytest.mark.parametrize("written", ["250ms", 0.25, timedelta(milliseconds=250)])
def test_durations_may_be_written_as_in_a_file(written: Any) -> None:
    settings = InboxSettings(Path("in"), "tables", settle=written, idle=1)
    assert (settings.settle, settings.idle) == (0.25, 1.0)
