"""The commands for a running operator, in real processes beside a real `smoothop run`."""

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.environments import Environment
from support.terminals import DEADLINE, Child
from support.wheels import build_wheel

from .conftest import Installation

HANDLERS = '''
import logging, os, re
from smoothop import Config, done, fail, hookimpl, none

class Echo:
    """Answers with what it was sent."""
    config = Config(message_only=True, panic_backoff=0.001)
    def handle(self, ctx):
        if ctx.message == "fail":
            return fail("as you wish")
        if ctx.message == "panic":
            raise ValueError("as you wish")
        if ctx.message == "set":
            return done({1, 2})
        return done(ctx.message)

def idler(ctx):
    return none(3600)

def waiter(ctx):
    ctx.logger.info("waiting from here on")
    ctx.wait()
    return none()

def hog(ctx):
    with open(os.environ["FIFO"], "w") as fifo:
        fifo.write("from here on nobody else runs")
    re.match("(a+)+$", "a" * 40 + "b")  # keeps the interpreter to itself for hours
    return done()

class Lingering:
    """Does not let the operator go as soon as it could, and changes what it runs, if asked to."""
    @hookimpl
    def smoothop_operator_started(self, operator):
        self.operator = operator
        if "ADD" in os.environ:
            operator.add_handler(os.environ["ADD"], idler)
            operator.start(os.environ["ADD"])
    @hookimpl
    def smoothop_handle(self, worker, event):
        if os.environ.get("CRITICAL") == worker.name:
            self.operator.update_config(worker.name, critical=True).result()
            logging.getLogger("acme").info("it is critical from here on")
    @hookimpl
    def smoothop_operator_stopped(self, operator):
        if "LINGER" in os.environ:
            with open(os.environ["LINGER"]) as fifo:
                fifo.read()

lingering = Lingering()

def deaf(ctx):
    """Does not hear until its FIFO is opened."""
    ctx.logger.info("deaf from here on")
    with open(os.environ["FIFO"]) as fifo:
        fifo.read()
    return none(3600)
'''

UNSHARE = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
NO_NAMESPACES = (
    shutil.which("unshare") is None
    or subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode != 0
)

NAMES = ("echo", "idler", "waiter")
_numbers = itertools.count()

# Whoever runs the tests in the background has SIGINT ignored.
HEAR_SIGINT = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from smoothop.cli.main import main
raise SystemExit(main())
"""


@pytest.fixture(scope="module")
def acme(tmp_path_factory):
    root = tmp_path_factory.mktemp("steering")
    environment = Environment.create(root / "env")
    wheel = build_wheel(
        root,
        "acme-steered",
        "1",
        files={"acme_steered.py": HANDLERS},
        entry_points={
            "smoothoperator.plugins": {"lingering": "acme_steered:lingering"},
            "smoothoperator.handlers": {
                name.lower(): f"acme_steered:{name}"
                for name in ("Echo", "idler", "waiter", "deaf", "hog")
            },
        },
    )
    environment.install(wheel)
    return Installation(environment)


@dataclass
class Operator:
    """A running operator, and somebody at another terminal."""

    acme: Installation
    name: str
    child: object
    cwd: object

    def __call__(self, command, *arguments, **variables):
        """Run a command for this operator to its end."""
        return self.acme.smoothop(
            command, "--name", self.name, *arguments, cwd=self.cwd, variables=variables
        )

    def json(self, command, *arguments):
        ended = self(command, *arguments, "--json")
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)

    def phases(self):
        return {worker["name"]: worker["phase"] for worker in self.json("ps")}


@contextmanager
def running(acme, cwd, *arguments, **variables):
    """Start `smoothop run` with these arguments, under a name of its own; end it afterwards."""
    name = f"t{next(_numbers)}"
    with acme.on_pipe("run", "--name", name, *arguments, cwd=cwd, **variables) as child:
        child.read_until("to finish")
        yield Operator(acme, name, child, cwd)


def run_three(acme, cwd):
    operator = running(acme, cwd, *NAMES)
    with operator as begun:
        for worker in NAMES:
            begun.child.read_until(f"{worker:8} | starting worker")
        begun.child.read_until("waiting from here on")
        yield begun


IN_TURN = """
import contextlib, io, json, os, sys
from smoothop.cli.main import main

