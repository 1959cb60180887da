"""The table of `smoothop ps`."""

import pytest

from smoothop.cli.overview import overview, restarts, state
from smoothop.cli.spans import span
from smoothop.cli.terminal import clipped, width_of

KNOWN = {
    "name": "tables",
    "status": "running",
    "phase": "idle",
    "time": 1000.0,
    "started_at": 900.0,
    "starts": 1,
    "panics": 0,
    "mailbox_depth": 0,
    "last_error": None,
    "stuck": False,
    "paused_since": None,
    "rate": None,
    "p95": None,
}

GIVEN_UP = {"stuck": True, "abandoned": True}
WORKS = {"stuck": False, "abandoned": False}


def test_a_row_says_all_that_is_known():
    busy = KNOWN | {
        "starts": 2,
        "panics": 3,
        "mailbox_depth": 17,
        "rate": 12.345,
        "p95": 0.0042,
        "last_error": "ValueError: x\nmore",
    }
    heads, row = overview([busy], None)
    assert heads.split() == [
        "NAME", "STATE", "RESTARTS", "UPTIME", "QUEUE", "RATE", "P95", "LAST-ERROR"
    ]  # fmt: skip
    assert row == "tables  idle   4         1m40s   17     12.3/s  4.2ms  ValueError: x"


def test_what_is_not_known_is_a_dash():
    stopped = KNOWN | {"status": "stopped", "phase": "stopped", "started_at": None, "starts": 0}
    assert overview([stopped], None)[1].split() == [
        "tables", "stopped", "0", "-", "0", "-", "-", "-"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "idle"),
        ({"paused_since": 950.0}, "paused"),
        ({"phase": "handling", "paused_since": 950.0}, "handling, paused"),
        ({"phase": "stopped", "status": "stopped", "paused_since": 950.0}, "stopped, paused"),
        ({"phase": "handling", "stuck": True, "paused_since": 950.0}, "stuck"),
        ({"phase": "failed"}, "failed"),
        ({"stuck": True, "slots": [GIVEN_UP, WORKS]}, "idle, 1 abandoned"),
        (
            {"stuck": True, "slots": [GIVEN_UP, WORKS, GIVEN_UP | {"abandoned": False}]},
            "stuck, 1 abandoned",
        ),
    ],
)
def test_the_state_is_what_keeps_it_from_working(changes, expected):
    assert state(KNOWN | changes) == expected


def test_restarts_count_starts_after_the_first_and_panics():
    assert restarts(KNOWN | {"starts": 0}) == 0
    assert restarts(KNOWN | {"starts": 3, "panics": 2}) == 4


@pytest.mark.parametrize("columns", [60, 80, 120, 200])
@pytest.mark.parametrize("name", ["a", "x" * 64])
def test_no_line_is_wider_than_the_terminal(columns, name):
    error = "ValueError: 表" + "long " * 50 + "\x1b[31m"
    lines = overview([KNOWN, KNOWN | {"name": name, "last_error": error}], columns)
    assert max(map(width_of, lines)) <= columns
    assert columns < 80 or any("ValueError" in line for line in lines)
    assert not any("\x1b" in line for line in lines)


def test_names_are_whole_where_there_is_room():
    assert overview([KNOWN | {"name": "x" * 40}], 120)[1].startswith("x" * 40 + " ")


def test_a_text_that_fits_is_not_cut():
    assert clipped("abc", 3) == "abc"
    assert clipped("abcd", 3) == "ab~"
    assert clipped("表表表", 5) == "表表~"
    assert clipped("\x1b[0m", 80) == r"\x1b[0m"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0us"),
        (0.0000123, "12us"),
        (0.0123, "12.3ms"),
        (0.99951, "1s"),
        (3.14159, "3.14s"),
        (59.99, "1m00s"),
        (247, "4m07s"),
        (3600, "1h00m"),
        (90_000, "1d01h"),
    ],
)
def test_a_span_is_told_in_its_two_largest_units(seconds, expected):
    assert span(seconds) == expected
