"""What the kit for authors says about the package: nothing."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from smoothop_inbox import Inbox, InboxSettings

from smoothop import Config, HandleEvent, done, fail
from smoothop.testing import RecordedEvents, VirtualOperator, check_plugin, handle_once

HOUR = 3600.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.csv").write_text("content")
    return folder


@pytest.mark.alone  # it measures how long the import takes
def test_the_installed_package_keeps_the_contract(tmp_path: Path) -> None:
    try:
        distribution("smoothop-inbox")
    except PackageNotFoundError:
        pytest.skip("run from a checkout: the package is not installed")
    settings = {"path": tmp_path / "in", "target": "tables"}
    report = check_plugin("smoothop-inbox", settings={"inbox": settings}, workers=["tables"])
    assert report.findings == ()


@pytest.mark.parametrize(
    ("answer", "place"), [(done(), "done"), (fail("bad"), "failed"), (OSError("bad"), "failed")]
)
def test_one_call_takes_one_file_through(folder: Path, answer: object, place: str) -> None:
    settings = InboxSettings(folder, "tables", settle=0.0)
    outcome = handle_once(Inbox, settings=settings, dispatches={"tables": answer})  # type: ignore[dict-item]  # each is an answer
    assert outcome.result == done()
    assert [(sent.worker, sent.message["name"]) for sent in outcome.sent] == [("tables", "a.csv")]
    assert (folder / place / "a.csv").read_text() == "content"


def test_a_missing_target_is_a_failure_that_is_tried_again_soon(folder: Path) -> None:
    outcome = handle_once(Inbox, settings={"path": folder, "target": "tables", "settle": 0})
    assert outcome.result is not None
    assert str(outcome.result.error) == "worker tables not found"
    assert outcome.sleeps == 5


def test_it_looks_as_often_as_it_is_told(
    tmp_path: Path, smoothop_operator: VirtualOperator, smoothop_events: RecordedEvents
) -> None:
    settings = InboxSettings(tmp_path / "in", "tables", idle=HOUR)
    inbox = Inbox(settings, clock=smoothop_operator.clock)
    smoothop_operator.add_handler("inbox", inbox)
    smoothop_operator.start_all()
    smoothop_operator.advance(24 * HOUR)
    assert len(smoothop_events.of(HandleEvent)) == 25


def test_a_file_is_taken_when_it_has_settled(
    folder: Path, smoothop_operator: VirtualOperator
) -> None:
    taken: list[float] = []

    def target(ctx: object) -> object:
        taken.append(smoothop_operator.elapsed)
        return done()

    settings = InboxSettings(folder, "tables", settle=10, idle=HOUR)
    inbox = Inbox(settings, clock=smoothop_operator.clock)
    smoothop_operator.add_handler("inbox", inbox)
    smoothop_operator.add_handler("tables", target, Config(message_only=True))
    smoothop_operator.start_all()
    smoothop_operator.run_until(lambda: taken)
    assert taken == [10]
