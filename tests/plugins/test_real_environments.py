"""Discovery and loading of real wheels, in a real environment, by a real interpreter."""

import pytest
from support.environments import Environment
from support.wheels import build_wheel

HANDLERS = "smoothoperator.handlers"
PLUGINS = "smoothoperator.plugins"

GOOD = """
from dataclasses import dataclass
from smoothop import Seconds, done, handler_factory

class Polite:
    @dataclass
    class Settings:
        path: str
        settle: Seconds = 1.0

    def __init__(self, settings):
        self.settings = settings

    def handle(self, ctx):
        return done()

class Plain:
    def handle(self, ctx):
        return done()

plain = Plain()

def function(ctx):
    return done()

@handler_factory
def factory():
    return Plain()
"""

MODEL = """
import pydantic

class Handler:
    class Settings(pydantic.BaseModel):
        depth: int = 1

    def __init__(self, settings):
        self.settings = settings

    def handle(self, ctx):
        raise NotImplementedError
"""

# distribution -> its module's text and its entry points; the module is acme_<distribution>.
PACKAGES = {
    "good": (
        GOOD,
        {
            HANDLERS: {
                "polite": "acme_good:Polite",
                "plain": "acme_good:plain",
                "function": "acme_good:function",
                "factory": "acme_good:factory [an-extra]",
            }
        },
    ),
    "model": (MODEL, {HANDLERS: {"model": "acme_model:Handler"}}),
    "import": ("import os\nimport nowhere_to_be_found\n", {HANDLERS: {"import": "acme_import:H"}}),
    "syntax": ("x = 1\ndef f(:\n", {HANDLERS: {"syntax": "acme_syntax:H"}}),
    "exit": ("raise SystemExit(3)\n", {HANDLERS: {"exit": "acme_exit:H"}}),
    "interrupt": ("raise KeyboardInterrupt\n", {HANDLERS: {"interrupt": "acme_interrupt:H"}}),
    "wrong": ("H = 42\n", {HANDLERS: {"wrong": "acme_wrong:H"}}),
    "lacking": ("", {HANDLERS: {"lacking": "acme_lacking:H"}}),
    "one": (GOOD, {HANDLERS: {"twin": "acme_one:plain"}}),
    "two": (GOOD, {HANDLERS: {"twin": "acme_two:function"}}),
    "names": (GOOD, {HANDLERS: {"fine": "acme_names:plain"}}),
}

# pip refuses to install this; an editor or a home-made installer may still leave it behind.
MALFORMED = f"""
[{HANDLERS}]
a/b = acme_names:plain
no equals sign
bad-target = acme-names:plain
module = acme_names
twice = acme_names:plain
twice = acme_names:function
fine = acme_names:plain
[another.group]
nothing to us
"""

REPORT = """
import dataclasses, json, sys
from smoothop import Registry
registry = Registry.discover()
print(json.dumps({
    "handlers": {info.reference: dataclasses.asdict(info) for info in registry.handlers},
    "imported": sorted(sys.modules),
}))
"""

LOAD = """
import json, sys
from smoothop import Registry, SmoothopError
registry = Registry.discover()
found = {}
for reference in sys.argv[1:]:
    try:
        value = registry.load(reference)
    except SmoothopError as error:
        cause = error.__cause__
        found[reference] = [type(error).__name__, str(error), cause and type(cause).__name__]
    else:
        found[reference] = f"{value.__module__}:{getattr(value, '__name__', type(value).__name__)}"
states = {info.reference: [info.state, info.error] for info in registry.handlers}
print(json.dumps({"found": found, "states": states}))
"""


def wheel_of(directory, name, version="1.10"):
    text, entry_points = PACKAGES[name]
    return build_wheel(
        directory,
        f"Acme.{name}",
        version,
        files={f"acme_{name}.py": text},
        entry_points=entry_points,
    )


def leave_behind(environment, directory, files):
    """Put a metadata directory where pip would never put one."""
    left = environment.site_packages / directory
    left.mkdir()
    for name, content in files.items():
        (left / name).write_bytes(content)


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    path = tmp_path_factory.mktemp("plugins")
    environment = Environment.create(path / "env")
    environment.install(*(wheel_of(path / "wheels", name) for name in PACKAGES))
    names = environment.site_packages / "acme_names-1.10.dist-info"
    (names / "entry_points.txt").write_text(MALFORMED)
    ours = f"[{HANDLERS}]\n".encode()
    leave_behind(environment, "foreign_a-1.0.dist-info", {"entry_points.txt": b"\xff\xfe[x]\n"})
    leave_behind(
        environment,
        "foreign_b-1.0.dist-info",
        {"entry_points.txt": b"[x\nno equals\n= \n", "METADATA": b"\x00\xff\n\n"},
    )
    leave_behind(environment, "foreign_c-1.0.dist-info", {"entry_points.txt": ours + b"c = c:c\n"})
    leave_behind(environment, "Acme_good-0.1.dist-info", {})
    leave_behind(
        environment,
        "acme_good-1.9.dist-info",
        {
            "METADATA": b"Metadata-Version: 2.1\nName: acme-good\nVersion: 1.9\n",
            "entry_points.txt": ours + b"polite = acme_old:Polite\ngone = acme_old:Gone\n",
        },
    )
    return environment


