"""The documentation is complete: what is public is in it."""

from __future__ import annotations

import re
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

import smoothop
from smoothop import errors, hookspecs
from smoothop.assembly import schema
from smoothop.cli.application import COMMANDS
from smoothop.cli.exit_codes import ExitCode
from smoothop.config import CONFIG_FIELDS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
REFERENCE = "\n".join(page.read_text() for page in sorted(DOCS.glob("reference/*.md")))


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
        or f"smoothop.{name}" in modules
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


def test_each_hook_is_described():
    hooks = [name for name in vars(hookspecs) if name.startswith("smoothop_")]

    assert hooks
    for name in hooks:
        assert getattr(hookspecs, name).__doc__


def test_each_command_shows_its_help():
    shown = re.findall(r"^```\{smoothop-help\}(?: (\w+))?$", REFERENCE, re.MULTILINE)

    assert shown == ["", *COMMANDS]


def test_each_exit_code_is_explained():
    page = (DOCS / "guides" / "running.md").read_text()

    for code in ExitCode:
        assert re.search(rf"^\| {code.value} \| \w", page, re.MULTILINE)


def test_each_key_of_the_configuration_file_is_explained():
    page = (DOCS / "reference" / "configuration-file.md").read_text()

    for key in (*schema.OPERATOR, *schema.PLUGINS, *(schema.WORKER.keys() - CONFIG_FIELDS)):
        assert re.search(rf"^ *\| `{key}` \|", page, re.MULTILINE)
    for variable in schema.KNOWN_VARIABLES:
        assert variable in REFERENCE


def test_each_dependency_has_its_reason():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    design = (DOCS / "design.md").read_text()

    for requirement in project["dependencies"]:
        name, versions = re.fullmatch(r"([a-z-]+)(.*)", requirement).groups()
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
