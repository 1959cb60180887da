"""`Registry` in one process: handlers added from code, their settings, references and hooks."""

import logging
from dataclasses import dataclass, field

import pytest
from pydantic import BaseModel, ConfigDict, Field

from smoothop import (
    ConfigError,
    InvalidHandlerError,
    Operator,
    PluginError,
    PluginLoadError,
    Registry,
    done,
    handler_factory,
    hookimpl,
)
from smoothop.plugins.switches import Switches


class Plain:
    def handle(self, ctx):
        return done()


def with_settings(settings_type):
    class Handler(Plain):
        Settings = settings_type

        def __init__(self, settings):
            self.settings = settings

    return Handler


@pytest.fixture
def registry():
    return Registry()


def registry_with(handler, **options):
    registry = Registry(**options)
    registry.add("job", handler)
    return registry


@dataclass
class Inner:
    depth: int = 1


@dataclass
class AsDataclass:
    path: str
    depth: int = 3
    inner: Inner = field(default_factory=Inner)


class InnerModel(BaseModel):
    depth: int = 1


class AsModel(BaseModel):
    path: str
    depth: int = 3
    inner: InnerModel = InnerModel()


@pytest.mark.parametrize("settings_type", [AsDataclass, AsModel])
def test_settings_are_built_from_the_mapping(settings_type):
    registry = registry_with(with_settings(settings_type))
    values = {"path": "in", "depth": "4", "inner": {"depth": 5}}
    settings = registry.create("job", values).settings
    assert type(settings) is settings_type
    assert (settings.path, settings.depth, settings.inner.depth) == ("in", 4, 5)
    assert registry.settings_type("job") is settings_type


@pytest.mark.parametrize("settings_type", [AsDataclass, AsModel])
def test_all_problems_of_settings_are_told_at_once(settings_type):
    registry = registry_with(with_settings(settings_type))
    values = {"pth": "in", "depth": "deep", "inner": {"dpth": 5}}
    expected = {
        "path: required, but not given",
        "depth: input should be a valid integer, unable to parse string as an integer",
        "inner.dpth: unknown key",
        "pth: unknown key; did you mean 'path'?",
    }
    assert set(registry.check_settings("job", values)) == expected
    with pytest.raises(ConfigError) as caught:
        registry.create("job", values)
    heading, *problems = str(caught.value).split("\n  ")
    assert heading == "settings of handler 'job':"
    assert set(problems) == expected


def test_problems_never_repeat_the_value_which_may_be_a_secret():
    registry = registry_with(with_settings(AsDataclass))
    with pytest.raises(ConfigError) as caught:
        registry.create("job", {"path": ["hunter2"], "depth": "hunter2", "key": "hunter2"})
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_model_decides_itself_about_unknown_keys_if_it_says_so():
    class Open(BaseModel):
        model_config = ConfigDict(extra="allow")

    settings = registry_with(with_settings(Open)).create("job", {"anything": 1}).settings
    assert settings.anything == 1


def test_an_alias_is_the_key():
    class Aliased(BaseModel):
        target: str = Field(alias="send_to")

    registry = registry_with(with_settings(Aliased))
    assert registry.create("job", {"send_to": "x"}).settings.target == "x"
    assert registry.check_settings("job", {"sendto": "x"})[1] == (
        "sendto: unknown key; did you mean 'send_to'?"
    )


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (ValueError("path and depth do not fit"), "path and depth do not fit"),
        (OSError("no disk"), "the settings cannot be built: OSError: no disk"),
        (SystemExit(3), "the settings cannot be built: SystemExit: 3"),
    ],
)
def test_what_the_code_of_settings_raises_is_a_problem_of_the_settings(error, problem):
    @dataclass
    class Strict:
        depth: int = 1

        def __post_init__(self):
            raise error

    (told,) = registry_with(with_settings(Strict)).check_settings("job", {})
    assert told.startswith(problem)


@pytest.mark.parametrize("values", [3, "text", ["path"]])
def test_settings_that_are_no_table_are_refused(values):
    (problem,) = registry_with(with_settings(AsDataclass)).check_settings("job", values)
    assert problem.startswith("settings must be a table of keys and values, not ")


@pytest.mark.parametrize("handler", [Plain, Plain(), lambda ctx: done()])
def test_settings_for_a_handler_that_takes_none_are_refused(handler):
    registry = registry_with(handler)
    assert registry.settings_type("job") is None
    assert registry.check_settings("job", {}) == []
    with pytest.raises(ConfigError, match="it takes no settings, but got 'path'"):
        registry.create("job", {"path": "in"})


def test_an_object_or_function_is_created_as_it_is_and_a_class_anew_each_time(registry):
    plain = Plain()
    registry.add("object", plain)
    registry.add("class", Plain)
    assert registry.create("object") is plain
    assert registry.create("class") is not registry.create("class")


def test_a_factory_is_called_and_a_plain_function_is_the_handler(registry):
    @handler_factory
    def factory():
        return Plain()

    def function(ctx):
        return done()

    registry.add("factory", factory)
    registry.add("function", function)
    assert type(registry.create("factory")) is Plain
    assert registry.create("function") is function


@handler_factory
def makes_nothing():
    return None


@handler_factory
def interrupts():
    raise KeyboardInterrupt


