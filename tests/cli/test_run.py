"""`smoothop run` in real processes, on pipes."""

import json
import signal

import pytest
from support.environments import Environment
from support.wheels import build_wheel

STARTED = "starting worker"
ONE_OF = "one of 'thread', 'pool' and 'process'"
STUBBORN = "taking the lock twice"


def test_a_sigterm_stops_the_workers_cleanly_with_exit_code_0(acme, tmp_path):
    with acme.on_pipe("run", "ticker", "plain", cwd=tmp_path) as child:
        child.read_until("ticker   | starting worker")
        child.read_until("plain    | starting worker")
        child.send(signal.SIGTERM)
        assert child.wait() == 0
    assert "operator default: 2 workers, no configuration file" in child.text
    assert "ticker: handler 'ticker' of acme-workers 1.2" in child.text
    assert "stop with SIGTERM; the workers then have 25 s to finish" in child.text
    assert "SIGTERM: stopping, for at most 25 s; a second signal ends this" in child.text
    assert "ticker   | worker stopped (requested)" in child.text
    assert child.text.rstrip().endswith("all workers have stopped")
    assert "\x1b" not in child.text


def test_a_worker_that_does_not_stop_in_the_grace_time_is_named_with_its_line(acme, tmp_path):
    with acme.on_pipe("run", "stubborn", "--grace", "200ms", cwd=tmp_path) as child:
        child.read_until(STUBBORN)
        child.send(signal.SIGTERM)
        assert child.wait() == 6
    assert "abandoned stubborn, which stands at File" in child.text
    assert "in handle: lock.acquire()" in child.text
    assert "all workers have stopped" not in child.text


def test_a_thread_that_somebody_left_behind_keeps_the_process_for_the_grace_time_only(
    acme, tmp_path
):
    with acme.on_pipe("run", "stray", "--grace", "200ms", cwd=tmp_path) as child:
        child.read_until("left a thread")
        child.send(signal.SIGTERM)
        assert child.wait() == 6
    assert "all workers have stopped" in child.text
    assert "the grace time is over, but the main thread stands at" in child.text


def test_with_work_abandoned_the_process_ends_at_once_whatever_threads_there_are(acme, tmp_path):
    with acme.on_pipe("run", "stray", "stubborn", "--grace", "200ms", cwd=tmp_path) as child:
        child.read_until("left a thread")
        child.read_until(STUBBORN)
        child.send(signal.SIGTERM)
        assert child.wait() == 6
    assert "abandoned stubborn" in child.text
    assert "but the main thread stands at" not in child.text


def test_loggers_of_other_packages_are_shown(acme, tmp_path):
    with acme.on_pipe("run", "stubborn", "--grace", "0", cwd=tmp_path) as child:
        assert "acme.library | WARNING taking the lock twice" in child.read_until(STUBBORN)


def test_messages_that_nobody_will_handle_are_counted_on_the_way_out(acme, tmp_path):
    with acme.on_pipe("run", "stubborn", "courier", "--grace", "100ms", cwd=tmp_path) as child:
        child.read_until(STUBBORN)
        child.read_until("sent three")
        child.send(signal.SIGTERM)
        assert child.wait() == 6
    assert "waiting messages of stubborn" in child.text


def test_a_critical_worker_that_uses_up_its_panics_ends_the_run_with_exit_code_1(
    acme, tmp_path, write
):
    write(
        "[workers.ticker]\n[workers.crasher]\ncritical=true\n"
        "max_panic_attempts=2\npanic_backoff='1ms'\n"
    )
    with acme.on_pipe("run", "--all", cwd=tmp_path) as child:
        assert child.wait() == 1
    assert "critical worker 'crasher' has used up its panics; stopping" in child.text
    assert "ticker   | worker stopped (requested)" in child.text
    assert r"ValueError: \x1b[31mred\x07 (attempt 1 of 2)" in child.text
    assert "backing off after panic (0.001 s, attempt 1)" in child.text
    assert "max panic attempts reached (2 panics)" in child.text
    assert "\x1b" not in child.text


