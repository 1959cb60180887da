"""Which metadata counts, and what is switched off; with metadata directories on a path of ours."""

import sys

import pytest

from smoothop import Registry
from smoothop.plugins import discovery
from smoothop.plugins.switches import Switches

PLUGINS = "smoothoperator.plugins"


@pytest.fixture
def path(tmp_path, monkeypatch):
    """Two directories that are all of ``sys.path``."""
    directories = [tmp_path / "first", tmp_path / "second"]
    for directory in directories:
        directory.mkdir()
    monkeypatch.setattr(sys, "path", [str(directory) for directory in directories])
    return directories


def put(directory, name, version, target, *, suffix="dist-info", file="METADATA", names=("job",)):
    info = directory / f"{name}-{version}.{suffix}"
    info.mkdir()
    (info / file).write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nVersion: 0"
    )
    lines = [f"[{discovery.HANDLERS}]", *(f"{handler} = {target}" for handler in names)]
    (info / "entry_points.txt").write_text("\n".join(lines))


def found():
    return [(one.name, one.version, one.target) for one in discovery.find_published()]


def test_the_first_on_the_path_counts_even_if_it_is_older(path):
    put(path[0], "acme", "1.0", "acme:first")
    put(path[1], "ACME", "2.0", "acme:second", names=("job", "extra"))
    assert found() == [("job", "1.0", "acme:first")]


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("1.9", "1.10"),
        ("1.0rc1", "1.0"),
        ("1.0.dev3", "1.0"),
        ("1.0", "1.0.post1"),
        ("1", "1.0.1"),
        ("odd", "0.1"),
    ],
)
def test_of_two_versions_in_one_directory_the_newer_counts(path, older, newer):
    put(path[0], "acme", older, "acme:old", names=("job", "gone"))
    put(path[0], "acme", newer, "acme:new")
    assert found() == [("job", newer, "acme:new")]


def test_a_new_version_that_publishes_nothing_hides_the_old_one(path):
    put(path[0], "acme", "1.0", "acme:old")
    put(path[0], "acme", "2.0", "acme:new", names=())
    assert found() == []


def test_a_left_over_directory_without_metadata_hides_nothing(path):
    (path[0] / "acme-9.0.dist-info").mkdir()
    put(path[1], "acme", "1.0", "acme:job")
    assert found() == [("job", "1.0", "acme:job")]


def test_the_egg_info_of_a_development_tree_counts(path):
    put(path[0], "acme", "1.0", "acme:job", suffix="egg-info", file="PKG-INFO")
    assert found() == [("job", "1.0", "acme:job")]


def test_spaces_and_extras_of_a_target_are_left_out(path):
    put(path[0], "acme", "1.0", " acme.deep : Outer.Inner [one, two]")
    assert found() == [("job", "1.0", "acme.deep:Outer.Inner")]


@pytest.mark.parametrize("target", ["", "acme", "acme:", ":x", "a-b:c", "a..b:c", "a:1x", "a:b:c"])
def test_a_target_that_names_no_object_is_an_error_of_this_handler(path, target):
    put(path[0], "acme", "1.0", target)
    (published,) = discovery.find_published()
    assert published.error == "the target is malformed: it must be 'module:attr'"


def test_a_hook_plugin_may_be_a_module(path):
    put(path[0], "acme", "1.0", "acme.hooks")
    entry_points = path[0] / "acme-1.0.dist-info" / "entry_points.txt"
    entry_points.write_text(f"[{PLUGINS}]\n; a comment\n# another\nhooks = acme.hooks\n")
    (published,) = discovery.find_published()
    assert (published.group, published.error) == (PLUGINS, None)


def test_a_finder_that_raises_is_logged_and_costs_only_what_it_would_have_found(
    path, monkeypatch, caplog
):
    class Broken:
        def find_distributions(self, context):
            raise RuntimeError("no finder today")

    put(path[0], "acme", "1.0", "acme:job")
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Broken()])
    assert found() == [("job", "1.0", "acme:job")]
    assert "some distributions cannot be listed: RuntimeError: no finder today" in caplog.text


def test_names_of_distributions_are_compared_in_their_canonical_form():
    assert discovery.canonical(" Acme__Inbox.X ") == "acme-inbox-x"


def test_discover_reads_the_variables_it_is_given_and_adds_the_names_to_its_own(path):
    put(path[0], "acme", "1.0", "acme:job", names=("a", "b", "c"))
    registry = Registry.discover(disable=["a"], environ={"SMOOTHOP_DISABLE_PLUGINS": "b, ,"})
    assert [(info.name, info.state, info.error) for info in registry.handlers] == [
        ("a", "disabled", "disabled by name (disable)"),
        ("b", "disabled", "disabled by name (SMOOTHOP_DISABLE_PLUGINS)"),
        ("c", "unchecked", None),
    ]


def test_what_is_malformed_can_be_disabled_too(path):
    put(path[0], "acme", "1.0", "", names=("a",))
    (info,) = Registry.discover(disable=["acme"], environ={}).handlers
    assert info.state == "disabled"


@pytest.mark.parametrize(
    ("value", "meant"),
    [("1", True), ("yes", True), ("on", True), ("0", False), ("", False), ("False", False)],
)
def test_no_plugins_is_a_yes_or_no_variable(value, meant):
    assert Switches.read((), False, {"SMOOTHOP_NO_PLUGINS": value}).no_plugins is meant
    assert Switches.read((), True, {"SMOOTHOP_NO_PLUGINS": value}).no_plugins is True
