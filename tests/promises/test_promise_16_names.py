"""Promise 16: two operators never share a name or socket; a crash needs no repair by hand."""

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from smoothop import Operator
from smoothop.control import Client, ControlServer, ControlStartError, NameTakenError
from smoothop.control.claim import claim

SCRIPT = Path(__file__).parent / "rounds_of_names.py"


@pytest.fixture
def rounds(run_directory, sized):
    """Play all rounds once, in one process that forks."""
    number = sized(ci=100, soak=5_000)
    ended = subprocess.run(
        [sys.executable, "-W", "error", str(SCRIPT), str(number), str(run_directory)],
        capture_output=True,
        text=True,
        timeout=100 + number,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    played = [json.loads(line) for line in ended.stdout.splitlines()]
    assert len(played) == number
    return played


def test_of_two_at_once_one_has_the_name_whatever_the_last_crash_has_left(rounds):
    for one in rounds:
        winners = [told["pid"] for told in one["told"] if "place" in told]
        losers = [told for told in one["told"] if "place" not in told]
        assert len(winners) == 1, one
        assert {told["taken_by"] for told in losers} == {winners[0]}, one
        assert (one["mode"], one["directory"]) == (0o600, 0o700)
    assert len({one["left"] for one in rounds}) == 5


def test_the_second_is_told_who_has_the_name_and_since_when(run_directory):
    with Operator() as operator, ControlServer(operator, name="one"):
        second = ControlServer(operator, name="one")
        taken = rf"'one' runs already \(process {os.getpid()}, since 20.*\): choose another --name"
        with pytest.raises(NameTakenError, match=taken):
            second.start()
        with ControlServer(operator, name="two"):
            assert Client("two").operator().name == "two"
    with Operator() as operator, ControlServer(operator, name="one"):
        assert Client("one").operator().pid == os.getpid()


def test_name_is_held_also_against_one_that_looks_elsewhere(run_directory, monkeypatch):
    with Operator() as operator:
        monkeypatch.setenv("XDG_RUNTIME_DIR", "")
        with ControlServer(operator, name="service"):
            assert Client("service").operator().pid == os.getpid()
            monkeypatch.setenv("XDG_RUNTIME_DIR", str(run_directory))
            assert Client("service").operator().pid == os.getpid()
            with pytest.raises(NameTakenError):
                ControlServer(operator, name="service").start()


def test_child_that_outlives_its_parent_does_not_keep_the_name(run_directory):
    program = (
        "import os, signal, sys, time; from smoothop.control.claim import claim;"
        "held = claim('parent', os.environ, time.time());"
        "child = os.fork() or (os.close(1), signal.pause(), os._exit(0));"
        "print(child, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=False)
    try:
        claim("parent", os.environ, 0).release()
    finally:
        os.kill(int(ended.stdout), signal.SIGKILL)


def test_without_a_place_that_fits_the_way_out_is_named(run_directory):
    with pytest.raises(ControlStartError, match=r"neither XDG_RUNTIME_DIR nor HOME is set.*--no-c"):
        claim("a", {}, 0)
    deep = run_directory / ("d" * 90)
    deep.mkdir()
    with pytest.raises(ControlStartError, match=r"too long for a socket.*shorter --name.*--no-con"):
        claim("n" * 20, {"XDG_RUNTIME_DIR": str(deep)}, 0)


def test_full_disk_is_told_with_the_way_out(run_directory):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))  # no byte can be written
    try:
        with pytest.raises(ControlStartError, match=r"full\.lock cannot be made: .*--no-control"):
            claim("full", os.environ, 0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    claim("full", os.environ, 0).release()


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_is_no_directory_of_ours_is_refused(run_directory, kind):
    place = run_directory / "smoothop"
    if kind == "file":
        place.write_text("")
    else:
        place.symlink_to("/tmp")
    with pytest.raises(ControlStartError, match="not a directory of this user: remove it"):
        claim("a", os.environ, 0)


def test_directory_that_was_open_to_others_is_closed_to_them(run_directory):
    (run_directory / "smoothop").mkdir()
    (run_directory / "smoothop").chmod(0o777)
    held = claim("a", os.environ, 0)
    assert held.place.directory.stat().st_mode & 0o777 == 0o700
    held.release()


AS_NOBODY = """
import os
from smoothop.control.claim import claim
from smoothop.control.errors import ControlStartError
if os.geteuid() == 0:
    os.chown(os.environ["XDG_RUNTIME_DIR"], 65534, -1)
    os.setresuid(65534, 65534, 65534)
try:
    claim("a", {"XDG_RUNTIME_DIR": os.environ["XDG_RUNTIME_DIR"]}, 0)
except ControlStartError as error:
    print(error)
"""


def test_read_only_directory_is_told_with_the_way_out(run_directory):
    run_directory.chmod(0o500)
    told = subprocess.check_output([sys.executable, "-c", AS_NOBODY], text=True)
    run_directory.chmod(0o700)
    assert "smoothop cannot be made: Permission denied" in told
    assert "--no-control" in told


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_directory_of_another_user_is_refused(run_directory):
    (run_directory / "smoothop").mkdir(mode=0o700)
    os.chown(run_directory / "smoothop", 65534, -1)
    with pytest.raises(ControlStartError, match="not a directory of this user"):
        claim("a", os.environ, 0)
