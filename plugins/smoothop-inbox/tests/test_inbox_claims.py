from __future__ import annotations

import fcntl
from pathlib import Path

import pytest
from smoothop_inbox.claims import ClaimFolder, abandoned
from smoothop_inbox.holdings import Holdings


def drop(folder: Path, name: str, text: str = "x") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_file_is_claimed_once(tmp_path: Path) -> None:
    first, second = ClaimFolder.create(tmp_path), ClaimFolder.create(tmp_path)
    source = drop(tmp_path, "a.csv")
    claimed = first.claim(source)
    with pytest.raises(FileNotFoundError):
        second.claim(source)
    assert claimed.path.read_text() == "x"
    first.release()
    second.release()


def test_the_claims_of_a_live_inbox_in_the_same_process_are_left_alone(tmp_path: Path) -> None:
    live = ClaimFolder.create(tmp_path)
    live.claim(drop(tmp_path, "a.csv"))
    assert list(abandoned(tmp_path)) == []
    live.unlock()
    (taken,) = abandoned(tmp_path)
    assert [claimed.name for claimed in taken.files()] == ["a.csv"]
    taken.unlock()


def test_a_released_folder_without_files_is_removed_and_one_with_files_stays(
    tmp_path: Path,
) -> None:
    folder = ClaimFolder.create(tmp_path)
    claimed = folder.claim(drop(tmp_path, "a.csv"))
    folder.release()
    assert claimed.path.read_text() == "x"
    (taken,) = abandoned(tmp_path)
    claimed.path.rename(tmp_path / "a.csv")
    taken.release()
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_a_lock_on_a_file_that_was_removed_meanwhile_counts_for_nothing(tmp_path: Path) -> None:
    folder = ClaimFolder.create(tmp_path)
    assert folder.is_there()
    (folder.path / "lock").unlink()
    assert not folder.is_there()
    (folder.path / "lock").touch()
    assert not folder.is_there()
    folder.unlock()


def test_a_folder_that_is_removed_while_it_is_being_locked_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = ClaimFolder.create(tmp_path)
    flock = fcntl.flock

    def lock_once_the_owner_has_left(lock: int, operation: int) -> None:
        monkeypatch.undo()
        owner.release()
        flock(lock, operation)

    monkeypatch.setattr(fcntl, "flock", lock_once_the_owner_has_left)
    assert list(abandoned(tmp_path)) == []


def test_what_is_no_claim_folder_is_left_alone(tmp_path: Path) -> None:
    drop(tmp_path, "stray")
    assert list(abandoned(tmp_path)) == []


def test_the_files_of_several_dead_inboxes_with_one_name_are_all_taken_up(tmp_path: Path) -> None:
    (tmp_path / ".claims").mkdir()
    for text in ("first", "second"):
        dead = ClaimFolder.create(tmp_path / ".claims")
        dead.claim(drop(tmp_path, "a.csv", text))
        dead.unlock()
    holdings = Holdings(tmp_path)
    assert holdings.open() == ["a.csv", "a.csv"]
    texts = {job.claimed.path.read_text() for job in holdings.jobs}
    assert texts == {"first", "second"}
    for job in list(holdings.jobs):
        job.claimed.path.unlink()
        holdings.finish(job)
    assert list((tmp_path / ".claims").iterdir()) == []


def test_claims_that_were_removed_by_hand_are_made_anew(tmp_path: Path) -> None:
    holdings = Holdings(tmp_path)
    holdings.finish(holdings.claim(drop(tmp_path, "a.csv")))
    (tmp_path / ".claims").rename(tmp_path / "elsewhere")
    assert holdings.claim(drop(tmp_path, "b.csv")).claimed.path.read_text() == "x"
    holdings.close()