@pytest.fixture(scope="module")
def report(environment):
    return environment.run_json(REPORT)


@pytest.fixture(scope="module")
def load(environment):
    names = [
        "polite",
        "plain",
        "function",
        "factory",
        "model",
        "import",
        "syntax",
        "exit",
        "interrupt",
    ]
    more = ["wrong", "lacking", "twin", "twin@acme_TWO", "twin@acme-three", "module", "poilte"]
    return environment.run_json(LOAD, *names, *more)


def test_discovery_names_handler_target_distribution_and_version(report):
    assert report["handlers"]["polite@Acme.good"] == {
        "name": "polite",
        "target": "acme_good:Polite",
        "distribution": "Acme.good",
        "version": "1.10",
        "state": "unchecked",
        "error": None,
    }
    assert report["handlers"]["factory@Acme.good"]["target"] == "acme_good:factory"


def test_discovery_imports_no_plugin_and_no_heavy_library(report):
    modules = report["imported"]
    assert not [module for module in modules if module.startswith("acme_")]
    assert not {"pydantic", "rich", "asyncio", "pluggy", "typer", "sqlite3"} & set(modules)


def test_importing_smoothop_loads_words_and_engine_only(environment):
    modules = environment.run_json("import json, sys, smoothop; print(json.dumps([*sys.modules]))")
    heavy = {"typer", "pydantic", "pluggy", "rich", "starlette", "sqlite3", "asyncio"}
    assert not heavy & set(modules)
    assert not [
        module for module in modules if module.startswith(("smoothop.plugins", "smoothop.cli"))
    ]


def test_metadata_of_an_old_version_that_stayed_behind_does_not_count(report):
    handlers = report["handlers"]
    assert handlers["polite@Acme.good"]["state"] == "unchecked"
    assert [reference for reference in handlers if reference.startswith(("polite", "gone"))] == [
        "polite@Acme.good"
    ]


def test_metadata_directories_of_strangers_hurt_nobody_and_publish_nothing(report):
    assert not [reference for reference in report["handlers"] if "foreign" in reference]
    assert "c" not in {info["name"] for info in report["handlers"].values()}
    assert len(report["handlers"]) >= 18


def test_two_distributions_with_one_name_are_both_listed_as_a_conflict(report):
    one, two = report["handlers"]["twin@Acme.one"], report["handlers"]["twin@Acme.two"]
    assert one["state"] == two["state"] == "conflict"
    assert 'handler = "twin@Acme.one"' in one["error"]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("a/b", "the name is malformed"),
        ("no equals sign", "the line is not 'name = module:attr'"),
        ("bad-target", "the target is malformed"),
        ("module", "the target is malformed"),
        ("twice", "published twice"),
    ],
)
def test_a_malformed_entry_point_is_listed_as_broken(report, name, problem):
    info = report["handlers"][f"{name}@Acme.names"]
    assert info["state"] == "broken"
    assert problem in info["error"]


def test_a_malformed_entry_point_leaves_its_neighbours_usable(report):
    assert report["handlers"]["fine@Acme.names"]["state"] == "unchecked"


def test_each_kind_of_handler_loads(load):
    assert load["found"]["polite"] == "acme_good:Polite"
    assert load["found"]["plain"] == "acme_good:Plain"
    assert load["found"]["function"] == "acme_good:function"
    assert load["found"]["factory"] == "acme_good:factory"
    assert load["states"]["polite@Acme.good"] == ["ok", None]


def test_a_plugin_with_pydantic_models_loads_although_pydantic_fails_on_foreign_metadata(load):
    assert load["found"]["model"] == "acme_model:Handler"


@pytest.mark.parametrize(
    ("name", "cause", "text", "line"),
    [
        ("import", "ModuleNotFoundError", "nowhere_to_be_found", "acme_import.py:2"),
        ("syntax", "SyntaxError", "invalid syntax", "acme_syntax.py:2"),
        ("exit", "SystemExit", "3", "acme_exit.py:1"),
        ("interrupt", "KeyboardInterrupt", "", "acme_interrupt.py:1"),
        ("wrong", "InvalidHandlerError", "42 is no handler", ""),
        ("lacking", "AttributeError", "has no attribute 'H'", ""),
    ],
)
def test_what_cannot_be_loaded_is_named_with_cause_line_and_remedy(load, name, cause, text, line):
    error, message, caught = load["found"][name]
    assert (error, caught) == ("PluginLoadError", cause)
    assert message.startswith(f"handler {name!r} of Acme.{name} 1.10 (acme_{name}:H) cannot be")
    assert text in message
    assert line in message
    assert f"pip uninstall Acme.{name}" in message
    assert f"SMOOTHOP_DISABLE_PLUGINS={name}" in message
    assert "\n" not in message
    state, known = load["states"][f"{name}@Acme.{name}"]
    assert state == "broken"
    assert known.startswith(cause)


