"""Text on the terminal: escaped, aligned, clipped."""

import tomllib

import pytest

from smoothop.assembly.resolve import Value
from smoothop.cli.main import command_of
from smoothop.cli.terminal import escape, table
from smoothop.cli.toml import toml_lines


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


@pytest.mark.parametrize(
    "value",
    [
        "",
        'q"\\',
        "tab\t\x7f\u202e🙂",
        1,
        1.5,
        1e300,
        1234567.0,
        True,
        [1, ["a"]],
        {"a b": {"c.d": 1}},
    ],
)
def test_values_survive_being_written_as_toml(value):
    text = "\n".join(toml_lines({"t": {"k.x": Value(value, "here")}}, show_origin=True))
    assert tomllib.loads(text) == {"t": {"k.x": value}}


def test_an_empty_list_has_its_default_as_origin():
    assert toml_lines({"t": {"k": []}}, show_origin=True) == ["[t]", "k = []  # default"]


def test_the_command_is_the_first_word_that_is_no_flag():
    assert command_of(["--no-plugins", "run", "list"]) == "run"
    assert command_of(["--help"]) is None
