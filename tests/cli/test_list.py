"""`smoothop list` and `smoothop version` in real processes."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from support.wheels import build_wheel

HOOKS = """
from smoothop import hookimpl, none

@hookimpl
def smoothop_cli(app):
    @app.command()
    def greet():
        print('hello')

@hookimpl
def smoothop_add_handlers(registry):
    registry.add("added", lambda ctx: none(5))
"""
MODULES = """
import json, sys
from smoothop.cli.main import main
sys.argv[1:] = {arguments!r}
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
sys.stderr.write(json.dumps(sorted(sys.modules)))
"""


def modules_after(installation, *arguments):
    """Return the modules a real process has imported when the command is done."""
    ended = installation.environment.run(MODULES.format(arguments=list(arguments)))
    return set(json.loads(ended.stderr.splitlines()[-1]))


@pytest.mark.parametrize("command", ["list", "version"])
def test_it_imports_no_plugin_and_nothing_heavy(acme, command):
    loaded = modules_after(acme, command, "--json")
    assert "smoothop.cli.application" in loaded
    heavy = {"acme_workers", "acme_broken", "pydantic", "rich", "asyncio", "click", "pluggy"}
    assert not loaded & heavy


def test_the_table_shows_every_handler_unchecked(acme, tmp_path):
    ended = acme.smoothop("list", cwd=tmp_path)
    assert ended.returncode == 0
    lines = ended.stdout.splitlines()
    assert lines[0].split() == ["NAME", "STATE", "DISTRIBUTION", "VERSION", "TARGET"]
    assert lines[2].split() == ["broken", "unchecked", "acme-broken", "0.1", "acme_broken:Broken"]
    assert len(lines) == 12


def test_json_has_the_keys_of_the_contract(acme, tmp_path):
    ended = acme.smoothop("list", "--json", cwd=tmp_path)
    ticker = next(one for one in json.loads(ended.stdout) if one["name"] == "ticker")
    assert ticker == {
        "name": "ticker",
        "target": "acme_workers:Ticker",
        "distribution": "acme-workers",
        "version": "1.2",
        "state": "unchecked",
        "error": None,
    }


def test_check_shows_how_long_each_import_took(acme, tmp_path):
    ended = acme.smoothop("list", "--check", cwd=tmp_path)
    head, *rows = ended.stdout.splitlines()
    assert head.split()[-1] == "IMPORT"
    assert all(re.search(r" \d+ ms$", row) for row in rows)
    assert "IMPORT" not in acme.smoothop("list", cwd=tmp_path).stdout


def test_check_imports_each_and_ends_with_7_if_one_is_broken(acme, tmp_path):
    ended = acme.smoothop("list", "--check", "--json", cwd=tmp_path)
    assert ended.returncode == 7
    states = {one["name"]: one["state"] for one in json.loads(ended.stdout)}
    assert states["broken"] == "broken"
    assert states["ticker"] == "ok"


def test_malformed_metadata_is_shown_at_once_but_fails_only_the_check(bare, tmp_path):
    wheel = build_wheel(
        tmp_path,
        "acme-malformed",
        files={"acme_malformed.py": ""},
        entry_points={"smoothoperator.handlers": {"bad": "no target at all"}},
    )
    environment = type(bare.environment).create(tmp_path / "env")
    environment.install(wheel)
    malformed = type(bare)(environment)
    ended = malformed.smoothop("list", cwd=tmp_path)
    assert ended.returncode == 0
    assert "bad: the target is malformed" in ended.stderr
    assert malformed.smoothop("list", "--check", cwd=tmp_path).returncode == 7


def test_what_a_plugin_prints_does_not_mix_with_the_data(odd, tmp_path):
    variables = {"SMOOTHOP_DISABLE_PLUGINS": "hang,early,signaller"}
    ended = odd.smoothop("list", "--check", "--json", cwd=tmp_path, variables=variables)
    assert ended.returncode == 0
    assert {one["name"]: one["state"] for one in json.loads(ended.stdout)}["chatty"] == "ok"
    assert "this is not data" in ended.stderr


def test_what_is_switched_off_is_listed_as_disabled(acme, tmp_path, write):
    write("[plugins]\ndisable = ['plain']\n")
    variables = {"SMOOTHOP_DISABLE_PLUGINS": "acme-broken"}
    ended = acme.smoothop("list", "--check", "--json", cwd=tmp_path, variables=variables)
    assert ended.returncode == 0
    states = {one["name"]: one["state"] for one in json.loads(ended.stdout)}
    assert (states["plain"], states["broken"]) == ("disabled", "disabled")


def test_a_conflict_is_listed_and_run_only_by_a_full_reference(bare, tmp_path, write):
    wheels = [
        build_wheel(
            tmp_path,
            name,
            files={f"{name}.py": "def handle(ctx): ..."},
            entry_points={"smoothoperator.handlers": {"both": f"{name}:handle"}},
        )
        for name in ("one", "two")
    ]
    environment = type(bare.environment).create(tmp_path / "env")
    environment.install(*wheels)
    both = type(bare)(environment)
    ended = both.smoothop("list", "--json", cwd=tmp_path)
    assert [one["state"] for one in json.loads(ended.stdout)] == ["conflict", "conflict"]
    ended = both.smoothop("run", "both", cwd=tmp_path)
    assert ended.returncode == 2
    assert 'handler = "both@one"' in ended.stderr
    assert "published by one and two" in both.smoothop("run", "--all", cwd=tmp_path).stderr
    write("[workers.both]\nhandler = 'both@two'\n")
    assert both.smoothop("config", cwd=tmp_path).returncode == 0


def test_nothing_installed_says_what_to_do(bare, tmp_path):
    ended = bare.smoothop("list", cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (0, "")
    assert "No handler is installed" in ended.stderr
    assert bare.smoothop("list", "--json", cwd=tmp_path).stdout == "[]\n"


def test_an_unreadable_file_does_not_hide_the_list_but_is_told(acme, tmp_path, write):
    write("[plugins\n")
    ended = acme.smoothop("list", cwd=tmp_path)
    assert ended.returncode == 2
    assert "ticker" in ended.stdout
    assert "smoothop.toml:1:9: " in ended.stderr


def test_version_prints_one_line_or_one_document(acme, tmp_path):
    ended = acme.smoothop("version", cwd=tmp_path)
    assert ended.stdout.startswith("smoothop ")
    facts = json.loads(acme.smoothop("version", "--json", cwd=tmp_path).stdout)
    assert set(facts) == {"version", "python", "executable", "prefix"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no full device")
def test_output_that_cannot_be_written_is_told_and_ends_with_1(acme, tmp_path):
    told = "smoothop: standard output cannot be written to: No space left on device\n"
    for flags in ((), ("-u",)):  # found out at the end, and at once
        command = [acme.environment.python, *flags, "-m", "smoothop", "version"]
        with Path("/dev/full").open("w") as full:
            ended = subprocess.run(
                command,
                stdout=full,
                stderr=subprocess.PIPE,
                cwd=tmp_path,
                env={key: os.environ[key] for key in os.environ if key != "PYTHONUNBUFFERED"},
                text=True,
                check=False,
            )
        assert (ended.returncode, ended.stderr) == (1, told)


def test_an_unknown_command_is_wrong_usage(acme, tmp_path):
    ended = acme.smoothop("lisst", cwd=tmp_path)
    assert ended.returncode == 2
    assert "No such command 'lisst'" in ended.stderr


@pytest.fixture
def hooked(bare, tmp_path):
    """An environment with a hook plugin that adds a command and a handler."""
    wheel = build_wheel(
        tmp_path,
        "acme-hooks",
        files={"acme_hooks.py": HOOKS},
        entry_points={"smoothoperator.plugins": {"greeter": "acme_hooks"}},
    )
    environment = type(bare.environment).create(tmp_path / "env")
    environment.install(wheel)
    return type(bare)(environment)


def test_what_a_plugin_adds_from_code_is_listed_once_plugins_may_be_imported(hooked, tmp_path):
    assert json.loads(hooked.smoothop("list", "--json", cwd=tmp_path).stdout) == []
    ended = hooked.smoothop("list", "--check", "--json", cwd=tmp_path)
    (added,) = json.loads(ended.stdout)
    assert (added["name"], added["state"]) == ("added", "ok")
    ended = hooked.smoothop("--no-plugins", "list", "--check", "--json", cwd=tmp_path)
    assert json.loads(ended.stdout) == []


def test_a_plugin_adds_a_command_unless_plugins_are_switched_off(hooked, tmp_path):
    assert hooked.smoothop("greet", cwd=tmp_path).stdout == "hello\n"
    assert hooked.smoothop("--no-plugins", "greet", cwd=tmp_path).returncode == 2
    off = {"SMOOTHOP_NO_PLUGINS": "1"}
    assert hooked.smoothop("greet", cwd=tmp_path, variables=off).returncode == 2
    assert "acme_hooks" not in modules_after(hooked, "list")