os.chdir(sys.argv[1])
for command in json.loads(sys.argv[2]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(command)
        except SystemExit as end:
            code = end.code
    print(json.dumps([code, out.getvalue(), err.getvalue()]))
"""


def in_turn(acme, cwd, commands):
    """Run commands one after the other in one process; return code and outputs of each."""
    ended = acme.environment.run(IN_TURN, str(cwd), json.dumps(commands))
    return [json.loads(line) for line in ended.stdout.splitlines()]


@pytest.fixture(scope="module")
def operator(acme, tmp_path_factory):
    """One operator for all tests that leave it as they found it."""
    yield from run_three(acme, tmp_path_factory.mktemp("operator"))


@pytest.fixture
def fresh(acme, tmp_path):
    """One for the test alone."""
    yield from run_three(acme, tmp_path)


@pytest.fixture
def hard_of_hearing(acme, tmp_path):
    """One with a worker that does not stop until its FIFO is written to."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with running(acme, tmp_path, "deaf", "idler", FIFO=str(fifo)) as operator:
        operator.child.read_until("deaf from here on")
        yield operator


def test_ps_lists_the_workers_and_is_fine_when_they_are_stopped(operator):
    lines = operator("ps").stdout.splitlines()
    assert lines[0].split()[:3] == ["NAME", "STATE", "RESTARTS"]
    assert [line.split()[0] for line in lines[1:]] == ["echo", "idler", "waiter"]
    snapshots = operator.json("ps")
    assert [known["name"] for known in snapshots] == ["echo", "idler", "waiter"]
    operator("stop", *NAMES)
    assert set(operator.phases().values()) == {"stopped"}
    operator("start", "--all")


def test_without_an_operator_every_command_ends_with_3_and_says_where_it_looked(acme, tmp_path):
    commands = (
        ("ps",),
        ("ps", "--json"),
        ("start", "a"),
        ("stop", "--all"),
        ("restart", "a"),
        ("pause", "a"),
        ("resume", "a"),
        ("scale", "a", "2"),
        ("send", "a", "1"),
        ("events",),
        ("stacks",),
        ("health",),
    )
    asked = [[*command, "--name", "nobody"] for command in commands]
    for command, (code, out, err) in zip(commands, in_turn(acme, tmp_path, asked), strict=True):
        assert (code, out) == (3, ""), command
        assert "no operator 'nobody' runs" in err
        assert "nobody.sock" in err


def test_the_name_comes_from_the_configuration_file_too(operator, tmp_path, write):
    write(f"[operator]\nname = '{operator.name}'\n")
    assert operator.acme.smoothop("ps", cwd=tmp_path).returncode == 0


def test_stop_start_and_restart_tell_what_became_of_each_and_are_idempotent(operator):
    starts = {known["name"]: known["starts"] for known in operator.json("ps")}
    stopped = operator("stop", "idler", "waiter")
    assert stopped.returncode == 0
    assert stopped.stdout == "idler: stopped\nwaiter: stopped\n"
    assert operator("stop", "idler").stdout == "idler: stopped, as before\n"
    assert operator.phases() == {"echo": "idle", "idler": "stopped", "waiter": "stopped"}
    assert operator("start", "idler").stdout == "idler: started\n"
    assert operator("start", "idler").stdout == "idler: running, as before\n"
    again = operator("restart", "idler", "waiter")
    assert again.stdout == "idler: restarted\nwaiter: restarted\n"
    more = {known["name"]: known["starts"] - starts[known["name"]] for known in operator.json("ps")}
    assert more == {"echo": 0, "idler": 2, "waiter": 1}


def test_globs_and_all_mean_the_workers_that_are_there(operator):
    assert operator("stop", "*er").stdout == "idler: stopped\nwaiter: stopped\n"
    assert operator("restart", "--all").stdout.splitlines() == [f"{w}: restarted" for w in NAMES]
    nothing = operator("stop", "x*")
    assert (nothing.returncode, nothing.stdout) == (3, "")
    assert nothing.stderr == "x*: worker x* not found\n"
    some = operator("restart", "x*", "idl*")
    assert (some.returncode, some.stdout) == (3, "idler: restarted\n")


def test_a_worker_that_is_not_there_ends_with_3_and_keeps_no_other_from_being_asked(operator):
    ended = operator("stop", "nope", "idler")
    assert ended.returncode == 3
    assert ended.stdout == "idler: stopped\n"
    assert "nope: worker nope not found" in ended.stderr
    assert operator("stop", "a/b").stderr == "a/b: worker a/b not found\n"
    operator("start", "idler")


def test_names_and_all_are_not_given_together_and_not_both_left_out(operator):
    for arguments in ((), ("idler", "--all")):
        ended = operator("stop", *arguments)
        assert ended.returncode == 2
        assert "give names, or --all" in ended.stderr


def test_a_stop_that_does_not_get_there_in_time_ends_with_1_and_the_line(hard_of_hearing, tmp_path):
    operator = hard_of_hearing
    ended = operator("stop", "deaf", "idler", "--timeout", "100ms")
    assert ended.returncode == 1
    assert ended.stdout == "idler: stopped\n"
    assert "acme_steered.py" in ended.stderr
    asked = operator("stop", "deaf", "--no-wait")
    assert asked.returncode == 0
    assert asked.stdout == "deaf: stopping, as before\n"
    (tmp_path / "fifo").write_text("listen")
    assert operator("stop", "deaf").stdout == "deaf: stopped, as before\n"


def test_start_of_one_that_still_stops_says_so_or_waits_until_it_runs(hard_of_hearing, tmp_path):
    operator = hard_of_hearing
    operator("stop", "deaf", "--no-wait")
    assert operator("start", "deaf", "--no-wait").stdout == "deaf: starts once it has stopped\n"
    assert operator("restart", "deaf", "--no-wait").stdout == "deaf: starts once it has stopped\n"
    late = operator("start", "deaf", "--timeout", "100ms")
    assert (late.returncode, late.stdout) == (1, "")
    assert "deaf: worker deaf was not started within 0.1 s: it still stops" in late.stderr
    (tmp_path / "fifo").write_text("listen")
    assert operator("start", "deaf").returncode == 0
    assert operator.phases()["deaf"] != "stopping"


def test_after_stop_all_the_operator_has_ended_with_exit_code_0(fresh):
    ended = fresh("stop", "--all")
    assert ended.returncode == 0
    assert ended.stdout.splitlines() == [f"{w}: stopped" for w in ("echo", "idler", "waiter")]
    assert fresh("ps").returncode == 3
    assert fresh.child.wait() == 0
    told = fresh.child.text
    assert 0 < told.find("asked by a client: stopping") < told.find("all workers have stopped")


def test_stop_all_comes_back_when_nobody_answers_any_more(acme, tmp_path):
    fifo = tmp_path / "linger"  # nobody writes to it: the operator waits as long as it ever does
    os.mkfifo(fifo)
    with running(acme, tmp_path, "idler", LINGER=str(fifo)) as operator:
        assert operator("stop", "--all").returncode == 0
        assert operator("ps").returncode == 3


def test_an_operator_whose_worker_does_not_stop_goes_on_after_stop_all(hard_of_hearing):
    operator = hard_of_hearing
    assert operator("stop", "--all", "--timeout", "100ms").returncode == 1
    assert operator.phases() == {"deaf": "stopping", "idler": "stopped"}


def test_a_worker_that_was_made_critical_at_run_time_ends_the_run(acme, tmp_path, write):
    write("[workers.echo]\nmax_panic_attempts = 1\n[workers.idler]\n")
    with running(acme, tmp_path, "--all", CRITICAL="echo") as operator:
        operator("send", "echo", "1")
        operator.child.read_until("it is critical from here on")
        operator("send", "echo", '"panic"')
        assert operator.child.wait() == 1
    assert "critical worker 'echo' has used up its panics" in operator.child.text


def test_while_a_worker_runs_that_was_added_at_run_time_the_run_goes_on(acme, tmp_path, write):
    write("[workers.echo]\nmax_panic_attempts = 1\n")
    with running(acme, tmp_path, "--all", ADD="added") as operator:
        operator.child.read_until("added    | starting worker")
        operator("send", "echo", '"panic"')
        operator.child.read_until("worker stopped (panic limit)")
        assert operator.phases() == {"echo": "failed", "added": "idle"}
        operator.child.send(signal.SIGTERM)
        assert operator.child.wait() == 0


def test_events_of_an_operator_that_is_killed_end_with_3(fresh):
    with subprocess.Popen(
        _following(fresh), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as following:
        assert following.stderr.readline() == "following; Ctrl-C ends this\n"
        fresh.child.send(signal.SIGKILL)
        _, said = following.communicate(timeout=DEADLINE)
    assert following.returncode == 3
    assert (
        said
        == "the operator has ended without a word: killed, crashed, or with no time to say so\n"
    )


def test_send_prints_the_result_as_json(operator):
    assert operator("send", "echo", '{"a": [1, null]}', "--wait").stdout == ('{"a": [1, null]}\n')
    (operator.cwd / "message.json").write_text('"ä"', encoding="utf-8-sig")
    assert json.loads(operator("send", "echo", "@message.json", "--wait").stdout) == "ä"
    assert operator("send", "echo", "--wait", "--", "-1").stdout == "-1\n"
    accepted = operator("send", "echo", "1")
    assert (accepted.returncode, accepted.stdout) == (0, "")
    assert accepted.stderr == "echo: message accepted\n"


def test_send_prints_null_for_what_json_cannot_say_and_says_why(operator):
    ended = operator("send", "echo", '"set"', "--wait")
    assert (ended.returncode, ended.stdout) == (0, "null\n")
    what = "worker echo: the result is done, but JSON cannot say it: it holds a set\n"
    assert ended.stderr == what


def test_send_takes_standard_input(operator):
    command = [operator.acme.environment.python, "-m", "smoothop", "send", "--name", operator.name]
    ended = subprocess.run(
        [*command, "echo", "-", "--wait"],
        input="\ufeff[1]",
        capture_output=True,
        text=True,
        cwd=operator.cwd,
        timeout=DEADLINE,
        check=True,
    )
    assert json.loads(ended.stdout) == [1]


def test_a_payload_that_is_no_json_is_wrong_usage(acme, tmp_path):
    (tmp_path / "latin-1.json").write_bytes(b'"\xe4"')
    wrong = {
        "{": "PAYLOAD: is no JSON: Expecting property name",
        "hello": "text is written '\"hello\"'",
        "NaN": "NaN is no number",
        "1e999": "1e999 is too large",
        '{"a": 1, "a": 2}': "the key 'a' is given twice",
        "[" * 1000 + "]" * 1000: "PAYLOAD: is nested too deeply",
        "@": "@: cannot be read: Is a directory",
        "@nowhere.json": "nowhere.json: cannot be read: No such file or directory",
        "@latin-1.json": "latin-1.json: is not UTF-8",
    }
    ended = in_turn(acme, tmp_path, [["send", "echo", payload] for payload in wrong])
    for told, (code, out, err) in zip(wrong.values(), ended, strict=True):
        assert (code, out) == (2, "")
        assert told in err


def test_what_became_of_a_message_is_the_exit_code(operator):
    failed = operator("send", "echo", '"fail"', "--wait")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert "as you wish" in failed.stderr
    panicked = operator("send", "echo", '"panic"', "--wait")
    assert panicked.returncode == 1
    assert "as you wish" in panicked.stderr
    assert operator("send", "nope", "1").returncode == 3
    late = operator("send", "waiter", "1", "--wait", "--timeout", "100ms")
    assert (late.returncode, late.stdout) == (1, "")


def test_a_paused_worker_says_so_and_handles_nothing_until_it_is_resumed(operator):
    assert operator("pause", "echo").stdout == "echo: paused\n"
    assert operator("pause", "echo").stdout == "echo: paused, as before\n"
    assert "paused" in operator("ps").stdout
    assert "paused for " in operator("inspect", "echo").stdout
    assert operator("send", "echo", "1").returncode == 0
    assert operator.json("ps")[0]["mailbox_depth"] == 1
    assert operator("resume", "echo").stdout == "echo: resumed\n"
    assert operator("send", "echo", "2", "--wait").stdout == "2\n"


def test_scale_lets_a_worker_run_several_calls(operator):
    assert operator("scale", "idler", "3").returncode == 0
    live = operator.json("inspect", "idler")["live"]
    assert live["snapshot"]["config"]["concurrency"] == 3
    operator("scale", "idler", "1")


@pytest.mark.parametrize(
    ("count", "why"),
    [
        ("many", "'many': give a whole number, from 1 to 1000"),
        ("--5", "'--5': give a whole number, from 1 to 1000"),
        ("2.5", "'2.5': give a whole number, from 1 to 1000"),
        ("-1", "-1: a worker runs 1 call at least"),
        ("0", "0: a worker runs 1 call at least"),
        ("1001", "1001: at most 1000 from here, as each call may take a thread"),
    ],
)
def test_scale_by_what_cannot_be_is_wrong_usage_and_says_what_can(acme, tmp_path, count, why):
    ((code, out, err),) = in_turn(acme, tmp_path, [["scale", "idler", count]])
    assert (code, out) == (2, "")
    assert f"Invalid value for 'N': {why}" in err


def test_calls_that_are_too_many_are_waited_for_as_long_as_one_likes(fresh):
    fresh("scale", "waiter", "2")
    late = fresh("scale", "waiter", "1", "--timeout", "100ms")
    assert (late.returncode, late.stdout) == (1, "")
    assert "calls of worker waiter that are too many did not return in 0.1 s" in late.stderr
    assert fresh("scale", "waiter", "2", "--no-wait").stdout == "waiter: scaled\n"


def test_inspect_adds_what_the_live_worker_does_to_what_is_known_of_its_handler(operator):
    known = operator.json("inspect", "idler")
    assert (known["name"], known["kind"], known["workers"]["idler"]["handler"]) == (
        "idler",
        "function",
        "idler@acme-steered",
    )
    assert known["live"]["operator"]["name"] == operator.name
    assert known["live"]["snapshot"]["phase"] == "idle"
    assert known["live"]["config_origins"]["panic_backoff"] == "default"
    text = operator("inspect", "idler").stdout
    assert re.search("now:          nothing to do; looks again in (59m|1h00m)", text)
    assert text.index("kind:") < text.index("now:")
    assert "= 1024  # default" not in text  # it is about the live worker, and fits on a screen
    assert len(text.splitlines()) <= 24


def test_inspect_shows_a_worker_whose_configuration_is_elsewhere(acme, tmp_path, write):
    write("[workers.mine]\nhandler = 'idler'\n")
    with running(acme, tmp_path, "--all") as operator:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        ended = acme.smoothop("inspect", "mine", "--name", operator.name, cwd=elsewhere)
        assert ended.returncode == 0
        assert ended.stdout.startswith("name:         idler\nstate:        ok\n")
        assert "now:" in ended.stdout
        assert acme.smoothop("inspect", "mine", cwd=elsewhere).returncode == 2
        asked = ("inspect", "mine", "--json", "--name", operator.name)
        known = json.loads(acme.smoothop(*asked, cwd=elsewhere).stdout)
        assert known.pop("live")["snapshot"]["name"] == "mine"
        alone = json.loads(acme.smoothop("inspect", "idler", "--json", cwd=elsewhere).stdout)
        assert alone.pop("live") is None
        assert known == alone


def test_inspect_of_a_live_worker_is_about_its_own_handler(acme, tmp_path, write):
    write("[workers.idler]\nhandler = 'echo'\n")
    with running(acme, tmp_path, "--all") as operator:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        asked = ("inspect", "idler", "--json", "--name", operator.name)
        known = json.loads(acme.smoothop(*asked, cwd=elsewhere).stdout)
        assert (known["name"], known["summary"]) == ("echo", "Answers with what it was sent.")


def test_inspect_knows_a_live_worker_whose_handler_is_not_installed_here(acme, bare, tmp_path):
    with running(acme, tmp_path, "idler") as operator:
        asked = ("inspect", "idler", "--name", operator.name)
        ended = bare.smoothop(*asked, cwd=tmp_path)
    assert ended.returncode == 0
    assert ended.stdout.startswith("name:         idler\ndistribution: acme-steered\n")
    assert "now:" in ended.stdout


def test_inspect_without_an_operator_has_no_live_part_unless_one_was_asked_for(acme, tmp_path):
    alone = acme.smoothop("inspect", "idler", "--json", cwd=tmp_path)
    assert alone.returncode == 0
    assert json.loads(alone.stdout)["live"] is None
    assert acme.smoothop("inspect", "idler", "--name", "nobody", cwd=tmp_path).returncode == 3


def test_events_are_one_object_per_line_and_end_with_the_fresh(fresh):
    with subprocess.Popen(
        _following(fresh, "--worker", "echo", "--kind", "handle", "--kind", "lifecycle"),
        cwd=fresh.cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as following:
        assert following.stderr.readline() == "following; Ctrl-C ends this\n"
        fresh("send", "idler", "1")
        fresh("send", "echo", "1", "--wait")
        event = json.loads(following.stdout.readline())
        assert (event["kind"], event["worker"], event["status"]) == ("handle", "echo", "done")
        fresh("stop", "--all")
        out, err = following.communicate(timeout=DEADLINE)
        assert json.loads(out.splitlines()[-1])["event"] == "stopped"
        assert err == "the operator has ended\n"
        assert following.returncode == 0


def test_events_end_cleanly_at_ctrl_c_and_when_nobody_reads_them(operator):
    with subprocess.Popen(
        _following(operator),
        cwd=operator.cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as following:
        assert following.stderr.readline()
        following.send_signal(signal.SIGINT)
        out, err = following.communicate(timeout=DEADLINE)
        assert (following.returncode, out, err) == (0, "", "")
    with subprocess.Popen(
        _following(operator),
        cwd=operator.cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as following:
        assert following.stderr.readline()
        following.stdout.close()
        operator("restart", "--all")
        assert following.stderr.read() == ""
        assert following.wait(DEADLINE) == 0


def test_a_kind_of_event_that_does_not_exist_is_wrong_usage(operator):
    ended = operator("events", "--kind", "birthday")
    assert ended.returncode == 2
    assert "--kind" in ended.stderr


def test_stacks_are_grouped_by_worker(operator):
    stacks = operator.json("stacks")
    assert "ctx.wait()" in stacks["workers"]["waiter"]
    assert stacks["tasks"] == {}
    assert "waiter:" in operator("stacks").stdout.splitlines()


def test_no_thread_of_a_worker_is_listed_once_more_with_the_others(operator):
    operator("scale", "echo", "3")
    stacks = operator.json("stacks")
    operator("scale", "echo", "1")
    assert "slot 2:" in stacks["workers"]["echo"]
    assert [name for name in stacks["threads"] if "echo" in name] == []


def test_an_operator_that_does_not_answer_is_asked_for_its_stacks_by_a_signal(acme, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with running(acme, tmp_path, "hog", FIFO=str(fifo)) as operator:
        assert fifo.read_text() == "from here on nobody else runs"
        ended = operator("stacks")
        assert ended.returncode == 0
        assert ended.stderr == "the operator does not answer: its process is asked by a signal\n"
        assert "most recent call first" in ended.stdout
        assert "acme_steered.py" in ended.stdout
        assert "in hog" in ended.stdout
        assert operator.child.process.poll() is None


def test_an_operator_that_is_suspended_is_not_asked_by_a_signal(fresh):
    fresh.child.send(signal.SIGSTOP)
    ended = fresh("stacks")
    assert ended.returncode == 1
    assert f"process {fresh.child.process.pid} is suspended" in ended.stderr


def test_health_is_an_exit_code_for_probes(operator):
    assert operator("health").stdout == "alive\n"
    assert operator("health", "--ready").stdout == "ready\n"


def test_an_operator_that_stops_is_alive_but_not_ready(hard_of_hearing):
    operator = hard_of_hearing
    operator.child.send(signal.SIGTERM)
    operator.child.read_until("stopping worker")
    unready = operator("health", "--ready")
    assert (unready.returncode, unready.stdout) == (1, "")
    assert unready.stderr == "the operator stops\n"
    assert operator("health").returncode == 0


@pytest.mark.parametrize(
    ("interval", "said"),
    [
        ("nan", "a duration looks like 2, 0.5,"),
        ("-5s", "a duration is finite and not negative, not '-5s'"),
        ("0", "a duration from 100ms to 24h, not '0'"),
        ("9999999999h", "a duration from 100ms to 24h, not '9999999999h'"),
    ],
)
def test_the_interval_of_a_watch_is_a_duration_that_makes_sense(acme, tmp_path, interval, said):
    ended = acme.smoothop("ps", "--watch", "--interval", interval, cwd=tmp_path)
    assert ended.returncode == 2
    assert f"Invalid value for '--interval': {said}" in ended.stderr


def test_watch_draws_until_ctrl_c_and_ends_with_3_when_the_operator_does(fresh):
    watch = ("ps", "--watch", "--interval", "0.1", "--name", fresh.name)
    with fresh.acme.on_terminal(*watch, cwd=fresh.cwd) as screen:
        screen.read_until("waiter")
        screen.read_until("\x1b[J\x1b[H")
        screen.press("\x03")
        assert screen.wait() == 0
    with fresh.acme.on_terminal(*watch, cwd=fresh.cwd) as screen:
        screen.read_until("waiter")
        fresh("stop", "--all")
        assert screen.wait() == 3


LINES = {
    "smoothop stop ": ["echo", "idler", "waiter"],
    "smoothop stop --name {name} i": ["idler"],
    "smoothop send e": ["echo"],
    "smoothop inspect w": ["waiter"],
    "smoothop events --worker i": ["idler"],
    "smoothop re": ["restart", "resume"],
}


@pytest.mark.parametrize("line", LINES)
def test_a_shell_completes_commands_and_the_names_of_live_workers(operator, line):
    assert completed(operator, "bash", line) == LINES[line]


def test_for_completion_only_the_command_in_question_is_imported(operator):
    code = (
        "import atexit, sys; from smoothop.cli.main import main; "
        "atexit.register(lambda: print(*(name for name in sys.modules if 'commands.' in name))); "
        "main()"
    )
    variables = {
        "_SMOOTHOP_COMPLETE": "complete_zsh",
        "_TYPER_COMPLETE_ARGS": "smoothop stop i",
        "SMOOTHOP_NAME": operator.name,
    }
    asked = operator.acme.environment.run(code, variables=variables)
    assert asked.stdout.splitlines()[-1] == "smoothop.cli.commands.stop"


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_every_shell_that_typer_knows_is_answered(operator, shell):
    assert completed(operator, shell, "smoothop stop i") == ["idler"]


def completed(operator, shell, line):
    """Return what a shell is offered; it asks as the script of `--show-completion` does."""
    typed = line.format(name=operator.name)
    words = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split(" ")) - 1)}
    variables = {
        "_SMOOTHOP_COMPLETE": f"complete_{shell}",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "SMOOTHOP_NAME": operator.name,
        **(words if shell == "bash" else {"_TYPER_COMPLETE_ARGS": typed}),
    }
    ended = operator.acme.smoothop(cwd=operator.cwd, variables=variables)
    assert ended.stderr == ""
    return [name for name in (*NAMES, "restart", "resume") if name in ended.stdout]


def test_completion_offers_nothing_and_does_not_hang_without_an_answer(operator, acme, tmp_path):
    words = {
        "_SMOOTHOP_COMPLETE": "complete_bash",
        "COMP_WORDS": "smoothop stop ",
        "COMP_CWORD": "2",
    }
    nobody = acme.smoothop(cwd=tmp_path, variables=words | {"SMOOTHOP_NAME": "nobody"})
    assert (nobody.stdout.strip(), nobody.stderr) == ("", "")
    operator.child.send(signal.SIGSTOP)
    silent = acme.smoothop(cwd=tmp_path, variables=words | {"SMOOTHOP_NAME": operator.name})
    operator.child.send(signal.SIGCONT)
    assert (silent.stdout.strip(), silent.stderr) == ("", "")


def test_an_operator_that_is_read_only_refuses_with_5_but_can_be_looked_into(acme, tmp_path):
    with running(acme, tmp_path, "idler", "--read-only") as operator:
        for command in (("stop", "idler"), ("stop", "--all"), ("send", "idler", "1")):
            ended = operator(*command)
            assert (ended.returncode, ended.stdout) == (5, ""), command
        assert operator("ps").returncode == 0


def test_an_operator_on_another_address_is_reached_by_its_url_and_token(acme, tmp_path):
    def ps(*options):
        return acme.smoothop("ps", *options, cwd=tmp_path)

    http = ("--http", "127.0.0.1:0", "--token-file", "token")
    with running(acme, tmp_path, "idler", *http) as operator:
        operator.child.read_until("starting worker")
        (url,) = re.findall(r"http://127\.0\.0\.1:\d+", operator.child.text)
        assert "idler" in ps("--url", url, "--token-file", "token").stdout
        assert ps("--url", url).returncode == 5
        (tmp_path / "wrong").write_text("x" * 43)
        assert ps("--url", url, "--token-file", "wrong").returncode == 5
    nobody = ps("--url", url)
    assert nobody.returncode == 3
    assert f"nobody answers at {url.removeprefix('http://')}" in nobody.stderr
    assert ps("--url", "ftp://somewhere").returncode == 2
    unread = ps("--url", url, "--token-file", "nowhere")
    assert unread.returncode == 2
    assert "--token-file: nowhere cannot be read: No such file or directory" in unread.stderr


@pytest.mark.skipif(NO_NAMESPACES, reason="no process namespace can be made here (unshare, root)")
def test_as_process_1_of_a_container_it_is_well_and_stops_at_sigterm(acme, tmp_path):
    command = [*UNSHARE, str(acme.environment.python), "-m", "smoothop"]
    variables = {**os.environ, "SMOOTHOP_NAME": "container"}
    with Child.on_pipe([*command, "run", "idler"], cwd=tmp_path, variables=variables) as container:
        container.read_until("idler    | starting worker")
        assert acme.smoothop("health", "--name", "container", cwd=tmp_path).returncode == 0
        (inside,) = (
            Path(f"/proc/{container.process.pid}/task/{container.process.pid}/children")
            .read_text()
            .split()
        )
        os.kill(int(inside), signal.SIGTERM)
        assert container.wait() == 0
    assert "all workers have stopped" in container.text


def _following(operator, *more):
    return [
        operator.acme.environment.python,
        *("-W", "error", "-c", HEAR_SIGINT),
        *("events", "--json", "--name", operator.name, *more),
    ]
