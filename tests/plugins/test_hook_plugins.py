"""Hook plugins: real wheels in a real environment, and what `Registry` does with them."""

import pytest
from support.environments import Environment
from support.wheels import build_wheel

PLUGINS = "smoothoperator.plugins"
HANDLERS = "smoothoperator.handlers"

ADDS = """
from smoothop import done, hookimpl

def from_code(ctx):
    return done()

@hookimpl
def smoothop_add_handlers(registry):
    registry.add("from-code", from_code)
"""

RAISES = """
import smoothop

class Plugin:
    @smoothop.hookimpl(tryfirst=True)
    def smoothop_add_handlers(self, registry):
        registry.add("half-done", lambda ctx: smoothop.done())
        raise SystemExit("no further")

plugin = Plugin()
"""

WRONG_ARGUMENTS = """
from smoothop import hookimpl

@hookimpl
def smoothop_panic(worker, weather):
    pass
"""

ASYNC = """
from smoothop import hookimpl

@hookimpl
async def smoothop_add_handlers(registry):
    pass
"""

PACKAGES = {
    "adds": (ADDS, "acme_adds"),
    "raises": (RAISES, "acme_raises:plugin"),
    "class": (RAISES, "acme_class:Plugin"),
    "import": ("import nowhere_to_be_found\n", "acme_import"),
    "arguments": (WRONG_ARGUMENTS, "acme_arguments"),
    "async": (ASYNC, "acme_async"),
}

REPORT = """
import dataclasses, json, logging, sys
logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
from smoothop import Registry
registry = Registry.discover()
before = [info.state for info in registry.plugins]
early = [name for name in sys.modules if name == "pluggy" or name.startswith("acme_")]
manager = registry.hooks
registry.load_plugins()
print(json.dumps({
    "before": before,
    "early": early,
    "plugins": {info.name: [info.state, info.error] for info in registry.plugins},
    "registered": [name for name, plugin in manager.list_name_plugin() if plugin],
    "handlers": [dataclasses.asdict(info) for info in registry.handlers],
    "imported": [name for name in sys.modules if name.startswith("acme_")],
}))
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    path = tmp_path_factory.mktemp("hooks")
    environment = Environment.create(path / "env")
    wheels = [
        build_wheel(
            path / "wheels",
            f"acme-{name}",
            files={f"acme_{name}.py": text},
            entry_points={PLUGINS: {name: target}},
        )
        for name, (text, target) in PACKAGES.items()
    ]
    environment.install(*wheels)
    return environment


@pytest.fixture(scope="module")
def outcome(environment):
    import json

    ended = environment.run(REPORT)
    return json.loads(ended.stdout), ended.stderr


def test_hook_plugins_are_imported_at_the_first_use_of_hooks_and_not_before(outcome):
    report, _ = outcome
    assert report["before"] == ["unchecked"] * len(PACKAGES)
    assert report["early"] == []


def test_a_good_plugin_is_registered_and_its_handlers_are_added_once(outcome):
    report, _ = outcome
    assert report["plugins"]["adds"] == ["ok", None]
    assert report["handlers"] == [
        {
            "name": "from-code",
            "target": "acme_adds:from_code",
            "distribution": "acme-adds",
            "version": "1.0",
            "state": "ok",
            "error": None,
        }
    ]


def test_a_plugin_that_raises_while_adding_leaves_no_handler_and_is_logged_once(outcome):
    report, log = outcome
    assert "half-done" not in {info["name"] for info in report["handlers"]}
    (line,) = [line for line in log.splitlines() if "of acme-raises" in line]
    assert line.startswith("WARNING smoothop.plugins hook smoothop_add_handlers of plugin")
    assert "SystemExit: no further" in line
    assert "acme_raises.py:8" in line


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("import", "No module named 'nowhere_to_be_found'"),
        ("class", "a hook plugin is a module or an object"),
        ("arguments", "weather"),
        ("async", "must be a plain function"),
    ],
)
def test_a_broken_plugin_is_left_out_whole_named_and_logged_once(outcome, name, reason):
    report, log = outcome
    state, error = report["plugins"][name]
    assert state == "broken"
    assert reason in error
    assert f"{name}@acme-{name}" not in report["registered"]
    (line,) = [line for line in log.splitlines() if f"of acme-{name} " in line]
    assert line.startswith(f"WARNING smoothop.plugins left out: plugin '{name}' of acme-{name} 1.0")
    assert f"SMOOTHOP_DISABLE_PLUGINS={name}" in line


def test_the_good_plugins_are_registered_beside_the_broken_ones(outcome):
    report, _ = outcome
    assert sorted(report["registered"]) == ["adds@acme-adds", "raises@acme-raises"]


@pytest.mark.parametrize("value", ["1", "true", "yes"])
def test_no_plugins_imports_none_of_them(environment, value):
    report = environment.run_json(REPORT, variables={"SMOOTHOP_NO_PLUGINS": value})
    assert report["imported"] == []
    assert {state for state, _ in report["plugins"].values()} == {"disabled"}
    assert report["registered"] == []


def test_a_plugin_disabled_by_its_distribution_is_not_imported(environment):
    variables = {"SMOOTHOP_DISABLE_PLUGINS": "Acme_Import,class,arguments,async,raises"}
    ended = environment.run(REPORT, variables=variables)
    assert ended.stderr == ""
    assert '"imported": ["acme_adds"]' in ended.stdout


def test_a_handler_that_only_a_hook_plugin_adds_is_found_by_its_name(environment):
    code = """
import json, logging
logging.disable()
from smoothop import Registry
registry = Registry.discover()
print(json.dumps([len(registry.handlers), registry.load("from-code").__name__]))
"""
    assert environment.run_json(code) == [0, "from_code"]
