"""The ladder of signals, on a real terminal and at awkward moments."""

import json
import os
import signal
import subprocess
from dataclasses import replace

import pytest
from support.environments import Environment
from support.terminals import DEADLINE
from support.wheels import build_wheel

from smoothop.cli.signals import DEFAULT_GRACE

HANG = "import threading; threading.Event().wait()"
SIGNAL_DURING_THE_FIRST_IMPORTS = """
import os, signal, sys
before = set(sys.modules)

class Sender:
    def find_spec(self, name, path=None, target=None):
        if name == "smoothop.cli.signals":
            print(*sorted(set(sys.modules) - before), flush=True)
            os.kill(os.getpid(), signal.SIGTERM)

sys.meta_path.insert(0, Sender())
from smoothop.cli.main import main
sys.exit(main())
"""
STUBBORN = "taking the lock twice"
TALKER = """
[workers.talker]
stuck_after = {}
[workers.talker.settings]
text = "hello"
"""


def test_ctrl_c_stops_cleanly_and_says_what_a_second_one_does(acme, tmp_path):
    with acme.on_terminal("run", "ticker", cwd=tmp_path) as child:
        assert "stop with Ctrl-C or SIGTERM" in child.read_until("starting worker")
        child.press("\x03")
        assert child.wait() == 0
    assert "SIGINT: stopping, for at most 25 s; a second signal ends this grace time" in child.text
    assert "all workers have stopped" in child.text


def test_the_second_ctrl_c_ends_the_grace_time_with_exit_code_6(acme, tmp_path):
    with acme.on_terminal("run", "stubborn", cwd=tmp_path) as child:
        child.read_until(STUBBORN)
        child.press("\x03")
        child.read_until("a second signal ends this grace time")
        child.press("\x03")
        assert child.wait() == 6
    assert "the grace time is over; a third signal exits at once" in child.text
    assert "abandoned stubborn" in child.text


def test_the_third_signal_exits_at_once_whatever_the_main_thread_does(odd, tmp_path):
    with odd.on_terminal("run", "hang", cwd=tmp_path) as child:
        child.read_until("importing")
        child.send(signal.SIGTERM)
        child.read_until("a second signal ends this grace time")
        child.send(signal.SIGINT)
        child.read_until("a third signal exits at once")
        child.send(signal.SIGTERM)
        assert child.wait() == 6
    assert "SIGTERM: exiting at once" in child.text


def test_an_import_that_hangs_is_abandoned_after_the_grace_time(odd, tmp_path):
    with odd.on_pipe("run", "hang", "--grace", "100ms", cwd=tmp_path) as child:
        child.read_until("importing")
        child.send(signal.SIGTERM)
        assert child.wait() == 6
    assert "the grace time is over, but the main thread stands at" in child.text


def test_what_is_said_before_the_workers_start_is_in_the_format_of_the_log(odd, tmp_path):
    with odd.on_pipe("run", "hang", "--grace", "0", "--log-format", "json", cwd=tmp_path) as child:
        child.read_until("importing")
        child.send(signal.SIGTERM)
        assert child.wait() == 6
    # On a machine that stands still just then, the last resort tells where the threads stand.
    lines = [line for line in child.text.splitlines() if line.startswith(("{", "smoothop"))]
    stopping, over = map(json.loads, lines)
    assert stopping["message"].startswith("SIGTERM: stopping, for at most 0 s")
    assert over["message"].startswith("the grace time is over, but the main thread stands at")


def test_a_stderr_that_nobody_reads_keeps_neither_workers_nor_the_end_of_the_process(
    acme, tmp_path
):
    fifo = tmp_path / "beacon"
    os.mkfifo(fifo)
    command = ("run", "beacon", "chatterbox")
    with acme.on_pipe(*command, cwd=tmp_path, is_full=True, BEACON=str(fifo)) as child:
        assert fifo.read_text() == "made"
        assert fifo.read_text() == "logged"
        child.send(signal.SIGTERM)
        assert child.process.wait(DEADLINE) == 0


def test_a_closed_stderr_changes_nothing(acme, tmp_path):
    fifo = tmp_path / "beacon"
    os.mkfifo(fifo)
    python = str(acme.environment.python)
    command = ["sh", "-c", 'exec "$@" 2>&-', "sh", python, "-m", "smoothop", "run", "beacon"]
    variables = {**os.environ, "BEACON": str(fifo)}
    with subprocess.Popen(command, cwd=tmp_path, env=variables) as process:
        assert fifo.read_text() == "made"
        process.terminate()
        assert process.wait(DEADLINE) == 0


