"""JSON as it comes from outside: what is ambiguous is refused, and quickly."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smoothop.control.failures import Failure
from smoothop.control.wire import DEEPEST, dump, parse

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(max_examples=settings().max_examples // 5)
@given(VALUES)
def test_what_json_can_say_comes_through(value):
    assert parse(json.dumps(value).encode("utf-8", "surrogatepass")) == value
    assert parse(dump(value)) == value


@given(st.binary())
def test_any_bytes_are_parsed_or_refused(body):
    try:
        parse(body)
    except Failure as failure:
        assert failure.code == "bad_request"


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"[":', "}]")])
def test_nesting_is_counted_by_levels(opening, closing):
    levels = opening.count("[") + opening.count("{") - opening.count('"[')
    deepest = DEEPEST // levels
    parse((opening * deepest + "1" + closing * deepest).encode())
    with pytest.raises(Failure, match="nested more than 64 levels"):
        parse((opening * (deepest + 1) + "1" + closing * (deepest + 1)).encode())


def test_brackets_in_strings_are_no_levels():
    text = "[" * 1000 + '"\\' + "{" * 1000
    assert parse(json.dumps(text).encode()) == text


@pytest.mark.parametrize(
    "body",
    [b"[" * 2**20, b"[" * 2**19 + b"]" * 2**19, b"[]," * 2**18, b'"' * 2**20, b'"\\' * 2**19],
)
def test_a_megabyte_of_anything_takes_no_time(body):
    began = time.process_time()
    with pytest.raises(Failure):
        parse(body)
    assert time.process_time() - began < 1
