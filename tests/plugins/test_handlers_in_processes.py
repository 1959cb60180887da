"""Handlers of installed packages in child processes: made there from their name and settings."""

from __future__ import annotations

import os

import pytest
from support.gates import DEADLINE

from smoothop import ConfigError, Operator, Registry

MODULE = """
import os, threading
from dataclasses import dataclass
from smoothop import Config, done

class Acme:
    config = Config(run_in="process", message_only=True)

    @dataclass
    class Settings:
        text: str

    def __init__(self, settings):
        self.text = settings.text
        self.lock = threading.Lock()
        self.made_in = os.getpid()

    def handle(self, ctx):
        return done((self.text, self.made_in, os.getpid()))

def function(ctx):
    return done(os.getpid())
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install a package, as pip would leave it behind."""
    (tmp_path / "acme_in_a_process.py").write_text(MODULE)
    metadata = tmp_path / "acme_in_a_process-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Name: acme-in-a-process\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[smoothoperator.handlers]\nacme = acme_in_a_process:Acme\n"
        "function = acme_in_a_process:function\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return Registry.discover()


def test_a_handler_is_made_in_the_child_whatever_it_holds(installed):
    with Operator.from_registry(installed, ["acme"], {"acme": {"text": "hello"}}) as op:
        op.start_all()
        text, made_in, runs_in = op.dispatch("acme", 1).result(DEADLINE)
    assert text == "hello"
    assert made_in == runs_in != os.getpid()


def test_a_function_of_a_package_runs_in_a_child_when_the_config_is_changed(installed):
    with Operator.from_registry(installed, ["function"]) as op:
        op.update_config("function", run_in="process", message_only=True)
        op.start_all()
        assert op.dispatch("function", 1).result(DEADLINE) != os.getpid()


def test_settings_that_cannot_be_pickled_are_refused_by_name(installed):
    class Text(str):
        __slots__ = ()

    with pytest.raises(ConfigError, match=r"item 'text' .*Can't pickle local object"):
        Operator.from_registry(installed, ["acme"], {"acme": {"text": Text("x")}})


def test_one_that_code_has_added_is_copied(installed):
    from acme_in_a_process import function

    registry = Registry()
    registry.add("added", function)
    assert registry.maker("added") is None
    with Operator.from_registry(registry, ["added"]) as op:
        op.update_config("added", run_in="process", message_only=True)
        op.start_all()
        assert op.dispatch("added", 1).result(DEADLINE) != os.getpid()
