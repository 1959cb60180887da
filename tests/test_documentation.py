"""The documentation is complete: what is public is in it."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path

import pytest
import typer

import smoothop
from smoothop import errors, events, hookspecs
from smoothop.assembly import schema
from smoothop.cli.application import COMMANDS, module_of
from smoothop.cli.exit_codes import ExitCode
from smoothop.config import CONFIG_FIELDS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
REFERENCE = "\n".join(page.read_text() for page in sorted(DOCS.glob("reference/*.md")))
HOOKS = [name for name in vars(hookspecs) if name.startswith("smoothop_")]


def in_reference():
    """Return the names the reference takes from docstrings one by one, and whole modules."""
    one = r"^\.\. auto(?:class|function|data):: (?:[\w.]+\.)?(\w+)\b"
    names = set(re.findall(one, REFERENCE, re.MULTILINE))
    modules = re.findall(r"^\.\. automodule:: ([\w.]+)\n +:members:$", REFERENCE, re.MULTILINE)
    return names, modules


@pytest.mark.parametrize("name", smoothop.__all__)
def test_each_public_name_is_in_the_reference(name):
    names, modules = in_reference()

    assert (
        name in names
        or f".. automodule:: smoothop.{name}\n" in REFERENCE
        or any(hasattr(import_module(module), name) for module in modules)
    )


def test_each_error_is_public_and_in_the_tree_its_module_draws():
    raised = [
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, Exception)
    ]

    assert raised
    for name in raised:
        assert name in smoothop.__all__
        assert re.search(rf"\b{name}\b", errors.__doc__)


def test_each_field_of_config_is_described():
    for field in CONFIG_FIELDS:
        assert f"        {field}: " in smoothop.Config.__doc__


def test_each_field_of_an_event_is_described():
    classes = [value for value in vars(events).values() if is_dataclass(value)]

    assert classes
    for event in classes:
        for field in fields(event):
            assert re.search(rf"^        {field.name}: \S", event.__doc__, re.MULTILINE), event


@pytest.mark.parametrize("hook", HOOKS)
def test_each_hook_has_a_section_that_says_when_where_and_what_an_exception_does(hook):
    page = (DOCS / "reference" / "hooks.md").read_text()
    heading, directive = f"## {hook}", f".. autofunction:: smoothop.hookspecs.{hook}"
    text = getattr(hookspecs, hook).__doc__

    assert f"\n{heading}\n\n```{{eval-rst}}\n{directive}\n```\n" in page
    assert re.search(r"[Cc]alled", text)
    assert re.search(r"thread|in the worker itself", text)
    assert re.search(r"[Aa]n? +exception|raises", " ".join(text.split()))
    assert f"Example::\n\n        @hookimpl\n        def {hook}(" in text


@pytest.mark.parametrize("hook", HOOKS)
def test_each_argument_of_a_hook_is_explained(hook):
    page = (DOCS / "reference" / "hooks.md").read_text()
    arguments = inspect.signature(getattr(hookspecs, hook)).parameters
    shown = ", ".join(f"`{name}`" for name in arguments)

    assert f"| [`{hook}`](#{hook}) | {shown} | " in page
    for name in arguments:
        assert re.search(rf"^\| `{name}` \| \S", page, re.MULTILINE)


def test_each_command_shows_its_help():
    shown = re.findall(r"^```\{smoothop-help\}(?: ([\w-]+))?$", REFERENCE, re.MULTILINE)

    assert shown == ["", *COMMANDS]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_option_and_argument_of_a_command_is_explained(name):
    app = typer.Typer(add_completion=False)
    app.command(name)(module_of(name).command)

    for parameter in typer.main.get_command(app).params:
        assert parameter.name == "help" or parameter.help, parameter


def test_the_list_of_commands_cuts_no_sentence_and_shows_no_markup():
    listed = subprocess.run(
        [sys.executable, "-m", "smoothop", "--no-plugins", "--help"],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"COLUMNS": "80", "NO_COLOR": "1"},
    ).stdout
    lines = listed.partition("Commands:")[2].split("\n")[1:-1]

    assert len(lines) == len(COMMANDS)
    for line in lines:
        assert line.endswith(".")
        assert "..." not in line
        assert "`" not in line


def test_each_exit_code_is_explained():
    page = (DOCS / "guides" / "running.md").read_text()

    for code in ExitCode:
        assert re.search(rf"^\| {code.value} \| \w", page, re.MULTILINE)


def test_each_key_of_the_configuration_file_is_explained():
    page = (DOCS / "reference" / "configuration-file.md").read_text()

    settled = [key for table in schema.SETTLED.values() for key in table.checks]
    for key in (*settled, *schema.PLUGINS, *(schema.WORKER.keys() - CONFIG_FIELDS)):
        assert re.search(rf"^ *\| `{key}` \|", page, re.MULTILINE)
    for variable in schema.KNOWN_VARIABLES:
        assert variable in REFERENCE


def test_each_dependency_has_its_reason():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    design = (DOCS / "design.md").read_text()

    for requirement in project["dependencies"]:
        name, versions = re.fullmatch(r"([a-z0-9-]+)(.*)", requirement).groups()
        assert re.search(
            rf"^\| {name} \| [\d.]+ \| `{re.escape(versions)}` \|", design, re.MULTILINE
        )


def test_each_word_of_the_glossary_is_explained_once_and_in_order():
    glossary = (DOCS / "glossary.md").read_text().split("```")[1]
    words = re.findall(r"^(\w+)$", glossary, re.MULTILINE)

    assert words == sorted(set(words))


def test_each_proof_of_a_promise_is_a_test_that_exists():
    proofs = re.findall(r"`([\w/.-]+\.py)::(\w+)`", (DOCS / "promises.md").read_text())

    assert proofs
    for path, name in proofs:
        assert f"def {name}(" in (ROOT / path).read_text()


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) < 120
