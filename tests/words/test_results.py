"""`none`, `done`, `fail` and what they give (API, section 1)."""

import copy
import math
import pickle
from dataclasses import FrozenInstanceError
from datetime import timedelta

import pytest

from smoothop import HandleResult, HandleStatus, done, fail, none

BAD_DURATIONS = [-1, -0.001, math.nan, math.inf, -math.inf, "2s", None, True, [1], timedelta(-1)]


def test_none_says_that_no_work_was_there():
    result = none()
    assert (result.status, result.idle, result.error, result.result) == ("none", 0.0, None, None)


def test_done_carries_the_result():
    value = object()
    result = done(value)
    assert (result.status, result.idle, result.error, result.result) == ("done", 0.0, None, value)
    assert done().result is None


def test_fail_carries_the_exception_itself():
    error = ValueError("no such table")
    result = fail(error, 2)
    assert (result.status, result.idle, result.error, result.result) == ("fail", 2.0, error, None)


def test_fail_keeps_a_text_as_an_exception_of_that_text():
    error = fail("no such table").error
    assert isinstance(error, Exception)
    assert str(error) == "no such table"


@pytest.mark.parametrize("error", [None, 3, ValueError, b"text"])
def test_fail_refuses_what_is_neither_exception_nor_text(error):
    with pytest.raises(TypeError, match="an exception or a text"):
        fail(error)


@pytest.mark.parametrize("make", [none, lambda idle: fail("x", idle)])
@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (0, 0.0),
        (3, 3.0),
        (0.25, 0.25),
        (timedelta(minutes=2), 120.0),
        (timedelta.max, timedelta.max.total_seconds()),
    ],
)
def test_idle_is_kept_as_seconds(make, given, seconds):
    idle = make(given).idle
    assert idle == seconds
    assert type(idle) is float


@pytest.mark.parametrize("make", [none, lambda idle: fail("x", idle)])
@pytest.mark.parametrize("idle", [*BAD_DURATIONS, 10**400])
def test_an_idle_that_is_no_duration_is_refused_by_name(make, idle):
    with pytest.raises(ValueError, match=r"\Aidle: "):
        make(idle)


def test_the_statuses_are_strings():
    assert {status.name: status.value for status in HandleStatus} == {
        "NONE": "none",
        "DONE": "done",
        "FAIL": "fail",
    }
    assert f"{HandleStatus.DONE}" == "done"


@pytest.mark.parametrize("field", ["status", "idle", "error", "result", "other"])
def test_a_result_is_immutable(field):
    result = done(1)
    with pytest.raises(FrozenInstanceError):
        setattr(result, field, 2)
    with pytest.raises(FrozenInstanceError):
        delattr(result, field)
    assert result == done(1)


def test_only_the_three_functions_make_one():
    for arguments in ((), (HandleStatus.DONE,)):
        with pytest.raises(TypeError, match=r"made by none\(...\), done\(...\) or fail\(...\)"):
            HandleResult(*arguments)


def test_equal_results_are_equal_and_hash_alike():
    assert none(2) == none(2.0)
    assert hash(none(2)) == hash(none(2.0))
    assert none() != done()
    assert done(1) != done(2)
    assert done() != "done"


@pytest.mark.parametrize("result", [none(), none(1.5), done(), done([1]), fail("x", 1)])
def test_a_result_survives_a_copy_and_shows_its_fields(result):
    assert isinstance(result, HandleResult)
    twin = copy.copy(result)
    assert (twin.status, twin.idle, twin.result) == (result.status, result.idle, result.result)
    assert str(pickle.loads(pickle.dumps(result)).error) == str(result.error)
    assert f"status={result.status.value!r}" in repr(result)
