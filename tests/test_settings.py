"""`smoothop.Seconds`, as the author of a handler uses it."""

import math
import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from smoothop.settings import Seconds


@dataclass
class AsDataclass:
    settle: Seconds = 1.0


class AsModel(BaseModel):
    settle: Seconds = 1.0


@pytest.mark.parametrize("settings", [AsDataclass, AsModel])
@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (2, 2.0),
        (0.5, 0.5),
        ("250ms", 0.25),
        ("2s", 2.0),
        ("5m", 300.0),
        ("1h", 3600.0),
        ("1.5", 1.5),
        (timedelta(seconds=3), 3.0),
    ],
)
def test_a_seconds_field_takes_whatever_a_duration_may_look_like(settings, written, seconds):
    built = TypeAdapter(settings).validate_python({"settle": written})
    assert built.settle == seconds
    assert type(built.settle) is float


@pytest.mark.parametrize("settings", [AsDataclass, AsModel])
@pytest.mark.parametrize("written", [-1, math.inf, math.nan, "soon", "-1s", True, None, [1]])
def test_a_seconds_field_refuses_what_is_no_duration_and_says_what_is(settings, written):
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(settings).validate_python({"settle": written})
    (problem,) = caught.value.errors()
    assert problem["loc"] == ("settle",)
    assert problem["msg"].startswith("a duration ")
    assert repr(written) in problem["msg"]


def test_a_seconds_field_may_be_optional_or_in_a_list():
    adapter = TypeAdapter(list[Seconds | None])
    assert adapter.validate_python(["1s", None, 2]) == [1.0, None, 2.0]


def test_a_seconds_field_has_a_json_schema_of_a_number():
    schema = TypeAdapter(AsDataclass).json_schema()
    assert schema["properties"]["settle"]["type"] == "number"


def test_the_module_does_not_import_pydantic():
    code = "import sys, smoothop.settings; sys.exit('pydantic' in sys.modules)"
    subprocess.run([sys.executable, "-P", "-c", code], check=True)
