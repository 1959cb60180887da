from __future__ import annotations

import errno
from pathlib import Path
from typing import Never

import pytest
from smoothop_inbox.filing import file_into, forget, write_beside


@pytest.fixture(params=["links", "no links"])
def box(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on a file system with, and on one without, hard links."""
    if request.param == "no links":

        def refuse(self: Path, target: Path) -> Never:
            raise OSError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(Path, "hardlink_to", refuse)
    return tmp_path


def put(box: Path, name: str, text: str) -> Path:
    source = box / "claimed"
    source.write_text(text)
    place = file_into(box / "done", source, name)
    forget(source)
    assert not source.exists()
    assert place.read_text() == text
    return place


def test_a_name_that_is_taken_gets_a_number_and_nothing_is_overwritten(box: Path) -> None:
    places = [put(box, "a.csv", text) for text in ("one", "two", "three")]
    assert [place.name for place in places] == ["a.csv", "a-2.csv", "a-3.csv"]
    assert [place.read_text() for place in places] == ["one", "two", "three"]


def test_a_folder_or_a_dangling_link_of_that_name_is_not_touched(box: Path) -> None:
    (box / "done" / "a.csv").mkdir(parents=True)
    (box / "done" / "a-2.csv").symlink_to("nowhere")
    assert put(box, "a.csv", "x").name == "a-3.csv"
    assert (box / "done" / "a-2.csv").is_symlink()


@pytest.mark.parametrize(
    "name", ["x" * 255, "x" * 251 + ".csv", "é" * 127, "a." + "y" * 250, "\n.csv", "\udcff.csv"]
)
def test_odd_and_long_names_are_kept_or_cut(box: Path, name: str) -> None:
    first, second = put(box, name, "one"), put(box, name, "two")
    assert first.name == name
    assert second.name != name
    note = write_beside(first, "why")
    assert note.name.endswith(".error.txt")


def test_a_crash_between_the_two_steps_is_finished_by_the_next_try(tmp_path: Path) -> None:
    source = tmp_path / "claimed"
    source.write_text("x")
    place = file_into(tmp_path / "done", source, "a.csv")
    assert source.exists()
    assert file_into(tmp_path / "done", source, "a.csv") == place
    forget(source)
    assert list((tmp_path / "done").iterdir()) == [place]
    assert place.read_text() == "x"


def test_a_file_that_is_gone_leaves_nothing_behind(box: Path) -> None:
    with pytest.raises(FileNotFoundError):
        file_into(box / "done", box / "gone", "a.csv")
    assert list((box / "done").iterdir()) == []


def test_a_note_never_overwrites_a_file_that_has_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv.error.txt").write_text("a file of somebody")
    note = write_beside(tmp_path / "a.csv", "why \udcff")
    assert note.name == "a.csv-2.error.txt"
    assert note.read_text() == "why \\udcff"
    assert (tmp_path / "a.csv.error.txt").read_text() == "a file of somebody"