class Refuses(Plain):
    def __init__(self):
        raise RuntimeError("not today\x1b[31m\nor ever")


@pytest.mark.parametrize(
    ("maker", "cause", "text"),
    [
        (makes_nothing, InvalidHandlerError, "None is no handler"),
        (interrupts, KeyboardInterrupt, "KeyboardInterrupt"),
        (Refuses, RuntimeError, "RuntimeError: not today [31m or ever"),
    ],
)
def test_what_a_class_or_factory_raises_is_a_load_error_with_its_cause(maker, cause, text):
    registry = registry_with(maker)
    with pytest.raises(PluginLoadError, match=r"handler 'job' .* cannot be created: ") as caught:
        registry.create("job")
    assert type(caught.value.__cause__) is cause
    assert text in str(caught.value)


@handler_factory
async def async_factory():
    return Plain()


class NoHandle:
    pass


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (42, "is no handler"),
        (None, "is no handler"),
        (NoHandle, "has no method"),
        (async_factory, "this one is async"),
        (lambda: None, "one argument"),
        (with_settings({"path": str}), "Settings must be a dataclass or a pydantic model"),
        (with_settings(int), "Settings must be a dataclass or a pydantic model"),
    ],
)
def test_what_is_no_handler_is_refused_with_the_reason(registry, value, reason):
    with pytest.raises(InvalidHandlerError, match=reason):
        registry.add("job", value)
    assert registry.handlers == ()


@pytest.mark.parametrize("name", ["", "a/b", "-x", "x" * 65, "ä", "a b", ".."])
def test_a_malformed_name_is_refused(registry, name):
    with pytest.raises(ValueError, match="is not a name"):
        registry.add(name, Plain)


def test_one_distribution_cannot_add_a_name_twice(registry):
    registry.add("job", Plain, distribution="acme-a")
    with pytest.raises(PluginError, match="handler 'job' of Acme_A is there already"):
        registry.add("job", Plain, distribution="Acme_A")


def test_handlers_added_under_one_name_by_two_distributions_are_in_conflict(registry):
    registry.add("job", Plain, distribution="acme-a")
    other = Plain()
    registry.add("job", other, distribution="acme-b")
    assert [info.state for info in registry.handlers] == ["conflict", "conflict"]
    with pytest.raises(ConfigError, match='handler = "job@acme-a"'):
        registry.find("job")
    assert registry.create("job@ACME.B") is other


def test_what_is_added_under_a_disabled_name_is_disabled():
    registry = registry_with(Plain, switches=Switches({"job": "disable"}))
    assert [info.state for info in registry.handlers] == ["disabled"]
    with pytest.raises(ConfigError, match=r"handler 'job' is disabled by name \(disable\)"):
        registry.create("job")


def test_handlers_are_sorted_by_name_then_distribution(registry):
    for name, distribution in [("b", "x"), ("a", "z"), ("a", "y"), ("c", None)]:
        registry.add(name, Plain, distribution=distribution)
    assert [info.reference for info in registry.handlers] == ["a@y", "a@z", "b@x", "c"]


def test_an_empty_registry_says_that_nothing_is_installed(registry):
    with pytest.raises(ConfigError, match="no handler 'job': no handler is installed"):
        registry.create("job")


class Observer:
    def __init__(self, calls, error=None):
        self.calls, self.error = calls, error

    @hookimpl
    def smoothop_cli(self, app):
        self.calls.append(app)
        if self.error:
            raise self.error


def test_a_hook_that_raises_is_logged_and_the_others_are_called(registry, caplog):
    calls = []
    registry.hooks.register(Observer(calls), "first")
    registry.hooks.register(Observer(calls, SystemExit("out")), "breaks")
    registry.hooks.register(Observer(calls), "last")
    with caplog.at_level(logging.WARNING, "smoothop"):
        registry.call_hook("smoothop_cli", app="the app")
    assert calls == ["the app"] * 3
    assert [record.message.partition(" (")[0] for record in caplog.records] == [
        "hook smoothop_cli of plugin 'breaks' failed: SystemExit: out"
    ]


def test_hooks_are_called_in_the_order_of_pluggy(registry):
    class Named:
        def __init__(self, name):
            self.name = name

        @hookimpl
        def smoothop_cli(self, app):
            app.append(self.name)

    class First(Named):
        @hookimpl(tryfirst=True)
        def smoothop_cli(self, app):
            app.append(self.name)

    for plugin in (First("first"), Named("a"), Named("b")):
        registry.hooks.register(plugin)
    ours, by_pluggy = [], []
    registry.call_hook("smoothop_cli", app=ours)
    registry.hooks.hook.smoothop_cli(app=by_pluggy)
    assert ours == by_pluggy
    assert ours[0] == "first"


def test_an_operator_from_a_registry_takes_no_settings_for_nobody_and_no_single_name():
    registry = registry_with(with_settings(AsModel))
    with pytest.raises(ConfigError, match="settings are given for 'jib', but there is no such"):
        Operator.from_registry(registry, settings={"job": {"path": "in"}, "jib": {}})
    with pytest.raises(TypeError, match=r"names are several, such as \['job'\]"):
        Operator.from_registry(registry, "job")
    with Operator.from_registry(registry, [], {"job": {"path": "in"}}) as operator:
        assert operator.workers() == []
