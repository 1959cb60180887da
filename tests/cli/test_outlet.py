"""Lines on their way to a pipe that is read late, or never again."""

import os
import threading
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from support.gates import DEADLINE

from smoothop.cli.outlet import Outlet


class Pipe:
    """An outlet into a pipe that is full until `read` is called."""

    def __init__(self, room):
        self._reader, self.writer = os.pipe()
        os.set_blocking(self.writer, False)
        self._filling = 0
        with suppress(BlockingIOError):
            while True:
                self._filling += os.write(self.writer, b"." * 4096)
        os.set_blocking(self.writer, True)
        self.outlet = Outlet(room, self.writer)

    def read(self):
        """Return all lines that were written when the outlet is closed."""
        text = bytearray()

        def read():
            while some := os.read(self._reader, 65_536):
                text.extend(some)

        thread = threading.Thread(target=read)
        thread.start()
        self.outlet.close(DEADLINE)
        os.close(self.writer)
        thread.join(DEADLINE)
        os.close(self._reader)
        return text[self._filling :].decode().splitlines()


def test_nobody_waits_for_a_reader_and_what_finds_no_room_is_counted_in_its_place():
    pipe = Pipe(room=20)
    for number in range(10):
        pipe.outlet.put(f"line {number}")
    assert pipe.outlet.flush(timeout=0) is False
    assert pipe.read() == ["line 0", "line 1", "line 2", "smoothop: 7 lines were left out"]


def test_what_must_not_be_missed_finds_room_behind_the_count_of_what_did_not():
    pipe = Pipe(room=6)
    for line in ("line 0", "line 1"):
        pipe.outlet.put(line)
    pipe.outlet.put("abandoned", always=True)
    assert pipe.read() == ["line 0", "smoothop: 1 lines were left out", "abandoned"]


def test_the_count_is_told_as_soon_as_there_is_room_even_if_nothing_else_comes():
    pipe = Pipe(room=6)
    pipe.outlet.tell_left_out = "({})".format
    pipe.outlet.put("line 0")
    pipe.outlet.put("line 1")
    assert pipe.read() == ["line 0", "(1)"]


def test_flush_waits_for_all_that_was_put_before(tmp_path):
    with writing_to(tmp_path / "log") as outlet:
        for number in range(1_000):
            outlet.put(f"line {number}")
        assert outlet.flush(DEADLINE)
        lines = (tmp_path / "log").read_text().splitlines()
    assert lines == [f"line {number}" for number in range(1_000)]


@contextmanager
def writing_to(path):
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    outlet = Outlet(descriptor=descriptor)
    yield outlet
    outlet.close(DEADLINE)
    os.close(descriptor)


def test_a_terminal_that_others_have_made_non_blocking_gets_every_line():
    pipe = Pipe(room=1_000_000)
    os.set_blocking(pipe.writer, False)
    pipe.outlet.put("x" * 500_000)
    assert pipe.read() == ["x" * 500_000]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_what_a_full_disk_has_refused_is_told_when_there_is_space_again(tmp_path):
    descriptor = os.open("/dev/full", os.O_WRONLY)
    outlet = Outlet(descriptor=descriptor)
    outlet.put("one")
    outlet.put("two")
    assert outlet.flush(DEADLINE)
    with (tmp_path / "log").open("w") as file:
        os.dup2(file.fileno(), descriptor)
        outlet.put("three")
        outlet.close(DEADLINE)
    os.close(descriptor)
    assert (tmp_path / "log").read_text() == "smoothop: 2 lines were left out\nthree\n"


def test_lines_wait_until_there_can_be_a_thread_to_write_them(tmp_path, monkeypatch):
    def refuse(_thread):
        raise RuntimeError("can't start new thread")

    with writing_to(tmp_path / "log") as outlet:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            outlet.put("one")
        outlet.put("two")
        assert outlet.flush(DEADLINE)
        assert (tmp_path / "log").read_text() == "one\ntwo\n"


def test_without_a_stderr_lines_go_nowhere(monkeypatch):
    monkeypatch.setattr("sys.stderr", None)
    outlet = Outlet()
    outlet.put("line")
    assert outlet.flush(DEADLINE)
    outlet.close(DEADLINE)
