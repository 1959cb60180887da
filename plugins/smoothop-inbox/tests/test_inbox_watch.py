from __future__ import annotations

import os
from pathlib import Path

from smoothop_inbox.watch import Complete, Sight, Watch, look

SMALL = Sight(1, 1, 10, 100)
GROWN = Sight(1, 1, 20, 100)
TOUCHED = Sight(1, 1, 10, 101)
REPLACED = Sight(1, 2, 10, 100)


def test_a_file_is_complete_when_it_has_not_changed_for_the_settle_time() -> None:
    watch = Watch(settle=1)
    assert watch.update({"a": SMALL}, 0.0) == []
    assert watch.next_complete(0.25) == 0.75
    assert watch.update({"a": SMALL}, 0.99) == []
    assert watch.update({"a": SMALL}, 1.0) == [Complete("a", SMALL)]
    assert watch.next_complete(1.0) is None


def test_any_change_begins_the_settle_time_again() -> None:
    for changed in (GROWN, TOUCHED, REPLACED):
        watch = Watch(settle=1)
        watch.update({"a": SMALL}, 0.0)
        assert watch.update({"a": changed}, 1.0) == []
        assert watch.update({"a": changed}, 1.9) == []
        assert watch.update({"a": changed}, 2.0) == [Complete("a", changed)]


def test_a_file_that_went_away_and_came_back_is_new() -> None:
    watch = Watch(settle=1)
    watch.update({"a": SMALL}, 0.0)
    watch.update({}, 0.5)
    assert watch.update({"a": SMALL}, 1.5) == []


def test_without_a_settle_time_a_file_is_complete_at_once() -> None:
    assert Watch(settle=0).update({"a": SMALL}, 5.0) == [Complete("a", SMALL)]


def test_what_has_waited_longest_comes_first() -> None:
    watch = Watch(settle=1)
    watch.update({"z": SMALL}, 0.0)
    watch.update({"z": SMALL, "b": SMALL, "a": SMALL}, 1.0)
    ready = watch.update({"z": SMALL, "b": SMALL, "a": SMALL}, 2.0)
    assert [each.name for each in ready] == ["z", "a", "b"]


def test_a_look_finds_files_that_match_and_are_not_hidden(tmp_path: Path) -> None:
    for name in ("a.csv", ".hidden.csv", "b.txt", "new\nline.csv", os.fsdecode(b"\xff.csv")):
        (tmp_path / name).write_text("x")
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "link.csv").symlink_to("a.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    listing = look(str(tmp_path), "*.csv")
    assert set(listing.files) == {"a.csv", "new\nline.csv", "\udcff.csv"}
    assert set(listing.odd) == {"link.csv", "pipe.csv"}
