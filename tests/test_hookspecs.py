"""The hook specifications: all of them, and nothing else."""

import inspect
import subprocess
import sys

import pytest

from smoothop import hookspecs

HOOKS = {
    "smoothop_add_handlers": ["registry"],
    "smoothop_operator_started": ["operator"],
    "smoothop_operator_stopping": ["operator"],
    "smoothop_operator_stopped": ["operator"],
    "smoothop_worker_added": ["worker"],
    "smoothop_worker_removed": ["worker"],
    "smoothop_lifecycle": ["worker", "event"],
    "smoothop_handle": ["worker", "event"],
    "smoothop_panic": ["worker", "event", "exception"],
    "smoothop_dispatch": ["worker", "event"],
    "smoothop_around_handle": ["worker", "ctx"],
    "smoothop_around_dispatch": ["worker"],
    "smoothop_stuck": ["worker", "event"],
    "smoothop_cli": ["app"],
    "smoothop_http": ["app"],
}


def test_the_hooks_and_their_arguments_are_those_of_the_contract():
    functions = inspect.getmembers(hookspecs, inspect.isfunction)
    assert {name: list(inspect.signature(hook).parameters) for name, hook in functions} == HOOKS


@pytest.mark.parametrize("name", HOOKS)
def test_each_hook_is_documented_and_known_to_pluggy(name):
    import pluggy

    manager = pluggy.PluginManager("smoothop")
    manager.add_hookspecs(hookspecs)
    assert getattr(manager.hook, name).has_spec()
    assert inspect.getdoc(getattr(hookspecs, name))


def test_the_module_imports_nothing_but_pluggy():
    code = """
import sys, smoothop
import pluggy
heavy = set(sys.modules)
import smoothop.hookspecs
print(sorted(set(sys.modules) - heavy))
"""
    ended = subprocess.run(
        [sys.executable, "-P", "-c", code], check=True, capture_output=True, text=True
    )
    assert ended.stdout == "['smoothop.hookspecs']\n"
