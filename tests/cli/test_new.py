"""`smoothop new`: what it writes can be built, installed, tested, checked and run as it is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
from support.environments import Environment

from smoothop.authoring.naming import PackageName
from smoothop.cli.main import main
from smoothop.errors import ConfigError


def new(*arguments):
    """Run the command in this process and return its exit code."""
    try:
        return main(["new", *arguments])
    except SystemExit as end:
        return end.code


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_says_what_it_wrote_and_what_comes_next(here, capsys):
    assert new("acme-watch") == 0
    printed = capsys.readouterr()
    there = {str(path.relative_to(here)) for path in here.rglob("*") if path.is_file()}
    assert {line.removeprefix("wrote ") for line in printed.out.splitlines()} == there
    assert there == {
        "acme-watch/.gitignore",
        "acme-watch/README.md",
        "acme-watch/acme_watch/__init__.py",
        "acme-watch/acme_watch/py.typed",
        "acme-watch/pyproject.toml",
        "acme-watch/tests/test_acme_watch.py",
        "acme-watch/tox.ini",
    }
    assert printed.err.splitlines()[:2] == ["next:", "  cd acme-watch"]
    assert printed.err.splitlines()[-1] == "  smoothop run acme-watch"


@pytest.mark.parametrize("make", ["mkdir", "touch"])
def test_what_is_there_is_left_alone(here, capsys, make):
    getattr(here / "acme-watch", make)()
    assert new("acme-watch") == 2
    assert "acme-watch is there already" in capsys.readouterr().err
    assert len(list(here.rglob("*"))) == 1


def test_a_folder_that_cannot_be_made_is_told(here, capsys, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.mkdir", full)
    assert new("acme-watch") == 1
    assert "acme-watch cannot be made: No space left on device" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "use lower-case letters"),
        ("-x", "No such option"),
        ("Acme", "use lower-case letters"),
        ("acme_watch", "use lower-case letters"),
        ("../acme", "use lower-case letters"),
        ("a/b", "use lower-case letters"),
        ("acme-", "use lower-case letters"),
        ("9acme", "use lower-case letters"),
        ("\u0131d", "use lower-case letters"),
        ("acme\n", "use lower-case letters"),
        ("a" * 65, "at most 64"),
        ("json", "of the standard library: put a word before it, for example acme-json"),
        ("test", "somebody else's"),
        ("class", "a word of the language"),
        ("smoothop", "somebody else's"),
        ("tests", "somebody else's"),
    ],
)
def test_a_name_that_cannot_be_is_refused_with_one_that_can(here, capsys, name, why):
    assert new(name) == 2
    assert why in capsys.readouterr().err
    assert list(here.iterdir()) == []


def test_one_name_has_the_forms_a_package_needs():
    name = PackageName("acme-s3-sync")
    assert (name.module, name.type_name) == ("acme_s3_sync", "AcmeS3Sync")
    with pytest.raises(ConfigError):
        PackageName("acme.sync")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Both kinds, built by their build backend, and installed in an environment of their own."""
    root = tmp_path_factory.mktemp("new") / "env"
    environment = Environment.create(root)
    environment.execute("-m", "smoothop", "new", "acme-watch")
    environment.execute("-m", "smoothop", "new", "acme-tell", "--observer")
    for name in ("acme-watch", "acme-tell"):
        build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
        subprocess.run(build, cwd=root / name, check=True, capture_output=True)
    environment.install(*root.glob("*/dist/*.whl"))
    return root, environment


def in_package(installed, name, *command, check=True):
    """Run a module of the environment in the folder of a package."""
    root, environment = installed
    code = f"import os, runpy, sys; os.chdir({str(root / name)!r}); del sys.argv[0]; "
    code += "runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)"
    return environment.execute("-P", "-c", code, *command, check=check, timeout=110)


PYTEST = ("pytest", "-q", "-p", "no:cacheprovider")


@pytest.mark.parametrize(("name", "passed"), [("acme-watch", 4), ("acme-tell", 2)])
def test_its_own_tests_pass(installed, name, passed):
    command = [*PYTEST, *_plugin()]
    assert f"{passed} passed" in in_package(installed, name, *command).stdout


def _plugin():
    from importlib.metadata import entry_points

    return () if entry_points(group="pytest11", name="smoothop") else ("-p", "pytest_smoothop")


@pytest.mark.parametrize("name", ["acme-watch", "acme-tell"])
def test_ruff_and_mypy_have_nothing_to_say(installed, name):
    root, environment = installed
    folder, module = root / name, name.replace("-", "_")
    ruff = [sys.executable, "-m", "ruff"]
    for command in (
        [*ruff, "check", "--no-cache", "."],
        [*ruff, "format", "--no-cache", "--check", "."],
        [
            *(sys.executable, "-m", "mypy", "--strict", "--cache-dir", os.devnull),
            *("--python-executable", environment.python, module, "tests"),
        ],
    ):
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr


def test_its_own_tests_fail_when_the_handler_is_broken(installed):
    root, environment = installed
    module = environment.site_packages / "acme_watch" / "__init__.py"
    text = module.read_text()
    module.write_text(text.replace("return done(answer)", "return done()"))
    try:
        ended = in_package(installed, "acme-watch", *PYTEST, *_plugin(), check=False)
    finally:
        module.write_text(text)
    assert "1 failed, 3 passed" in ended.stdout
    assert root.exists()


def test_it_is_listed(installed):
    _, environment = installed
    listed = environment.execute("-m", "smoothop", "list", "--check", "--json").stdout
    assert [(one["name"], one["state"]) for one in json.loads(listed)] == [("acme-watch", "ok")]


def test_the_observer_is_shown_with_its_hooks(installed):
    _, environment = installed
    (shown,) = json.loads(environment.execute("-m", "smoothop", "plugins", "--json").stdout)
    assert (shown["name"], shown["state"]) == ("acme-tell", "ok")
    assert shown["hooks"] == ["smoothop_lifecycle", "smoothop_panic"]


def test_it_runs_until_it_is_asked_to_stop(installed):
    _, environment = installed
    command = [environment.python, "-m", "smoothop", "run", "acme-watch"]
    process = subprocess.Popen(command, cwd=environment.path, stderr=subprocess.PIPE, text=True)
    lines = []
    with process:
        for line in process.stderr:
            lines.append(line)
            if "starting worker" in line:
                process.send_signal(signal.SIGTERM)
    assert process.returncode == 0
    assert "worker stopped" in "".join(lines)
