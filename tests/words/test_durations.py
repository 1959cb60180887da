"""Durations as they are written in files."""

import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothop._durations import parse_seconds, seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("250ms", 0.25),
        ("2s", 2.0),
        ("5m", 300.0),
        ("1h", 3600.0),
        ("1.5h", 5400.0),
        (".5s", 0.5),
        ("3", 3.0),
        (" 2 s ", 2.0),
        (7, 7.0),
        (timedelta(milliseconds=1), 0.001),
    ],
)
def test_a_written_duration_is_read(text, expected):
    assert parse_seconds(text, "grace") == expected


@pytest.mark.parametrize(
    "value",
    [
        *("", "s", "2 d", "2 days", "- 1s", "1e3", "nan", "inf", "0x10", "1,5s", "٣s", "2s 3s"),
        *("1_000", True, None, [1], {"seconds": 1}),
    ],
)
def test_what_is_no_duration_is_refused_with_an_example(value):
    with pytest.raises(ValueError, match=r"\Agrace: a duration looks like .*'250ms'"):
        parse_seconds(value, "grace")


@pytest.mark.parametrize("text", ["-1s", "-5", " -.5 h ", "9" * 400])
def test_a_written_duration_is_finite_and_not_negative(text):
    with pytest.raises(ValueError, match=r"\Agrace: a duration is finite and not neg") as caught:
        parse_seconds(text, "grace")
    assert str(caught.value).endswith(f"not {text!r}")


@given(st.floats(0, 1e12), st.sampled_from(["ms", "s", "m", "h"]))
def test_every_number_with_a_unit_is_finite_and_not_negative(number, unit):
    assert 0 <= parse_seconds(f"{number:f}{unit}", "x") < math.inf


@given(st.one_of(st.floats(), st.integers(), st.timedeltas(), st.text(), st.none(), st.booleans()))
def test_a_value_is_either_seconds_or_refused_by_name(value):
    try:
        number = seconds(value, "field")
    except ValueError as error:
        text = str(error)
    else:
        text = "field: "
        assert type(number) is float
        assert 0 <= number < math.inf
    assert text.startswith("field: ")
