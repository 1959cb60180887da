"""The names are the official ones, in one place, and the README has them all."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest
import smoothop_opentelemetry
from opentelemetry.metrics import NoOpMeter
from opentelemetry.semconv._incubating.attributes import messaging_attributes as official
from opentelemetry.semconv._incubating.metrics import messaging_metrics
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.semconv.schemas import Schemas
from smoothop_opentelemetry import conventions, settings

PACKAGE = Path(smoothop_opentelemetry.__file__).parent
README = (Path(__file__).parent.parent / "README.md").read_text()


class Noting(NoOpMeter):
    """A meter that notes what the official functions ask it for."""

    def __init__(self):
        super().__init__("official")
        self.asked = {}

    def create_counter(self, name, unit="", description=""):
        self.asked[name] = conventions.Instrument("counter", name, unit, description)

    def create_histogram(self, name, unit="", description="", **advisory):
        self.asked[name] = conventions.Instrument("histogram", name, unit, description)


def test_attributes_are_called_as_in_the_official_package():
    assert conventions.SYSTEM == official.MESSAGING_SYSTEM
    assert conventions.DESTINATION == official.MESSAGING_DESTINATION_NAME
    assert conventions.OPERATION_NAME == official.MESSAGING_OPERATION_NAME
    assert conventions.OPERATION_TYPE == official.MESSAGING_OPERATION_TYPE
    assert conventions.ERROR_TYPE == ERROR_TYPE
    types = {one.value for one in official.MessagingOperationTypeValues}
    assert {conventions.SEND, conventions.PROCESS} <= types


def test_instruments_are_those_of_the_official_package():
    meter = Noting()
    for name, create in inspect.getmembers(messaging_metrics, inspect.isfunction):
        if name.startswith("create_messaging_"):
            create(meter)
    for one in conventions.INSTRUMENTS:
        assert meter.asked[one.name] == one


def test_the_version_is_one_that_the_official_package_knows():
    assert conventions.SCHEMA_URL in {schema.value for schema in Schemas}


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.name)
def test_names_of_the_conventions_stand_in_one_module_only(path):
    texts = [
        node.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    found = [text for text in texts if re.match(r"(messaging|error|exception)\.\w", text)]
    assert bool(found) == (path.name == "conventions.py")


def test_the_readme_has_every_metric_attribute_and_setting():
    names = {
        value
        for value in vars(conventions).values()
        if isinstance(value, str) and re.match(r"(messaging|error)\.", value)
    }
    names |= {one.name for one in conventions.INSTRUMENTS}
    names |= {settings.POLLS, settings.PARENT}
    assert len(names) == 13
    assert names <= set(re.findall(r"`([\w.]+)`", README))


def test_the_readme_names_the_version_of_the_conventions():
    assert f"version {conventions.VERSION}" in README


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", False), (" ", False), ("off", False), ("on", True), (" ON ", True)],
)
def test_polls_can_be_switched_on(text, expected):
    assert settings.read_settings({settings.POLLS: text}).traces_polls is expected


@pytest.mark.parametrize(("text", "expected"), [("", True), ("send", True), ("none", False)])
def test_the_parent_can_be_chosen(text, expected):
    assert settings.read_settings({settings.PARENT: text}).continues_trace is expected


@pytest.mark.parametrize("variable", [settings.POLLS, settings.PARENT])
def test_what_means_nothing_is_refused_with_the_variable_and_what_it_may_say(variable):
    with pytest.raises(ValueError, match=rf"^{variable}: 'maybe' is neither '\w+' nor '\w+'$"):
        settings.read_settings({variable: "Maybe"})
