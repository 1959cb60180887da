"""What `smoothop run` tells the service manager: a real socket, real processes."""

import os
import signal
import socket

import pytest
from support.environments import Environment
from support.terminals import DEADLINE
from support.wheels import build_wheel

from smoothop.cli.notify import NotifySocket

from .conftest import Installation

HANDLERS = '''
import os
from pathlib import Path
from smoothop import Config, none

class Late:
    """Ready when somebody has opened its FIFO."""
    def setup(self, ctx):
        ctx.logger.info("inherited: %s", [name for name in os.environ if "NOTIFY" in name])
        Path(os.environ["FIFO"]).read_text()
    def handle(self, ctx):
        return none(3600)

class Failing:
    """Cannot be set up until there is a file."""
    config = Config(panic_backoff=0.01)
    def setup(self, ctx):
        Path(os.environ["FILE"]).read_text()
    def handle(self, ctx):
        return none(3600)

async def blocker(ctx):
    Path(os.environ["FIFO"]).read_text()
    return none(3600)

def blinker(ctx):
    ctx.wait(0.05)
    return none(0.05)

def stubborn(ctx):
    Path(os.environ["FIFO"]).read_text()
    return none(3600)

def quiet(ctx):
    return none(3600)
'''


@pytest.fixture(scope="module")
def acme(tmp_path_factory):
    root = tmp_path_factory.mktemp("notify")
    environment = Environment.create(root / "env")
    names = ("Late", "Failing", "blocker", "blinker", "stubborn", "quiet")
    wheel = build_wheel(
        root,
        "acme-states",
        "1",
        files={"acme_states.py": HANDLERS},
        entry_points={
            "smoothoperator.handlers": {name.lower(): f"acme_states:{name}" for name in names}
        },
    )
    environment.install(wheel)
    return Installation(environment)


class Manager:
    """A service manager's end of the socket."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(DEADLINE)

    def next(self):
        """Return the next message's fields."""
        lines = self.socket.recv(65_536).decode().split("\n")
        return dict(line.split("=", 1) for line in lines)

    def until(self, field):
        """Return the fields of the messages up to the first that has this one."""
        told = []
        while not told or field not in told[-1]:
            told.append(self.next())
        return told


@pytest.fixture
def manager(tmp_path):
    made = Manager(str(tmp_path / "notify"))
    yield made
    made.socket.close()


@pytest.fixture
def running(acme, tmp_path):
    """Start `smoothop run` as a service."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    common = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "FIFO": str(fifo)}

    def run(*arguments, **variables):
        return acme.on_pipe("run", *arguments, cwd=tmp_path, **common, **variables)

    return run


def stop(child):
    child.send(signal.SIGTERM)
    return child.wait()


def test_ready_is_told_when_all_workers_are_up_and_nothing_of_it_is_inherited(
    running, manager, tmp_path
):
    with running("quiet", "late") as child:
        before = manager.until("EXTEND_TIMEOUT_USEC")
        assert not any("READY" in fields for fields in before)
        (tmp_path / "fifo").write_text("go on")
        told = manager.until("READY")[-1]
        assert told["READY"] == "1"
        assert "EXTEND_TIMEOUT_USEC" not in told
        assert stop(child) == 0
    assert "inherited: []" in child.text


def test_a_worker_that_cannot_be_set_up_is_named_and_waited_for(running, manager, tmp_path):
    with running("quiet", "failing", FILE=str(tmp_path / "there")) as child:
        told = manager.next()
        while "1 backoff (failing)" not in told.get("STATUS", ""):
            assert "READY" not in told
            told = manager.next()
        assert told["STATUS"] == "2 workers: 1 idle, 1 backoff (failing)"
        (tmp_path / "there").touch()
        assert manager.until("READY")
        assert stop(child) == 0


def test_a_worker_that_has_used_up_its_panics_is_not_waited_for(running, manager, tmp_path, write):
    write("[workers.quiet]\n[workers.failing]\nmax_panic_attempts = 1\n")
    with running("--all", FILE=str(tmp_path / "nowhere")) as child:
        manager.until("READY")
        assert stop(child) == 0


def test_the_watchdog_is_fed_only_while_the_event_loop_gets_round_to_things(
    running, manager, tmp_path
):
    with running("blinker", "blocker", WATCHDOG_USEC="60000") as child:
        manager.until("READY")  # from the first call on, which does not let go of the loop
        for _ in range(20):
            assert "WATCHDOG" not in manager.next()  # only how the other worker blinks
        (tmp_path / "fifo").write_text("go on")
        manager.until("WATCHDOG")
        manager.until("WATCHDOG")
        assert stop(child) == 0


def test_a_watchdog_counts_if_it_is_for_this_process():
    socket_of = {"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": "3000000"}
    mine, theirs = {"WATCHDOG_PID": str(os.getpid())}, {"WATCHDOG_PID": "1"}
    assert NotifySocket.take({**socket_of}) == NotifySocket("/run/notify", 3.0)
    assert NotifySocket.take(socket_of | mine) == NotifySocket("/run/notify", 3.0)
    assert NotifySocket.take(socket_of | theirs) == NotifySocket("/run/notify", None)
    assert NotifySocket.take(socket_of | {"WATCHDOG_USEC": "soon"}).watchdog is None
    assert NotifySocket.take(mine) is None


def test_a_stop_is_told_and_its_limit_put_off_while_it_takes(running, manager, tmp_path):
    with running("stubborn") as child:
        manager.until("READY")
        child.send(signal.SIGTERM)
        stopping = manager.until("STOPPING")[-1]
        assert stopping["STATUS"] == "stopping the workers"
        assert int(stopping["EXTEND_TIMEOUT_USEC"]) >= 5_000_000
        assert manager.next().keys() == {"EXTEND_TIMEOUT_USEC"}
        (tmp_path / "fifo").write_text("go on")
        assert child.wait() == 0


def test_an_abstract_socket_is_told_as_well(acme, tmp_path):
    name = f"smoothop-{os.getpid()}"
    manager = Manager(f"\0{name}")
    with (
        manager.socket,
        acme.on_pipe("run", "quiet", cwd=tmp_path, NOTIFY_SOCKET=f"@{name}") as child,
    ):
        manager.until("READY")
        assert stop(child) == 0


def test_a_manager_that_is_gone_is_remarked_once_and_changes_nothing_else(running):
    with running("blinker", WATCHDOG_USEC="30000") as child:
        child.read_until("the service manager cannot be told: [Errno 2]")
        assert stop(child) == 0
    assert child.text.count("the service manager cannot be told") == 1


def test_an_address_that_is_no_unix_socket_is_a_problem_before_anything_starts(acme, tmp_path):
    ended = acme.smoothop("run", "quiet", cwd=tmp_path, variables={"NOTIFY_SOCKET": "vsock:2:1234"})
    assert ended.returncode == 2
    assert "NOTIFY_SOCKET: the path of a Unix socket, not 'vsock:2:1234'" in ended.stderr