def test_a_stuck_worker_ends_the_run_with_exit_code_1_if_it_is_to(acme, tmp_path, write):
    write("[workers.stubborn]\nstuck_after = '200ms'\non_stuck = 'exit'\n")
    with acme.on_pipe("run", "stubborn", "--grace", "200ms", cwd=tmp_path) as child:
        assert child.wait() == 1
    said, _, stack = child.text.partition("WARNING handler stuck (0.2")
    assert "stubborn | " in said
    assert "stubborn |     lock.acquire()" in stack.partition("; stopping")[0]
    assert "worker 'stubborn' is stuck at File" in child.text
    assert "in handle: lock.acquire(); stopping" in child.text
    assert "Timeout (" not in child.text.partition("; stopping")[0]  # nobody keeps Python's lock


@pytest.fixture
def hangup():
    """Let SIGHUP do what it does by default: it is ignored where the tests run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("hangup")
@pytest.mark.parametrize("others", ["", "[workers.signaller]\nstuck_after = '1h'\n"])
def test_one_that_keeps_the_interpreter_to_itself_ends_the_run_as_well(
    odd, tmp_path, write, others
):
    write(f"{others}[workers.keeper]\nstuck_after = '200ms'\non_stuck = 'exit'\n")
    with odd.on_pipe("run", "--all", cwd=tmp_path) as child:
        assert child.wait() == 1
    assert 'odd_keeper.py", line 3 in handle' in child.text


def test_a_worker_that_is_not_critical_fails_alone(acme, tmp_path, write):
    write("[workers.ticker]\n[workers.crasher]\nmax_panic_attempts=1\n")
    with acme.on_pipe("run", "--all", cwd=tmp_path) as child:
        child.read_until("worker stopped (panic limit)")
        child.send(signal.SIGTERM)
        assert child.wait() == 0


def test_when_every_worker_has_used_up_its_panics_the_run_ends_with_exit_code_1(
    acme, tmp_path, write
):
    write("[workers.a]\nhandler='crasher'\nmax_panic_attempts=1\n")
    with acme.on_pipe("run", "--all", cwd=tmp_path) as child:
        assert child.wait() == 1
    assert "every worker has used up its panics: nothing is left to run" in child.text


def test_json_logs_are_one_object_per_line_with_the_fields_of_the_event(acme, tmp_path, write):
    write("[operator]\nlog_format='json'\n[workers.crasher]\nmax_panic_attempts=1\n")
    with acme.on_pipe("run", "--all", cwd=tmp_path) as child:
        assert child.wait() == 1
    entries = [json.loads(line) for line in child.text.splitlines()]
    panic = next(entry for entry in entries if entry["message"] == "panic recovered")
    assert panic["level"] == "warning"
    assert panic["logger"] == "smoothop"
    assert panic["worker"] == "crasher"
    assert panic["attempt"] == 1
    assert panic["time"].endswith("Z")
    assert panic["event"] == panic["message"]
    assert panic["exception"]["type"] == "ValueError"
    assert panic["exception"]["message"] == "\x1b[31mred\x07"
    assert panic["exception"]["traceback"].startswith("Traceback")
    assert panic["exception"]["traceback"].endswith("red\x07")


def test_the_log_level_hides_lines_but_not_what_the_command_itself_says(acme, tmp_path):
    with acme.on_pipe("run", "ticker", "--log-level", "error", cwd=tmp_path) as child:
        child.read_until("to finish")
        child.send(signal.SIGINT)
        assert child.wait() == 0
    assert STARTED not in child.text
    assert "SIGINT: stopping" in child.text


def test_all_without_worker_tables_runs_every_handler_that_can_and_leaves_out_the_others(
    acme, tmp_path
):
    with acme.on_pipe("run", "--all", "--grace", "0", cwd=tmp_path) as child:
        child.read_until("stop with SIGTERM")
        child.send(signal.SIGTERM)
        child.wait()
    assert "left out: handler 'broken' of acme-broken 0.1" in child.text
    assert "ModuleNotFoundError: No module named 'a_module_that_is_nowhere'" in child.text
    assert "left out: handler 'talker' of acme-workers 1.2: text: required" in child.text
    assert "9 workers" in child.text


def test_a_handler_asked_for_by_name_that_cannot_be_loaded_is_fatal(acme, tmp_path):
    ended = acme.smoothop("run", "ticker", "broken", cwd=tmp_path)
    assert ended.returncode == 7
    assert "acme_broken.py:1" in ended.stderr
    assert STARTED not in ended.stderr


def test_a_handler_in_a_worker_table_that_cannot_be_loaded_is_fatal(acme, tmp_path, write):
    write("[workers.x]\nhandler='broken'\n[workers.ticker]\n")
    ended = acme.smoothop("run", "--all", cwd=tmp_path)
    assert ended.returncode == 7
    assert "smoothop.toml [workers.x]" in ended.stderr


def test_every_problem_is_told_at_once_and_nothing_is_started(acme, tmp_path, write):
    write(
        "[operator]\ngrase = 3\n[workers.a]\nhandler = 'tickr'\npanic_backof = 2\n"
        "[workers.b]\nhandler = 'talker'\npanic_backoff = 'soon'\n"
        "[workers.b.settings]\ntimes = 'x'\n"
        "[workers.c]\nhandler = 'ticker'\npanic_backoff = 5\npanic_backoff_max = 1\n"
        "[workers.d]\nhandler = 'broken'\n[workers.'e f']\n"
    )
    ended = acme.smoothop("run", "--all", cwd=tmp_path, variables={"SMOOTHOP_GRACE": "late"})
    assert ended.returncode == 2
    for expected in (
        "smoothop.toml [operator]: unknown key 'grase'; did you mean 'grace'?",
        "SMOOTHOP_GRACE: a duration looks like",
        "smoothop.toml [workers.a]: no handler 'tickr' is installed; did you mean 'ticker'?",
        "smoothop.toml [workers.a]: unknown key 'panic_backof'; did you mean 'panic_backoff'?",
        "smoothop.toml [workers.b] panic_backoff: a duration looks like",
        "smoothop.toml [workers.b] settings: text: required, but not given",
        "smoothop.toml [workers.b] settings: times: ",
        "smoothop.toml [workers.c]: panic_backoff_max: 1 s is less than panic_backoff (5 s)",
        "smoothop.toml [workers.d]: handler 'broken' of acme-broken 0.1",
        "smoothop.toml [workers.e f]: 'e f' is no name for a worker",
    ):
        assert expected in ended.stderr
    assert STARTED not in ended.stderr


def test_what_only_follows_from_another_problem_is_not_told(acme, tmp_path, write):
    write(
        "[workers.a]\nhandler = 5\n[workers.b]\nhandler = 'talker'\nsettings = 3\n"
        "[workers.ticker]\nrun_in = 'fiber'\nmax_handles = 5\n"
        "[workers.c]\nhandlr = 'ticker'\n[workers.talker]\nsetings = {text = 'x'}\n"
    )
    for command in (("run", "--all"), ("run", "a", "b", "c", "ticker"), ("config",)):
        ended = acme.smoothop(*command, cwd=tmp_path)
        assert ended.returncode == 2
        assert ended.stderr.splitlines() == [
            "smoothop: 5 problems",
            "  smoothop.toml [workers.a] handler: a handler's name as text, not 5",
            "  smoothop.toml [workers.b] settings: a table, not 3",
            f"  smoothop.toml [workers.ticker] run_in: {ONE_OF}, not 'fiber'",
            "  smoothop.toml [workers.c]: unknown key 'handlr'; did you mean 'handler'?",
            "  smoothop.toml [workers.talker]: unknown key 'setings'; did you mean 'settings'?",
        ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("workers = []\n", "smoothop.toml workers: a table, not []"),
        ("a = \n", "smoothop.toml:1:5: "),
    ],
)
def test_where_the_workers_of_the_file_are_not_known_no_name_is_said_to_be_wrong(
    acme, tmp_path, write, text, said
):
    write(text)
    for command in (("run", "--all"), ("run", "a", "talker"), ("config",)):
        ended = acme.smoothop(*command, cwd=tmp_path)
        assert ended.returncode == 2
        assert ended.stderr.startswith(f"smoothop: 1 problem\n  {said}")


def test_what_the_engine_refuses_is_a_problem_of_the_configuration(acme, tmp_path, write):
    write("[workers.talker]\nrun_in = 'process'\nsettings.text = 'hello'\n")
    ended = acme.smoothop("run", "--all", cwd=tmp_path)
    assert ended.returncode == 2
    assert "smoothop.toml [workers.talker]: handler acme_workers:Talker cannot run" in ended.stderr


def test_run_without_names_says_what_could_be_run(acme, tmp_path, write):
    write("[workers.incoming]\nhandler = 'ticker'\n")
    ended = acme.smoothop("run", cwd=tmp_path)
    assert ended.returncode == 2
    assert "say what to run: --all, or any of incoming, beacon, broken" in ended.stderr


def test_whose_settings_are_wrong_is_told_without_a_file_too(acme, tmp_path):
    ended = acme.smoothop("run", "talker", cwd=tmp_path)
    assert ended.returncode == 2
    told = "command line: handler 'talker' of acme-workers 1.2: settings: text: required"
    assert told in ended.stderr


def test_an_unknown_name_suggests_a_worker_of_the_file(acme, tmp_path, write):
    write("[workers.incoming]\nhandler = 'ticker'\n")
    ended = acme.smoothop("run", "incomming", cwd=tmp_path)
    assert ended.returncode == 2
    assert "no worker or handler 'incomming'; did you mean 'incoming'?" in ended.stderr


def test_names_and_all_together_are_refused(acme, tmp_path):
    ended = acme.smoothop("run", "ticker", "--all", cwd=tmp_path)
    assert ended.returncode == 2
    assert "not both" in ended.stderr


def test_run_all_with_nothing_installed_says_what_to_do(bare, tmp_path):
    ended = bare.smoothop("run", "--all", cwd=tmp_path)
    assert ended.returncode == 2
    assert "install a package that brings a handler" in ended.stderr
    assert ended.stdout == ""


def test_a_worker_whose_handler_is_switched_off_is_left_out_of_all_but_not_of_names(
    acme, tmp_path, write
):
    write("[plugins]\ndisable=['plain']\n[workers.p]\nhandler='plain'\n[workers.ticker]\n")
    with acme.on_pipe("run", "--all", cwd=tmp_path) as child:
        child.read_until("ticker   | starting worker")
        child.send(signal.SIGTERM)
        assert child.wait() == 0
    assert "left out: worker 'p': handler 'plain' of acme-workers 1.2 is disabled" in child.text
    ended = acme.smoothop("run", "p", cwd=tmp_path)
    assert ended.returncode == 2
    assert "  smoothop.toml [workers.p]: handler 'plain' of acme-workers 1.2 is dis" in ended.stderr


def test_an_unknown_variable_is_remarked_with_the_nearest(acme, tmp_path):
    ended = acme.smoothop("run", "nope", cwd=tmp_path, variables={"SMOOTHOP_GRACES": "3"})
    assert "SMOOTHOP_GRACES means nothing to smoothop; did you mean 'SMOOTHOP_GRACE'?" in (
        ended.stderr
    )


def test_a_name_that_switches_nothing_off_is_remarked_with_the_nearest(acme, tmp_path, write):
    write("[plugins]\ndisable = ['plian', 'ACME.broken', 'ticker']\n")
    variables = {"SMOOTHOP_DISABLE_PLUGINS": "acme-borken,crasher"}
    for command in (("run", "nope"), ("config",), ("plugins",)):
        ended = acme.smoothop(*command, cwd=tmp_path, variables=variables)
        remarks = [line for line in ended.stderr.splitlines() if "nothing off" in line]
        places = ("SMOOTHOP_DISABLE_PLUGINS", "smoothop.toml [plugins] disable")
        wrong = ("'acme-borken'", "'plian'")
        meant = ("did you mean 'acme-broken'?", "did you mean 'plain'?")
        assert remarks == [
            f"smoothop: warning: {place}: {word} switches nothing off; {hint}"
            for place, word, hint in zip(places, wrong, meant, strict=True)
        ], command


def test_a_variable_that_begins_with_the_name_of_a_hook_plugin_is_the_plugins(tmp_path):
    environment = Environment.create(tmp_path / "environment")
    files = {"acme_gauges.py": ""}
    entry_points = {"smoothoperator.plugins": {"acme-gauges": "acme_gauges"}}
    wheel = build_wheel(tmp_path, "gauges", files=files, entry_points=entry_points)
    environment.install(wheel)
    code = f"import os; os.chdir({str(tmp_path)!r}); import smoothop.cli.main as m; m.main()"
    variables = {"SMOOTHOP_ACME_GAUGES_PORT": "1", "SMOOTHOP_ACME_PORT": "1"}
    ended = environment.execute("-c", code, "config", variables=variables)

    assert "SMOOTHOP_ACME_PORT means nothing" in ended.stderr
    assert "SMOOTHOP_ACME_GAUGES_PORT" not in ended.stderr
