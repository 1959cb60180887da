"""Promise 12: no plugin, however broken, stops operator or command line; it is named, with the way
to switch it off. Real wheels in a real environment, and the real command."""

import json
import os
import signal

import pytest
from support.environments import Environment
from support.terminals import Child
from support.wheels import build_wheel

PLUGINS, HANDLERS = "smoothoperator.plugins", "smoothoperator.handlers"

GOOD = """
import logging
from smoothop import done, hookimpl, none

def handle(ctx):
    if ctx.cancelled or ctx.message:
        return none(60)
    ctx.dispatch("good", "to myself")
    return done()

@hookimpl
def smoothop_handle(worker, event):
    if event.had_message:
        logging.getLogger("acme.good").warning("good handled its message")

@hookimpl
def smoothop_operator_stopped(operator):
    logging.getLogger("acme.good").warning("good observed the end")
"""
BROKEN = {
    "gone": ("import nowhere_to_be_found", "No module named 'nowhere_to_be_found' ("),
    "syntax": ("def (:", "SyntaxError: invalid syntax ("),
    "exits": ("raise SystemExit('go away')", "SystemExit: go away ("),
    "interrupts": ("raise KeyboardInterrupt", "KeyboardInterrupt ("),
    "unknown": ("@hookimpl\ndef smoothop_panics(): ...", "did you mean 'smoothop_panic'? (at "),
    "signature": ("@hookimpl\ndef smoothop_panic(wrker): ...", "did you mean 'worker'? (at "),
    "asynchronous": ("@hookimpl\nasync def smoothop_panic(): ...", "it is async (at "),
    "generates": ("@hookimpl\ndef smoothop_panic(): yield", "it is a generator (at "),
    "wraps": ("@hookimpl(wrapper=True)\ndef smoothop_panic(): yield", "it is a hook wrapper (at "),
    "unmarked": ("def smoothop_panic(): ...", "mark it with @hookimpl (at "),
}
MISBEHAVING = {
    "raises": "@hookimpl\ndef smoothop_lifecycle(): raise SystemExit('in the hook')",
    "hangs": "import threading\n@hookimpl\ndef smoothop_lifecycle(): threading.Event().wait()",
    "around": "@hookimpl\ndef smoothop_around_handle(): raise KeyboardInterrupt",
    "moves": "import os\nos.chdir('/')",
    "signals": "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)",
}
SLOW = """
import threading
threading.Event().wait(0.25)  # slower than is remarked
from smoothop import none
def handle(ctx):
    return none(60)
"""
NAMED = {
    "raises": "hook smoothop_lifecycle of plugin 'raises' of acme-raises 1.0 failed: SystemExit: ",
    "hangs": "plugin 'hangs' of acme-hangs 1.0 is left behind in its hook smoothop_lifecycle",
    "around": "hook smoothop_around_handle of plugin 'around' of acme-around 1.0 failed: Keyboard",
    "moves": "plugin 'moves' of acme-moves 1.0 has changed the working directory when it was",
    "signals": "plugin 'signals' of acme-signals 1.0 has changed SIGTERM when it was imported",
}


def wheels(directory):
    sources = {name: source for name, (source, _) in BROKEN.items()} | MISBEHAVING
    for name, source in sources.items():
        yield build_wheel(
            directory,
            f"acme-{name}",
            files={f"acme_{name}.py": f"from smoothop import hookimpl\n{source}\n"},
            entry_points={PLUGINS: {name: f"acme_{name}"}},
        )
    for name in ("good", "twin"):  # one name from two distributions
        yield build_wheel(
            directory,
            f"acme-{name}",
            files={f"acme_{name}.py": GOOD},
            entry_points={PLUGINS: {"good": f"acme_{name}"}}
            | ({HANDLERS: {"good": "acme_good:handle"}} if name == "good" else {}),
        )
    yield build_wheel(
        directory,
        "acme-slow",
        files={"acme_slow.py": SLOW},
        entry_points={PLUGINS: {"slow-hooks": "acme_slow"}, HANDLERS: {"slow": "acme_slow:handle"}},
    )
    yield build_wheel(
        directory,
        "acme-malformed",
        files={},
        entry_points=f"[{PLUGINS}]\nmalformed = not a module\n",
    )


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    path = tmp_path_factory.mktemp("broken")
    made = Environment.create(path / "env")
    made.install(*wheels(path / "wheels"))
    return made