def test_a_signal_during_start_up_ends_in_a_clean_stop(odd, tmp_path):
    with odd.on_pipe("run", "early", cwd=tmp_path) as child:
        assert child.wait() == 0
    assert "SIGTERM: stopping" in child.text


def test_a_plugin_that_takes_over_a_signal_loses_it_again(odd, tmp_path):
    with odd.on_pipe("run", "signaller", cwd=tmp_path) as child:
        child.read_until("starting worker")
        child.send(signal.SIGTERM)
        assert child.wait() == 0
    told = "handler 'signaller' of odd 1 has changed SIGTERM when it was imported; this was undone"
    assert told in child.text


def test_a_signal_to_a_forked_child_ends_the_child_and_nothing_else(acme, tmp_path):
    with acme.on_pipe("run", "parent", cwd=tmp_path) as child:
        child.read_until(f"the child ended with {-signal.SIGTERM}")
        child.send(signal.SIGINT)
        assert child.wait() == 0
    assert "SIGTERM: stopping" not in child.text


def test_a_grace_time_that_is_read_after_the_signal_counts_from_the_signal(tmp_path):
    environment = Environment.create(tmp_path / "env")
    entry_points = {"smoothoperator.plugins": {"hang": "acme_hang"}}
    environment.install(
        build_wheel(tmp_path, "hang", files={"acme_hang.py": HANG}, entry_points=entry_points)
    )
    arguments = ("run", "--all", "--grace", "0.1")
    ended = environment.run(
        SIGNAL_DURING_THE_FIRST_IMPORTS, *arguments, check=False, timeout=DEFAULT_GRACE
    )
    assert ended.returncode == 6
    assert "SIGTERM: stopping, for at most 25 s" in ended.stderr
    assert "main thread stands at" in ended.stderr


SLOW_END = """
import sys, time

class Kept:
    def __del__(self, say=sys.__stderr__.write, wait=time.sleep):
        say("not yet\\n")
        wait(3600)

KEPT = Kept()
"""


def test_a_run_that_has_failed_and_cannot_end_is_ended_by_a_signal(acme, tmp_path):
    environment = Environment.create(tmp_path / "env")
    wheel = build_wheel(
        tmp_path,
        "slow-end",
        files={"acme_slow_end.py": SLOW_END},
        entry_points={"smoothoperator.plugins": {"slow-end": "acme_slow_end"}},
    )
    environment.install(wheel)
    slow = replace(acme, environment=environment)
    with slow.on_pipe("run", "nothing", cwd=tmp_path) as child:
        child.read_until("not yet")
        child.send(signal.SIGTERM)
        assert child.wait() == -signal.SIGTERM


def test_lines_are_coloured_on_a_terminal_only_and_not_with_no_color(acme, tmp_path):
    for variables, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
        with acme.on_terminal("run", "ticker", cwd=tmp_path, **variables) as child:
            child.read_until("starting worker")
            child.press("\x03")
            assert child.wait() == 0
        assert ("\x1b[36mticker" in child.text) is coloured


def test_signals_are_noticed_before_anything_that_takes_time_is_imported(acme):
    ended = acme.environment.run(SIGNAL_DURING_THE_FIRST_IMPORTS, "run", "ticker")
    assert "SIGTERM: stopping, for at most 25 s" in ended.stderr
    imported = set(ended.stdout.split())
    assert imported <= {
        "__future__",
        *("smoothop", "smoothop.cli", "smoothop.cli.main", "smoothop.cli.wakeup"),
    }


@pytest.mark.parametrize("on_stuck", ["report", "exit"])
def test_no_handler_is_blamed_for_the_time_in_which_the_process_was_suspended(
    acme, tmp_path, on_stuck
):
    stuck = f"0.5\non_stuck = {on_stuck!r}"
    (tmp_path / "smoothop.toml").write_text(TALKER.format(stuck))
    with acme.on_pipe("run", "talker", cwd=tmp_path) as child:
        child.read_until("said hello")
        child.hold(1.5)
        child.read_until("SIGCONT: the process was suspended and goes on; no handler is to blame")
        child.send(signal.SIGTERM)
        assert child.wait() == 0
    assert "handler stuck" not in child.text


def test_who_goes_on_before_anything_was_told_says_nothing_of_it(acme, tmp_path):
    (tmp_path / "smoothop.toml").write_text(TALKER.format(3600))
    with acme.on_pipe("run", "talker", cwd=tmp_path) as child:
        child.read_until("said hello")
        child.hold(0.1)
        child.send(signal.SIGTERM)
        assert child.wait() == 0
    assert "Timeout" not in child.text
    assert "suspended" not in child.text
