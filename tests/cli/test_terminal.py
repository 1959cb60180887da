"""Text on the terminal: escaped, aligned, clipped."""

import json
import logging
import tomllib

import pytest

from smoothop.assembly.resolve import Value
from smoothop.cli.logs import JsonFormatter, TextFormatter
from smoothop.cli.main import command_of
from smoothop.cli.service import last_place
from smoothop.cli.terminal import escape, table
from smoothop.cli.toml import toml_lines


def record(message, level=logging.INFO, **fields):
    made = logging.LogRecord("smoothop", level, "x.py", 1, message, None, None)
    vars(made).update(fields)
    return made


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ünïcode 🙂", "plain ünïcode 🙂"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\x00\x07\x7f\x9b", r"a\x00\x07\x7f\x9b"),
        ("right\u202eleft", r"right\u202eleft"),
        ("\udcff", r"\udcff"),
        ("two\nlines\r", r"two\nlines\r"),
    ],
)
def test_what_is_not_printable_is_escaped(text, shown):
    assert escape(text) == shown


def test_columns_are_aligned_and_cells_cannot_break_lines():
    assert table(("A", "B"), [("x\n", "1"), ("long", "2")]) == ["A     B", "x\\n   1", "long  2"]


def test_every_line_of_a_record_has_the_name_of_its_worker():
    lines = TextFormatter(6, colour=False).format(record("one\ntwo\x07", worker="w")).splitlines()
    assert [line[9:] for line in lines] == ["w      | one", r"w      | two\x07"]


def test_details_of_the_record_are_added_once():
    formatter = TextFormatter(1, colour=False)
    line = formatter.format(record("handle error: bad", logging.ERROR, worker="w", error="bad"))
    assert line.endswith("w | ERROR handle error: bad")


def test_a_huge_text_keeps_its_head_and_its_tail():
    text = TextFormatter(1, colour=False).format(record("a" * 10_000_000 + "z"))
    assert len(text) < 17_000
    assert text.endswith("z")
    assert "characters left out]" in text


def test_json_is_one_ascii_line_and_leaves_out_what_does_not_apply():
    line = JsonFormatter().format(record("ä\n\udcff", worker="w", duration=0.5))
    assert line.isascii()
    assert "\n" not in line
    assert json.loads(line)["duration"] == 0.5
    assert "attempt" not in json.loads(line)


def test_an_error_whose_text_cannot_be_had_is_still_logged():
    class BadError(Exception):
        def __str__(self):
            raise RuntimeError

    made = record("panic recovered")
    made.exc_info = (BadError, BadError(), None)
    assert "BadError" in JsonFormatter().format(made)
    assert "BadError" in TextFormatter(1, colour=True).format(made)


@pytest.mark.parametrize(
    "value",
    ["", 'q"\\', "tab\t\x7f\u202e🙂", 1, 1.5, 1e300, 25.0, True, [1, ["a"]], {"a b": {"c.d": 1}}],
)
def test_values_survive_being_written_as_toml(value):
    text = "\n".join(toml_lines({"t": {"k.x": Value(value, "here")}}, show_origin=True))
    assert tomllib.loads(text) == {"t": {"k.x": value}}


def test_the_command_is_the_first_word_that_is_no_flag():
    assert command_of(["--no-plugins", "run", "list"]) == "run"
    assert command_of(["--help"]) is None


def test_the_last_place_of_a_stack_is_one_line():
    stack = '  File "a.py", line 1, in f\n    g()\n  File "b.py", line 2, in g\n    x = 1\n'
    assert last_place(stack) == 'File "b.py", line 2, in g: x = 1'
    assert last_place("no stack") == "no stack"