def command(environment, *arguments):
    return [str(environment.python), "-W", "error", "-m", "smoothop", *arguments]


def child_variables():
    return {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}


@pytest.fixture(scope="module")
def log(environment, tmp_path_factory):
    """What a whole life of ``smoothop run`` shows with all of them installed."""
    directory = tmp_path_factory.mktemp("cwd")
    with Child.on_pipe(
        command(environment, "run", "--all"), cwd=directory, variables=child_variables()
    ) as child:
        child.read_until("good handled its message")
        child.read_until("acme-raises 1.0 failed")
        child.send(signal.SIGTERM)
        code = child.wait()
        assert code == 0, child.text
        return child.text


def test_the_operator_runs_and_stops_and_the_good_plugins_are_told_everything(log):
    assert log.count("good handled its message") == 2  # once for each of the twins
    assert log.count("good observed the end") == 2
    assert "all workers have stopped" in log


@pytest.mark.parametrize("name", [*BROKEN, "malformed"])
def test_one_that_cannot_be_used_is_named_once_with_line_and_the_way_to_get_rid_of_it(
    log, name, environment
):
    (line,) = [one for one in log.splitlines() if f"of acme-{name} 1.0" in one]
    assert f"left out: plugin '{name}' of acme-{name} 1.0 (" in line
    assert f"'{environment.python} -m pip uninstall acme-{name}'" in line
    assert f"SMOOTHOP_DISABLE_PLUGINS={name}" in line
    if name in BROKEN:
        assert BROKEN[name][1] in line
        assert f"acme_{name}.py:" in line


@pytest.mark.parametrize("name", MISBEHAVING)
def test_one_that_misbehaves_is_named_once_with_the_way_to_get_rid_of_it(log, name):
    (line,) = [one for one in log.splitlines() if f"of acme-{name} 1.0" in one]
    assert NAMED[name] in line
    assert f"SMOOTHOP_DISABLE_PLUGINS={name}" in line


def test_plugins_shows_each_with_state_hooks_and_what_is_wrong(environment, tmp_path):
    ended = environment.execute("-m", "smoothop", "plugins", "--json", check=False)
    assert ended.returncode == 7
    shown = {(one["name"], one["distribution"]): one for one in json.loads(ended.stdout)}
    assert len(shown) == len(BROKEN) + len(MISBEHAVING) + 4
    for name, (_, reason) in BROKEN.items():
        one = shown[name, f"acme-{name}"]
        assert (one["state"], one["hooks"]) == ("broken", [])
        assert reason in one["error"]
    for twin in ("acme-good", "acme-twin"):
        one = shown["good", twin]
        assert (one["state"], one["version"], one["failures"]) == ("ok", "1.0", {})
        assert one["hooks"] == ["smoothop_handle", "smoothop_operator_stopped"]
        assert one["import_seconds"] > 0


def test_plugins_shows_a_table_and_says_what_is_wrong(environment):
    ended = environment.execute("-m", "smoothop", "plugins", check=False)
    rows = [line.split() for line in ended.stdout.splitlines()]
    assert rows[0] == ["NAME", "STATE", "DISTRIBUTION", "VERSION", "FAILURES", "HOOKS"]
    assert ["good", "ok", "acme-good", "1.0", "0", "handle,", "operator_stopped"] in rows
    assert ["gone", "broken", "acme-gone", "1.0", "0"] in rows
    assert "unknown: there is no hook smoothop_panics" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [(("--no-plugins",), {}), ((), {"SMOOTHOP_NO_PLUGINS": "1"})],
)
def test_without_plugins_none_is_imported_and_all_is_well(environment, arguments, variables):
    ended = environment.execute(
        "-m", "smoothop", *arguments, "plugins", "--json", variables=variables
    )
    shown = json.loads(ended.stdout)
    assert {one["state"] for one in shown if one["name"] != "malformed"} == {"disabled"}
    assert ended.stderr == ""


def test_what_is_disabled_by_entry_point_or_distribution_is_not_imported(environment):
    names = [*BROKEN, *(f"Acme_{name}" for name in MISBEHAVING), "malformed"]
    variables = {"SMOOTHOP_DISABLE_PLUGINS": ",".join(names)}
    ended = environment.execute("-m", "smoothop", "plugins", "--json", variables=variables)
    states = {one["name"]: one["state"] for one in json.loads(ended.stdout)}
    assert "acme_" not in ended.stderr
    assert {name for name, state in states.items() if state != "disabled"} == {"good", "slow-hooks"}