def test_a_conflict_is_refused_by_its_bare_name_and_loads_by_distribution(load):
    error, message, _ = load["found"]["twin"]
    assert error == "ConfigError"
    assert 'handler = "twin@Acme.one"' in message
    assert load["found"]["twin@acme_TWO"] == "acme_two:function"
    assert load["states"]["twin@Acme.one"][0] == "conflict"


def test_an_unknown_reference_is_answered_with_what_there_is_and_where(load, environment):
    searched = f"(searched: {environment.path}, by {environment.python})"
    assert load["found"]["poilte"][:2] == [
        "ConfigError",
        f"no handler 'poilte' is installed; did you mean 'polite'? {searched}",
    ]
    assert load["found"]["twin@acme-three"][:2] == [
        "ConfigError",
        "no handler 'twin' comes from 'acme-three'; there is one from Acme.one, Acme.two",
    ]


def test_what_is_malformed_is_not_imported_when_it_is_asked_for(load):
    error, message, _ = load["found"]["module"]
    assert error == "PluginLoadError"
    assert "the target is malformed" in message


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("twin,plain", "disabled by name (SMOOTHOP_DISABLE_PLUGINS)"),
        (" acme_ONE , acme-good", "disabled with its distribution (SMOOTHOP_DISABLE_PLUGINS)"),
    ],
)
def test_the_environment_disables_by_handler_or_distribution_name(environment, words, reason):
    variables = {"SMOOTHOP_DISABLE_PLUGINS": words}
    answer = environment.run_json(LOAD, "plain", variables=variables)
    assert answer["states"]["plain@Acme.good"] == ["disabled", reason]
    assert answer["states"]["twin@Acme.one"] == ["disabled", reason]
    assert answer["found"]["plain"][:2] == [
        "ConfigError",
        f"handler 'plain' of Acme.good 1.10 is {reason}",
    ]


def test_a_conflict_is_solved_by_disabling_one_of_the_two(environment):
    variables = {"SMOOTHOP_DISABLE_PLUGINS": "acme-one"}
    answer = environment.run_json(LOAD, "twin", variables=variables)
    assert answer["found"]["twin"] == "acme_two:function"
    assert answer["states"]["twin@Acme.two"] == ["ok", None]


def test_handlers_are_created_with_their_settings(environment):
    code = """
import json
from smoothop import Registry
registry = Registry.discover()
polite = registry.create("polite", {"path": "in", "settle": "250ms"})
made = [type(registry.create(name)).__name__ for name in ("plain", "function", "factory")]
problems = registry.check_settings("polite", {"pth": "in", "settle": "soon"})
print(json.dumps([polite.settings.path, polite.settings.settle, made, problems]))
"""
    path, settle, made, problems = environment.run_json(code)
    assert (path, settle) == ("in", 0.25)
    assert made == ["Plain", "function", "Plain"]
    assert [problem.partition(":")[0] for problem in problems] == ["path", "settle", "pth"]


def test_an_editable_install_is_discovered_and_loaded_from_its_source(tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    (project / "acme_editable.py").write_text(GOOD)
    (project / "pyproject.toml").write_text(f"""
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "acme-editable"
version = "0.1"
[project.entry-points."{HANDLERS}"]
editable = "acme_editable:Plain"
[tool.hatch.build]
include = ["acme_editable.py"]
dev-mode-dirs = ["."]
""")
    environment = Environment.create(tmp_path / "env")
    environment.install_editable(project)
    code = """
import inspect, json
from smoothop import Registry
registry = Registry.discover()
(info,) = [info for info in registry.handlers if info.name == "editable"]
print(json.dumps([info.distribution, info.version, inspect.getfile(registry.load("editable"))]))
"""
    assert environment.run_json(code) == [
        "acme-editable",
        "0.1",
        str(project / "acme_editable.py"),
    ]


def test_a_handler_whose_files_were_deleted_is_named(tmp_path):
    other = Environment.create(tmp_path / "env")
    other.install(wheel_of(tmp_path, "good"))
    (other.site_packages / "acme_good.py").unlink()
    found = other.run_json(LOAD, "plain")["found"]
    assert found["plain"][2] == "ModuleNotFoundError"
    assert "No module named 'acme_good'" in found["plain"][1]


def test_a_failed_import_is_not_tried_again_and_fails_the_same_way(environment):
    code = """
import json, sys
from smoothop import PluginLoadError, Registry
registry = Registry.discover()
caught = []
for call in (registry.load, registry.create, registry.settings_type):
    sys.modules.pop("acme_import", None)
    try:
        call("import")
    except PluginLoadError as error:
        caught.append([str(error), type(error.__cause__).__name__, id(error)])
print(json.dumps(caught))
"""
    first, second, third = environment.run_json(code)
    assert first == second == third
    assert first[1] == "ModuleNotFoundError"