def test_strict_refuses_to_run_and_names_every_broken_plugin(environment, tmp_path):
    (tmp_path / "smoothop.toml").write_text("[plugins]\nstrict = true\n")
    code = f"import os; os.chdir({str(tmp_path)!r}); import smoothop.cli.main as m; m.main()"
    ended = environment.execute("-c", code, "run", "--all", check=False)
    assert ended.returncode == 7
    problems = ended.stderr.partition(f"smoothop: {len(BROKEN) + 1} problems\n")[2].splitlines()
    for name in (*BROKEN, "malformed"):
        (line,) = [one for one in problems if f"of acme-{name} 1.0: is broken: " in one]
        assert f"SMOOTHOP_DISABLE_PLUGINS={name}" in line


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("plugins",), "plugin 'slow-hooks' of acme-slow 1.0: its import takes 0."),
        (("list", "--check"), "handler 'slow' of acme-slow 1.0: its import takes 0."),
    ],
)
def test_a_slow_import_is_remarked_with_its_time_and_a_quick_one_is_not(
    environment, arguments, named
):
    variables = {"SMOOTHOP_DISABLE_PLUGINS": ",".join((*BROKEN, "malformed"))}
    ended = environment.execute("-m", "smoothop", *arguments, variables=variables)
    (line,) = [one for one in ended.stderr.splitlines() if "its import takes" in one]
    assert line.startswith(named)


def test_strict_makes_a_discovered_handler_fatal_that_cannot_be_loaded(tmp_path):
    environment = Environment.create(tmp_path / "env")
    sources = {"good": GOOD, "gone": "import nowhere_to_be_found"}
    wheels = [
        build_wheel(
            tmp_path,
            f"acme-{name}",
            files={f"acme_{name}.py": source},
            entry_points={HANDLERS: {name: f"acme_{name}:handle"}},
        )
        for name, source in sources.items()
    ]
    malformed = build_wheel(
        tmp_path, "acme-malformed", files={}, entry_points=f"[{HANDLERS}]\nmalformed = no\n"
    )
    environment.install(*wheels, malformed)
    (environment.path / "smoothop.toml").write_text("[plugins]\nstrict = true\n")
    ended = environment.execute("-m", "smoothop", "run", "--all", check=False)
    assert ended.returncode == 7
    assert "smoothop: 2 problems\n" in ended.stderr
    assert "handler 'malformed' of acme-malformed 1.0: is broken" in ended.stderr
    assert "handler 'gone' of acme-gone 1.0" in ended.stderr
    assert "No module named 'nowhere_to_be_found'" in ended.stderr


def test_strict_makes_a_discovered_conflict_fatal_and_says_it_once(tmp_path):
    environment = Environment.create(tmp_path / "env")
    environment.install(
        *(
            build_wheel(
                tmp_path,
                f"acme-{name}",
                files={f"acme_{name}.py": GOOD},
                entry_points={HANDLERS: {"same": f"acme_{name}:handle"}},
            )
            for name in ("left", "right")
        )
    )
    (environment.path / "smoothop.toml").write_text("[plugins]\nstrict = true\n")
    ended = environment.execute("-m", "smoothop", "run", "--all", check=False)
    assert ended.returncode == 2
    assert "acme-left" in ended.stderr
    assert ended.stderr.count("handler 'same' is") == 1
    listed = environment.execute("-m", "smoothop", "list")
    assert listed.stderr.count("same: ") == 1


def test_max_failures_of_the_file_counts(tmp_path):
    environment = Environment.create(tmp_path / "env")
    raises = """
from smoothop import done, hookimpl, none

calls = []
def handle(ctx):
    calls.append(1)
    return none(60) if len(calls) > 20 else done()

@hookimpl
def smoothop_handle():
    raise ValueError("again")
"""
    wheel = build_wheel(
        tmp_path,
        "acme-raises",
        files={"acme_raises.py": raises},
        entry_points={PLUGINS: {"raises": "acme_raises"}, HANDLERS: {"job": "acme_raises:handle"}},
    )
    environment.install(wheel)
    (environment.path / "smoothop.toml").write_text("[plugins]\nmax_failures = 3\n")
    with Child.on_pipe(
        command(environment, "run", "--all"), cwd=environment.path, variables=child_variables()
    ) as child:
        child.read_until("is called no more: hook smoothop_handle failed 3 times in a row")
        child.send(signal.SIGTERM)
        assert child.wait() == 0
